import { Type, type Static } from 'typebox'
import { LoadLine, LoadLineBrief, LoadLineProbe, LoadRun, LoadRunBrief, RatePerS } from './load.ts'
import {
  Count,
  DurationMs,
  Instant,
  Name,
  Nullable,
  PageQuery,
  Ratio,
  Reason,
  ServiceParams,
  nextCursor
} from './primitives.ts'
import type { Routes } from './route.ts'

/** What may be started: a run at a rate, or a search. Saturation knows no rate to stay below, so it is not offered. */
export const StartLoad = Type.Union([
  Type.Object(
    {
      kind: Type.Literal('run'),
      ratePerS: Type.Number({ exclusiveMinimum: 0, maximum: 1_000_000 }),
      durationMs: Type.Integer({ minimum: 1_000, maximum: 3_600_000 }),
      arrivals: Type.Optional(Type.Union([Type.Literal('constant'), Type.Literal('poisson')])),
      warmUpMs: Type.Optional(
        Type.Integer({ minimum: 0, maximum: 600_000, default: 0, description: 'load before it that is not counted' })
      ),
      release: Type.Optional(Type.String({ maxLength: 256 }))
    },
    { additionalProperties: false }
  ),
  Type.Object(
    {
      kind: Type.Literal('line'),
      startPerS: Type.Optional(Type.Number({ minimum: 1, maximum: 1_000_000, default: 20, description: 'first rate' })),
      budgetMs: Type.Optional(
        Type.Integer({
          minimum: 5_000,
          maximum: 3_600_000,
          default: 110_000,
          description: 'load until the estimate stands'
        })
      ),
      holdMs: Type.Optional(
        Type.Integer({
          minimum: 3_000,
          maximum: 600_000,
          default: 30_000,
          description: 'how long the line has to hold at the end'
        })
      ),
      release: Type.Optional(Type.String({ maxLength: 256 }))
    },
    { additionalProperties: false }
  )
])
export type StartLoad = Static<typeof StartLoad>

/** Load that is being sent by this instance, as it goes. */
export const LiveLoad = Type.Object(
  {
    id: Type.String({ description: 'of this sending; its result has an id of its own' }),
    service: Name,
    kind: Type.Union([Type.Literal('run'), Type.Literal('line')]),
    state: Type.Union([
      Type.Literal('starting'),
      Type.Literal('running'),
      Type.Literal('ended'),
      Type.Literal('failed')
    ]),
    startedAt: Instant,
    phase: Nullable(LoadLineProbe.properties.phase),
    ratePerS: Nullable(RatePerS),
    leftMs: Nullable(DurationMs),
    sent: Count,
    bad: Count,
    slow: Count,
    p95Ms: Nullable(DurationMs),
    estimatePerS: Nullable(RatePerS),
    intervalPerS: Nullable(Type.Tuple([RatePerS, RatePerS])),
    result: Nullable(Type.String({ description: 'id of the run or line it ended with' })),
    error: Nullable(Type.Object({ code: Type.String(), text: Type.String(), hint: Nullable(Type.String()) }))
  },
  { $id: 'LiveLoad' }
)
export type LiveLoad = Static<typeof LiveLoad>

/** What to tell an autoscaler. */
export const ScalingAdvice = Type.Object({
  targetPerAllocationPerS: RatePerS,
  marginRatio: Ratio,
  allocationsForTraffic: Nullable(Count),
  text: Type.String(),
  policy: Type.String({ description: 'a scaling block of a Nomad job, HCL' })
})

export const LoadLineStatus = Type.Object(
  {
    /** The newest line that was found; null: never measured. */
    line: Nullable(LoadLine),
    staleAt: Nullable(Instant),
    stale: Type.Boolean(),
    staleReasons: Type.Array(Reason),
    trafficPerS: Nullable(RatePerS),
    headroomRatio: Nullable(Type.Number({ maximum: 1, description: '1 − traffic / line; below 0: over the line' })),
    advice: Nullable(ScalingAdvice)
  },
  { $id: 'LoadLineStatus' }
)
export type LoadLineStatus = Static<typeof LoadLineStatus>

