/** Time on a chart: slots of equal length, and places on the width as shares of it. */
import type { Span } from '../time/range.ts'

/** Slot i is `[fromMs + i × stepMs, + stepMs)`. */
export interface Axis {
  readonly fromMs: number
  readonly stepMs: number
  readonly points: number
}

export const axisOf = (series: { readonly fromAt: string; readonly stepMs: number }, points: number): Axis => ({
  fromMs: Date.parse(series.fromAt),
  stepMs: series.stepMs,
  points
})

/** The slot a moment falls into; null outside the axis. */
export const slotAt = ({ fromMs, stepMs, points }: Axis, atMs: number): number | null => {
  const slot = Math.floor((atMs - fromMs) / stepMs)
  return slot >= 0 && slot < points ? slot : null
}

export const slotStart = ({ fromMs, stepMs }: Axis, slot: number): number => fromMs + slot * stepMs

/** Where a moment stands on the width, 0 to 1; outside of it when the moment is. */
export const shareOf = ({ fromMs, toMs }: Span, atMs: number): number => (atMs - fromMs) / (toMs - fromMs)

/** The moment at a place on the width. */
export const timeAt = ({ fromMs, toMs }: Span, share: number): number => fromMs + share * (toMs - fromMs)

/** A share as SVG wants it, held a little outside the picture at most. */
export const percentOf = (share: number): string => `${Math.round(Math.min(1.5, Math.max(-0.5, share)) * 1e5) / 1e3}%`

/** The part of an interval that is shown, as shares; null when none is. */
export const clipped = (
  span: Span,
  fromMs: number,
  toMs: number
): { readonly from: number; readonly to: number } | null => {
  const from = Math.max(0, shareOf(span, fromMs))
  const to = Math.min(1, shareOf(span, toMs))
  return to < 0 || from > 1 || to < from ? null : { from, to }
}

/**
 * Events per second of each slot. The slot that is still filling is divided by the time it has had,
 * so that the newest traffic does not look like a collapse.
 */
export const perSecond = (counts: readonly number[], { fromMs, stepMs }: Axis, nowMs: number): (number | null)[] =>
  counts.map((count, slot) => {
    const hadMs = Math.min(stepMs, nowMs - fromMs - slot * stepMs)
    return hadMs <= 0 ? null : (count / Math.max(1_000, hadMs)) * 1_000
  })

/** Share of `part` in `total` of each slot; null where nothing came. */
export const shares = (part: readonly number[], total: readonly number[]): (number | null)[] =>
  total.map((all, slot) => (all > 0 ? (part[slot] ?? 0) / all : null))

/** Highest value of some columns; 0 when there is none. */
export const highest = (...columns: readonly (readonly (number | null)[])[]): number => {
  let top = 0
  for (const column of columns) for (const value of column) if (value !== null && value > top) top = value
  return top
}

/**
 * Columns as the painter takes them: times first, and one closing point, because a value is drawn
 * from the start of its slot to the start of the next.
 */
export const painted = (
  { fromMs, stepMs, points }: Axis,
  columns: readonly (readonly (number | null)[])[]
): (number | null)[][] => [
  Array.from({ length: points + 1 }, (_, slot) => fromMs + slot * stepMs),
  ...columns.map((column) => {
    const closed = column.slice(0, points)
    closed.push(column[points - 1] ?? null)
    return closed
  })
]
