import type { ResolvedObjective } from '../plan/objective.ts'
import type { Counts, Stream } from '../signals/slice.ts'
import type { Tally } from './burn.rules.ts'

/** Whether an objective counts the events of a stream. */
export const selects = (objective: ResolvedObjective, stream: Stream): boolean =>
  objective.service === stream.service &&
  objective.origin === stream.origin &&
  objective.classes.includes(stream.trafficClass) &&
  (objective.path === null || stream.scope.split(' ').includes(objective.path))

/** Counts of a slice, as far as objectives ask for them. */
export interface Judgeable {
  readonly total: number
  readonly status5xx: number
  /** Events slower than a threshold; null when it was not in force when they were counted. */
  slowerThan(thresholdMs: number): number | null
  /** The same from the histogram; null when there is none. */
  estimateSlower(thresholdMs: number): number | null
}

export const judgeable = (counts: Counts): Judgeable => ({
  total: counts.total,
  status5xx: counts.status5xx,
  slowerThan: (thresholdMs) => counts.slow.get(thresholdMs) ?? null,
  estimateSlower: (thresholdMs) => (counts.latency.total > 0 ? counts.latency.countAbove(thresholdMs * 1_000) : null)
})

const nothing = { total: 0, bad: 0, estimated: 0 }

/**
 * What the events of a slice are to an objective.
 *
 * A threshold that was not in force when the slice was counted is looked up in its histogram: exact
 * to one bucket, 1.6 % of the threshold, with every failure taken as slow. Without one the slice
 * says nothing about this objective.
 *
 * @returns events, those that broke the promise, and how many were judged by the histogram
 */
export const judgeSlice = (
  { indicator, thresholdMs }: Pick<ResolvedObjective, 'indicator' | 'thresholdMs'>,
  slice: Judgeable
): Tally & { readonly estimated: number } => {
  const { total, status5xx } = slice
  if (total === 0) return nothing
  if (indicator !== 'latency' || thresholdMs === null) return { total, bad: status5xx, estimated: 0 }
  const slower = slice.slowerThan(thresholdMs)
  if (slower !== null) return { total, bad: slower, estimated: 0 }
  const estimate = slice.estimateSlower(thresholdMs)
  if (estimate === null) return nothing
  return { total, bad: Math.min(total, Math.round(estimate) + status5xx), estimated: total }
}

/**
 * What a whole slice of time counts for: one, bad when its share of good events falls short; without
 * events it counts for nothing.
 *
 * @param sliceTargetRatio - share of good events that makes a slice good, ratio
 */
export const sliceVerdict = ({ total, bad }: Tally, sliceTargetRatio: number): Tally => {
  if (total <= 0) return { total: 0, bad: 0 }
  return { total: 1, bad: (total - bad) / total < sliceTargetRatio ? 1 : 0 }
}