const StoredParams = Type.Object({ service: Name, id: Type.String({ pattern: '^[A-Za-z0-9._-]{1,64}$' }) })

export const loadRoutes = {
  'GET /api/v1/runs': {
    summary: 'Load runs of every service, newest first',
    tag: 'load',
    access: 'viewer',
    priority: 'low',
    query: Type.Object({ ...PageQuery }),
    reply: Type.Object({ runs: Type.Array(LoadRunBrief), nextCursor })
  },
  'GET /api/v1/services/{service}/runs': {
    summary: 'Load runs, newest first, and what is being sent now',
    tag: 'load',
    access: 'viewer',
    priority: 'low',
    params: ServiceParams,
    query: Type.Object({ ...PageQuery, release: Type.Optional(Type.String({ maxLength: 256 })) }),
    reply: Type.Object({
      runs: Type.Array(LoadRunBrief),
      nextCursor,
      active: Nullable(LiveLoad),
      /** What the plan allows to be loaded; null: nothing. */
      target: Nullable(Type.Object({ url: Type.String(), maxRatePerS: RatePerS, requests: Count }))
    })
  },
  'POST /api/v1/services/{service}/runs': {
    summary: 'Load the target that the plan names: a run at a rate, or a search for the load line',
    tag: 'load',
    access: 'operator',
    priority: 'normal',
    params: ServiceParams,
    body: StartLoad,
    status: 202,
    reply: LiveLoad
  },
  'DELETE /api/v1/services/{service}/runs/active': {
    summary: 'Stop what is being sent; a run keeps what it has, marked partial',
    tag: 'load',
    access: 'operator',
    priority: 'high',
    params: ServiceParams,
    reply: LiveLoad
  },
  'GET /api/v1/services/{service}/runs/{id}': {
    summary: 'One run: percentiles, the course over time, statuses, the verdict and why',
    tag: 'load',
    access: 'viewer',
    priority: 'low',
    params: StoredParams,
    reply: LoadRun
  },
  'PUT /api/v1/services/{service}/runs/{id}': {
    summary: 'Keep a run that was made elsewhere; the same run again changes nothing',
    tag: 'load',
    access: 'deployer',
    priority: 'high',
    params: StoredParams,
    body: LoadRun,
    reply: Type.Object({ id: Type.String() })
  },
  'GET /api/v1/services/{service}/load-line': {
    summary: 'The load line with its curve, its age, the headroom left, and advice for an autoscaler',
    tag: 'load',
    access: 'viewer',
    priority: 'normal',
    params: ServiceParams,
    query: Type.Object({ release: Type.Optional(Type.String({ maxLength: 256 })) }),
    reply: LoadLineStatus
  },
  'GET /api/v1/services/{service}/load-lines': {
    summary: 'Every search for the load line, newest first, those that found none included',
    tag: 'load',
    access: 'viewer',
    priority: 'low',
    params: ServiceParams,
    query: Type.Object({ limit: PageQuery.limit }),
    reply: Type.Object({ lines: Type.Array(LoadLineBrief) })
  },
  'GET /api/v1/services/{service}/load-lines/{id}': {
    summary: 'One search for the load line: its probes, what it came to and why',
    tag: 'load',
    access: 'viewer',
    priority: 'low',
    params: StoredParams,
    reply: LoadLine
  },
  'PUT /api/v1/services/{service}/load-lines/{id}': {
    summary: 'Keep a load line that was measured elsewhere; the same line again changes nothing',
    tag: 'load',
    access: 'deployer',
    priority: 'high',
    params: StoredParams,
    body: LoadLine,
    reply: Type.Object({ id: Type.String() })
  }
} as const satisfies Routes
