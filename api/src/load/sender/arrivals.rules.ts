import { exponential, seededRandom, type Random } from '../random.rules.ts'
import type { PacedPlan, PlannedRequest } from './plan.ts'

/**
 * When requests are due, one after another, without end: evenly spaced (each moved by up to
 * `jitterRatio` of a gap, if told), or with the exponential gaps of independent users.
 *
 * @returns milliseconds since the start, rising
 * @throws RangeError when the rate is not above 0 or the jitter not in [0, 1]
 */
export const arrivals = ({
  ratePerS,
  arrivals: kind,
  jitterRatio,
  seed
}: Pick<PacedPlan, 'ratePerS' | 'arrivals' | 'jitterRatio' | 'seed'>): (() => number) => {
  if (!(ratePerS > 0)) throw new RangeError(`a rate is above 0 per second, not ${ratePerS}`)
  if (!(jitterRatio >= 0 && jitterRatio <= 1)) throw new RangeError(`a jitter is in [0, 1], not ${jitterRatio}`)
  const random = seededRandom(seed)
  const gapMs = 1_000 / ratePerS
  if (kind === 'poisson') {
    let atMs = 0
    return () => (atMs += exponential(random) * gapMs)
  }
  // counted, not added up: a million gaps must not drift
  let index = 0
  return () => (index++ + (jitterRatio === 0 ? 0 : jitterRatio * random())) * gapMs
}

/** Draws requests of a mix by their weights: an index into `requests` at a time. */
export const drawing = (requests: readonly Pick<PlannedRequest, 'weight'>[], random: Random): (() => number) => {
  if (requests.length === 1) return () => 0
  const total = requests.reduce((sum, { weight }) => sum + weight, 0)
  let reached = 0
  const ends = requests.map(({ weight }) => (reached += weight / total))
  return () => {
    const drawn = random()
    const index = ends.findIndex((end) => drawn < end)
    return index < 0 ? requests.length - 1 : index
  }
}

/** Longest list a cyclic sender is given. */
const cycleAtMost = 200

/**
 * A list to send over and over in which each request stands as often as its weight says, spread
 * evenly (smooth weighted round-robin). Weights are kept to half a percent.
 *
 * @returns indices into `requests`
 */
export const cycle = (requests: readonly Pick<PlannedRequest, 'weight'>[]): number[] => {
  const least = Math.min(...requests.map(({ weight }) => weight))
  const total = requests.reduce((sum, { weight }) => sum + weight, 0)
  const length = requests.length === 1 ? 1 : Math.min(cycleAtMost, Math.max(requests.length, Math.round(total / least)))
  const credit = requests.map(() => 0)
  return Array.from({ length }, () => {
    requests.forEach(({ weight }, i) => (credit[i]! += weight / total))
    const next = credit.indexOf(Math.max(...credit))
    credit[next]! -= 1
    return next
  })
}
