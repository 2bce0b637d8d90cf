/** How a canary is judged. Ratios are shares, times milliseconds. */
export interface CanaryPolicy {
  /** Chance that a canary that is not worse is ever failed. */
  readonly alphaFail: number
  /** Chance that a canary at the margin is promoted. */
  readonly alphaPass: number
  /** How many times as bad as the baseline is tolerated: errors and promised latency. */
  readonly toleratedRatio: number
  /** How much slower at the baseline's own quantiles is tolerated: 1.1 is 10 % in time. */
  readonly toleratedSlowdown: number
  /** A canary is shown not to be this many times as bad, or to keep the promise, before it passes. */
  readonly marginRatio: number
  /** Share of requests that may fail by the promise, in (0, 1). */
  readonly errorBudget: number
  /** Share that may be slow by the promise, in (0, 1); null: no latency is promised. */
  readonly slowBudget: number | null
  /** Whether slower than the baseline, yet within the promise, fails it. */
  readonly withinPromise: 'fail' | 'warn'
  /** Least time under observation before it passes. */
  readonly soakMs: number
  /** Time under observation after which it is inconclusive; time on hold does not count. */
  readonly deadlineMs: number
  /** How many bad events come at a time, 1 or more; see `dispersion`. */
  readonly clustering: number
}

/** As measured in the simulations beside; the promise is that of the service. */
export const defaultPolicy: CanaryPolicy = {
  alphaFail: 0.01,
  alphaPass: 0.05,
  toleratedRatio: 1.25,
  toleratedSlowdown: 1.1,
  marginRatio: 2,
  errorBudget: 0.001,
  slowBudget: 0.05,
  withinPromise: 'fail',
  soakMs: 300_000,
  deadlineMs: 1_800_000,
  clustering: 2 // before the baseline's history tells
}

/** Policy without statistics: a canary that fails half its requests while the baseline is well. */
export const breaker = { batches: 3, leastRequests: 5, badRatio: 0.5, baselineRatio: 0.1 } as const

/** A batch in which so much fails, on both arms together, is no evidence for the canary. */
export const incident = { leastBad: 3, badRatio: 0.05 } as const

/**
 * A canary passes only while the evidence that it is worse than the baseline, in anything, is at most
 * 2 to 1 (ln of an e-value): the promise may be kept long before a difference is known. Of one that is
 * not worse the evidence falls with time, so at most this costs it a while.
 */
export const cleanLogE = Math.log(2)
