import { poissonLower, poissonUpper } from '../slo/statistics/poisson.rules.ts'

export interface Counted {
  readonly total: number
  readonly bad: number
  /** How many bad requests come at a time, 1 when they are independent. */
  readonly clustering: number
}

/**
 * Bounds of a share of bad requests when they come several at a time: Garwood's limits of the number
 * of groups.
 *
 * @param alpha - chance of error of each bound, ratio in (0, 0.5)
 * @returns ratios; [0, 1] when nothing was counted
 */
export const shareBounds = ({ total, bad, clustering }: Counted, alpha: number): [number, number] => {
  if (total === 0) return [0, 1]
  const groups = bad / clustering
  return [
    (poissonLower(groups, alpha) * clustering) / total,
    Math.min(1, (poissonUpper(groups, alpha) * clustering) / total)
  ]
}
