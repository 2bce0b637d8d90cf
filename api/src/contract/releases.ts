import { Type, type Static } from 'typebox'
import { Environment, Verdict, Version } from './gate.ts'
import {
  Count,
  DurationMs,
  Instant,
  Name,
  Nullable,
  NumberColumn,
  PageQuery,
  Ratio,
  Reason,
  nextCursor,
  seriesAxis
} from './primitives.ts'
import type { Routes } from './route.ts'

/** One arm of a comparison: the requests of one version in the judged seconds. */
export const CanaryArm = Type.Object(
  {
    version: Version,
    allocations: Nullable(Count),
    total: Count,
    bad: Count,
    slow: Count,
    badRatio: Nullable(Ratio),
    /** What this traffic proves at most, 95 %, valid at any time of looking. */
    badUpperRatio: Nullable(Ratio),
    p50Ms: Nullable(DurationMs),
    p95Ms: Nullable(DurationMs),
    p99Ms: Nullable(DurationMs),
    seconds: Type.Object({ ...seriesAxis, total: NumberColumn, bad: NumberColumn, p95Ms: NumberColumn })
  },
  { $id: 'CanaryArm' }
)
export type CanaryArm = Static<typeof CanaryArm>

/** One question of an analysis: errors, or slowness at one threshold. */
export const CanaryChannel = Type.Object(
  {
    name: Type.Union([
      Type.Literal('errors'),
      Type.Literal('slow_slo'),
      Type.Literal('slow_p50'),
      Type.Literal('slow_p95'),
      Type.Literal('slow_p99')
    ]),
    failLogE: Type.Number(),
    passLogE: Nullable(Type.Number()),
    /** Canary's rate over the baseline's, 95 %, valid at any time of looking. */
    ratio: Nullable(Type.Number()),
    ratioInterval: Nullable(Type.Tuple([Type.Number(), Nullable(Type.Number())]))
  },
  { $id: 'CanaryChannel' }
)
export type CanaryChannel = Static<typeof CanaryChannel>

/** `running` and `hold` are under way; the others are the five states of a judgement that has ended. */
export const CanaryState = Type.Union([
  Type.Literal('running'),
  Type.Literal('hold'),
  Type.Literal('pass'),
  Type.Literal('fail'),
  Type.Literal('warn'),
  Type.Literal('not_enough_evidence'),
  Type.Literal('could_not_measure')
])
export type CanaryState = Static<typeof CanaryState>

export const CanaryAction = Type.Union([Type.Literal('promote'), Type.Literal('fail'), Type.Literal('hold')])
export type CanaryAction = Static<typeof CanaryAction>

/** Something done to the outside, from intention to what then was seen. */
export const ReleaseAction = Type.Object(
  {
    action: CanaryAction,
    by: Type.String({ description: 'a person, a token, or plimsoll' }),
    reason: Type.String(),
    intendedAt: Instant,
    state: Type.Union([
      Type.Literal('intended'),
      Type.Literal('done'),
      Type.Literal('superseded'),
      Type.Literal('failed'),
      Type.Literal('observed_only')
    ]),
    settledAt: Nullable(Instant),
    text: Type.String({ description: 'what then was seen' })
  },
  { $id: 'ReleaseAction' }
)
export type ReleaseAction = Static<typeof ReleaseAction>

export const Canary = Type.Object(
  {
    state: CanaryState,
    text: Type.String(),
    reasons: Type.Array(Reason),
    /** Whether the plan lets Plimsoll act; otherwise it observes and says what it would do. */
    act: Type.Boolean(),
    startedAt: Instant,
    judgedAt: Nullable(Instant),
    warmUpMs: DurationMs,
    soakMs: DurationMs,
    deadlineAt: Instant,
    decidedAt: Nullable(Instant),
    arms: Type.Object({ canary: CanaryArm, baseline: Nullable(CanaryArm) }),
    evidence: Type.Object({
      failLogE: Type.Number(),
      failNeeded: Type.Number({ description: 'ln(1/α) at which it fails' }),
      passLogE: Type.Number(),
      passNeeded: Type.Number({ description: 'ln(1/α) at which it may be promoted' })
    }),
    channels: Type.Array(CanaryChannel),
    curve: Type.Object({ ...seriesAxis, failLogE: NumberColumn, passLogE: NumberColumn }),
    toDecide: Nullable(
      Type.Object({ requests: Nullable(Count), durationMs: Nullable(DurationMs), text: Type.String() })
    )
  },
  { $id: 'Canary' }
)
export type Canary = Static<typeof Canary>

export const ReleaseState = Type.Union([
  Type.Literal('announced'),
  Type.Literal('rolling_out'),
  Type.Literal('canary'),
  Type.Literal('promoting'),
  Type.Literal('promoted'),
  Type.Literal('failing'),
  Type.Literal('failed'),
  Type.Literal('reverted'),
  Type.Literal('superseded')
])
export type ReleaseState = Static<typeof ReleaseState>

