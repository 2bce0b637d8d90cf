import type { Alert, Marks, Objective, Reason, ServiceDetail, ServiceSummary, Signal } from '@plimsoll/api/contract'
import { carried } from './load.ts'
import { slotOf } from './series.ts'
import type { ObjectiveScene, ServiceScene } from './scene.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const iso = (ms: number): string => new Date(ms).toISOString()

const reasonOf = (scene: ServiceScene, nowMs: number): Reason => ({
  ...scene.why,
  freshAt: iso(nowMs - 1_400),
  ...(scene.state === 'fail' && {
    rule: 'a budget is overspent',
    limit: 13_068,
    value: 17_512,
    unit: 'bad events',
    samples: 9_720_000,
    window: '30d',
    source: 'caddyLog'
  })
})

export const summary = (scene: ServiceScene, nowMs: number): ServiceSummary => {
  const stepMs = 10_000
  const toMs = Math.ceil(nowMs / stepMs) * stepMs
  const slots = Array.from({ length: 90 }, (_, index) => slotOf(scene, toMs - (90 - index) * stepMs, stepMs, nowMs))
  const hour = slotOf(scene, nowMs - HOUR, HOUR, nowMs)
  const minute = slotOf(scene, nowMs - MINUTE, MINUTE, nowMs)
  const measured = !scene.broken
  const line = carried(scene)
  const left = scene.objectives.flatMap(({ remainingRatio }) => remainingRatio ?? [])
  return {
    name: scene.name,
    title: scene.title,
    owner: scene.owner,
    state: scene.state,
    reasons: [reasonOf(scene, nowMs)],
    remainingRatio: left.length > 0 ? Math.min(...left) : null,
    objectives: scene.objectives.map((objective) => ({ ...objective })),
    traffic: {
      ratePerS: measured ? minute.total / 60 : null,
      errorRatio: minute.total > 0 ? minute.status5xx / minute.total : null,
      p95Ms: minute.total > 0 ? minute.medianMs * 2.47 : null,
      p95LimitMs: 200,
      lastHour: { total: hour.total, status5xx: hour.status5xx, aborted: Math.floor(hour.total / 900) },
      recent: {
        fromAt: iso(toMs - 90 * stepMs),
        toAt: iso(toMs),
        stepMs,
        total: slots.map(({ total }) => total),
        status5xx: slots.map(({ status5xx }) => status5xx)
      }
    },
    openAlerts: scene.alerts,
    signals: { live: measured ? 2 : 0, idle: 0, waiting: 0, broken: measured ? 0 : 1 },
    loadLine:
      line === null
        ? null
        : {
            ratePerS: line,
            measuredAt: iso(nowMs - scene.lineAgeMs),
            staleAt: iso(nowMs - scene.lineAgeMs + 14 * DAY)
          },
    headroomRatio: line === null || !measured ? null : 1 - minute.total / 60 / line
  }
}

const sourcesOf = (scene: ServiceScene, nowMs: number): Signal[] => {
  const file: Signal = {
    id: 'caddyLog-0',
    kind: 'caddyLog',
    title: `/var/log/caddy/${scene.name}.ndjson`,
    health: scene.broken ? 'broken' : 'live',
    reasons: scene.broken
      ? [
          {
            code: 'file_missing',
            text: 'The file does not exist.',
            next: 'Let Caddy write its log there, or correct `file` in the plan.'
          }
        ]
      : [{ code: 'events_come', text: 'Events came within the last minute.' }],
    lagMs: scene.broken ? null : 840,
    behindBytes: scene.broken ? null : 0,
    lastEventAt: iso(nowMs - (scene.broken ? 41 * MINUTE : 900)),
    lastReadAt: iso(nowMs - 300),
    counts: {
      read: 9_734_211,
      counted: 9_720_000,
      filtered: 12_804,
      late: 41,
      aborted: 1_366,
      dropped: 0,
      unsignedClaims: 3,
      skipped: { not_json: 12, other_format: 29 }
    },
    lastError: scene.broken
      ? {
          at: iso(nowMs - 12_000),
          code: 'PLIMSOLL_LOG_MISSING',
          text: `ENOENT: no such file, open '/var/log/caddy/${scene.name}.ndjson'`,
          hint: 'Check the path in the plan and the permissions of its folder.'
        }
      : null
  }
  if (scene.broken) return [file]
  return [
    file,
    {
      ...file,
      id: 'probe-0',
      kind: 'probe',
      title: `https://${scene.name}.example/healthz`,
      lagMs: 0,
      counts: {
        read: 8_640,
        counted: 8_640,
        filtered: 0,
        late: 0,
        aborted: 0,
        dropped: 0,
        unsignedClaims: 0,
        skipped: {}
      },
      probe: { lastStatus: 200, lastDurationMs: 38.2, certificateExpiresAt: iso(nowMs + 23 * DAY), everyMs: 10_000 }
    }
  ]
}

