import { ExcessEvidence, logRarer } from '../../../slo/statistics/evidence.rules.ts'
import { incident, type CanaryPolicy } from './policy.rules.ts'
import { betterRatios, meanEvidence, RatioEvidence, worseRatios, type Votes } from './votes.rules.ts'

/**
 * One question about the canary that the promise puts a number to: failures, or requests slower than
 * promised.
 *
 * Against it: worse than the baseline by more than tolerated AND worse than the promise; the smaller
 * of two e-values speaks against "one of them does not hold". For it: not twice as bad as the
 * baseline, or within the promise; the mean of both.
 */
export class PromiseChannel {
  readonly #budget: number
  readonly #clustering: number
  readonly #worse: RatioEvidence
  readonly #excess: ExcessEvidence
  readonly #better: RatioEvidence
  readonly #votes: Votes[] = []
  #total = 0
  #bad = 0

  /** @param budget - share of bad events by the promise, in (0, 1) */
  constructor(budget: number, { toleratedRatio, marginRatio, clustering }: CanaryPolicy) {
    this.#budget = budget
    this.#clustering = clustering
    this.#worse = new RatioEvidence(toleratedRatio, worseRatios)
    this.#better = new RatioEvidence(marginRatio, betterRatios)
    this.#excess = new ExcessEvidence(budget)
  }

  vote(votes: Votes): void {
    this.#votes.push(votes)
    this.#worse.vote(votes)
    this.#excess.vote(votes.canary, votes.canaryBad)
    if (isIncident(votes)) return
    this.#better.vote(votes)
    this.#total += votes.canary
    this.#bad += votes.canaryBad
  }

  /** Votes in order, for the interval of the ratio. */
  get votes(): readonly Votes[] {
    return this.#votes
  }

  /** Evidence against, ln of an e-value. */
  get failLogE(): number {
    return Math.min(this.#worse.logE, this.#excess.logE)
  }

  /** Evidence that it is worse than the baseline, whatever the promise says. */
  get worseLogE(): number {
    return this.#worse.logE
  }

  /** Evidence for, ln of an e-value. */
  get passLogE(): number {
    return meanEvidence([this.#better.logE, logRarer(this.sample, this.#budget)])
  }

  /** The canary's requests that count for it: those outside common incidents. */
  get sample(): { total: number; bad: number; clustering: number } {
    return { total: this.#total, bad: this.#bad, clustering: this.#clustering }
  }
}

/** So much goes wrong that this is no moment to judge the canary good. */
export const isIncident = ({ canary, canaryBad, baseline, baselineBad }: Votes): boolean => {
  const bad = canaryBad + baselineBad
  return bad >= incident.leastBad && bad >= incident.badRatio * (canary + baseline)
}
