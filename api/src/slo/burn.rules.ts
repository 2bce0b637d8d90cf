import { poissonLower, poissonUpper } from './statistics/poisson.rules.ts'

/** Events of an interval and those of them that broke the objective, both counts. */
export interface Tally {
  readonly total: number
  readonly bad: number
}

/**
 * Share of bad events that a target allows, without the noise of binary fractions: of 100 events at
 * 90 % exactly 10 may fail, not 9.999….
 *
 * @param targetRatio - share of good events promised, ratio in (0, 1)
 */
export const budgetRatioOf = (targetRatio: number): number => Math.round((1 - targetRatio) * 1e12) / 1e12

/**
 * How fast a service spends its error budget, as a multiple of the rate that would spend exactly
 * all of it by the end of the window.
 *
 * 1 means on course to finish at zero; 14.4 over one hour spends 2 % of a 30-day budget.
 *
 * @param targetRatio - share of good events promised, ratio in (0, 1): 0.999, not 99.9
 * @returns burn rate, dimensionless, 0 or more; null when nothing happened, which is no burn of 0
 * @throws RangeError when the target is not in (0, 1)
 * @see Site Reliability Workbook, chapter 5, "Alerting on SLOs"
 */
export const burnRate = ({ total, bad }: Tally, targetRatio: number): number | null => {
  if (!(targetRatio > 0 && targetRatio < 1)) throw new RangeError(`a target is in (0, 1), not ${targetRatio}`)
  return total > 0 ? bad / total / budgetRatioOf(targetRatio) : null
}

/**
 * Whether the burn is faster than `factor` beyond bad luck, failures taken as independent.
 *
 * @param alpha - chance of being wrong, one-sided, ratio in (0, 1)
 */
export const burnsSurely = (tally: Tally, factor: number, targetRatio: number, alpha: number): boolean => {
  const sustained = tally.total * budgetRatioOf(targetRatio) * factor
  return tally.bad > sustained && poissonLower(tally.bad, alpha) > sustained
}

/**
 * Interval of a burn rate, failures taken as independent.
 *
 * @param targetRatio - share of good events promised, ratio in (0, 1)
 * @param alpha - chance of being wrong, shared by both sides, ratio in (0, 1)
 * @returns lowest and highest burn rate compatible with the counts; null when nothing happened
 * @see Garwood, "Fiducial limits for the Poisson distribution" (Biometrika 1936)
 */
export const burnInterval = (tally: Tally, targetRatio: number, alpha: number): [number, number] | null => {
  if (tally.total <= 0) return null
  const budgetRatio = budgetRatioOf(targetRatio)
  const allowed = tally.total * budgetRatio
  const high = poissonUpper(tally.bad, alpha / 2) / allowed
  return [poissonLower(tally.bad, alpha / 2) / allowed, Math.min(high, 1 / budgetRatio)]
}
