import { crossing, type Probe } from './isotonic.rules.ts'

/** How steeply the share of bad requests may rise: per unit of ln(rate), in log-odds. */
interface Steepness {
  readonly slopes: readonly number[]
  readonly prior: readonly number[]
}

export interface FitSettings extends Steepness {
  /** Share of bad requests that is still within the promise, ratio in (0, 1). */
  readonly limitRatio: number
  /**
   * A share beyond this says "beyond this" and no more, ratio: how steep a cliff is far above the line
   * must not bend the curve near it. 1: every share is taken as it is.
   */
  readonly capRatio: number
}

/** 5 % of requests slower than the limit. */
export const latencyFit: FitSettings = {
  limitRatio: 0.05,
  capRatio: 1,
  slopes: [4, 6, 9, 13, 19, 28, 40],
  prior: [0.5, 0.8, 1, 1.2, 1.2, 1, 0.7]
}

/** 0.1 % of requests failed: rarer, and often as steep as a cliff. */
export const errorFit: FitSettings = {
  limitRatio: 0.001,
  capRatio: 0.01,
  slopes: [6, 9, 13, 19, 28, 40, 60],
  prior: [1, 1, 1, 1, 1, 1, 1]
}

export interface Fit {
  /** Rate at which the share of bad requests reaches the limit, median of the posterior, arrivals per second. */
  readonly ratePerS: number
  /** 95 % interval, widened by what a machine drifts during a search. */
  readonly interval: readonly [number, number]
  /** Variance of the counts against independent requests, 1 or more: requests fail and stall together. */
  readonly dispersion: number
  readonly slope: number
  /** Rate below which the line lies with probability `share`, arrivals per second. */
  readonly quantile: (share: number) => number
}

const gridPoints = 281
/** The grid reaches this far to each side of the crossing, ln(rate): a factor of 2. */
const gridReach = 0.7
const gridStep = (2 * gridReach) / (gridPoints - 1)
/** Probes count less the farther they lie from the line, ln(rate): the logistic curve holds near it only. */
const neighbourhood = 0.15
/** The dispersion believed in before there is data, and how many probes that belief is worth. */
const dispersionPrior = { value: 8, weight: 2 }
/** Most a single probe may say about the dispersion, standard deviations. */
const residualLimit = 20
const logOddsLimit = 30
/** Standard deviation of a machine's own drift, ln(rate): no interval is narrower. */
const driftFloor = 0.025
const passes = 3

/**
 * The rate at which the share of bad requests crosses its limit: a logistic curve over ln(rate)
 * fitted near the crossing, by Bayes on a grid of lines and slopes, its counts taken for over-dispersed.
 *
 * @param probes - at least one; rates above 0, every total above 0
 * @throws RangeError when a probe is out of range
 * @see Wu, "Efficient sequential designs with binary data" (1985), for probing near posterior quantiles
 */
export const fitLine = (probes: readonly Probe[], settings: FitSettings = latencyFit): Fit => {
  for (const { ratePerS, total, bad } of probes) {
    if (!(ratePerS > 0 && total > 0 && bad >= 0 && bad <= total)) {
      throw new RangeError(`a probe has a rate, requests and at most as many bad ones, not ${bad} of ${total}`)
    }
  }
  const points = probes.map((probe) => pointOf(probe, settings))
  const grid = gridAround(startOf(probes, settings.limitRatio))
  let centre = grid[(gridPoints - 1) / 2]!
  let dispersion = dispersionPrior.value
  let posterior!: Posterior
  for (let pass = 0; pass < passes; pass++) {
    const weights = points.map(({ x }) => Math.exp(-0.5 * ((x - centre) / neighbourhood) ** 2))
    posterior = posteriorOf(points, { weights, dispersion, grid, settings })
    centre = quantileOf(posterior, 0.5)
    dispersion = dispersionOf(points, { weights, centre, slope: posterior.slope, limitRatio: settings.limitRatio })
  }
  const widen = (distance: number): number => Math.hypot(distance, 1.96 * driftFloor)
  return {
    ratePerS: Math.exp(centre),
    interval: [
      Math.exp(centre - widen(centre - quantileOf(posterior, 0.025))),
      Math.exp(centre + widen(quantileOf(posterior, 0.975) - centre))
    ],
    dispersion,
    slope: posterior.slope,
    quantile: (share) => Math.exp(quantileOf(posterior, share))
  }
}

