/** One arm in some seconds. Counts. */
export interface ArmCounts {
  readonly total: number
  /** Failed. */
  readonly bad: number
  /** Slower than promised, failed ones included. */
  readonly slow: number
}

/** What both arms did in consecutive seconds. */
export interface Batch {
  /** Unix time, ms; whole seconds, `toMs` excluded. */
  readonly fromMs: number
  readonly toMs: number
  readonly canary: ArmCounts
  readonly baseline: ArmCounts
  /** Requests above thresholds that the baseline's past set; see latency.rules.ts. Null: no such vote. */
  readonly tails: readonly Tail[] | null
  /** 95 % of the requests were faster, ms, for display; null: not known, or nobody asked. */
  readonly p95Ms?: { readonly canary: number | null; readonly baseline: number | null } | null
}

/** Requests above one threshold in the batch. */
export interface Tail {
  readonly quantile: number
  readonly canary: number
  readonly canaryAbove: number
  readonly baseline: number
  readonly baselineAbove: number
}

export interface BatchLimits {
  /** Least age of a batch, ms. */
  readonly batchMs: number
  /** At this age it closes whatever came. */
  readonly longestMs: number
  /** Requests that each arm needs before that, count. */
  readonly leastPerArm: number
}

export const batchLimits: BatchLimits = { batchMs: 5_000, longestMs: 60_000, leastPerArm: 2 }

/**
 * Whether the seconds since `fromMs` make a batch. Only numbers of requests decide, never outcomes:
 * otherwise the choice of the moment would favour one answer.
 *
 * @param totals - requests of each arm in [fromMs, toMs), count
 */
export function closesBatch(
  { fromMs, toMs, canary, baseline }: { fromMs: number; toMs: number; canary: number; baseline: number },
  { batchMs, longestMs, leastPerArm }: BatchLimits = batchLimits
): boolean {
  const ageMs = toMs - fromMs
  return ageMs >= longestMs || (ageMs >= batchMs && Math.min(canary, baseline) >= leastPerArm)
}
