import type { BudgetHistory, Heatmap, RouteGroups, TrafficSeries } from '@plimsoll/api/contract'
import { logNormalShare, noise } from './random.ts'
import type { ObjectiveScene, ServiceScene } from './scene.ts'

const MINUTE = 60_000
const SPREAD = 0.55
const STEPS = [1, 10, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 86_400].map((seconds) => seconds * 1_000)

interface Axis {
  readonly fromMs: number
  readonly stepMs: number
  readonly points: number
}

export const axisOf = (url: URL, nowMs: number): Axis => {
  const toMs = Date.parse(url.searchParams.get('to') ?? '') || nowMs
  const fromMs = Date.parse(url.searchParams.get('from') ?? '') || toMs - 60 * MINUTE
  const asked = /^(\d+)(s|m|h|d)$/.exec(url.searchParams.get('step') ?? '')
  const stepMs = asked
    ? Number(asked[1]) * { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[asked[2] as 's' | 'm' | 'h' | 'd']
    : (STEPS.find((step) => (toMs - fromMs) / step <= 720) ?? 86_400_000)
  const start = Math.floor(fromMs / stepMs) * stepMs
  return { fromMs: start, stepMs, points: Math.max(1, Math.ceil((toMs - start) / stepMs)) }
}

const reply = ({ fromMs, stepMs, points }: Axis) => ({
  fromAt: new Date(fromMs).toISOString(),
  toAt: new Date(fromMs + points * stepMs).toISOString(),
  stepMs
})

const incidentAt = (scene: ServiceScene, atMs: number, nowMs: number) => {
  const ago = (nowMs - atMs) / MINUTE
  return scene.incident && ago <= scene.incident.fromMin && ago > scene.incident.toMin ? scene.incident : null
}

/** Counts and percentiles of one slot. */
export const slotOf = (scene: ServiceScene, atMs: number, stepMs: number, nowMs: number) => {
  const dayShare = ((atMs / 3_600_000) % 24) / 24
  const tide = 1 + 0.45 * Math.sin((dayShare - 0.3) * 2 * Math.PI)
  const incident = incidentAt(scene, atMs, nowMs)
  const lasts = Math.max(0, Math.min(stepMs, nowMs - atMs))
  const total = Math.round((scene.ratePerS * tide * (0.85 + 0.3 * noise(scene.name, atMs)) * lasts) / 1_000)
  const errorRatio = incident?.errorRatio ?? scene.errorRatio * (noise(`${scene.name}e`, atMs) > 0.8 ? 4 : 0.2)
  const status5xx = Math.min(total, Math.round(total * errorRatio * (0.7 + 0.6 * noise(`${scene.name}5`, atMs))))
  const status4xx = Math.round((total - status5xx) * 0.018 * noise(`${scene.name}4`, atMs) * 2)
  const medianMs = scene.medianMs * (0.9 + 0.2 * noise(`${scene.name}l`, atMs)) * (incident?.slowdown ?? 1)
  return { total, status5xx, status4xx, medianMs }
}

export const trafficSeries = (scene: ServiceScene, axis: Axis, nowMs: number): TrafficSeries => {
  const slots = slotsOf(scene, axis, nowMs)
  const quantile = (z: number) =>
    slots.map(({ total, medianMs }) => (total > 0 ? medianMs * Math.exp(z * SPREAD) : null))
  const sum = (pick: (slot: (typeof slots)[number]) => number) => slots.reduce((all, slot) => all + pick(slot), 0)
  const zero = slots.map(() => 0)
  const p50Ms = quantile(0)
  const p95Ms = quantile(1.645)
  const p99Ms = quantile(2.326)
  const middle = (column: readonly (number | null)[]) => {
    const known = column.filter((value) => value !== null).toSorted((a, b) => a - b)
    return known[Math.floor(known.length / 2)] ?? null
  }
  return {
    ...reply(axis),
    total: slots.map(({ total }) => total),
    status1xx: zero,
    status2xx: slots.map(({ total, status5xx, status4xx }) => total - status5xx - status4xx),
    status3xx: zero,
    status4xx: slots.map((slot) => slot.status4xx),
    status5xx: slots.map((slot) => slot.status5xx),
    aborted: slots.map(({ total }) => Math.floor(total / 900)),
    p50Ms,
    p95Ms,
    p99Ms,
    whole: {
      total: sum(({ total }) => total),
      status5xx: sum(({ status5xx }) => status5xx),
      aborted: sum(({ total }) => Math.floor(total / 900)),
      p50Ms: middle(p50Ms),
      p95Ms: middle(p95Ms),
      p99Ms: middle(p99Ms),
      maxMs: middle(p99Ms) === null ? null : 2_840
    }
  }
}

const slotsOf = (scene: ServiceScene, { fromMs, stepMs, points }: Axis, nowMs: number) =>
  Array.from({ length: points }, (_, index) => slotOf(scene, fromMs + index * stepMs, stepMs, nowMs))

export const heatmap = (scene: ServiceScene, axis: Axis, nowMs: number): Heatmap => {
  const boundsMs = Array.from({ length: 41 }, (_, row) => Math.round(1_000 * 2 ** (row / 3.2)) / 1_000)
  const slots = slotsOf(scene, axis, nowMs)
  const counts = boundsMs.slice(0, -1).map((low, row) => {
    const high = boundsMs[row + 1] ?? low
    return slots.map(({ total, medianMs }, index) => {
      const share = logNormalShare(high, medianMs, SPREAD) - logNormalShare(low, medianMs, SPREAD)
      return Math.max(0, Math.round(total * share * (0.8 + 0.4 * noise(`${scene.name}h${row}`, index))))
    })
  })
  return { ...reply(axis), boundsMs, counts }
}

export const history = (scene: ServiceScene, objective: ObjectiveScene, axis: Axis, nowMs: number): BudgetHistory => {
  const { remainingRatio } = objective
  const slots = slotsOf(scene, axis, nowMs)
  const day = 86_400_000
  const left = slots.map((_, index) => {
    if (remainingRatio === null) return null
    const age = (nowMs - axis.fromMs - index * axis.stepMs) / (30 * day)
    const spent = 1 - remainingRatio
    const drops = [0.63, 0.31, 0.1].map(
      (at, step) => Math.max(0, Math.min(1, (at - age) / 0.004)) * [0.3, 0.22, 0.28][step]!
    )
    const slow = 0.2 * (1 - age)
    return 1 - spent * Math.min(1, drops.reduce((sum, drop) => sum + drop, 0) + slow)
  })
  return {
    ...reply(axis),
    total: slots.map(({ total }) => total),
    bad: slots.map(({ status5xx }) => status5xx),
    remainingRatio: left,
    burnRate: slots.map(({ total, status5xx }) => (total > 0 ? status5xx / total / (1 - objective.targetRatio) : null)),
    revisions: [
      {
        number: 1,
        fromAt: new Date(nowMs - 90 * day).toISOString(),
        toAt: new Date(nowMs - 9 * day).toISOString(),
        targetRatio: 0.995,
        thresholdMs: objective.thresholdMs
      },
      {
        number: 2,
        fromAt: new Date(nowMs - 9 * day).toISOString(),
        toAt: null,
        targetRatio: objective.targetRatio,
        thresholdMs: objective.thresholdMs
      }
    ]
  }
}

export const routeGroups = (scene: ServiceScene, axis: Axis, nowMs: number): RouteGroups => {
  const whole = trafficSeries(scene, axis, nowMs).whole
  const shares = [
    ['GET /api/items/*', 0.52, 0.8],
    ['GET /api/items', 0.21, 0.6],
    ['POST /api/checkout/*', 0.11, 2.1],
    ['GET /api/search', 0.08, 1.4],
    ['GET /static/*', 0.05, 0.1],
    ['other', 0.03, 1]
  ] as const
  const { fromAt, toAt } = reply(axis)
  return {
    fromAt,
    toAt,
    capped: true,
    routes:
      whole.total === 0
        ? []
        : shares.map(([route, share, slow]) => ({
            route,
            total: Math.round(whole.total * share),
            status5xx: Math.round(whole.status5xx * (route.startsWith('POST') ? 0.8 : share * 0.2)),
            status4xx: Math.round(whole.total * share * 0.018),
            p50Ms: whole.p50Ms === null ? null : whole.p50Ms * slow,
            p95Ms: whole.p95Ms === null ? null : whole.p95Ms * slow
          }))
  }
}
