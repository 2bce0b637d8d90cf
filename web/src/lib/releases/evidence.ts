import type { Canary, CanaryArm } from '@plimsoll/api/contract'
import { axisOf, shares, type Axis } from '../charts/axis.ts'
import type { Labelled } from '../charts/reading.ts'
import { count, shortCount } from '../format.ts'

/**
 * The evidence of an analysis as a chart. Its height is the logarithm of how unlikely luck is: evidence
 * of 100 means that luck alone shows as much once in a hundred releases that are no different.
 */
export interface EvidenceDrawing {
  readonly axis: Axis
  /** Natural logarithms, 0 and above; null before the first batch. */
  readonly against: readonly (number | null)[]
  readonly favour: readonly (number | null)[]
  readonly top: number
  readonly ticks: readonly Labelled[]
  readonly limits: readonly Labelled[]
}

/** Evidence far beyond what decides says nothing more: the height ends at this many times the higher threshold. */
const HEADROOM = 1.35
/** Two thresholds nearer than this share of the height are one line. */
const APART = 0.09
const DECADE = Math.LN10

export const drawEvidence = ({ curve, evidence }: Pick<Canary, 'curve' | 'evidence'>): EvidenceDrawing => {
  const { failNeeded, passNeeded } = evidence
  const top = Math.max(failNeeded, passNeeded) * HEADROOM
  const step = Math.max(1, Math.round(top / DECADE / 4))
  const decades = Array.from({ length: Math.floor(top / DECADE / step) + 1 }, (_, index) => index * step)
  const fail = { share: failNeeded / top, label: 'enough to fail it' }
  const pass = { share: passNeeded / top, label: 'enough to promote it' }
  return {
    axis: axisOf(curve, curve.failLogE.length),
    against: held(curve.failLogE, top),
    favour: held(curve.passLogE, top),
    top,
    ticks: decades.map((decade) => ({
      share: (decade * DECADE) / top,
      label: decade === 0 ? 'none' : `1 in ${tick(10 ** decade)}`
    })),
    limits:
      Math.abs(fail.share - pass.share) < APART
        ? [{ share: Math.max(fail.share, pass.share), label: 'enough to decide, either way' }]
        : [fail, pass]
  }
}

/** A round number for a narrow place: `1,000`, `10k`, `1M`. */
const tick = (value: number): string => shortCount(value).replace('.0', '')

/** Evidence stands until the next batch, and none is never less than none. */
const held = (column: readonly (number | null)[], top: number): (number | null)[] => {
  let last: number | null = null
  return column.map((value) => {
    if (value !== null) last = Math.min(top, Math.max(0, value))
    return last
  })
}

/** How seldom luck alone shows as much: `1 in 100`. */
export const odds = (logE: number): string => {
  if (logE < 0.05) return 'none'
  if (logE > 9 * DECADE) return 'under 1 in a billion'
  const against = Math.exp(logE)
  return `1 in ${against < 10 ? against.toFixed(1).replace(/\.0$/, '') : count(against)}`
}

/** How much of the evidence that decides is there, 0 to 1. */
export const evidenceShare = (logE: number, needed: number): number => Math.min(1, Math.max(0, logE / needed))

/** An arm over time: requests per second and the share of them that failed. */
export const armSeries = ({ seconds }: Pick<CanaryArm, 'seconds'>) => {
  const { stepMs } = seconds
  return {
    axis: axisOf(seconds, seconds.total.length),
    ratePerS: seconds.total.map((total) => (total === null ? null : total / (stepMs / 1_000))),
    failedRatio: shares(
      seconds.bad.map((bad) => bad ?? 0),
      seconds.total.map((total) => total ?? 0)
    ),
    p95Ms: seconds.p95Ms
  }
}
