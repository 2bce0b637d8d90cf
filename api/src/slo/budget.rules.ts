import type { Budget } from '../contract/index.ts'
import { budgetRatioOf, type Tally } from './burn.rules.ts'

/**
 * What a promise allows to fail in a window, what of that is spent, and what is left.
 *
 * The budget grows with the traffic: it is a share of the events that came, not of time.
 *
 * @param targetRatio - share of good events promised, ratio in (0, 1)
 * @returns events (or slices); `remainingRatio` is of what is allowed, negative when overspent, and
 *   null when nothing was measured
 * @see Site Reliability Workbook, chapter 2, "Implementing SLOs"
 */
export const budgetOf = ({ total, bad }: Tally, targetRatio: number): Budget => {
  const allowed = total * budgetRatioOf(targetRatio)
  return {
    total,
    bad,
    allowed,
    spent: bad,
    remaining: allowed - bad,
    remainingRatio: total > 0 ? 1 - bad / allowed : null
  }
}
