import type { Histogram } from '../../signals/histogram.ts'

/** Two-sided 95 % of a normal distribution. */
const z = 1.96

/**
 * How much less a run's requests say than independent ones would: the variance, second by second, of
 * how many lie above a latency, against that of coin flips. Requests of one stall are one event.
 *
 * @param seconds - latencies of each second
 * @param q - share of the requests that is below `atUs`
 * @returns 1 or more
 */
export const designEffect = (seconds: readonly Histogram[], atUs: number, q: number): number => {
  let expectedVariance = 0
  let squares = 0
  for (const second of seconds) {
    squares += (second.countAbove(atUs) - second.total * (1 - q)) ** 2
    expectedVariance += second.total * q * (1 - q)
  }
  return expectedVariance === 0 ? 1 : Math.max(1, squares / expectedVariance)
}

/**
 * 95 % interval of a percentile: the ranks between which it lies, by the binomial distribution,
 * widened by the design effect.
 *
 * @param effect - see {@link designEffect}
 * @returns microseconds; no upper end when there are too few requests above it; null of nothing
 * @see David and Nagaraja, Order Statistics (2003), section 7.1
 */
export const percentileInterval = (all: Histogram, q: number, effect: number): [number, number | null] | null => {
  if (all.total === 0) return null
  const spread = z * Math.sqrt((effect * q * (1 - q)) / all.total)
  const low = Math.max(q - spread, 1 / all.total)
  return [all.quantileUs(low)!, q + spread > 1 - 0.5 / all.total ? null : all.quantileUs(q + spread)!]
}
