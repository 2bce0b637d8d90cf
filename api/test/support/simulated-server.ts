import { exponential, gaussian, seededRandom, type Random } from '../../src/load/random.rules.ts'
import type { LineProbe, Phase } from '../../src/load/line/probe.rules.ts'

export interface SimulatedServer {
  readonly name: string
  /** Requests served at a time. */
  readonly workers: number
  /** Mean time of a worker for a request, milliseconds, and its coefficient of variation. */
  readonly serviceMs: number
  readonly variation: number
  /** Waiting that keeps no worker busy (database, network), milliseconds, mean of an exponential. */
  readonly waitMs: number
  /** How much slower each busy worker makes the others, ratio. */
  readonly contention: number
  /** Standard deviation of the machine's drift, ratio; it changes within about 20 s. */
  readonly drift: number
  /** Everything stops this long every 3 s (garbage collection), milliseconds. */
  readonly pauseMs: number
  /** What arrives beyond this rate is refused at once, arrivals per second; null: nothing is. */
  readonly refusesAbovePerS: number | null
  /** This share of requests fails at any rate, ratio. */
  readonly faultRatio: number
}

export const aServer = (change: Partial<SimulatedServer> = {}): SimulatedServer => ({
  name: 'k = 4, 20 ms',
  workers: 4,
  serviceMs: 20,
  variation: 0.7,
  waitMs: 5,
  contention: 0,
  drift: 0.03,
  pauseMs: 30,
  refusesAbovePerS: null,
  faultRatio: 0,
  ...change
})

const pauseEveryMs = 3_000
const driftMs = 20_000
const timeoutMs = 10_000

/**
 * A server that exists only in numbers: first come, first served by `workers` in parallel, Poisson
 * arrivals. Its time is its own, so that a two-minute search takes milliseconds; the load between
 * two probes drains, as it does for a real one.
 */
export const simulate = (server: SimulatedServer, seed: number, thresholdMs = 200) => {
  const random = seededRandom(seed)
  let clockMs = 0
  let drift = gaussian(random) * server.drift
  let driftAtMs = 0
  const speedAt = (atMs: number): number => {
    for (; driftAtMs + 1_000 <= atMs; driftAtMs += 1_000) {
      const kept = Math.exp(-1_000 / driftMs)
      drift = kept * drift + Math.sqrt(1 - kept * kept) * server.drift * gaussian(random)
    }
    return Math.exp(drift)
  }

  const probe = (ratePerS: number, durationMs: number, settleMs: number, phase: Phase = 'refine'): LineProbe => {
    const free = new Float64Array(server.workers).fill(clockMs)
    const seconds = new Array<number>(Math.max(1, Math.ceil((durationMs - settleMs) / 1_000))).fill(0)
    const latencies: number[] = []
    let failed = 0
    const startMs = clockMs
    for (let atMs = clockMs; ;) {
      atMs += (exponential(random) / ratePerS) * 1_000
      if (atMs >= startMs + durationMs) break
      const { latencyMs, ok } = serve(server, { atMs, free, ratePerS, random, speed: speedAt(atMs) })
      if (atMs < startMs + settleMs) continue
      latencies.push(ok ? latencyMs : Infinity)
      if (!ok) failed++
      if (!ok || latencyMs > thresholdMs) seconds[Math.floor((atMs - startMs - settleMs) / 1_000)]!++
    }
    clockMs = Math.max(startMs + durationMs, ...free) + 500
    latencies.sort((a, b) => a - b)
    const quantile = (q: number): number | null => latencies[Math.ceil(q * latencies.length) - 1] ?? null
    return {
      phase,
      ratePerS,
      achievedPerS: ratePerS,
      durationMs,
      total: latencies.length,
      slow: seconds.reduce((a, b) => a + b, 0),
      failed,
      slowPerSecond: seconds,
      p50Ms: quantile(0.5),
      p95Ms: quantile(0.95),
      p99Ms: quantile(0.99),
      senderLimited: false
    }
  }
  return { probe }
}

interface Arrival {
  atMs: number
  free: Float64Array
  ratePerS: number
  random: Random
  speed: number
}

const serve = (server: SimulatedServer, { atMs, free, ratePerS, random, speed }: Arrival) => {
  const surplus = Math.max(0, 1 - (server.refusesAbovePerS ?? Infinity) / ratePerS)
  if (random() < surplus || random() < server.faultRatio) return { latencyMs: 1, ok: false }
  let worker = 0
  let busy = 0
  for (let i = 0; i < free.length; i++) {
    if (free[i]! > atMs) busy++
    if (free[i]! < free[worker]!) worker = i
  }
  const spread = Math.sqrt(Math.log1p(server.variation ** 2))
  const service =
    server.serviceMs *
    speed *
    (1 + server.contention * busy) *
    Math.exp(spread * gaussian(random) - (spread * spread) / 2)
  const endMs = withPauses(Math.max(atMs, free[worker]!), service, server.pauseMs)
  free[worker] = endMs
  const latencyMs = endMs - atMs + exponential(random) * server.waitMs
  return { latencyMs, ok: latencyMs < timeoutMs }
}

/** When work that starts at `fromMs` ends, the pauses on its way included. */
const withPauses = (fromMs: number, workMs: number, pauseMs: number): number => {
  if (pauseMs === 0) return fromMs + workMs
  const intoCycle = fromMs % pauseEveryMs
  const start = intoCycle < pauseMs ? fromMs - intoCycle + pauseMs : fromMs
  const untilPause = pauseEveryMs - (start % pauseEveryMs)
  const stops = workMs <= untilPause ? 0 : 1 + Math.floor((workMs - untilPause) / (pauseEveryMs - pauseMs))
  return start + workMs + stops * pauseMs
}

/**
 * Servers like those of the method's tables, each with the rate at which 5 % of its requests take
 * more than 200 ms in the long run, the machine's drift included: found by bisection over
 * simulations of 8,000 s, good to half a percent.
 */
export const knownServers: readonly { readonly server: SimulatedServer; readonly linePerS: number }[] = [
  {
    server: aServer({ name: 'one thread, 2 ms', workers: 1, serviceMs: 2, waitMs: 10, variation: 0.5 }),
    linePerS: 469.9
  },
  { server: aServer({ name: 'four workers, 20 ms' }), linePerS: 181.8 },
  { server: aServer({ name: 'sixteen workers, wild', workers: 16, serviceMs: 40, variation: 2 }), linePerS: 338.4 },
  { server: aServer({ name: 'eight in contention', workers: 8, serviceMs: 10, contention: 0.05 }), linePerS: 535.6 }
]
