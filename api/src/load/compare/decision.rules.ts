import { hodgesLehmann, signedRankInterval } from './signed-rank.rules.ts'
import { signBet } from './sign-bet.rules.ts'

export interface CompareLimits {
  /** Most that head may be worse than base, as a ratio above 1: 1.1 for 10 %. */
  readonly limitRatio: number
  /** A ratio that is still called noise; evidence for "worse" is gathered against it. */
  readonly noiseRatio: number
  /** Chance of a wrong verdict, ratio in (0, 1). */
  readonly alpha: number
  readonly minRounds: number
  readonly maxRounds: number
}

export const defaultCompareLimits: CompareLimits = {
  limitRatio: 1.1,
  noiseRatio: 1.03,
  alpha: 0.05,
  minRounds: 5,
  maxRounds: 20
}

export interface Comparison {
  /** `continue`: another round is needed; `inconclusive`: all rounds were run and neither was shown. */
  readonly verdict: 'pass' | 'fail' | 'continue' | 'inconclusive'
  /** Rounds that were looked at until the verdict, count. */
  readonly rounds: number
  /** Head against base, the Hodges–Lehmann estimate, ratio: 1.12 is 12 % worse. */
  readonly ratio: number
  /** 90 % interval of the ratio, so that each end is a 95 % bound; infinite with fewer than five rounds. */
  readonly interval: readonly [number, number]
  /** Evidence that head is worse than noise, and that it is within the limit, e-values; 1/alpha decides. */
  readonly evidence: { readonly worse: number; readonly within: number }
}

/**
 * Whether head got worse than base by more than the limit, from rounds in which both were measured
 * in random order.
 *
 * Fails when it is shown to be worse than noise and the estimate is beyond the limit; passes when it
 * is shown to be within the limit. Looking after every round costs nothing (e-values).
 *
 * @param differences - ln(head / base) of a "more is worse" measure, one a round, in order
 * @see signBet
 */
export const compareRounds = (
  differences: readonly number[],
  limits: CompareLimits = defaultCompareLimits
): Comparison => {
  const limit = Math.log(limits.limitRatio)
  const needed = Math.log(1 / limits.alpha)
  const worse = signBet(differences, Math.log(limits.noiseRatio), 'above')
  const within = signBet(differences, limit, 'below')
  const last = Math.min(differences.length, limits.maxRounds)
  for (let rounds = Math.min(limits.minRounds, last); rounds <= last; rounds++) {
    const middle = hodgesLehmann(differences.slice(0, rounds))
    const decide = (verdict: Comparison['verdict']): Comparison =>
      describe(differences.slice(0, rounds), { verdict, limits, worse: worse[rounds - 1], within: within[rounds - 1] })
    if (rounds >= limits.minRounds) {
      if (worse[rounds - 1]! >= needed && middle > limit) return decide('fail')
      if (within[rounds - 1]! >= needed && middle < limit) return decide('pass')
    }
    if (rounds === last) return decide(last >= limits.maxRounds ? 'inconclusive' : 'continue')
  }
  return describe([], { verdict: 'continue', limits, worse: 0, within: 0 })
}

interface Findings {
  verdict: Comparison['verdict']
  limits: CompareLimits
  worse: number | undefined
  within: number | undefined
}

const describe = (differences: readonly number[], { verdict, limits, worse, within }: Findings): Comparison => {
  const [low, high] = signedRankInterval(differences, limits.alpha)
  return {
    verdict,
    rounds: differences.length,
    ratio: differences.length === 0 ? 1 : Math.exp(hodgesLehmann(differences)),
    interval: [Math.exp(low), Math.exp(high)],
    evidence: { worse: Math.exp(worse ?? 0), within: Math.exp(within ?? 0) }
  }
}
