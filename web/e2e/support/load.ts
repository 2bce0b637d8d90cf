import type {
  LiveLoad,
  LoadLine,
  LoadLineBrief,
  LoadLineStatus,
  LoadRun,
  LoadRunBrief,
  Machine,
  Reason
} from '@plimsoll/api/contract'
import { logNormalShare, noise } from './random.ts'
import type { ServiceScene } from './scene.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const SPREAD = 0.5
const iso = (ms: number): string => new Date(ms).toISOString()

const machine: Machine = {
  fingerprint: '9f2c41d07be3a655',
  cpu: 'AMD EPYC 7543P',
  cores: 8,
  memoryGiB: 32,
  platform: 'linux x64',
  node: '24.21.0'
}
const promised = { thresholdMs: 200, slowRatio: 0.05, errorRatio: 0.001 }

interface Told {
  readonly id: string
  readonly agoMs: number
  readonly medianMs: number
  readonly ratePerS: number
  readonly lastsS: number
  readonly badRatio: number
  readonly change?: Partial<LoadRun>
}

/** Counts of a log-normal latency in buckets a sixty-fourth wide, as a run has them. */
const histogramOf = (total: number, medianMs: number): [number, number][] => {
  const buckets: [number, number][] = []
  let given = 0
  for (let lower = medianMs * 200; lower < medianMs * 9_000; lower *= 65 / 64) {
    const share =
      logNormalShare((lower * 65) / 64, medianMs * 1_000, SPREAD) - logNormalShare(lower, medianMs * 1_000, SPREAD)
    const count = Math.round(total * share)
    if (count > 0) buckets.push([Math.round(lower), count])
    given += count
  }
  if (given < total) buckets.push([Math.round(medianMs * 9_000), total - given])
  return buckets
}

const madeOf = ({ id, agoMs, medianMs, ratePerS, lastsS, badRatio, change }: Told, nowMs: number): LoadRun => {
  const total = Math.round(ratePerS * lastsS)
  const bad = Math.round(total * badRatio)
  const at = (z: number): number => medianMs * Math.exp(z * SPREAD)
  const around = (ms: number, width: number): [number, number] => [ms * (1 - width), ms * (1 + width)]
  const slots = Array.from({ length: lastsS }, (_, second) => noise(id, second))
  const column = (z: number) => slots.map((wobble) => at(z) * (0.9 + 0.2 * wobble))
  return {
    id,
    kind: 'paced',
    tool: 'plimsoll',
    service: 'shop-api',
    release: '2026.11.3',
    target: 'http://shop.staging.example/',
    startedAt: iso(nowMs - agoMs),
    durationMs: lastsS * 1_000,
    partial: false,
    asked: {
      ratePerS,
      arrivals: 'constant',
      connections: 400,
      durationMs: lastsS * 1_000,
      warmUpMs: 3_000,
      timeoutMs: 10_000
    },
    offeredPerS: ratePerS,
    achievedPerS: ratePerS * 0.999,
    total,
    bad,
    slow: Math.round(total * (1 - logNormalShare(200, medianMs, SPREAD))) + bad,
    latencyMs: { p50: at(0), p90: at(1.282), p95: at(1.645), p99: at(2.326), max: medianMs * 9.1 },
    intervalsMs: {
      p50: around(at(0), 0.01),
      p90: around(at(1.282), 0.02),
      p95: around(at(1.645), 0.03),
      p99: around(at(2.326), 0.07)
    },
    statuses: { 200: total - bad, ...(bad > 0 && { 503: bad - Math.floor(bad / 4) }) },
    failures: bad > 3 ? { timeout: Math.floor(bad / 4) } : {},
    histogram: histogramOf(total, medianMs),
    seconds: {
      total: slots.map((wobble) => Math.round(ratePerS * (0.995 + 0.01 * wobble))),
      bad: slots.map((wobble) => Math.round(ratePerS * badRatio * 2 * wobble)),
      slow: slots.map(() => 0),
      p50Ms: column(0),
      p95Ms: column(1.645),
      p99Ms: column(2.326)
    },
    sender: {
      limited: false,
      lagP99Ms: 0.6,
      lagMaxMs: 3.1,
      lateRatio: 0.0004,
      connectionsOpened: 41,
      connectionsPeak: 38,
      waitedForConnection: 0,
      neverSent: 0,
      unfinished: 0,
      cpuUsPerRequest: 61
    },
    promised,
    machine,
    version: '0.1.0',
    commit: '5e1c0f2a9b8d7c6e5f4a3b2c1d0e9f8a7b6c5d4e',
    state: 'pass',
    reasons: [
      {
        code: 'latency',
        text: '1.5 % took more than 200 ms or failed, 5 % may, p95 102 ms',
        rule: 'p95 < 200 ms',
        limit: 0.05,
        value: 0.015,
        interval: [0.012, 0.019],
        unit: 'ratio',
        samples: total
      }
    ],
    ...change
  }
}

