/**
 * The time range of a page, kept in its address: `?range=6h`, or `?from=…&to=…` after a zoom.
 */
import type { Query } from '../address.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

export const PRESETS = {
  '15m': 15 * MINUTE,
  '1h': HOUR,
  '6h': 6 * HOUR,
  '24h': DAY,
  '7d': 7 * DAY,
  '30d': 30 * DAY
} as const
export type Preset = keyof typeof PRESETS
const DEFAULT_PRESET: Preset = '1h'

export type Range =
  | { readonly kind: 'last'; readonly preset: Preset }
  | { readonly kind: 'fixed'; readonly fromMs: number; readonly toMs: number }

/** A resolved range: `[fromMs, toMs)`, Unix time in ms. */
export interface Span {
  readonly fromMs: number
  readonly toMs: number
}

/** Shortest range a zoom may lead to. */
const SHORTEST_MS = MINUTE

/** The range an address asks for; anything malformed, empty or backwards is the default. */
export const parseRange = (params: Query): Range => {
  const preset = params.get('range')
  if (preset !== null && Object.hasOwn(PRESETS, preset)) return { kind: 'last', preset: preset as Preset }
  const fromMs = Date.parse(params.get('from') ?? '')
  const toMs = Date.parse(params.get('to') ?? '')
  if (fromMs < toMs) return { kind: 'fixed', fromMs, toMs }
  return { kind: 'last', preset: DEFAULT_PRESET }
}

/** Query parameters of a range; those that do not apply are null, so that they can be removed. */
export const rangeParams = (range: Range): Record<'range' | 'from' | 'to', string | null> =>
  range.kind === 'last'
    ? { range: range.preset === DEFAULT_PRESET ? null : range.preset, from: null, to: null }
    : { range: null, from: instant(range.fromMs), to: instant(range.toMs) }

export const instant = (ms: number): string => new Date(ms).toISOString()

/**
 * From and to of a range. A range that ends now ends on a whole step, the one that holds `nowMs` included:
 * slots then keep their borders from one reading to the next, and only the last one is still filling.
 */
export const resolveRange = (range: Range, nowMs: number): Span => {
  if (range.kind === 'fixed') return { fromMs: range.fromMs, toMs: range.toMs }
  const spanMs = PRESETS[range.preset]
  const step = stepMs(spanMs)
  const toMs = Math.ceil(nowMs / step) * step
  return { fromMs: toMs - spanMs, toMs }
}

const STEPS = [
  10 * SECOND,
  30 * SECOND,
  MINUTE,
  2 * MINUTE,
  5 * MINUTE,
  10 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  6 * HOUR,
  DAY
]

/** The finest step that gives at most 720 points, which is what the API answers with. */
export const stepMs = (spanMs: number): number => STEPS.find((step) => spanMs / step <= 720) ?? DAY

/** How often a range that ends now is read anew: a tenth of what would show, at least 5 s, at most 5 min. */
export const refreshMs = (range: Range): number | null =>
  range.kind === 'fixed' ? null : Math.min(5 * MINUTE, Math.max(5 * SECOND, PRESETS[range.preset] / 360))

/** A range that was drawn or zoomed to: whole milliseconds, never shorter than a minute, never in the future. */
export const heldRange = (fromMs: number, toMs: number, nowMs: number): Range => {
  const end = Math.min(Math.round(toMs), Math.ceil(nowMs / 1_000) * 1_000)
  return { kind: 'fixed', fromMs: Math.min(Math.round(fromMs), end - SHORTEST_MS), toMs: end }
}

/** A range of the reader's choosing, from two `datetime-local` values in local time; null when they make none. */
export const chosenRange = (from: string, to: string): Range | null => {
  const fromMs = new Date(from).getTime()
  const toMs = new Date(to).getTime()
  return toMs - fromMs >= SHORTEST_MS ? { kind: 'fixed', fromMs, toMs } : null
}

/** `2026-11-22T14:02` in local time, as `datetime-local` wants it. */
export const localInput = (ms: number): string => {
  const at = new Date(ms)
  return new Date(ms - at.getTimezoneOffset() * MINUTE).toISOString().slice(0, 16)
}
