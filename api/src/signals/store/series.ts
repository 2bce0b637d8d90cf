import { emptyCounts } from '../counts.ts'
import type { Counts, Stream } from '../slice.ts'
import type { SliceRange, StoredSlice } from './scan.ts'
import { floorTo, tilesOf, widthFor, type Retention } from './widths.rules.ts'

/** Counts of a service over time, one value a step. */
export interface SeriesQuery extends Pick<SliceRange, 'service' | 'streams' | 'latency'> {
  /** Start and end, Unix ms; multiples of the step. */
  readonly fromMs: number
  readonly toMs: number
  /** A multiple of a stored width that is kept that long; see `widthFor`. */
  readonly stepMs: number
}

/** Counts of a whole range, apart by any property of the stream. */
export interface SumQuery extends Pick<SliceRange, 'service' | 'streams' | 'latency'> {
  /** Start and end, Unix ms; rounded outwards to the finest width kept that long. */
  readonly fromMs: number
  readonly toMs: number
  readonly groupBy: (stream: Stream) => string
}

type Scan = (
  range: SliceRange,
  visit: (slice: StoredSlice) => void,
  onReached?: (reachedMs: number) => void
) => Promise<void>

/**
 * Calls `onStep` for each step that has counts, in order of time. The counts are the caller's to
 * keep; steps without any are left out.
 *
 * @throws RangeError when no stored width fits the step
 */
export async function eachStep(
  scan: Scan,
  query: SeriesQuery,
  now: { readonly nowMs: number; readonly retention: Retention },
  onStep: (startMs: number, counts: Counts) => void
): Promise<void> {
  const { fromMs, toMs, stepMs } = query
  const widthMs = widthFor(fromMs, stepMs, now.nowMs, now.retention)
  if (widthMs === null) throw new RangeError(`no slices are kept from ${fromMs} that fit steps of ${stepMs} ms`)
  const open = new Map<number, Counts>()
  const visit = (slice: StoredSlice): void => {
    const startMs = floorTo(slice.startMs - fromMs, stepMs) + fromMs
    let counts = open.get(startMs)
    if (!counts) open.set(startMs, (counts = emptyCounts()))
    slice.addTo(counts)
  }
  const finish = (reachedMs: number): void => {
    const done = [...open.keys()].filter((startMs) => startMs + stepMs <= reachedMs).toSorted((a, b) => a - b)
    for (const startMs of done) {
      onStep(startMs, open.get(startMs)!)
      open.delete(startMs)
    }
  }
  await scan({ ...query, widthMs }, visit, finish)
  finish(toMs)
}

/** Sums a range, whole hours from hours and its ends from minutes or less. */
export async function sum(
  scan: Scan,
  query: SumQuery,
  now: { readonly nowMs: number; readonly retention: Retention }
): Promise<Map<string, Counts>> {
  const sums = new Map<string, Counts>()
  const visit = (slice: StoredSlice): void => {
    const group = query.groupBy(slice.stream)
    let counts = sums.get(group)
    if (!counts) sums.set(group, (counts = emptyCounts()))
    slice.addTo(counts)
  }
  const { service, streams, latency } = query
  for (const tile of tilesOf(query.fromMs, query.toMs, now.nowMs, now.retention)) {
    await scan({ service, ...tile, ...(streams && { streams }), ...(latency !== undefined && { latency }) }, visit)
  }
  return sums
}