const because = (code: string, text: string, next?: string): Reason[] => [{ code, text, ...(next && { next }) }]
const nothing = { p50: null, p90: null, p95: null, p99: null }

/** One run of each kind a page must tell apart. */
const told: readonly Told[] = [
  { id: 'r-pass', agoMs: 12 * MINUTE, medianMs: 45, ratePerS: 200, lastsS: 60, badRatio: 0 },
  {
    id: 'r-fail',
    agoMs: 3 * HOUR,
    medianMs: 118,
    ratePerS: 200,
    lastsS: 60,
    badRatio: 0.021,
    change: {
      state: 'fail',
      release: '2026.11.2',
      commit: '0b1c2d3e4f5a69788796a5b4c3d2e1f00f1e2d3c-dirty',
      reasons: [
        {
          code: 'errors',
          text: '252 of 12000 (2.1 %) failed, 0.1 % may',
          rule: 'errors < 0.1 %',
          limit: 0.001,
          value: 0.021,
          interval: [0.018, 0.024],
          unit: 'ratio',
          samples: 12_000
        }
      ]
    }
  },
  {
    id: 'r-thin',
    agoMs: 5 * HOUR,
    medianMs: 88,
    ratePerS: 5,
    lastsS: 20,
    badRatio: 0,
    change: {
      state: 'not_enough_evidence',
      intervalsMs: { ...nothing, p50: [80, 96], p95: [160, null] },
      reasons: because(
        'latency',
        '5 of 100 (5 %) took more than 200 ms or failed, 5 % may',
        'about 2,400 more requests like these'
      )
    }
  },
  {
    id: 'r-none',
    agoMs: 8 * HOUR,
    medianMs: 40,
    ratePerS: 4_000,
    lastsS: 10,
    badRatio: 0,
    change: {
      state: 'could_not_measure',
      total: 0,
      bad: 0,
      slow: 0,
      achievedPerS: 0,
      latencyMs: { ...nothing, max: null },
      intervalsMs: nothing,
      statuses: {},
      failures: {},
      histogram: [],
      seconds: { total: [], bad: [], slow: [], p50Ms: [], p95Ms: [], p99Ms: [] },
      reasons: because('no_samples', 'no request was counted', 'run longer, or at a higher rate')
    }
  },
  {
    id: 'r-partial',
    agoMs: DAY,
    medianMs: 52,
    ratePerS: 200,
    lastsS: 14,
    badRatio: 0,
    change: {
      state: 'not_enough_evidence',
      partial: true,
      reasons: because('partial', 'the run was ended before its time', 'let it run to its end')
    }
  },
  {
    id: 'r-k6',
    agoMs: 2 * DAY,
    medianMs: 61,
    ratePerS: 150,
    lastsS: 30,
    badRatio: 0,
    change: {
      kind: 'imported',
      tool: 'k6',
      version: 'k6 0.52',
      release: null,
      commit: null,
      machine: null,
      sender: null,
      slow: null,
      offeredPerS: null,
      intervalsMs: nothing,
      histogram: [],
      seconds: { total: [], bad: [], slow: [], p50Ms: [], p95Ms: [], p99Ms: [] },
      state: 'not_enough_evidence',
      reasons: because('slow_unknown', 'the file does not tell how many requests were slow', 'import its raw output')
    }
  },
  {
    id: 'r-laptop',
    agoMs: 3 * DAY,
    medianMs: 31,
    ratePerS: 200,
    lastsS: 60,
    badRatio: 0,
    change: {
      machine: { ...machine, fingerprint: '17aa02bc55e9d3f1', cpu: 'Apple M3', cores: 12, platform: 'darwin arm64' }
    }
  }
]

