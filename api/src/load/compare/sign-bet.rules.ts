import { logSumExp } from '../../slo/statistics/evidence.rules.ts'

/** Share of the capital put on each round, from timid to bold. */
const stakes = [0.15, 0.35, 0.6, 0.8, 0.95] as const

/** `above`: bet that the median is above the bound; `below`: that it is below. */
export type Direction = 'above' | 'below'

/**
 * Evidence that the median of paired differences lies beyond a bound: after each round a bet on the
 * sign of the next, weighted by its size against the sizes seen so far. Valid when a difference is
 * as likely to fall short as to overshoot given its size, which a coin flip for the order of the two
 * versions gives exactly, whatever the drift, burst or tail; a burst costs one bounded bet.
 *
 * @param differences - ln(head / base), one a round, in the order they were measured
 * @param bound - ln of the ratio that is tolerated
 * @returns logarithm of the e-value after each round; reaching ln(1/alpha) at any time has a chance
 *   of at most alpha while the median is not beyond the bound
 * @see Ville 1939; Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting" (2024)
 */
export const signBet = (differences: readonly number[], bound: number, direction: Direction): number[] => {
  const capital = new Float64Array(stakes.length)
  const sizes: number[] = []
  return differences.map((difference) => {
    const beyond = direction === 'above' ? difference - bound : bound - difference
    sizes.push(Math.abs(beyond))
    const usual = median(sizes)
    const outcome = usual === 0 ? Math.sign(beyond) : Math.sign(beyond) * Math.min(Math.abs(beyond) / usual, 1)
    stakes.forEach((stake, i) => (capital[i]! += Math.log1p(stake * outcome)))
    return logSumExp(capital) - Math.log(stakes.length)
  })
}

/** The middle value, or the mean of the two in the middle; NaN of nothing. */
export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
