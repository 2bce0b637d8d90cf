import { day, hourMinute, timeOfDay } from '../format.ts'
import type { Span } from '../time/range.ts'
import { shareOf } from './axis.ts'

export interface TimeTick {
  readonly atMs: number
  readonly share: number
  readonly label: string
  /** A new day begins, or the tick is a day itself. */
  readonly major: boolean
}

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const STEPS = [
  ...[5, 10, 15, 30].map((seconds) => seconds * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE),
  ...[1, 2, 3, 6, 12].map((hours) => hours * HOUR),
  ...[1, 2, 5, 10, 20, 50, 100].map((days) => days * DAY)
]

/** Local time minus UTC at a moment, in ms. */
export type Offset = (ms: number) => number
const localOffset: Offset = (ms) => -new Date(ms).getTimezoneOffset() * MINUTE

/**
 * Round local times within a span, at most `most` of them. Ticks of an hour or longer stand on local
 * hours also when the clocks were changed within the span.
 */
export const timeTicks = (span: Span, most: number, offset: Offset = localOffset): TimeTick[] => {
  const { fromMs, toMs } = span
  const step = STEPS.find((each) => (toMs - fromMs) / each <= most) ?? 200 * DAY
  const ticks: TimeTick[] = []
  // One candidate beyond each end: a change of clocks can move it in.
  const first = Math.floor((fromMs + offset(fromMs)) / step) - 1
  const last = Math.ceil((toMs + offset(toMs)) / step) + 1
  for (let index = first; index <= last; index++) {
    const local = index * step
    const atMs = local - offset(local - offset(fromMs))
    if (atMs < fromMs || atMs > toMs || atMs === ticks.at(-1)?.atMs) continue
    const major = local % DAY === 0
    const label = major ? day(atMs) : step < MINUTE ? timeOfDay(atMs) : hourMinute(atMs)
    ticks.push({ atMs, share: shareOf(span, atMs), label, major })
  }
  return ticks
}
