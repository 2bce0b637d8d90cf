/**
 * Numbers and times as people read them. Units stand behind a no-break space, a minus is
 * a minus sign, and every figure fits a column of tabular figures.
 */

const SPACE = '\u00a0'
const MINUS = '\u2212'
const NOTHING = '–'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const decimals = (digits: number) =>
  new Intl.NumberFormat('en-GB', { minimumFractionDigits: digits, maximumFractionDigits: digits })
const fixed = [0, 1, 2, 3, 4].map(decimals)
const upTo3 = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 3 })

/** `value` with `digits` decimals, 0 to 4, and a real minus sign. */
export const fixedTo = (value: number, digits: number): string =>
  (fixed[digits] ?? upTo3).format(value).replace(/^-/, MINUS)

/** Whole numbers with groups of three: `1,234,567`. */
export const count = (value: number): string => fixedTo(Math.round(value), 0)

/** Counts for narrow places: `950`, `12.4k`, `3.1M`. */
export const shortCount = (value: number): string => {
  if (value < 10_000) return count(value)
  if (value < 999_950) return `${fixedTo(value / 1_000, value < 99_950 ? 1 : 0)}k`
  return `${fixedTo(value / 1_000_000, 1)}M`
}

/** Amounts that need not be whole (an allowance of bad events): `0.42`, `4.2`, `1,234`. */
export const amount = (value: number): string => {
  const size = Math.abs(value)
  if (Number.isInteger(value) || size >= 100) return count(value)
  return fixedTo(value, size >= 10 ? 1 : 2)
}

/** Events per second; slow streams by the minute or the hour, so that they do not read 0.00. */
export const rate = (perS: number | null): string => {
  if (perS === null) return NOTHING
  if (perS === 0) return `0${SPACE}/s`
  if (perS >= 0.095) return `${significant(perS)}${SPACE}/s`
  if (perS * 60 >= 0.095) return `${significant(perS * 60)}${SPACE}/min`
  return `${significant(perS * 3_600)}${SPACE}/h`
}

const significant = (value: number): string => {
  if (value >= 10_000) return shortCount(value)
  return fixedTo(value, value >= 99.5 ? 0 : value >= 9.95 ? 1 : 2)
}

/**
 * A share as a percentage.
 *
 * @param ratio - 0 to 1, or negative for an overspent budget
 * @param digits - decimals; absent: as many as the promise needs (`99.95 %`), at most three
 */
export const percent = (ratio: number | null, digits?: number): string => {
  if (ratio === null) return NOTHING
  const text = digits === undefined ? upTo3.format(ratio * 100).replace(/^-/, MINUS) : fixedTo(ratio * 100, digits)
  return `${text}${SPACE}%`
}

/** A share of failures: small ones keep their digits, so that 0.02 % is not 0 %. */
export const errorPercent = (ratio: number | null): string => {
  if (ratio === null) return NOTHING
  if (ratio === 0) return `0${SPACE}%`
  if (ratio < 0.00001) return `under 0.001${SPACE}%`
  return percent(ratio, ratio < 0.001 ? 3 : ratio < 0.1 ? 2 : 1)
}

/** What is left of a budget: one decimal, no `-0.0`. */
export const left = (ratio: number | null): string => {
  if (ratio === null) return NOTHING
  const tenths = Math.round(ratio * 1_000) / 10
  return `${fixedTo(tenths === 0 ? 0 : tenths, Math.abs(tenths) >= 1_000 ? 0 : 1)}${SPACE}%`
}

/** A burn rate: `14.4×`. */
export const burn = (value: number | null): string => {
  if (value === null) return NOTHING
  if (value === 0) return '0×'
  return `${fixedTo(value, value >= 100 ? 0 : value >= 10 ? 1 : 2)}×`
}

/** Latencies: `0.84 ms`, `142 ms`, `1.24 s`, `2 min 5 s`. */
export const latency = (ms: number | null): string => {
  if (ms === null) return NOTHING
  if (ms < 10) return `${fixedTo(ms, 2)}${SPACE}ms`
  if (ms < 999.5) return `${fixedTo(ms, 0)}${SPACE}ms`
  if (ms < 59_950) return `${fixedTo(ms / SECOND, ms < 9_995 ? 2 : 1)}${SPACE}s`
  return duration(ms)
}

const parts: readonly (readonly [number, string])[] = [
  [DAY, 'd'],
  [HOUR, 'h'],
  [MINUTE, 'min'],
  [SECOND, 's']
]