export const detail = (scene: ServiceScene, nowMs: number): ServiceDetail => ({
  ...summary(scene, nowMs),
  coverageRatio: scene.broken ? 0.9986 : 1,
  sources: sourcesOf(scene, nowMs),
  releases: [
    { release: '2026.11.3', firstSeenAt: iso(nowMs - 47 * MINUTE), lastSeenAt: iso(nowMs) },
    { release: '2026.11.2', firstSeenAt: iso(nowMs - 6 * DAY), lastSeenAt: iso(nowMs - 47 * MINUTE) }
  ],
  maintenance: [{ fromAt: iso(nowMs - 4 * DAY), toAt: iso(nowMs - 4 * DAY + HOUR), reason: 'database upgrade' }]
})

const TIERS = [
  ['5m', 5 * MINUTE, null],
  ['30m', 30 * MINUTE, null],
  ['1h', HOUR, 14.4],
  ['2h', 2 * HOUR, null],
  ['6h', 6 * HOUR, 6],
  ['1d', DAY, 3],
  ['3d', 3 * DAY, 1],
  ['30d', 30 * DAY, null]
] as const

export const objective = (
  scene: ServiceScene,
  { burnRate, remainingRatio, state, targetRatio, ...given }: ObjectiveScene,
  nowMs: number,
  explain: boolean
): Objective => {
  const total = Math.round(scene.ratePerS * 30 * 86_400)
  const allowed = total * (1 - targetRatio)
  const spent = remainingRatio === null ? 0 : allowed * (1 - remainingRatio)
  const bad = Math.round(spent)
  const fromAt = iso(nowMs - 30 * DAY)
  const toAt = iso(nowMs)
  const budget = { total, bad, allowed, spent, remaining: allowed - spent, remainingRatio }
  return {
    ...given,
    targetRatio,
    state,
    description: null,
    classes: ['user'],
    origin: 'requests',
    path: given.name === 'checkout-latency' ? '/api/checkout/*' : null,
    budgeting: 'requests',
    window: { kind: 'rolling', name: '30d', durationMs: 30 * DAY, timeZone: null, fromAt, toAt },
    total,
    bad,
    budget,
    budgetWithoutMaintenance:
      remainingRatio === null
        ? null
        : { ...budget, remainingRatio: Math.min(1, remainingRatio + 0.021), bad: Math.round(bad * 0.98) },
    burn: TIERS.map(([window, windowMs, limit], index) => {
      const rate = burnRate === null ? null : burnRate * [1.1, 1.2, 1, 0.9, 0.72, 0.5, 0.4, 0.34][index]!
      const events = Math.round((total * windowMs) / (30 * DAY))
      return {
        window,
        windowMs,
        total: events,
        bad: rate === null ? 0 : Math.round(events * rate * (1 - targetRatio)),
        rate,
        limit,
        firing: limit !== null && rate !== null && rate > limit
      }
    }),
    coverageRatio: remainingRatio === null ? 0.9986 : 1,
    reasons: [
      state === 'pass'
        ? {
            code: 'budget_left',
            text: `${Math.round((remainingRatio ?? 0) * 100)} % of the budget is left and it is not being spent too fast.`,
            rule: 'budget left is above 10 %',
            limit: 0.1,
            value: remainingRatio ?? 0,
            unit: 'ratio',
            samples: total,
            window: '30d',
            source: 'caddyLog',
            freshAt: iso(nowMs - 1_400)
          }
        : { ...reasonOf(scene, nowMs), freshAt: iso(nowMs - 1_400) }
    ],
    forecast: {
      exhaustedAt: remainingRatio !== null && remainingRatio > 0 && (burnRate ?? 0) > 1 ? iso(nowMs + 2 * DAY) : null,
      text:
        remainingRatio === null
          ? 'Unknown: nothing was measured.'
          : remainingRatio < 0
            ? 'Spent 11 days ago.'
            : (burnRate ?? 0) > 1
              ? 'At this pace gone Thursday 14:00.'
              : 'At this pace it outlasts the window.'
    },
    revision: { number: 2, sinceAt: iso(nowMs - 9 * DAY) },
    evaluatedAt: iso(nowMs - 700),
    freshAt: remainingRatio === null ? iso(nowMs - 41 * MINUTE) : iso(nowMs - 1_400),
    ...(explain && {
      explain: {
        formula: 'remaining = 1 - bad / ((1 - target) * total)',
        inputs: [
          { name: 'total', value: String(total), source: 'slices of 1 min, user class, 30 d' },
          {
            name: 'bad',
            value: String(bad),
            source:
              given.indicator === 'latency'
                ? `slower than ${given.thresholdMs} ms, or failed`
                : 'status 500 to 599, or timed out'
          },
          { name: 'target', value: String(targetRatio), source: 'plan revision 12, objective revision 2' }
        ],
        window: { fromAt, toAt },
        exclusions: [
          {
            text: 'Maintenance “database upgrade” is counted; without it 2.1 points more are left',
            total: 136_800,
            bad: 274
          },
          { text: 'Requests of synthetic and load class', total: 8_640, bad: 0 },
          { text: 'Client went away (status 0): neither good nor bad', total: 1_366, bad: 0 }
        ],
        freshAt: iso(nowMs - 1_400),
        revision: 2,
        see: ['Site Reliability Workbook, chapter 5', 'https://sre.google/workbook/alerting-on-slos/']
      }
    })
  }
}

