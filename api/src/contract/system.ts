import { Type, type Static } from 'typebox'
import { Count, Instant, Nullable, Ratio, Reason, State, Name, DurationMs } from './primitives.ts'
import { Severity } from './alerts.ts'
import type { LiveLoad } from './load-routes.ts'
import type { LiveRelease } from './releases.ts'
import type { Routes } from './route.ts'

export const Health = Type.Object(
  { status: Type.Literal('ok'), version: Type.String(), uptimeS: Type.Number() },
  { $id: 'Health' }
)

export const Readiness = Type.Object(
  {
    status: Type.Union([Type.Literal('ready'), Type.Literal('busy'), Type.Literal('not_ready')]),
    reasons: Type.Array(Reason),
    leads: Type.Boolean({ description: 'this instance alerts, probes and deletes for all that share the store' })
  },
  { $id: 'Readiness' }
)
export type Readiness = Static<typeof Readiness>

export const System = Type.Object(
  {
    name: Type.Literal('plimsoll'),
    version: Type.String(),
    instance: Type.String(),
    nowAt: Instant,
    startedAt: Instant,
    database: Type.Object({
      kind: Type.Union([Type.Literal('sqlite'), Type.Literal('postgres')]),
      sizeBytes: Nullable(Count),
      schema: Type.String()
    }),
    access: Type.Object({
      mode: Type.Union([Type.Literal('open_on_loopback'), Type.Literal('token')]),
      text: Type.String()
    }),
    evaluator: Type.Object({ lastRunAt: Nullable(Instant), objectives: Count }),
    lease: Type.Object(
      {
        leads: Type.Boolean({ description: 'this instance acts for all' }),
        holder: Nullable(Type.String({ description: 'the process that leads' })),
        token: Type.Integer({ description: 'fencing token: grows with every change of leader' }),
        sinceAt: Nullable(Instant)
      },
      { description: 'who alerts, probes and deletes for all instances; null when the store does not answer' }
    ),
    instances: Type.Array(
      Type.Object({
        holder: Type.String({ description: 'the process: instance and a random part' }),
        instance: Type.String(),
        version: Type.String(),
        startedAt: Instant,
        state: Type.Union([Type.Literal('here'), Type.Literal('alive'), Type.Literal('gone')])
      }),
      { description: 'the processes that share the store; this one is `here`' }
    )
  },
  { $id: 'System' }
)
export type System = Static<typeof System>

/** Counts of the seconds since the last message, per service. */
export const LiveSlices = Type.Object(
  {
    atMs: Type.Integer({ description: 'start of the last second in it, Unix time in ms' }),
    services: Type.Record(
      Type.String(),
      Type.Object({
        seconds: Type.Array(
          Type.Tuple([Type.Integer(), Count, Count, Count], {
            description: 'second (Unix time in ms), total, 5xx, slower than the promise'
          })
        ),
        ratePerS: Type.Number(),
        errorRatio: Nullable(Ratio),
        p95Ms: Nullable(DurationMs)
      })
    )
  },
  { $id: 'LiveSlices' }
)
export type LiveSlices = Static<typeof LiveSlices>

export const LiveState = Type.Object(
  {
    service: Name,
    state: State,
    remainingRatio: Nullable(Type.Number()),
    objectives: Type.Array(
      Type.Object({
        name: Name,
        state: State,
        remainingRatio: Nullable(Type.Number()),
        burnRate: Nullable(Type.Number())
      })
    )
  },
  { $id: 'LiveState' }
)
export type LiveState = Static<typeof LiveState>

export const LiveAlert = Type.Object(
  {
    id: Type.String(),
    service: Name,
    state: Type.Union([Type.Literal('open'), Type.Literal('resolved')]),
    severity: Severity,
    title: Type.String()
  },
  { $id: 'LiveAlert' }
)
export type LiveAlert = Static<typeof LiveAlert>

/** Event names of `/api/v1/live` and their data. */
export interface LiveEvents {
  slices: LiveSlices
  state: LiveState
  alert: LiveAlert
  load: LiveLoad
  release: LiveRelease
  plan: { revision: number }
  /** The stream could not be resumed from the id given: read everything again. */
  reset: { reason: string }
}

export const systemRoutes = {
  'GET /healthz': {
    summary: 'The process lives; never shed',
    tag: 'system',
    access: 'public',
    priority: 'vital',
    reply: Health
  },
  'GET /readyz': {
    summary:
      'Whether this instance should get traffic, with its reasons: 200 ready, 429 busy (Consul: warning), 503 not ready',
    tag: 'system',
    access: 'public',
    priority: 'vital',
    reply: Readiness,
    alsoStatus: [429, 503]
  },
  'GET /metrics': {
    summary: 'Metrics of Plimsoll itself, Prometheus text',
    tag: 'system',
    access: 'viewer',
    priority: 'high',
    produces: 'text/plain',
    reply: Type.String()
  },
  'GET /api/v1/system': {
    summary: 'This instance: version, store, access mode',
    tag: 'system',
    access: 'viewer',
    priority: 'normal',
    reply: System
  },
  'GET /api/v1/live': {
    summary: 'Server-sent events: slices, states, alerts, plan; resumes by Last-Event-ID',
    tag: 'system',
    access: 'viewer',
    priority: 'low',
    query: Type.Object({ service: Type.Optional(Name) }),
    produces: 'text/event-stream',
    reply: Type.String()
  }
} as const satisfies Routes
