import type { Histogram } from '../../../signals/histogram.ts'
import { bucketLowerUs, bucketOf } from '../../../signals/histogram.rules.ts'
import type { Tail } from './batches.rules.ts'

/** Where the baseline's past sets thresholds. */
export const tailQuantiles = [0.5, 0.95, 0.99] as const

/** With fewer latencies than this a quantile is not known. */
export const leastLatencies = 50

/** The edge between two buckets at or above a latency, so that counts above it are exact. */
const edgeAbove = (us: number): number => {
  const lower = bucketLowerUs(bucketOf(us))
  return lower >= us ? lower : bucketLowerUs(bucketOf(us) + 1)
}

/**
 * Requests above the baseline's own quantiles, in both arms of a batch.
 *
 * The thresholds come from before the batch, so they owe nothing to it; the canary's is higher by
 * the slowdown that is tolerated, which puts the tolerance into time, where people mean it.
 *
 * @param past - the baseline's latencies before the batch
 * @param slowdown - 1.1: 10 % in time are tolerated
 * @returns null when too little is known of the past
 */
export function tailsOf(
  past: Histogram,
  { canary, baseline }: { canary: Histogram; baseline: Histogram },
  slowdown: number
): Tail[] | null {
  if (past.total < leastLatencies) return null
  return tailQuantiles.map((quantile) => {
    const baselineUs = edgeAbove(past.quantileUs(quantile)!)
    const canaryUs = edgeAbove(baselineUs * slowdown)
    return {
      quantile,
      canary: canary.total,
      canaryAbove: atOrAbove(canary, canaryUs),
      baseline: baseline.total,
      baselineAbove: atOrAbove(baseline, baselineUs)
    }
  })
}

/** Latencies in buckets from the edge upward. */
const atOrAbove = (histogram: Histogram, edgeUs: number): number => {
  const first = bucketOf(edgeUs)
  let count = 0
  histogram.forEachBucket((index, events) => {
    if (index >= first) count += events
  })
  return count
}