export const marks = (scene: ServiceScene, fromMs: number, toMs: number, nowMs: number): Marks => {
  const all: Marks['marks'] = [
    { kind: 'release', fromAt: iso(nowMs - 47 * MINUTE), toAt: null, title: 'Release 2026.11.3', ref: '2026.11.3' },
    {
      kind: 'alert',
      fromAt: iso(nowMs - 44 * MINUTE),
      toAt: null,
      title: 'Availability burns 21 times too fast',
      severity: 'page',
      ref: 'a-1'
    },
    {
      kind: 'alert',
      fromAt: iso(nowMs - 9 * DAY),
      toAt: iso(nowMs - 9 * DAY + 3 * HOUR),
      title: 'Availability burns 7 times too fast',
      severity: 'page',
      ref: 'a-3'
    },
    {
      kind: 'maintenance',
      fromAt: iso(nowMs - 4 * DAY),
      toAt: iso(nowMs - 4 * DAY + HOUR),
      title: 'Maintenance: database upgrade'
    },
    {
      kind: 'maintenance',
      fromAt: iso(nowMs - 8 * MINUTE),
      toAt: iso(nowMs - 4 * MINUTE),
      title: 'Maintenance: certificate renewal'
    },
    {
      kind: 'revision',
      fromAt: iso(nowMs - 9 * DAY),
      toAt: null,
      title: 'Availability: target 99.5 % became 99.9 %',
      ref: 'availability'
    },
    { kind: 'plan', fromAt: iso(nowMs - 20 * MINUTE), toAt: null, title: 'Plan revision 12 applied' }
  ]
  return {
    fromAt: iso(fromMs),
    toAt: iso(toMs),
    marks:
      scene.incident === null
        ? all.slice(3, 6)
        : all.filter((mark) => Date.parse(mark.fromAt) < toMs && (mark.toAt === null || Date.parse(mark.toAt) > fromMs))
  }
}

