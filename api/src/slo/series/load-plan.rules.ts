import type { SliceWidthMs } from '../../signals/store/widths.rules.ts'

const minuteMs = 60_000
const hourMs = 3_600_000
const tenSecondsMs = 10_000

/** A stretch of history to be read at one width of the store. */
export interface HistoryTile {
  readonly fromMs: number
  readonly toMs: number
  readonly widthMs: SliceWidthMs
}

export interface HistoryNeed {
  /** Where the longest window begins. */
  readonly fromMs: number
  /** Beyond every event there can be: the present and what clocks may be ahead. */
  readonly toMs: number
  /** From when on slots are finer than an hour. */
  readonly minutesFromMs: number
  /** From when on slots are finer than a minute. */
  readonly tenSecondsFromMs: number
  /** Since when the store still has minutes, and since when ten seconds. */
  readonly minutesKeptMs: number
  readonly tenSecondsKeptMs: number
}

/**
 * How to read the history of a service with few rows: the first broken hour as minutes, hours as
 * far as slots are that wide, then minutes, then ten seconds. Stretches touch and do not overlap.
 */
export const historyTiles = (need: HistoryNeed): HistoryTile[] => {
  const toMs = ceil(need.toMs, tenSecondsMs)
  const tenFrom = ceil(Math.max(need.tenSecondsFromMs, need.tenSecondsKeptMs), minuteMs)
  const minutesFrom = Math.max(need.minutesFromMs, need.minutesKeptMs)
  const hoursFrom = need.fromMs >= need.minutesKeptMs ? ceil(need.fromMs, hourMs) : floor(need.fromMs, hourMs)
  const hoursTo = Math.min(ceil(minutesFrom, hourMs), floor(tenFrom, hourMs))
  const wantsHours = hoursTo > hoursFrom
  const edges: [number, SliceWidthMs][] = wantsHours
    ? [
        [Math.min(floor(need.fromMs, minuteMs), hoursFrom), minuteMs],
        [hoursFrom, hourMs],
        [hoursTo, minuteMs],
        [tenFrom, tenSecondsMs]
      ]
    : [
        [floor(Math.max(need.fromMs, need.minutesKeptMs), minuteMs), minuteMs],
        [tenFrom, tenSecondsMs]
      ]
  return edges.flatMap(([fromMs, widthMs], i) => {
    const end = edges[i + 1]?.[0] ?? toMs
    return end > fromMs ? [{ fromMs, toMs: end, widthMs }] : []
  })
}

const floor = (atMs: number, widthMs: number): number => Math.floor(atMs / widthMs) * widthMs
const ceil = (atMs: number, widthMs: number): number => Math.ceil(atMs / widthMs) * widthMs
