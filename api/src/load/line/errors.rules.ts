import { shareBounds } from '../share.rules.ts'
import { errorFit, fitLine, type Fit } from './fit.rules.ts'
import { crossing, type Probe } from './isotonic.rules.ts'

/** What the failures say: none that matter, a share that is there at any rate, or a rate from which on they rise. */
export type ErrorFinding =
  | { readonly kind: 'none' }
  | { readonly kind: 'floor'; readonly ratio: number; readonly interval: readonly [number, number] }
  | { readonly kind: 'line'; readonly fit: Fit }

/** Chance of calling a flat share a rising one, per side. */
const alpha = 0.025

/**
 * Whether failures limit the rate. A share of failures that is as high at low rates as at high ones
 * is a fault of its own, not a matter of load: it is reported and does not move the line.
 *
 * @param probes - failures as `bad`
 * @param limitRatio - share of failures that is promised, ratio in (0, 1)
 */
export const judgeErrors = (probes: readonly Probe[], limitRatio: number): ErrorFinding => {
  if (probes.length === 0 || crossing(probes, limitRatio).beyond === null) return { kind: 'none' }
  const floor = floorOf(probes, limitRatio)
  return floor ?? { kind: 'line', fit: fitLine(probes, { ...errorFit, limitRatio, capRatio: 10 * limitRatio }) }
}

const floorOf = (probes: readonly Probe[], limitRatio: number): ErrorFinding | null => {
  const [low, high] = halves(probes)
  const clustering = clusteringOf(probes)
  const lowest = shareBounds({ ...low, clustering }, alpha)
  const rises = shareBounds({ ...high, clustering }, alpha)[0] > lowest[1]
  if (rises || lowest[0] <= limitRatio) return null
  const all = sum(probes)
  return { kind: 'floor', ratio: all.bad / all.total, interval: shareBounds({ ...all, clustering }, alpha) }
}

interface Tally {
  total: number
  bad: number
}

const sum = (probes: readonly Tally[]): Tally => ({
  total: probes.reduce((total, probe) => total + probe.total, 0),
  bad: probes.reduce((bad, probe) => bad + probe.bad, 0)
})

/** The slower and the faster probes, cut where half of all requests lie. */
const halves = (probes: readonly Probe[]): [Tally, Tally] => {
  const sorted = probes.toSorted((a, b) => a.ratePerS - b.ratePerS)
  const half = sum(sorted).total / 2
  let seen = 0
  const cut = sorted.findIndex(({ total }) => (seen += total) >= half) + 1
  const at = Math.min(cut, sorted.length - 1)
  return [sum(sorted.slice(0, at)), sum(sorted.slice(at))]
}

/** How many failures come at a time: the variance of the counts against a share that is the same in every probe. */
const clusteringOf = (probes: readonly Tally[]): number => {
  const { total, bad } = sum(probes)
  if (bad === 0 || probes.length < 2) return 1
  const squares = probes.reduce((squares, probe) => {
    const expected = (probe.total * bad) / total
    return squares + (probe.bad - expected) ** 2 / expected
  }, 0)
  return Math.max(1, squares / (probes.length - 1))
}
