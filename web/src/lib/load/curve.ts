import type { LoadRun } from '@plimsoll/api/contract'
import { percent } from '../format.ts'
import { logShare } from '../charts/scale.ts'
import type { Labelled, Upright } from '../charts/reading.ts'

/** Latency by percentile: the share of the requests that took at most so long. */
export interface CurvePoint {
  /** 0 to 1; 1 is the slowest request. */
  readonly q: number
  readonly ms: number
}

type Measured = Pick<LoadRun, 'histogram' | 'latencyMs'>

/** Percentiles that are told by themselves. */
const TOLD = [
  [0.5, 'p50'],
  [0.9, 'p90'],
  [0.95, 'p95'],
  [0.99, 'p99'],
  [1, 'max']
] as const

/**
 * The curve of a run. Its buckets make it where it has any; an import of percentiles alone has
 * these as its points. Nothing measured has no curve.
 */
export const percentileCurve = ({ histogram, latencyMs }: Measured): CurvePoint[] => {
  const total = histogram.reduce((sum, [, count]) => sum + count, 0)
  if (total === 0) return TOLD.flatMap(([q, name]) => (latencyMs[name] === null ? [] : [{ q, ms: latencyMs[name] }]))
  let below = 0
  const curve: CurvePoint[] = []
  for (const [lowerUs, count] of histogram.toSorted((a, b) => a[0] - b[0])) {
    below += count
    curve.push({ q: below / total, ms: Math.min(lowerUs / 1_000, latencyMs.max ?? Infinity) })
  }
  if (latencyMs.max !== null) curve.push({ q: 1, ms: latencyMs.max })
  return curve
}

/**
 * The latency that a share of the requests took at most: as the run tells it where it does, else
 * read from the curve.
 */
export const latencyAt = ({ latencyMs }: Measured, curve: readonly CurvePoint[], q: number): number | null => {
  const told = TOLD.find(([share]) => share === q)
  return (told && latencyMs[told[1]]) ?? curve.find((point) => point.q >= q)?.ms ?? null
}

/** Where percentiles stand: each ninth more takes as much room, so that the slow tail is seen. */
export interface PercentileScale {
  /** One request in so many is the last that is told apart. */
  readonly most: number
  readonly lowMs: number
  readonly highMs: number
}

/** A scale that holds all curves and the promise. */
export const percentileScale = (curves: readonly (readonly CurvePoint[])[], limitMs: number): PercentileScale => {
  const all = curves.flat()
  const last = all.reduce((most, { q }) => (q < 1 ? Math.max(most, q) : most), 0.99)
  const lowMs = all.reduce((low, { ms }) => Math.min(low, ms), limitMs)
  const highMs = all.reduce((high, { ms }) => Math.max(high, ms), limitMs)
  return { most: 1 / (1 - last) / 0.6, lowMs: Math.max(0.01, lowMs * 0.85), highMs: highMs * 1.25 }
}

/** Place on the width, 0 to 1. */
export const percentileShare = ({ most }: PercentileScale, q: number): number =>
  q >= 1 ? 1 : Math.min(1, Math.log10(1 / (1 - q)) / Math.log10(most))

export const placeOf = (scale: PercentileScale, { q, ms }: CurvePoint) => ({
  x: percentileShare(scale, q),
  y: logShare(ms, scale.lowMs, scale.highMs)
})

const NINES = [0, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999, 0.999999]

export const percentileTicks = (scale: PercentileScale): Upright[] =>
  NINES.map((q) => ({ share: percentileShare(scale, q), label: percent(q), major: q === 0.95 })).filter(
    ({ share }) => share < 0.97
  )

/** Where a reader stops: percentiles people ask for, as far as the run tells them apart. */
export const STOPS = [0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999, 0.99999, 1]

/** A latency as a line across the picture. */
export const limitLine = ({ lowMs, highMs }: PercentileScale, ms: number, label: string): Labelled => ({
  share: logShare(ms, lowMs, highMs),
  label
})
