import { gammaP } from './gamma.rules.ts'

/**
 * Chance that a Poisson count of mean `mean` reaches `count`.
 *
 * @param count - integer, 0 or more
 * @param mean - expected count, 0 or more
 */
export const poissonTail = (count: number, mean: number): number => (count <= 0 ? 1 : gammaP(count, mean))

/**
 * Smallest mean that does not make a count this high surprising: the Garwood lower limit.
 *
 * @param count - events seen, integer, 0 or more
 * @param alpha - chance of being wrong, one-sided, ratio in (0, 1)
 * @returns expected count; 0 when nothing was seen
 * @see Garwood, "Fiducial limits for the Poisson distribution" (Biometrika 1936)
 */
export const poissonLower = (count: number, alpha: number): number =>
  count <= 0 ? 0 : solveRising((mean) => gammaP(count, mean) - alpha, 0, count + spread(count, alpha))

/**
 * Largest mean that does not make a count this low surprising: the Garwood upper limit.
 *
 * @param count - events seen, integer, 0 or more
 * @param alpha - chance of being wrong, one-sided, ratio in (0, 1)
 * @returns expected count, above 0 even when nothing was seen (3.0 at 5 %: the "rule of three")
 */
export const poissonUpper = (count: number, alpha: number): number =>
  solveRising((mean) => gammaP(count + 1, mean) - (1 - alpha), 0, count + spread(count, alpha))

/**
 * Fewest failures that fire a burn-rate tier over its long window, when failures are independent.
 *
 * @param requests - requests in the long window, count
 * @param budgetRatio - share of failures promised, ratio in (0, 1)
 * @param factor - burn rate that must be exceeded, multiple of the sustainable one
 * @param alpha - chance of so many failures within the promise that is still tolerated
 * @returns failures, count; may exceed `requests`, in which case the tier cannot fire
 */
export const minFailures = (requests: number, budgetRatio: number, factor: number, alpha: number): number => {
  const expected = requests * budgetRatio
  let failures = Math.floor(expected * factor) + 1
  while (poissonTail(failures, expected) > alpha) failures++
  return failures
}

/** A bracket that surely holds both limits: sub-Poisson tails reach at most this far beyond the count. */
const spread = (count: number, alpha: number): number => {
  const log = -Math.log(Math.min(alpha, 1 - alpha))
  return 2 * Math.sqrt((count + 1) * log) + 2 * log + 2
}

/** Where a rising function crosses zero, by bisection to the last bits. */
const solveRising = (f: (x: number) => number, from: number, to: number): number => {
  let low = from
  let high = to
  for (let step = 0; step < 200 && high - low > 1e-13 * high; step++) {
    const middle = (low + high) / 2
    if (f(middle) < 0) low = middle
    else high = middle
  }
  return (low + high) / 2
}
