/**
 * Durations, percentages, times and dates as people write them in a plan, and back. A reader
 * returns null for what it cannot read; the caller knows what to say about it.
 */
import { Temporal } from 'temporal-polyfill'

const unitMs = { w: 604_800_000, d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const

/** Whole numbers with units, largest first: `90s`, `1h30m`, `30d`. */
export const durationSource = String.raw`^(?=\d)(\d+w)?(\d+d)?(\d+h)?(\d+m(?!s))?(\d+s)?(\d+ms)?$`

/** `99.9%`; never a bare number, which could be a ratio as well. */
export const percentSource = String.raw`^\d{1,3}(\.\d{1,9})?\s?%$`

/** RFC 3339 with an offset; seconds may be left out. */
export const instantSource = String.raw`^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)$`

export const dateSource = String.raw`^\d{4}-\d\d-\d\d$`

const duration = new RegExp(durationSource)
const percent = new RegExp(percentSource)
const instant = new RegExp(instantSource)
const date = new RegExp(dateSource)

/** @returns milliseconds; null when it is no duration */
export function readDuration(text: string): number | null {
  if (!duration.test(text)) return null
  let ms = 0
  for (const [, digits, unit] of text.matchAll(/(\d+)(ms|[wdhms])/g))
    ms += Number(digits) * unitMs[unit as keyof typeof unitMs]
  return Number.isSafeInteger(ms) ? ms : null
}

/** The shortest duration text in one unit that is exactly `ms` (a whole number): 5,400,000 → `90m`. */
export function writeDuration(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const)
    if (ms > 0 && ms % unitMs[unit] === 0) return `${ms / unitMs[unit]}${unit}`
  return `${ms}ms`
}

/**
 * `99.9%` → 0.999, exactly the double that 0.999 is: the decimal point is moved in the text, for
 * 99.9 / 100 is 0.9990000000000001.
 *
 * @returns ratio, 0 to 9.99; null when it is no percentage
 */
export function readPercent(text: string): number | null {
  return percent.test(text) ? Number(`${text.replace(/\s?%$/, '')}e-2`) : null
}

/** 0.999 → `99.9%`; reads back as the same double for every ratio that {@link readPercent} gives. */
export function writePercent(ratio: number): string {
  const shifted = ratio.toFixed(11).replace(/^(\d+)\.(\d\d)(\d*)$/, '$1$2.$3')
  return `${shifted.replace(/^0+(?=\d)/, '').replace(/\.?0*$/, '')}%`
}

/** 1 − ratio without the dust of binary fractions: 0.001 → 0.999. At most eleven decimals, as percentages have. */
export const complement = (ratio: number): number => Number((1 - ratio).toFixed(11))

/** @returns Unix time, milliseconds; null when it is no time, 30 February for example */
export function readInstant(text: string): number | null {
  if (!instant.test(text)) return null
  try {
    return Temporal.Instant.from(text).epochMilliseconds
  } catch {
    return null
  }
}

export const writeInstant = (ms: number): string => new Date(ms).toISOString().replace('.000Z', 'Z')

/** Whether the text is a day of the calendar, `2026-12-31`. */
export function isDate(text: string): boolean {
  if (!date.test(text)) return false
  try {
    return Temporal.PlainDate.from(text, { overflow: 'reject' }).toString() === text
  } catch {
    return false
  }
}

/** Whether the text is the IANA name of a time zone that this machine knows. */
export function isTimeZone(text: string): boolean {
  if (!/^[A-Za-z]/.test(text)) return false
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}
