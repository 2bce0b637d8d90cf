/** Units from large to small, milliseconds. */
const units = [
  { name: 'd', ms: 86_400_000 },
  { name: 'h', ms: 3_600_000 },
  { name: 'min', ms: 60_000 },
  { name: 's', ms: 1_000 }
] as const

/** `30d`, `1h`, `5m`, `90s`: the short name of a window, exact. */
export const windowName = (durationMs: number): string => {
  const unit = units.find(({ ms }) => durationMs >= ms && durationMs % ms === 0)
  return unit ? `${durationMs / unit.ms}${unit.name === 'min' ? 'm' : unit.name}` : `${durationMs}ms`
}

/** `13 h`, `4 min`, `2.5 d`: about that long, two digits at most below ten. */
export const aboutDuration = (durationMs: number): string => {
  const unit = units.find(({ ms }) => durationMs >= 1.95 * ms) ?? units[3]
  const amount = durationMs / unit.ms
  return `${amount < 9.95 ? Number(amount.toFixed(1)) : Math.round(amount)} ${unit.name}`
}

/** `1,234,567`. */
export const countText = (count: number): string => Math.round(count).toLocaleString('en-US')

/** `3 failures`, `1 failure`. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${countText(count)} ${Math.round(count) === 1 ? one : many}`

/** `0.1 %`, `99.95 %`, `12 %`: a ratio as people read it, three digits of what differs from 0 or 1. */
export const percentText = (ratio: number): string => {
  const percent = ratio * 100
  const distance = Math.min(Math.abs(percent), percent > 50 && percent < 100 ? 100 - percent : Infinity)
  if (distance === 0) return `${Math.round(percent)} %`
  const digits = Math.min(12, Math.max(0, 1 - Math.floor(Math.log10(distance))))
  return `${Number(percent.toFixed(digits))} %`
}

/** `14.4`, `0.03`, `208`: three digits at most. */
export const numberText = (value: number): string =>
  Math.abs(value) >= 100 ? countText(value) : String(Number(value.toPrecision(3)))

const weekday = new Map<string, Intl.DateTimeFormat>()

/**
 * `Thursday 14:00` within a week, `12 December 14:00` later, `12 December 2027` after that, in a time zone.
 *
 * @param timeZone - IANA name
 */
export const whenText = (atMs: number, nowMs: number, timeZone: string): string => {
  const days = (atMs - nowMs) / 86_400_000
  const time = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const
  if (days < 6) return formatted(atMs, timeZone, { weekday: 'long', ...time })
  if (days < 300) return formatted(atMs, timeZone, { day: 'numeric', month: 'long', ...time })
  return formatted(atMs, timeZone, { day: 'numeric', month: 'long', year: 'numeric' })
}

const formatted = (atMs: number, timeZone: string, options: Intl.DateTimeFormatOptions): string => {
  const key = `${timeZone} ${Object.keys(options).join()}`
  const format = weekday.get(key) ?? new Intl.DateTimeFormat('en-GB', { timeZone, ...options })
  weekday.set(key, format)
  const zone = timeZone === 'UTC' ? ' UTC' : ''
  return `${format.format(atMs).replace(/,? at |, /, ' ')}${'hour' in options ? zone : ''}`
}

/** RFC 3339 in UTC with milliseconds, as the contract has it. */
export const instant = (atMs: number): string => new Date(atMs).toISOString()
