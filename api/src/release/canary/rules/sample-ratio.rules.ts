import { lgamma } from '../../../slo/statistics/gamma.rules.ts'

/** How sure the prior is of the share that was configured, in requests. */
const prior = 1_000
const neededLogE = Math.log(100)
const neededDeviation = 0.2

export interface Split {
  /** Requests, count. */
  readonly canary: number
  readonly baseline: number
  /** Share of requests that the canary should get, ratio in (0, 1). */
  readonly share: number
}

const logBeta = (a: number, b: number): number => lgamma(a) + lgamma(b) - lgamma(a + b)

/** Evidence that the traffic is not split as configured, as the logarithm of an e-value. */
export const splitEvidence = ({ canary, baseline, share }: Split): number =>
  logBeta(prior * share + canary, prior * (1 - share) + baseline) -
  logBeta(prior * share, prior * (1 - share)) -
  canary * Math.log(share) -
  baseline * Math.log(1 - share)

/**
 * Whether so few or so many requests reach the canary that the comparison means nothing: a canary
 * that crashes before it writes its log looks healthy. Both surely and by more than a fifth.
 */
export const splitIsOff = (split: Split): boolean => {
  const { canary, baseline, share } = split
  const total = canary + baseline
  return total > 0 && splitEvidence(split) >= neededLogE && Math.abs(canary / total / share - 1) > neededDeviation
}
