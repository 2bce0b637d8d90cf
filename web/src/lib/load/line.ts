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
  /** The course of the latency over the rate: one place a rate, probes of the same rate as one. */
  readonly curve: readonly { readonly x: number; readonly y: number }[]
  readonly at: (ratePerS: number) => number
}

/** Whether the promise was kept in a probe, by its shares alone: no verdict, but what the picture shows. */
export const keptPromise = ({ total, slow, failed }: Probe, { promised }: Pick<LoadLine, 'promised'>): boolean =>
  total > 0 && slow / total <= promised.slowRatio && failed / total <= promised.errorRatio

/** Rates this near to each other are one place of the curve. */
const SAME_RATE = 1.015

/**
 * The picture of a search: probes by rate and p95, and the curve through them.
 *
 * @param trafficPerS - users' traffic now, so that it stands within the picture; null: not known
 */
export const drawLine = (line: LoadLine, trafficPerS: number | null): LineDrawing => {
  const { probes, promised, intervalPerS, ratePerS } = line
  const highest = probes.reduce((high, probe) => Math.max(high, probe.ratePerS), 0)
  const top = Math.max(1, highest, intervalPerS?.[1] ?? 0, ratePerS ?? 0, trafficPerS ?? 0) * 1.08
  const ticks = linearScale(top, 1).ticks.flatMap(({ value }) => (value > top ? [] : [{ value, share: value / top }]))
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

/** One place for probes of like rate, in the middle of their heights. What the sender limited says nothing. */
const curveOf = (points: readonly ProbePoint[]): { x: number; y: number }[] => {
  const groups: ProbePoint[][] = []
  for (const point of points.filter(({ probe }) => !probe.senderLimited)) {
    const group = groups.at(-1)
    if (group?.[0] && point.x <= group[0].x * SAME_RATE) group.push(point)
    else groups.push([point])
  }
  return groups.map((group) => ({
    x: group.reduce((sum, { x }) => sum + x, 0) / group.length,
    y: group.reduce((sum, { y }) => sum + y, 0) / group.length
  }))
}
