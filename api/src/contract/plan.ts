import { Type, type Static } from 'typebox'
import { Count, DurationMs, Instant, Nullable, Reason, State } from './primitives.ts'
import type { Routes } from './route.ts'

/** Names of risks and milestones, as people number them. */
const PlanId = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$',
  description: 'letters, digits, dot, dash and underscore; 1 to 64 characters'
})

/** A fault of a plan file, where it stands and what would have worked. */
export const PlanFault = Type.Object(
  {
    path: Type.String({ description: 'JSON pointer into the document' }),
    line: Type.Integer({ minimum: 1 }),
    column: Type.Integer({ minimum: 1 }),
    severity: Type.Union([Type.Literal('error'), Type.Literal('warning')]),
    text: Type.String(),
    found: Type.Optional(Type.String()),
    expected: Type.Optional(Type.String())
  },
  { $id: 'PlanFault' }
)
export type PlanFault = Static<typeof PlanFault>

export const PlanStatus = Type.Object(
  {
    revision: Type.Integer({ minimum: 0 }),
    hash: Type.String(),
    source: Type.Union([
      Type.Literal('file'),
      Type.Literal('cli'),
      Type.Literal('api'),
      Type.Literal('ui'),
      Type.Literal('none')
    ]),
    file: Nullable(Type.String()),
    appliedBy: Type.String(),
    appliedAt: Nullable(Instant),
    yaml: Type.String({ description: 'the plan as given' }),
    /** Resolved: shorthand expanded, defaults filled. The shape is plan.schema.json. */
    plan: Type.Record(Type.String(), Type.Unknown()),
    warnings: Type.Array(PlanFault),
    /** The last file that was refused; the plan in force stays. */
    refused: Nullable(Type.Object({ at: Instant, source: Type.String(), faults: Type.Array(PlanFault) }))
  },
  { $id: 'PlanStatus' }
)
export type PlanStatus = Static<typeof PlanStatus>

export const PlanChange = Type.Object(
  {
    kind: Type.Union([Type.Literal('added'), Type.Literal('removed'), Type.Literal('changed')]),
    path: Type.String({ description: 'for example services/shop-api/objectives/p95' }),
    text: Type.String({ description: 'the change in words' }),
    from: Type.Optional(Type.String()),
    to: Type.Optional(Type.String()),
    /** What it costs: a new revision, counts that begin anew, nothing. */
    effect: Type.String()
  },
  { $id: 'PlanChange' }
)
export type PlanChange = Static<typeof PlanChange>

export const Level = Type.Union([Type.Literal('low'), Type.Literal('medium'), Type.Literal('high')])
export type Level = Static<typeof Level>

export const Risk = Type.Object(
  {
    id: Type.String(),
    title: Type.String(),
    impact: Level,
    probability: Level,
    owner: Type.String(),
    mitigation: Nullable(Type.String()),
    status: Type.Union([
      Type.Literal('open'),
      Type.Literal('mitigated'),
      Type.Literal('accepted'),
      Type.Literal('closed')
    ])
  },
  { $id: 'Risk' }
)
export type Risk = Static<typeof Risk>

export const CheckResult = Type.Object(
  {
    key: Type.String(),
    kind: Type.Union([Type.Literal('http'), Type.Literal('objective'), Type.Literal('file'), Type.Literal('command')]),
    title: Type.String(),
    state: State,
    reasons: Type.Array(Reason),
    checkedAt: Nullable(Instant),
    expiresAt: Nullable(Instant),
    durationMs: Nullable(DurationMs)
  },
  { $id: 'CheckResult' }
)
export type CheckResult = Static<typeof CheckResult>

export const Milestone = Type.Object(
  {
    id: Type.String(),
    title: Type.String(),
    owner: Type.String(),
    reviewer: Nullable(Type.String()),
    due: Nullable(Type.String({ description: 'date' })),
    state: State,
    reasons: Type.Array(Reason),
    passed: Count,
    checks: Type.Array(CheckResult)
  },
  { $id: 'Milestone' }
)
export type Milestone = Static<typeof Milestone>

const yamlBody = { consumes: ['application/yaml', 'application/json'] } as const

export const planRoutes = {
  'GET /api/v1/plan': {
    summary: 'The plan in force',
    tag: 'plan',
    access: 'viewer',
    priority: 'normal',
    reply: PlanStatus
  },
  'PUT /api/v1/plan': {
    summary: 'Apply a plan (YAML or JSON); a plan with an error changes nothing',
    tag: 'plan',
    access: 'operator',
    priority: 'high',
    headers: Type.Object({
      'if-match': Type.Optional(Type.String({ description: 'ETag of the plan that was edited' })),
      'x-plan-source': Type.Optional(Type.Union([Type.Literal('cli'), Type.Literal('api'), Type.Literal('ui')]))
    }),
    ...yamlBody,
    reply: Type.Object({ status: PlanStatus, changes: Type.Array(PlanChange) })
  },
  'POST /api/v1/plan/diff': {
    summary: 'What applying this plan would change; nothing is applied',
    tag: 'plan',
    access: 'viewer',
    priority: 'normal',
    ...yamlBody,
    reply: Type.Object({ changes: Type.Array(PlanChange), faults: Type.Array(PlanFault) })
  },
  'GET /api/v1/plan/export': {
    summary: 'The plan as YAML: as given, resolved, or as OpenSLO v1',
    tag: 'plan',
    access: 'viewer',
    priority: 'normal',
    query: Type.Object({
      format: Type.Optional(Type.Union([Type.Literal('given'), Type.Literal('resolved'), Type.Literal('openslo')]))
    }),
    produces: 'application/yaml',
    reply: Type.String()
  },
  'GET /api/v1/plan/risks': {
    summary: 'Risks, highest first',
    tag: 'plan',
    access: 'viewer',
    priority: 'normal',
    reply: Type.Object({ risks: Type.Array(Risk) })
  },
  'GET /api/v1/plan/milestones': {
    summary: 'Milestones with the evidence of their acceptance checks',
    tag: 'plan',
    access: 'viewer',
    priority: 'normal',
    reply: Type.Object({ milestones: Type.Array(Milestone) })
  },
  'POST /api/v1/plan/milestones/{id}/checks': {
    summary: 'Run the acceptance checks of a milestone now',
    tag: 'plan',
    access: 'operator',
    priority: 'normal',
    params: Type.Object({ id: PlanId }),
    reply: Milestone
  }
} as const satisfies Routes
