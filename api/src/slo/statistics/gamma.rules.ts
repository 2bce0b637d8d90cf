/** Lanczos coefficients for g = 7, n = 9 (Godfrey 2001): relative error below 1e-14 for a > 0. */
const lanczos = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7
] as const

const precision = 1e-15

/**
 * Natural logarithm of the gamma function.
 *
 * @param a - above 0
 * @see Lanczos, "A precision approximation of the gamma function" (1964)
 */
export const lgamma = (a: number): number => {
  if (a < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * a)) - lgamma(1 - a)
  const shifted = a - 1
  const base = shifted + 7.5
  let sum: number = lanczos[0]
  for (let i = 1; i < lanczos.length; i++) sum += lanczos[i]! / (shifted + i)
  return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(base) - base + Math.log(sum)
}

/**
 * Regularised lower incomplete gamma function P(a, x): for a whole number a, the chance that a
 * Poisson count of mean x reaches a.
 *
 * @param a - above 0
 * @param x - 0 or more
 * @returns in [0, 1]; small values keep their relative precision
 * @throws RangeError when a or x is out of range
 * @see Press et al., Numerical Recipes, section 6.2: series below a + 1, Lentz's continued fraction above
 */
export const gammaP = (a: number, x: number): number => {
  if (!(a > 0) || !(x >= 0)) throw new RangeError(`P(a, x) wants a > 0 and x >= 0, not a = ${a}, x = ${x}`)
  if (x === 0) return 0
  if (x === Infinity) return 1
  const front = Math.exp(a * Math.log(x) - x - lgamma(a))
  return x < a + 1 ? front * series(a, x) : 1 - front * continuedFraction(a, x)
}

/** Both expansions need a few times sqrt(a) terms near x = a, where they are slowest. */
const termsAtMost = (a: number): number => 500 + 20 * Math.sqrt(a)

const series = (a: number, x: number): number => {
  let term = 1 / a
  let sum = term
  for (let n = 1; n < termsAtMost(a) && term > sum * precision; n++) {
    term *= x / (a + n)
    sum += term
  }
  return sum
}

const continuedFraction = (a: number, x: number): number => {
  const tiny = 1e-300
  let b = x + 1 - a
  let c = 1 / tiny
  let d = 1 / b
  let fraction = d
  for (let n = 1; n < termsAtMost(a); n++) {
    const numerator = -n * (n - a)
    b += 2
    d = 1 / away(numerator * d + b, tiny)
    c = away(b + numerator / c, tiny)
    fraction *= d * c
    if (Math.abs(d * c - 1) < precision) break
  }
  return fraction
}

/** Lentz's guard: a denominator that comes out as zero is nudged off it. */
const away = (value: number, tiny: number): number => (Math.abs(value) < tiny ? tiny : value)