interface Point {
  x: number
  total: number
  bad: number
  /** The curve's log-odds count at most as this much. */
  mostOdds: number
}

const pointOf = ({ ratePerS, total, bad }: Probe, { capRatio }: FitSettings): Point => {
  const capped = bad > total * capRatio
  return {
    x: Math.log(ratePerS),
    total,
    bad: capped ? total * capRatio : bad,
    mostOdds: capped ? logOdds(capRatio) : logOddsLimit
  }
}

interface Posterior {
  grid: Float64Array
  /** Probability that the line is at or below each point of the grid. */
  cumulative: Float64Array
  /** Posterior mean. */
  slope: number
}

/** Where to look: between the rates that bracket the crossing; beyond the last when none does. */
const startOf = (probes: readonly Probe[], limitRatio: number): number => {
  const { within, beyond } = crossing(probes, limitRatio)
  if (within === null) return Math.log(beyond!) - gridReach / 2
  if (beyond === null) return Math.log(within) + gridReach / 2
  return (Math.log(within) + Math.log(beyond)) / 2
}

const gridAround = (centre: number): Float64Array =>
  Float64Array.from({ length: gridPoints }, (_, i) => centre - gridReach + i * gridStep)

const logOdds = (ratio: number): number => Math.log(ratio / (1 - ratio))

interface PosteriorInputs {
  weights: readonly number[]
  dispersion: number
  grid: Float64Array
  settings: FitSettings
}

const posteriorOf = (points: readonly Point[], { weights, dispersion, grid, settings }: PosteriorInputs): Posterior => {
  const { slopes, prior, limitRatio } = settings
  const atLine = logOdds(limitRatio)
  const logs = new Float64Array(gridPoints * slopes.length)
  grid.forEach((line, i) => {
    slopes.forEach((slope, j) => {
      let log = 0
      points.forEach(({ x, total, bad, mostOdds }, k) => {
        const odds = Math.min(mostOdds, clamp(atLine + slope * (x - line), logOddsLimit))
        log += weights[k]! * (bad * odds - total * Math.log1p(Math.exp(odds)))
      })
      logs[i * slopes.length + j] = log / dispersion + Math.log(prior[j]!)
    })
  })
  const most = logs.reduce((a, b) => Math.max(a, b), -Infinity)
  const cumulative = new Float64Array(gridPoints)
  let mass = 0
  let slopeMass = 0
  for (let i = 0; i < gridPoints; i++) {
    slopes.forEach((slope, j) => {
      const share = Math.exp(logs[i * slopes.length + j]! - most)
      mass += share
      slopeMass += share * slope
    })
    cumulative[i] = mass
  }
  return { grid, cumulative: cumulative.map((sum) => sum / mass), slope: slopeMass / mass }
}

/** Interpolated between the points of the grid. */
const quantileOf = ({ grid, cumulative }: Posterior, share: number): number => {
  const at = cumulative.findIndex((sum) => sum >= share)
  if (at < 0) return grid[gridPoints - 1]!
  const before = cumulative[at - 1] ?? 0
  return grid[at]! - gridStep * (1 - (share - before) / (cumulative[at]! - before))
}

interface ResidualInputs {
  weights: readonly number[]
  centre: number
  slope: number
  limitRatio: number
}

/** Weighted Pearson residuals, shrunk to what is usual; at least 1. */
const dispersionOf = (points: readonly Point[], { weights, centre, slope, limitRatio }: ResidualInputs): number => {
  let squares = 0
  let weight = 0
  points.forEach(({ x, total, bad, mostOdds }, k) => {
    const odds = Math.min(mostOdds, clamp(logOdds(limitRatio) + slope * (x - centre), logOddsLimit))
    const expected = 1 / (1 + Math.exp(-odds))
    const deviation = (bad - total * expected) / Math.sqrt(total * expected * (1 - expected))
    squares += weights[k]! * clamp(deviation, residualLimit) ** 2
    weight += weights[k]!
  })
  const { value, weight: believed } = dispersionPrior
  return Math.max(1, (squares + believed * value) / (Math.max(weight - 1, 0) + believed))
}

const clamp = (value: number, limit: number): number => Math.max(-limit, Math.min(limit, value))
