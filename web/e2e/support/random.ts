/** Noise that is the same for the same moment, in [0, 1): charts keep their shape from one reading to the next. */
export const noise = (seed: string, at: number): number => {
  let hash = 2_166_136_261
  for (const char of `${seed}:${at}`) hash = Math.imul(hash ^ char.charCodeAt(0), 16_777_619)
  hash ^= hash >>> 15
  hash = Math.imul(hash, 0x2c1b3c6d)
  hash ^= hash >>> 12
  return (hash >>> 0) / 4_294_967_296
}

/** Share of log-normal values of the given median and spread that are at most `value`. */
export const logNormalShare = (value: number, median: number, spread: number): number => {
  if (value <= 0) return 0
  const z = Math.log(value / median) / spread / Math.SQRT2
  return 0.5 * (1 + erf(z))
}

/** @see Abramowitz and Stegun, 7.1.26 */
const erf = (x: number): number => {
  const k = 1 / (1 + 0.3275911 * Math.abs(x))
  const y =
    1 -
    ((((1.061405429 * k - 1.453152027) * k + 1.421413741) * k - 0.284496736) * k + 0.254829592) * k * Math.exp(-x * x)
  return x < 0 ? -y : y
}