const releaseHead = {
  id: Type.String({ maxLength: 64 }),
  service: Name,
  version: Version,
  previousVersion: Nullable(Version),
  environment: Environment,
  source: Type.Union([Type.Literal('deploy'), Type.Literal('nomad'), Type.Literal('api'), Type.Literal('log')]),
  state: ReleaseState,
  text: Type.String({ description: 'where it stands and why, in one sentence' }),
  startedAt: Instant,
  endedAt: Nullable(Instant),
  verdict: Nullable(Type.Pick(Verdict, ['id', 'state', 'text', 'at', 'mayShip'])),
  canaryState: Nullable(CanaryState),
  /** Budget spent since the release began, by objective: share of the whole budget. */
  budgetSpent: Type.Array(Type.Object({ objective: Name, spentRatio: Nullable(Type.Number()) }))
}

/** Told by `/api/v1/live` after every change of a release. */
export interface LiveRelease {
  readonly id: string
  readonly service: string
  readonly version: string
  readonly environment: string
  readonly state: ReleaseState
}

export const ReleaseBrief = Type.Object(releaseHead, { $id: 'ReleaseBrief' })
export type ReleaseBrief = Static<typeof ReleaseBrief>

export const TimelineEntry = Type.Object(
  {
    at: Instant,
    kind: Type.Union([
      Type.Literal('announced'),
      Type.Literal('gate'),
      Type.Literal('plan_diff'),
      Type.Literal('evaluation'),
      Type.Literal('allocation'),
      Type.Literal('canary_healthy'),
      Type.Literal('analysis'),
      Type.Literal('action'),
      Type.Literal('promoted'),
      Type.Literal('failed'),
      Type.Literal('reverted'),
      Type.Literal('superseded'),
      Type.Literal('override'),
      Type.Literal('note')
    ]),
    text: Type.String(),
    by: Nullable(Type.String())
  },
  { $id: 'TimelineEntry' }
)
export type TimelineEntry = Static<typeof TimelineEntry>

export const Release = Type.Object(
  {
    ...releaseHead,
    nomad: Nullable(
      Type.Object({
        job: Type.String(),
        namespace: Type.String(),
        jobVersion: Nullable(Count),
        deployment: Nullable(Type.String())
      })
    ),
    timeline: Type.Array(TimelineEntry),
    canary: Nullable(Canary),
    actions: Type.Array(ReleaseAction),
    overrides: Type.Array(Type.String())
  },
  { $id: 'Release' }
)
export type Release = Static<typeof Release>

const ReleaseParams = Type.Object({ id: Type.String({ pattern: '^[A-Za-z0-9._-]{1,64}$' }) })

export const releaseRoutes = {
  'GET /api/v1/releases': {
    summary: 'Releases, newest first',
    tag: 'releases',
    access: 'viewer',
    priority: 'normal',
    query: Type.Object({
      ...PageQuery,
      service: Type.Optional(Name),
      environment: Type.Optional(Environment),
      open: Type.Optional(Type.Boolean({ description: 'only those that have not ended' }))
    }),
    reply: Type.Object({ releases: Type.Array(ReleaseBrief), nextCursor })
  },
  'POST /api/v1/releases': {
    summary: 'Announce a release; the same version of the same service and environment again changes nothing',
    tag: 'releases',
    access: 'deployer',
    services: 'handler',
    priority: 'high',
    body: Type.Object(
      {
        service: Name,
        version: Version,
        environment: Environment,
        /** Version to compare with; absent: the one that serves most of the traffic. */
        baseline: Type.Optional(Version),
        /** Whether its traffic is compared with the baseline's. */
        analyse: Type.Optional(Type.Boolean({ default: false })),
        text: Type.Optional(Type.String({ maxLength: 2_000 })),
        /** Who tells of it; absent: api. */
        source: Type.Optional(Type.Union([Type.Literal('deploy'), Type.Literal('api')])),
        planDiff: Type.Optional(
          Type.Array(Type.String({ maxLength: 500 }), {
            maxItems: 200,
            description: 'what the deployment changes, line by line'
          })
        )
      },
      { additionalProperties: false }
    ),
    status: 201,
    reply: Release
  },
  'GET /api/v1/releases/{id}': {
    summary: 'One release: its timeline, its analysis, what was done',
    tag: 'releases',
    access: 'viewer',
    priority: 'normal',
    params: ReleaseParams,
    reply: Release
  },
  'POST /api/v1/releases/{id}/actions': {
    summary: 'Promote, fail or hold by hand',
    tag: 'releases',
    access: 'operator',
    services: 'handler',
    priority: 'high',
    params: ReleaseParams,
    body: Type.Object(
      { action: CanaryAction, reason: Type.String({ minLength: 3, maxLength: 2_000 }) },
      { additionalProperties: false }
    ),
    status: 202,
    reply: Release
  }
} as const satisfies Routes
