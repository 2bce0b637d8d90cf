/**
 * Times and durations in every form that Caddy's JSON encoder can be told to write.
 *
 * @see https://caddyserver.com/docs/caddyfile/directives/log#format-modules
 */

/** What a bare number of `duration` counts. Caddy's default is seconds; a string carries its own units. */
export type DurationUnit = 's' | 'ms' | 'ns'

const nsPerUnit = { s: 1e9, ms: 1e6, ns: 1 } as const satisfies Record<DurationUnit, number>

/** Longest latency told apart, microseconds (36 minutes): more is counted as this much. */
export const maxDurationUs = 2_147_483_647

/**
 * A duration in whole microseconds, rounded up: what took 200.0001 ms took more than 200 ms.
 *
 * Rounded to nanoseconds first, which is what Caddy measures, so that 0.2 s is exactly 200 ms.
 *
 * @param value - number in `unit`, not negative
 */
export const durationUs = (value: number, unit: DurationUnit): number => {
  const ns = Math.floor(value * nsPerUnit[unit] + 0.5)
  return Math.min(maxDurationUs, Math.ceil(ns / 1_000))
}

/**
 * A duration as parsed from JSON: a number, or a string as Go prints durations (`1.2ms`, `1m32.05s`).
 *
 * @returns microseconds, or null when it is neither, or negative
 */
export const readDurationUs = (value: unknown, unit: DurationUnit): number | null => {
  if (typeof value === 'string') {
    const ns = goDurationNs(value)
    return ns === null ? null : durationUs(ns, 'ns')
  }
  return typeof value === 'number' && value >= 0 && Number.isFinite(value) ? durationUs(value, unit) : null
}

const nsPerGoUnit: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 6e10,
  h: 3.6e12
}

const goDurationNs = (text: string): number | null => {
  if (text === '0') return 0
  const parts = /^(?:\d+(?:\.\d+)?(?:ns|[uµμ]s|ms|[smh]))+$/.test(text) ? text.matchAll(/([\d.]+)(\D+)/g) : []
  let ns: number | null = null
  for (const [, amount, unit] of parts) ns = (ns ?? 0) + Number(amount) * (nsPerGoUnit[unit ?? ''] ?? NaN)
  return ns
}

/**
 * Milliseconds of a time in Unix seconds. A double of today is up to 0.12 µs off its decimal form,
 * so a little is added before rounding down: 1.271 s is 1,271 ms, not 1,270.
 */
export const unixMs = (seconds: number): number => {
  const whole = Math.floor(seconds)
  return whole * 1_000 + Math.floor((seconds - whole) * 1_000 + 5e-4)
}

/**
 * A time as parsed from JSON: Unix seconds, milliseconds or nanoseconds (told apart by size, good
 * for 1973 to 5138), or one of Caddy's text formats. A wall time carries no zone and counts as UTC.
 *
 * @returns Unix time in milliseconds, or null when it is none of these
 */
export const readTimeMs = (value: unknown): number | null => {
  if (typeof value === 'number') return numericTimeMs(value)
  return typeof value === 'string' ? textTimeMs(value) : null
}

const numericTimeMs = (value: number): number | null => {
  if (value >= 1e8 && value < 1e11) return unixMs(value)
  if (value >= 1e11 && value < 1e14) return Math.floor(value)
  return value >= 1e17 && value < 1e20 ? Math.floor(value / 1e6) : null
}

const textTimeMs = (text: string): number | null => {
  // iso8601 (+0000, no colon), rfc3339 and rfc3339_nano, wall (slashes, no zone)
  const parts = /^(\d{4})[-/](\d\d)[-/](\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?(Z|[+-]\d\d:?\d\d)?$/.exec(text)
  if (!parts) return commonLogTimeMs(text)
  const [, year, month, day, time, fraction = '', zone = 'Z'] = parts
  return parsedMs(`${year}-${month}-${day}T${time}.${fraction.padEnd(3, '0').slice(0, 3)}${withColon(zone)}`)
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `02/Jan/2006:15:04:05 -0700` */
const commonLogTimeMs = (text: string): number | null => {
  const parts = /^(\d\d)\/([A-Z][a-z]{2})\/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d{4})$/.exec(text)
  if (!parts) return null
  const [, day, name = '', year, time, zone = ''] = parts
  const month = String(months.indexOf(name) + 1).padStart(2, '0')
  return parsedMs(`${year}-${month}-${day}T${time}${withColon(zone)}`)
}

const withColon = (zone: string): string => zone.replace(/^([+-]\d\d)(\d\d)$/, '$1:$2')

const parsedMs = (iso: string): number | null => {
  const ms = Date.parse(iso)
  return Number.isNaN(ms) ? null : ms
}