const older: readonly Told[] = Array.from({ length: 60 }, (_, index) => ({
  id: `r-old-${index}`,
  agoMs: (4 + index) * DAY,
  medianMs: 44 + (index % 7),
  ratePerS: 200,
  lastsS: 30,
  badRatio: 0
}))

/** Only what has been measured has runs. */
const measured = ({ name }: ServiceScene): boolean => name === 'shop-api'

export const runsOf = (scene: ServiceScene, nowMs: number): LoadRun[] =>
  measured(scene) ? [...told, ...older].map((each) => madeOf(each, nowMs)) : []

export const briefOf = (run: LoadRun, service: string): LoadRunBrief => ({
  id: run.id,
  service,
  kind: run.kind,
  tool: run.tool,
  release: run.release,
  commit: run.commit,
  target: run.target,
  startedAt: run.startedAt,
  durationMs: run.durationMs,
  partial: run.partial,
  achievedPerS: run.achievedPerS,
  total: run.total,
  bad: run.bad,
  p95Ms: run.latencyMs.p95,
  p95IntervalMs: run.intervalsMs.p95,
  fingerprint: run.machine?.fingerprint ?? null,
  state: run.state
})

/** A page of runs by its cursor, which is a position. */
export const pageOf = (runs: readonly LoadRunBrief[], url: URL) => {
  const from = Number(url.searchParams.get('cursor') ?? 0)
  const limit = Number(url.searchParams.get('limit') ?? 50)
  const sorted = runs.toSorted((a, b) => b.startedAt.localeCompare(a.startedAt))
  return {
    runs: sorted.slice(from, from + limit),
    nextCursor: from + limit < sorted.length ? String(from + limit) : null
  }
}

/** A search on a server that carries `line` requests per second: latency grows as a queue's does. */
const lineOf = (scene: ServiceScene, lineS: number, nowMs: number): LoadLine => {
  const probe = (
    phase: 'bracket' | 'refine' | 'hold',
    share: number,
    durationMs: number
  ): LoadLine['probes'][number] => {
    const ratePerS = lineS * share
    const total = Math.round((ratePerS * durationMs) / 1_000)
    const p95Ms = Math.min(8_000, 40 / Math.max(0.005, 1 - share * 0.8)) * (0.93 + 0.14 * noise(phase, share * 1_000))
    return {
      phase,
      ratePerS,
      achievedPerS: ratePerS,
      durationMs,
      total,
      slow: Math.round(total * Math.min(1, 0.05 * (p95Ms / 200) ** 3)),
      failed: 0,
      p50Ms: p95Ms * 0.4,
      p95Ms,
      p99Ms: p95Ms * 1.7,
      senderLimited: false
    }
  }
  return {
    id: `l-${scene.name}`,
    service: scene.name,
    release: '2026.11.3',
    target: 'http://shop.staging.example/',
    measuredAt: iso(nowMs - scene.lineAgeMs),
    partial: false,
    ratePerS: lineS,
    estimatePerS: lineS * 1.04,
    intervalPerS: [lineS * 1.005, lineS * 1.08],
    limitedBy: 'latency',
    errorFloorRatio: null,
    loadMs: 96_000,
    probes: [
      ...[0.12, 0.25, 0.5, 1, 1.18].map((share) => probe('bracket', share, 4_000)),
      ...[0.9, 1.04, 1.0, 1.06, 1.02, 0.97].map((share) => probe('refine', share, 8_000)),
      probe('hold', 0.995, 30_000)
    ],
    promised,
    machine,
    version: '0.1.0',
    commit: '5e1c0f2a9b8d7c6e5f4a3b2c1d0e9f8a7b6c5d4e',
    state: 'pass',
    reasons: [
      {
        code: 'limited_by_latency',
        text: `above about ${Math.round(lineS)}/s more than 5 % of the requests take longer than 200 ms`,
        value: lineS,
        unit: 'per second'
      }
    ]
  }
}

