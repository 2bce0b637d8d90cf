import type { Histogram } from '../../signals/histogram.ts'
import type { LaneFilter, Recent } from '../../signals/recent/recent.ts'
import type { ArmCounts, Batch } from './rules/batches.rules.ts'
import { closesBatch } from './rules/batches.rules.ts'
import { leastLatencies, tailsOf } from './rules/latency.rules.ts'

/** Two versions of one service in the last minutes of its log. */
export interface Arms {
  readonly service: string
  readonly canary: string
  readonly baseline: string
}

export type ArmsSource = Pick<Recent, 'sums' | 'latency'>

const secondMs = 1_000
/** Latencies are kept in slots of this width. */
export const slotMs = 10_000
const pastMs = 60_000
const longestPastMs = 600_000

/** Users' requests to one version; load tests and probes are no evidence about users. */
const laneOf =
  (release: string): LaneFilter =>
  (stream) =>
    stream.release === release && stream.trafficClass === 'user' && stream.origin === 'requests'

export const countsOf = (
  recent: ArmsSource,
  service: string,
  release: string,
  fromMs: number,
  toMs: number
): ArmCounts => {
  const { total, status5xx, slow } = recent.sums(service, laneOf(release), fromMs, toMs, secondMs)
  return { total, bad: status5xx, slow }
}

/**
 * The next batch of both arms: the same seconds of each, so whatever happens to both cancels out.
 *
 * @param fromMs - where the last batch ended, whole seconds
 * @param settledMs - seconds before it are counted; later ones may still be on their way
 * @param tailsFromMs - end of the latencies that were judged, a multiple of ten seconds
 * @returns null: not enough has come yet
 */
export function nextBatch(
  recent: ArmsSource,
  { service, canary, baseline }: Arms,
  {
    fromMs,
    settledMs,
    tailsFromMs,
    slowdown
  }: { fromMs: number; settledMs: number; tailsFromMs: number; slowdown: number }
): { batch: Batch; tailsToMs: number } | null {
  for (let toMs = fromMs + secondMs; toMs <= settledMs; toMs += secondMs) {
    const arms = {
      canary: countsOf(recent, service, canary, fromMs, toMs),
      baseline: countsOf(recent, service, baseline, fromMs, toMs)
    }
    if (!closesBatch({ fromMs, toMs, canary: arms.canary.total, baseline: arms.baseline.total })) continue
    const tailsToMs = Math.max(tailsFromMs, Math.floor(toMs / slotMs) * slotMs)
    const range = { tailsFromMs, tailsToMs, slowdown }
    const latency = tailsToMs > tailsFromMs ? latencyBetween(recent, { service, canary, baseline }, range) : noLatency
    return { batch: { fromMs, toMs, ...arms, ...latency }, tailsToMs }
  }
  return null
}

const noLatency = { tails: null, p95Ms: null } as const

const latencyBetween = (
  recent: ArmsSource,
  { service, canary, baseline }: Arms,
  { tailsFromMs, tailsToMs, slowdown }: { tailsFromMs: number; tailsToMs: number; slowdown: number }
): Pick<Batch, 'tails' | 'p95Ms'> => {
  const of = (release: string, fromMs: number, toMs: number): Histogram =>
    recent.latency(service, laneOf(release), fromMs, toMs)
  const minute = of(baseline, tailsFromMs - pastMs, tailsFromMs)
  const past = minute.total >= leastLatencies ? minute : of(baseline, tailsFromMs - longestPastMs, tailsFromMs)
  const arms = { canary: of(canary, tailsFromMs, tailsToMs), baseline: of(baseline, tailsFromMs, tailsToMs) }
  return {
    tails: tailsOf(past, arms, slowdown),
    p95Ms: { canary: quantileMs(arms.canary, 0.95), baseline: quantileMs(arms.baseline, 0.95) }
  }
}

/** Null: of nothing there is no quantile. */
export const quantileMs = (latency: Histogram, q: number): number | null => {
  const us = latency.quantileUs(q)
  return us === null ? null : us / 1_000
}

/** Latencies of one arm over the analysis, as far as they are kept (15 minutes). */
export const latencyOf = (
  recent: ArmsSource,
  service: string,
  release: string,
  fromMs: number,
  toMs: number
): Histogram => recent.latency(service, laneOf(release), fromMs, toMs)

/** The version that served most users in a range, other than one; null: none did. */
export function busiestRelease(
  recent: ArmsSource,
  service: string,
  { except, fromMs, toMs }: { except: string; fromMs: number; toMs: number }
): string | null {
  const releases = new Set<string>()
  recent.sums(service, ({ release }) => (releases.add(release), false), fromMs, toMs, secondMs)
  const served = [...releases]
    .filter((release) => release !== '' && release !== except)
    .map((release) => ({ release, total: countsOf(recent, service, release, fromMs, toMs).total }))
    .toSorted((a, b) => b.total - a.total)
  return served[0] && served[0].total > 0 ? served[0].release : null
}