export const alerts = (nowMs: number): Alert[] => {
  const burning: Alert = {
    id: 'a-1',
    dedupKey: 'checkout/availability/burn',
    service: 'checkout',
    objectives: ['availability', 'errors'],
    kind: 'burn',
    severity: 'page',
    state: 'open',
    title: 'Availability burns 21 times too fast',
    reasons: [
      {
        code: 'burn_rate',
        text: 'Over 1 h 5,942 of 136,800 requests failed: 21.4 times what the budget allows, where 14.4 wakes somebody.',
        rule: 'page-fast: burn rate over 1 h and 5 m above 14.4',
        limit: 14.4,
        value: 21.4,
        interval: [20.9, 22],
        unit: '×',
        samples: 136_800,
        window: '1h',
        source: 'caddyLog',
        freshAt: iso(nowMs - 1_400),
        next: 'Look at POST /api/checkout/*: it has 80 % of the failures. Release 2026.11.3 came 3 minutes before.'
      }
    ],
    tier: 'page-fast',
    numbers: {
      longWindowMs: HOUR,
      shortWindowMs: 5 * MINUTE,
      factor: 14.4,
      longBurnRate: 21.4,
      shortBurnRate: 23.5,
      total: 136_800,
      bad: 5_942,
      evidence: 81_240,
      evidenceNeeded: 1_000
    },
    openedAt: iso(nowMs - 44 * MINUTE),
    updatedAt: iso(nowMs - 20_000),
    resolvedAt: null,
    muted: null,
    deliveries: [
      { receiver: 'log', state: 'delivered', attempts: 1, lastError: null },
      {
        receiver: 'webhook on-call',
        state: 'failed',
        attempts: 6,
        lastError: '502 Bad Gateway from https://hooks.example/on-call'
      }
    ]
  }
  return [
    burning,
    {
      ...burning,
      id: 'a-2',
      dedupKey: 'search-api/p95/burn',
      service: 'search-api',
      objectives: ['p95'],
      severity: 'ticket',
      tier: 'ticket-fast',
      title: 'p95 under 200 ms burns 3.4 times too fast',
      numbers: {
        ...burning.numbers!,
        longWindowMs: DAY,
        shortWindowMs: 2 * HOUR,
        factor: 3,
        longBurnRate: 3.4,
        shortBurnRate: 3.6,
        evidence: 412,
        evidenceNeeded: 100
      },
      openedAt: iso(nowMs - 5 * HOUR),
      deliveries: [burning.deliveries[0]!]
    },
    {
      ...burning,
      id: 'a-4',
      dedupKey: 'payments-webhook/no_signal',
      service: 'payments-webhook',
      objectives: [],
      kind: 'no_signal',
      severity: 'notice',
      tier: null,
      numbers: null,
      title: 'Nothing heard of payments-webhook for 41 minutes',
      reasons: [
        {
          code: 'no_signal',
          text: 'The last event came 41 minutes ago; 99.9 % over 30 days allows 43 minutes.',
          next: 'Check that Caddy writes /var/log/caddy/payments.ndjson.'
        }
      ],
      openedAt: iso(nowMs - 20 * MINUTE),
      muted: 'maintenance: certificate renewal',
      deliveries: []
    },
    {
      ...burning,
      id: 'a-3',
      state: 'resolved',
      title: 'Availability burns 7 times too fast',
      tier: 'page-slow',
      openedAt: iso(nowMs - 9 * DAY),
      updatedAt: iso(nowMs - 9 * DAY + 3 * HOUR),
      resolvedAt: iso(nowMs - 9 * DAY + 3 * HOUR),
      deliveries: [burning.deliveries[0]!]
    }
  ]
}