/** The load line of a service that is pretended. */
export const carried = ({ ratePerS, headroomRatio }: ServiceScene): number | null =>
  headroomRatio === null ? null : ratePerS / (1 - headroomRatio)

export const linesOf = (scene: ServiceScene, nowMs: number): LoadLine[] => {
  const lineS = carried(scene)
  if (lineS === null) return []
  const found = lineOf(scene, lineS, nowMs)
  return [
    found,
    {
      ...found,
      id: `l-${scene.name}-stopped`,
      measuredAt: iso(nowMs - scene.lineAgeMs - HOUR),
      partial: true,
      ratePerS: null,
      limitedBy: null,
      probes: found.probes.slice(0, 4),
      state: 'could_not_measure',
      reasons: because('partial', 'the search was ended before its time', 'let it run to its end')
    }
  ]
}

export const lineBrief = (line: LoadLine): LoadLineBrief => ({
  id: line.id,
  release: line.release,
  commit: line.commit,
  target: line.target,
  measuredAt: line.measuredAt,
  partial: line.partial,
  ratePerS: line.ratePerS,
  estimatePerS: line.estimatePerS,
  intervalPerS: line.intervalPerS,
  limitedBy: line.limitedBy,
  fingerprint: line.machine?.fingerprint ?? null,
  state: line.state
})

export const lineStatus = (scene: ServiceScene, trafficPerS: number | null, nowMs: number): LoadLineStatus => {
  const [line = null] = linesOf(scene, nowMs)
  const stale = line !== null && scene.lineAgeMs > 14 * DAY
  const carries = line?.ratePerS ?? null
  return {
    line,
    staleAt: line === null ? null : iso(nowMs - scene.lineAgeMs + 14 * DAY),
    stale,
    staleReasons: stale
      ? because('line_old', `the load line is ${Math.floor(scene.lineAgeMs / DAY)} days old`, 'measure it again')
      : [],
    trafficPerS,
    headroomRatio: carries === null || trafficPerS === null ? null : 1 - trafficPerS / carries,
    advice:
      carries === null
        ? null
        : {
            targetPerAllocationPerS: carries * 0.7,
            marginRatio: 0.3,
            allocationsForTraffic: 2,
            text: `at most ${(carries * 0.7).toPrecision(3)} requests/s for each allocation (30 % below the load line)`,
            policy: 'scaling {\n  enabled = true\n  min     = 2\n  max     = 20\n}\n'
          }
  }
}

/** What the plan allows to be loaded. */
export const targetOf = (scene: ServiceScene) =>
  scene.headroomRatio === null && scene.name !== 'mailer'
    ? null
    : { url: 'http://shop.staging.example/', maxRatePerS: 500, requests: 2 }

export const aSending = (service: string, kind: LiveLoad['kind'], change: Partial<LiveLoad> = {}): LiveLoad => ({
  id: 's-1',
  service,
  kind,
  state: 'starting',
  startedAt: iso(Date.now()),
  phase: null,
  ratePerS: null,
  leftMs: null,
  sent: 0,
  bad: 0,
  slow: 0,
  p95Ms: null,
  estimatePerS: null,
  intervalPerS: null,
  result: null,
  error: null,
  ...change
})
