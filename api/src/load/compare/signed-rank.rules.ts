import { median } from './sign-bet.rules.ts'

/** Means of every pair of values, each with itself included, in rising order. */
const walshAverages = (values: readonly number[]): number[] =>
  values.flatMap((a, i) => values.slice(i).map((b) => (a + b) / 2)).toSorted((a, b) => a - b)

/**
 * The Hodges–Lehmann estimate of the middle of paired differences: the median of all Walsh averages.
 * One wild round moves it little, and it wastes little when there is none.
 *
 * @returns NaN of nothing
 * @see Hodges and Lehmann, "Estimates of location based on rank tests" (1963)
 */
export const hodgesLehmann = (differences: readonly number[]): number => median(walshAverages(differences))

/**
 * Exact confidence interval of the middle of paired differences: Walsh averages cut off by the
 * signed-rank distribution.
 *
 * @param alpha - chance of error of each end, ratio in (0, 0.5): 0.05 gives a 90 % interval whose
 *   lower end is a 95 % bound
 * @returns [low, high]; infinite when there are too few rounds to bound it (fewer than 5 at 5 %)
 */
export const signedRankInterval = (differences: readonly number[], alpha: number): [number, number] => {
  const averages = walshAverages(differences)
  const cut = criticalRank(differences.length, alpha)
  if (cut === null) return [-Infinity, Infinity]
  return [averages[cut]!, averages[averages.length - 1 - cut]!]
}

/**
 * One-sided p-value of the Wilcoxon signed-rank test against a middle of 0 or less. Zeros are left
 * out; ties share their ranks, and the sum is rounded up, so that they never make it smaller.
 *
 * @returns chance of a sum of negative ranks this small by luck; 1 when every difference is 0
 */
export const signedRankP = (differences: readonly number[]): number => {
  const moved = differences.filter((difference) => difference !== 0)
  const sizes = moved.map(Math.abs)
  const rankOf = (size: number): number =>
    sizes.filter((other) => other < size).length + (sizes.filter((other) => other === size).length + 1) / 2
  const negative = moved.reduce((sum, value) => sum + (value < 0 ? rankOf(-value) : 0), 0)
  const ways = waysToReach(moved.length)
  return ways.subarray(0, Math.ceil(negative) + 1).reduce((a, b) => a + b, 0) / 2 ** moved.length
}

/** Largest sum of ranks whose lower tail stays within alpha; null when even 0 is too likely. */
const criticalRank = (rounds: number, alpha: number): number | null => {
  const ways = waysToReach(rounds)
  let tail = 0
  let rank = -1
  while (rank + 1 < ways.length && tail + ways[rank + 1]! <= alpha * 2 ** rounds) tail += ways[++rank]!
  return rank < 0 ? null : rank
}

/** In how many ways a choice of the ranks 1 … n adds up to each sum. */
const waysToReach = (ranks: number): Float64Array => {
  const ways = new Float64Array((ranks * (ranks + 1)) / 2 + 1)
  ways[0] = 1
  for (let rank = 1; rank <= ranks; rank++) {
    for (let sum = ways.length - 1; sum >= rank; sum--) ways[sum]! += ways[sum - rank]!
  }
  return ways
}