/** Spans of time in at most two units: `34 s`, `3 min 20 s`, `2 d 4 h`. */
export const duration = (ms: number): string => {
  const whole = Math.max(0, Math.round(ms / SECOND)) * SECOND
  const first = parts.findIndex(([size]) => whole >= size)
  if (first < 0) return `0${SPACE}s`
  const [size, unit] = parts[first] as readonly [number, string]
  const next = parts[first + 1]
  const rest = next ? Math.floor((whole % size) / next[0]) : 0
  const head = `${Math.floor(whole / size)}${SPACE}${unit}`
  return next && rest > 0 ? `${head} ${rest}${SPACE}${next[1]}` : head
}

/** Lengths of windows, short: `5m`, `1h`, `30d`. */
export const windowName = (ms: number): string => {
  const [size, unit] = (
    [
      [DAY, 'd'],
      [HOUR, 'h'],
      [MINUTE, 'm']
    ] as const
  ).find(([each]) => ms % each === 0 && ms >= each) ?? [SECOND, 's']
  return `${upTo3.format(ms / size)}${unit}`
}

/** Bytes in powers of 1000: `912 B`, `1.2 kB`, `3.4 GB`. */
export const bytes = (size: number): string => {
  const steps = ['B', 'kB', 'MB', 'GB', 'TB']
  const step = Math.min(steps.length - 1, size < 1 ? 0 : Math.floor(Math.log10(size) / 3))
  return `${step === 0 ? count(size) : fixedTo(size / 1_000 ** step, 1)}${SPACE}${steps[step]}`
}

const clockTime = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const shortTime = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const dayMonth = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' })
const dayMonthYear = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })

/** Local time of day with seconds: `14:02:11`. */
export const timeOfDay = (ms: number): string => clockTime.format(ms)

/** Local hour and minute: `14:02`. */
export const hourMinute = (ms: number): string => shortTime.format(ms)

/** Local day: `22 Nov`. */
export const day = (ms: number): string => dayMonth.format(ms)

/** Local day and time, with the year when it is not this one: `22 Nov 14:02:11`. */
export const dateTime = (ms: number, nowMs: number): string => {
  const sameYear = new Date(ms).getFullYear() === new Date(nowMs).getFullYear()
  return `${(sameYear ? dayMonth : dayMonthYear).format(ms)} ${clockTime.format(ms)}`
}

/** The same moment in UTC, to the second: `2026-11-22 21:09:04 UTC`. */
export const utc = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`

/** How long ago, or in how long: `34 s ago`, `in 3 d`, `now` within a second. */
export const ago = (ms: number, nowMs: number): string => {
  const past = nowMs - ms
  if (Math.abs(past) < SECOND) return 'now'
  return past > 0 ? `${duration(past)} ago` : `in ${duration(-past)}`
}

/** Words of the API as a sentence: a capital at the start (but p95 stays p95), a stop at the end. */
export const sentence = (text: string): string => {
  const trimmed = text.trim()
  if (trimmed === '') return ''
  return stopped(/^[a-z]+\d/.test(trimmed) ? trimmed : trimmed.charAt(0).toUpperCase() + trimmed.slice(1))
}

/** Words that begin with a name, which stays as it is written: only a stop at the end. */
export const stopped = (text: string): string => (/[.!?…:]$/.test(text) ? text : `${text}.`)

/** A label of an axis: as short as the number allows, and zero without a unit. */
export const tickOf =
  (format: (value: number) => string) =>
  (value: number): string =>
    value === 0
      ? '0'
      : format(value)
          .replace(/\.0+(?=\D|$)/, '')
          .replace(/(\.\d*?)0+(?=\D|$)/, '$1')

/** Units that stand behind each number by themselves; all others are words at the end. */
const formatOf = (unit: string | undefined): ((value: number) => string) | null => {
  if (unit === '×') return burn
  if (unit === 'ms') return latency
  if (unit === 'ratio') return (value) => (value >= 0.9 || value < 0 ? percent(value) : errorPercent(value))
  return null
}

/** A number of a reason with its unit: `200 ms`, `5.66 %`, `17,512 bad events`. */
export const withUnit = (value: number, unit: string | undefined): string =>
  formatOf(unit)?.(value) ?? amount(value) + (unit ? `${SPACE}${unit}` : '')

/** A number of a reason with its interval: `5.66 %, between 5.09 % and 6.28 %`. */
export const withInterval = (
  value: number,
  interval: readonly [number, number] | undefined,
  unit: string | undefined
): string => {
  if (!interval) return withUnit(value, unit)
  const format = formatOf(unit)
  const bare = format ?? amount
  const end = format || !unit ? '' : `${SPACE}${unit}`
  return `${bare(value)}, between ${bare(interval[0])} and ${bare(interval[1])}${end}`
}

/** `1 service`, `3 services`. */
export const plural = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`
