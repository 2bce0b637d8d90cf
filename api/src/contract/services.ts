import { Type, type Static } from 'typebox'
import { ObjectiveBrief } from './objectives.ts'
import {
  Count,
  CountColumn,
  DurationMs,
  Instant,
  Name,
  Nullable,
  NumberColumn,
  RangeQuery,
  Ratio,
  Reason,
  ServiceParams,
  State,
  TrafficClassName,
  seriesAxis
} from './primitives.ts'
import type { Routes } from './route.ts'

/** What a service is doing now: the last minute for rates, the last five for the percentile. */
export const Traffic = Type.Object(
  {
    ratePerS: Nullable(Type.Number({ minimum: 0, description: 'user requests per second, mean of the last minute' })),
    errorRatio: Nullable(Ratio),
    p95Ms: Nullable(DurationMs),
    p95LimitMs: Nullable(DurationMs),
    lastHour: Type.Object({ total: Count, status5xx: Count, aborted: Count }),
    recent: Type.Object(
      { ...seriesAxis, total: CountColumn, status5xx: CountColumn },
      { description: 'last 15 minutes, one value per 10 s' }
    )
  },
  { $id: 'Traffic' }
)
export type Traffic = Static<typeof Traffic>

/** Whether a source is telling us what happens. */
export const Signal = Type.Object(
  {
    id: Type.String({ description: 'stable: kind and position in the plan' }),
    kind: Type.Union([
      Type.Literal('caddyLog'),
      Type.Literal('caddyLogTcp'),
      Type.Literal('probe'),
      Type.Literal('push'),
      Type.Literal('self'),
      Type.Literal('prometheus')
    ]),
    title: Type.String({ description: 'what is read: a path, an address, a URL' }),
    health: Type.Union([Type.Literal('live'), Type.Literal('idle'), Type.Literal('waiting'), Type.Literal('broken')], {
      description:
        'live: events come; idle: silent because nothing happens; waiting: not there yet; broken: silent or wrong because of a fault'
    }),
    reasons: Type.Array(Reason),
    lagMs: Nullable(DurationMs),
    behindBytes: Nullable(Count),
    lastEventAt: Nullable(Instant),
    lastReadAt: Nullable(Instant),
    counts: Type.Object({
      read: Count,
      counted: Count,
      filtered: Count,
      late: Count,
      aborted: Count,
      dropped: Count,
      unsignedClaims: Count,
      skipped: Type.Record(Type.String(), Count, { description: 'by reason' })
    }),
    lastError: Nullable(Type.Object({ at: Instant, code: Type.String(), text: Type.String(), hint: Type.String() })),
    probe: Type.Optional(
      Type.Object({
        lastStatus: Nullable(Type.Integer()),
        lastDurationMs: Nullable(DurationMs),
        certificateExpiresAt: Nullable(Instant),
        everyMs: DurationMs
      })
    )
  },
  { $id: 'Signal' }
)
export type Signal = Static<typeof Signal>

const serviceFields = {
  name: Name,
  title: Type.String(),
  owner: Nullable(Type.String()),
  state: State,
  reasons: Type.Array(Reason),
  /** Least share of a budget left among the objectives; null when none could be measured. */
  remainingRatio: Nullable(Type.Number({ maximum: 1, description: 'negative when overspent' })),
  objectives: Type.Array(ObjectiveBrief),
  traffic: Traffic,
  openAlerts: Type.Object({ page: Count, ticket: Count, notice: Count }),
  signals: Type.Object({ live: Count, idle: Count, waiting: Count, broken: Count }),
  loadLine: Nullable(
    Type.Object({
      ratePerS: Type.Number(),
      measuredAt: Instant,
      staleAt: Instant
    })
  ),
  headroomRatio: Nullable(Type.Number({ maximum: 1 }))
}

export const ServiceSummary = Type.Object(serviceFields, { $id: 'ServiceSummary' })
export type ServiceSummary = Static<typeof ServiceSummary>

export const ServiceDetail = Type.Object(
  {
    ...serviceFields,
    coverageRatio: Nullable(Ratio),
    sources: Type.Array(Signal),
    releases: Type.Array(Type.Object({ release: Type.String(), firstSeenAt: Instant, lastSeenAt: Instant })),
    maintenance: Type.Array(Type.Object({ fromAt: Instant, toAt: Instant, reason: Type.String() }))
  },
  { $id: 'ServiceDetail' }
)
export type ServiceDetail = Static<typeof ServiceDetail>

const StreamFilter = {
  class: Type.Optional(TrafficClassName),
  route: Type.Optional(Type.String({ maxLength: 512 })),
  release: Type.Optional(Type.String({ maxLength: 256 }))
}
export const TrafficQuery = Type.Object({ ...RangeQuery.properties, ...StreamFilter })

export const TrafficSeries = Type.Object(
  {
    ...seriesAxis,
    total: CountColumn,
    status1xx: CountColumn,
    status2xx: CountColumn,
    status3xx: CountColumn,
    status4xx: CountColumn,
    status5xx: CountColumn,
    aborted: CountColumn,
    p50Ms: NumberColumn,
    p95Ms: NumberColumn,
    p99Ms: NumberColumn,
    whole: Type.Object({
      total: Count,
      status5xx: Count,
      aborted: Count,
      p50Ms: Nullable(DurationMs),
      p95Ms: Nullable(DurationMs),
      p99Ms: Nullable(DurationMs),
      maxMs: Nullable(DurationMs)
    })
  },
  { $id: 'TrafficSeries' }
)
export type TrafficSeries = Static<typeof TrafficSeries>

