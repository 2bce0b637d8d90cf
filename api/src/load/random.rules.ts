/** Numbers in [0, 1) from a seed: the same seed, the same numbers, on every machine. */
export type Random = () => number

/**
 * A small generator for schedules, weights and simulations (mulberry32): 2³² states, good enough to
 * spread arrivals, never for secrets.
 *
 * @param seed - any number; its integer part modulo 2³² counts
 */
export const seededRandom = (seed: number): Random => {
  let state = Math.trunc(seed) >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** A standard exponential value: the gap between Poisson arrivals at one a unit of time. */
export const exponential = (random: Random): number => -Math.log1p(-random())

/** A standard normal value (Box and Muller 1958). */
export const gaussian = (random: Random): number =>
  Math.sqrt(2 * exponential(random)) * Math.cos(2 * Math.PI * random())
