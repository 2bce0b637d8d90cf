import type { LoadLine } from '@plimsoll/api/contract'
import { linearScale, logShare, logTicks, type Scale, type Tick } from '../charts/scale.ts'

type Probe = LoadLine['probes'][number]

/** A probe on the chart of latency over rate. */
export interface ProbePoint {
  readonly probe: Probe
  readonly x: number
  /** A probe without an answer stands at the top. */
  readonly y: number
  readonly kept: boolean
}

export interface LineDrawing {
  readonly rates: Scale
  readonly ticks: readonly Tick[]
  readonly limitShare: number
  readonly points: readonly ProbePoint[]
  /** The course of the latency over the rate; it only rises. */
  readonly curve: readonly { readonly x: number; readonly y: number }[]
  readonly at: (ratePerS: number) => number
}

/** Whether the promise was kept in a probe, by its shares alone: no verdict, but what the picture shows. */
const keptPromise = ({ total, slow, failed }: Probe, { promised }: Pick<LoadLine, 'promised'>): boolean =>
  total > 0 && slow / total <= promised.slowRatio && failed / total <= promised.errorRatio

/**
 * The picture of a search: probes by rate and p95, and the curve through them.
 *
 * @param trafficPerS - users' traffic now, so that it stands within the picture; null: not known
 */
export const drawLine = (line: LoadLine, trafficPerS: number | null): LineDrawing => {
  const { probes, promised, intervalPerS, ratePerS } = line
  const highest = probes.reduce((high, probe) => Math.max(high, probe.ratePerS), 0)
  const top = Math.max(1, highest, intervalPerS?.[1] ?? 0, ratePerS ?? 0, trafficPerS ?? 0) * 1.08
  const ticks = ticksTo(top)
  const known = probes.flatMap(({ p95Ms }) => p95Ms ?? [])
  const lowMs = Math.max(0.01, Math.min(promised.thresholdMs, ...known) * 0.7)
  const highMs = Math.max(promised.thresholdMs, ...known) * 1.5
  const at = (perS: number): number => perS / top
  const points = probes
    .map((probe) => ({
      probe,
      x: at(probe.ratePerS),
      y: probe.p95Ms === null ? 1 : logShare(probe.p95Ms, lowMs, highMs),
      kept: keptPromise(probe, line)
    }))
    .toSorted((a, b) => a.x - b.x)
  return {
    rates: { top, ticks },
    ticks: logTicks(lowMs, highMs),
    limitShare: logShare(promised.thresholdMs, lowMs, highMs),
    points,
    curve: curveOf(points),
    at
  }
}

/** Four or five round values from zero on, as far as the scale goes. */
const ticksTo = (top: number): Tick[] => {
  const step = linearScale(top * 0.6, 1).ticks[1]?.value ?? top
  return Array.from({ length: Math.floor(top / step) + 1 }, (_, index) => {
    return { value: index * step, share: (index * step) / top }
  })
}

interface Pool {
  readonly x: number
  readonly y: number
  readonly weight: number
}

/**
 * The course of the latency over the rate: it only rises, as more load makes no server faster; probes
 * that fall behind one at a lower rate are pooled with it, by their requests. What the sender limited
 * says nothing.
 *
 * @see Barlow et al., Statistical Inference under Order Restrictions (1972), pool adjacent violators
 */
const curveOf = (points: readonly ProbePoint[]): { x: number; y: number }[] => {
  const pools: Pool[] = []
  for (const { x, y, probe } of points) {
    if (probe.senderLimited) continue
    let pool: Pool = { x, y, weight: Math.max(1, probe.total) }
    for (let last = pools.at(-1); last && (last.y >= pool.y || last.x === pool.x); last = pools.at(-1)) {
      pools.pop()
      pool = pooled(last, pool)
    }
    pools.push(pool)
  }
  return pools
}

const pooled = (a: Pool, b: Pool): Pool => {
  const weight = a.weight + b.weight
  const mean = (from: number, to: number): number => (from * a.weight + to * b.weight) / weight
  return { x: mean(a.x, b.x), y: mean(a.y, b.y), weight }
}