/** Row i of `counts` belongs to [boundsMs[i], boundsMs[i + 1]); column j to step j. */
export const Heatmap = Type.Object(
  {
    ...seriesAxis,
    boundsMs: Type.Array(DurationMs),
    counts: Type.Array(CountColumn)
  },
  { $id: 'Heatmap' }
)
export type Heatmap = Static<typeof Heatmap>

export const RouteGroups = Type.Object(
  {
    fromAt: Instant,
    toAt: Instant,
    capped: Type.Boolean({ description: 'more paths were seen than groups are kept; the rest is in `other`' }),
    routes: Type.Array(
      Type.Object({
        route: Type.String(),
        total: Count,
        status5xx: Count,
        status4xx: Count,
        p50Ms: Nullable(DurationMs),
        p95Ms: Nullable(DurationMs)
      })
    )
  },
  { $id: 'RouteGroups' }
)
export type RouteGroups = Static<typeof RouteGroups>

/** What happened at a time, drawn on every chart. */
export const Marks = Type.Object(
  {
    fromAt: Instant,
    toAt: Instant,
    marks: Type.Array(
      Type.Object({
        kind: Type.Union([
          Type.Literal('alert'),
          Type.Literal('maintenance'),
          Type.Literal('release'),
          Type.Literal('revision'),
          Type.Literal('plan')
        ]),
        fromAt: Instant,
        toAt: Nullable(Instant),
        title: Type.String(),
        severity: Type.Optional(Type.String()),
        ref: Type.Optional(Type.String({ description: 'id of the alert, name of the release' }))
      })
    )
  },
  { $id: 'Marks' }
)
export type Marks = Static<typeof Marks>

export const PushReply = Type.Object(
  {
    accepted: Count,
    duplicate: Type.Boolean({
      description: 'the idempotency key had been seen with this body: nothing was counted again'
    }),
    rejected: Type.Array(
      Type.Object({ line: Type.Integer({ minimum: 1 }), code: Type.String(), detail: Type.String() }),
      { description: 'lines that were not counted; all others were' }
    )
  },
  { $id: 'PushReply' }
)
export type PushReply = Static<typeof PushReply>

/** One line of a push. */
export const PushedEvent = Type.Object(
  {
    service: Name,
    at: Type.Optional(Instant),
    status: Type.Integer({ minimum: 0, maximum: 599, description: 'HTTP status; 0: the client went away' }),
    durationMs: Type.Number({ minimum: 0, maximum: 86_400_000 }),
    count: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'that many equal events; default 1' })
    ),
    path: Type.Optional(Type.String({ maxLength: 8_192 })),
    release: Type.Optional(Type.String({ maxLength: 256 })),
    timedOut: Type.Optional(Type.Boolean())
  },
  { $id: 'PushedEvent', additionalProperties: false }
)
export type PushedEvent = Static<typeof PushedEvent>

export const ImportReply = Type.Object(
  {
    lines: Count,
    counted: Count,
    filtered: Count,
    alreadyCounted: Count,
    skipped: Type.Record(Type.String(), Count),
    bytes: Count,
    fromAt: Nullable(Instant),
    toAt: Nullable(Instant)
  },
  { $id: 'ImportReply' }
)
export type ImportReply = Static<typeof ImportReply>

export const serviceRoutes = {
  'GET /api/v1/services': {
    summary: 'Every service with the state of its promise, worst first',
    tag: 'services',
    access: 'viewer',
    priority: 'normal',
    reply: Type.Object({ services: Type.Array(ServiceSummary) })
  },
  'GET /api/v1/services/{service}': {
    summary: 'One service with its sources and their health',
    tag: 'services',
    access: 'viewer',
    priority: 'normal',
    params: ServiceParams,
    reply: ServiceDetail
  },
  'GET /api/v1/services/{service}/traffic': {
    summary: 'Requests and latency over time',
    tag: 'services',
    access: 'viewer',
    priority: 'low',
    params: ServiceParams,
    query: TrafficQuery,
    reply: TrafficSeries
  },
  'GET /api/v1/services/{service}/heatmap': {
    summary: 'The latency histogram over time',
    tag: 'services',
    access: 'viewer',
    priority: 'low',
    params: ServiceParams,
    query: TrafficQuery,
    reply: Heatmap
  },
  'GET /api/v1/services/{service}/routes': {
    summary: 'Route groups with their counts and percentiles',
    tag: 'services',
    access: 'viewer',
    priority: 'low',
    params: ServiceParams,
    query: RangeQuery,
    reply: RouteGroups
  },
  'GET /api/v1/services/{service}/marks': {
    summary: 'Alerts, maintenance, releases and changes of the promise, for charts',
    tag: 'services',
    access: 'viewer',
    priority: 'low',
    params: ServiceParams,
    query: RangeQuery,
    reply: Marks
  },
  'POST /api/v1/events': {
    summary: 'Push events, one JSON object a line; acknowledged only after they are stored',
    tag: 'signals',
    access: 'deployer',
    priority: 'high',
    services: 'handler',
    audit: false,
    headers: Type.Object({ 'idempotency-key': Type.Optional(Type.String({ minLength: 1, maxLength: 200 })) }),
    consumes: ['application/x-ndjson'],
    reply: PushReply
  },
  'POST /api/v1/services/{service}/imports': {
    summary: 'Import an access log, plain or gzip; bytes already counted are not counted again',
    tag: 'signals',
    access: 'operator',
    priority: 'high',
    params: ServiceParams,
    query: Type.Object({
      name: Type.Optional(Type.String({ maxLength: 1_024, description: 'file name, for people' }))
    }),
    consumes: ['application/octet-stream'],
    reply: ImportReply
  }
} as const satisfies Routes
