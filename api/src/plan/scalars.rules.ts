/** What a text of a plan has to be beyond its pattern. */
import { isDate, isTimeZone, readDuration, readInstant, readPercent, writePercent } from './quantities.rules.ts'
import type { ScalarKind } from './schema/words.ts'
import { didYouMean } from './suggest.rules.ts'

/** The limits a schema gives; texts in the words of the kind. */
export interface ScalarLimits {
  readonly 'x-min'?: string
  readonly 'x-max'?: string
  readonly 'x-above'?: string
  readonly 'x-below'?: string
}

/**
 * Why a text is not what its kind asks for, as a sentence without its subject; null when it is.
 * The pattern of the schema is not looked at here, so a text may fail both.
 */
export function scalarFault(kind: ScalarKind, text: string, limits: ScalarLimits): string | null {
  return tests[kind](text, limits)
}

const tests: Readonly<Record<ScalarKind, (text: string, limits: ScalarLimits) => string | null>> = {
  duration: (text, limits) => outside(readDuration(text), limits, readDuration),
  percent: (text, limits) => outside(readPercent(text), limits, readPercent),
  instant: (text) => (readInstant(text) === null ? 'is no time of the calendar' : null),
  date: (text) => (isDate(text) ? null : 'is no day of the calendar'),
  timeZone: (text) =>
    isTimeZone(text) ? null : withSuggestion('is no time zone', text, Intl.supportedValuesOf('timeZone')),
  httpUrl,
  listenAddress: (text) => (readListenAddress(text) ? null : 'is no address with a port'),
  pathPattern: () => null,
  regularExpression,
  filePath,
  statusRange: (text) =>
    /^(\d+)-(\d+)$/.test(text) && text.slice(0, 3) > text.slice(4) ? 'ends before it begins' : null
}

function outside(value: number | null, limits: ScalarLimits, read: (text: string) => number | null): string | null {
  if (value === null) return 'cannot be read'
  const limit = (name: keyof ScalarLimits): number | null => (limits[name] === undefined ? null : read(limits[name]))
  const [min, max, above, below] = [limit('x-min'), limit('x-max'), limit('x-above'), limit('x-below')]
  if (min !== null && value < min) return `is less than ${limits['x-min']}`
  if (max !== null && value > max) return `is more than ${limits['x-max']}`
  if (above !== null && value <= above) return `promises nothing: it has to be above ${limits['x-above']}`
  if (below !== null && value >= below) return `leaves no error budget: it has to be below ${limits['x-below']}`
  return null
}

function httpUrl(text: string): string | null {
  if (/^self:\/[^/\\]?/.test(text)) return null
  const url = URL.parse(text)
  if (url === null) return 'is no complete URL'
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return `has the scheme ${url.protocol}//, which is not spoken here`
  if (url.username !== '' || url.password !== '')
    return 'carries a user name or password, and a plan is shown to everybody'
  return url.hash === '' ? null : 'has a fragment (#…), which is never sent'
}

/** `127.0.0.1:9110`, `[::1]:9110` or `localhost:9110`. */
export function readListenAddress(text: string): { host: string; port: number } | null {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([A-Za-z0-9_.-]+)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  const host = match?.[1] ?? match?.[2]
  return host === undefined || port < 1 || port > 65_535 ? null : { host, port }
}

function regularExpression(text: string): string | null {
  try {
    void new RegExp(text, 'us')
    return null
  } catch (error) {
    return `is no regular expression: ${String(error).replace(/^SyntaxError: Invalid regular expression: /, '')}`
  }
}

function filePath(text: string): string | null {
  if (text.includes('\0')) return 'holds a zero byte'
  if (/^([/\\]|[A-Za-z]:)/.test(text)) return 'is absolute'
  return text.split(/[/\\]/).includes('..') ? 'leads out of the directory of the plan' : null
}

const withSuggestion = (text: string, found: string, known: readonly string[]): string => {
  const meant = didYouMean(found, known)
  return meant === null ? text : `${text}: did you mean \`${meant}\`?`
}

/**
 * What to write instead of a value that has the wrong type, where a guess is safe to offer:
 * 0.999 and 99.9 for a percentage, a bare number for a duration.
 */
export function scalarHint(kind: ScalarKind | undefined, found: unknown): string | null {
  if (kind === 'percent') {
    const number = typeof found === 'string' ? Number(found) : found
    if (typeof number !== 'number' || !(number > 0) || number > 100) return null
    const ratio = number <= 1 ? number : number / 100
    return `a bare number could be a share or a percentage: write \`${writePercent(ratio)}\``
  }
  if (kind === 'duration' && /^\d+$/.test(String(found)))
    return `a bare number has no unit: write \`${String(found)}s\` or \`${String(found)}ms\``
  return null
}
