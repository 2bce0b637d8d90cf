import { dispersion, logRarer } from '../../slo/statistics/evidence.rules.ts'
import { poissonLower, poissonUpper } from '../../slo/statistics/poisson.rules.ts'

/** What was promised of a service, as shares of its requests. */
export interface Promised {
  /** Slower than this is slow, milliseconds. */
  readonly thresholdMs: number
  /** Share of slow or failed requests that is still within the promise: 0.05 for a p95. */
  readonly slowRatio: number
  /** Share of failed requests that is still within the promise. */
  readonly errorRatio: number
}

/** The promise of the house: p95 under 200 ms, 5xx under 0.1 %. */
export const housePromise: Promised = { thresholdMs: 200, slowRatio: 0.05, errorRatio: 0.001 }

export interface HoldCounts {
  readonly total: number
  /** Slow or failed, count. */
  readonly slow: number
  readonly failed: number
  /** Slow or failed requests of each second of the hold. */
  readonly slowPerSecond: readonly number[]
}

export interface HoldJudgement {
  readonly held: boolean
  /** Evidence that fewer requests are slow than promised, e-value; 20 is needed. */
  readonly evidence: number
  readonly clustering: number
  /** 95 % upper bound of the share of failed requests. */
  readonly errorUpperRatio: number
  /** Failures are shown to be more than promised. */
  readonly tooManyErrors: boolean
}

/** Evidence needed to say that the promise held: at most one hold in twenty says so wrongly. */
export const holdEvidence = 20

/**
 * Whether the promise held at one steady rate.
 *
 * @param errorsAreFloor - failures are as many at any rate: they are reported, and do not fail the hold
 */
export const judgeHold = (
  { total, slow, failed, slowPerSecond }: HoldCounts,
  promised: Promised,
  errorsAreFloor = false
): HoldJudgement => {
  const clustering = dispersion(slowPerSecond)
  const logEvidence = total === 0 ? 0 : logRarer({ total, bad: slow, clustering }, promised.slowRatio)
  const tooManyErrors = total > 0 && poissonLower(failed, 0.05) / total > promised.errorRatio
  return {
    held: logEvidence >= Math.log(holdEvidence) && (errorsAreFloor || !tooManyErrors),
    evidence: Math.exp(Math.min(logEvidence, 700)),
    clustering,
    errorUpperRatio: total === 0 ? 1 : Math.min(1, poissonUpper(failed, 0.05) / total),
    tooManyErrors
  }
}
