import { logSumExp } from '../../../slo/statistics/evidence.rules.ts'

/** Bad events (failures, or slow requests) of the two arms in one batch of consecutive seconds. */
export interface Votes {
  /** Requests of the canary, and the bad ones among them, count. */
  readonly canary: number
  readonly canaryBad: number
  readonly baseline: number
  readonly baselineBad: number
}

/** How many times worse than tolerated the canary may be: one bet on each. */
export const worseRatios = [1.5, 2, 3, 5, 10, 30, 100, 1000] as const

/** How much better than the margin it may be. */
export const betterRatios = [1 / 1.25, 1 / 1.5, 1 / 2, 1 / 3, 1 / 5] as const

/**
 * Evidence about how the canary's share of bad events compares with the baseline's, as an e-value.
 *
 * A batch is one vote: the canary's share of its bad events, against the share it would get if its
 * rate were `ratio` times the baseline's. Only the expectation of that share is used, so the bad
 * events of one batch may depend on each other as they like: retry storms, one dead upstream, an
 * outage of both arms. Shares of traffic may change from batch to batch.
 *
 * With bets above 1 it speaks against "at most `ratio` times as bad", with bets below 1 against "at
 * least `ratio` times as bad". Reaching 1/alpha at any time has a chance of at most alpha (Ville 1939).
 */
export class RatioEvidence {
  readonly #ratio: number
  readonly #bets: readonly number[]
  readonly #logs: Float64Array

  /**
   * @param ratio - canary's rate over the baseline's under which the evidence is expected not to grow, above 0
   * @param bets - {@link worseRatios} or {@link betterRatios}
   */
  constructor(ratio: number, bets: readonly number[]) {
    if (!(ratio > 0)) throw new RangeError(`a ratio of rates is above 0, not ${ratio}`)
    this.#ratio = ratio
    this.#bets = bets
    this.#logs = new Float64Array(bets.length)
  }

  /** A batch without bad events, or with an empty arm, does not vote. */
  vote({ canary, canaryBad, baseline, baselineBad }: Votes): void {
    const bad = canaryBad + baselineBad
    if (bad === 0 || canary === 0 || baseline === 0) return
    const fair = (this.#ratio * canary) / (this.#ratio * canary + baseline)
    const excess = canaryBad / bad - fair
    for (let i = 0; i < this.#logs.length; i++) {
      const bet = this.#bets[i]! - 1
      this.#logs[i]! += Math.log1p((bet / (1 + fair * bet)) * excess)
    }
  }

  /** Natural logarithm of the e-value so far. */
  get logE(): number {
    return logSumExp(this.#logs) - Math.log(this.#logs.length)
  }
}

/** The mean of e-values, as logarithms: an e-value again, however they depend on each other. */
export const meanEvidence = (logs: readonly number[]): number =>
  logs.length === 0 ? 0 : logSumExp(logs) - Math.log(logs.length)

/** Bars of the display: how far evidence has come towards ln(1/alpha), 0 to 1. */
export const progressRatio = (logE: number, alpha: number): number =>
  Math.min(1, Math.max(0, logE / Math.log(1 / alpha)))
