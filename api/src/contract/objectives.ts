import { Type, type Static } from 'typebox'
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

export const Indicator = Type.Union([Type.Literal('availability'), Type.Literal('latency'), Type.Literal('errors')])
export type Indicator = Static<typeof Indicator>

export const ObjectiveBrief = Type.Object(
  {
    name: Name,
    title: Type.String(),
    indicator: Indicator,
    targetRatio: Ratio,
    thresholdMs: Nullable(DurationMs),
    state: State,
    remainingRatio: Nullable(Type.Number({ maximum: 1 })),
    burnRate: Nullable(
      Type.Number({
        minimum: 0,
        description: 'over the last hour; 1 spends exactly the budget by the end of the window'
      })
    )
  },
  { $id: 'ObjectiveBrief' }
)
export type ObjectiveBrief = Static<typeof ObjectiveBrief>

export const ObjectiveWindow = Type.Object({
  kind: Type.Union([Type.Literal('rolling'), Type.Literal('calendar')]),
  name: Type.String({ description: '30d, month, quarter, week' }),
  durationMs: DurationMs,
  timeZone: Nullable(Type.String({ description: 'IANA name, for calendar windows' })),
  fromAt: Instant,
  toAt: Instant
})

/** Allowed, spent and left in bad events (or bad slices). */
export const Budget = Type.Object({
  total: Count,
  bad: Count,
  allowed: Type.Number({ minimum: 0 }),
  spent: Type.Number({ minimum: 0 }),
  remaining: Type.Number({ description: 'negative when overspent' }),
  remainingRatio: Nullable(
    Type.Number({ maximum: 1, description: 'of what is allowed; null when nothing was measured' })
  )
})
export type Budget = Static<typeof Budget>

export const Burn = Type.Object({
  window: Type.String({ description: 'for example 1h' }),
  windowMs: DurationMs,
  total: Count,
  bad: Count,
  rate: Nullable(Type.Number({ minimum: 0 })),
  /** The factor of the tier whose long window this is; null for windows no tier looks at. */
  limit: Nullable(Type.Number({ minimum: 0 })),
  firing: Type.Boolean()
})
export type Burn = Static<typeof Burn>

/** Everything a number was made of. */
export const Explanation = Type.Object(
  {
    formula: Type.String(),
    inputs: Type.Array(Type.Object({ name: Type.String(), value: Type.String(), source: Type.String() })),
    window: Type.Object({ fromAt: Instant, toAt: Instant }),
    exclusions: Type.Array(Type.Object({ text: Type.String(), total: Count, bad: Count })),
    freshAt: Nullable(Instant),
    revision: Type.Integer(),
    see: Type.Array(Type.String())
  },
  { $id: 'Explanation' }
)
export type Explanation = Static<typeof Explanation>

export const Objective = Type.Object(
  {
    name: Name,
    title: Type.String(),
    description: Nullable(Type.String()),
    indicator: Indicator,
    classes: Type.Array(TrafficClassName),
    origin: Type.Union([Type.Literal('requests'), Type.Literal('probes')]),
    path: Nullable(Type.String()),
    thresholdMs: Nullable(DurationMs),
    targetRatio: Ratio,
    budgeting: Type.Union([Type.Literal('requests'), Type.Literal('timeSlices')]),
    window: ObjectiveWindow,
    total: Count,
    bad: Count,
    budget: Budget,
    budgetWithoutMaintenance: Nullable(Budget),
    burn: Type.Array(Burn),
    coverageRatio: Nullable(Ratio),
    state: State,
    reasons: Type.Array(Reason),
    forecast: Type.Object({
      exhaustedAt: Nullable(Instant),
      text: Type.String({ description: 'for example: at this pace gone Thursday 14:00' })
    }),
    revision: Type.Object({ number: Type.Integer({ minimum: 1 }), sinceAt: Instant }),
    evaluatedAt: Instant,
    freshAt: Nullable(Instant),
    explain: Type.Optional(Explanation)
  },
  { $id: 'Objective' }
)
export type Objective = Static<typeof Objective>

export const ObjectiveParams = Type.Object({ service: Name, objective: Name })

export const BudgetHistory = Type.Object(
  {
    ...seriesAxis,
    total: CountColumn,
    bad: CountColumn,
    remainingRatio: NumberColumn,
    burnRate: NumberColumn,
    revisions: Type.Array(
      Type.Object({
        number: Type.Integer(),
        fromAt: Instant,
        toAt: Nullable(Instant),
        targetRatio: Ratio,
        thresholdMs: Nullable(DurationMs)
      })
    )
  },
  { $id: 'BudgetHistory' }
)
export type BudgetHistory = Static<typeof BudgetHistory>

const ExplainQuery = Type.Object({ explain: Type.Optional(Type.Boolean()) })

export const objectiveRoutes = {
  'GET /api/v1/services/{service}/objectives': {
    summary: 'Each objective with its budget, burn, state and reasons',
    tag: 'objectives',
    access: 'viewer',
    priority: 'normal',
    params: ServiceParams,
    query: ExplainQuery,
    reply: Type.Object({ objectives: Type.Array(Objective) })
  },
  'GET /api/v1/services/{service}/objectives/{objective}': {
    summary: 'One objective',
    tag: 'objectives',
    access: 'viewer',
    priority: 'normal',
    params: ObjectiveParams,
    query: ExplainQuery,
    reply: Objective
  },
  'GET /api/v1/services/{service}/objectives/{objective}/history': {
    summary: 'Budget over time',
    tag: 'objectives',
    access: 'viewer',
    priority: 'low',
    params: ObjectiveParams,
    query: RangeQuery,
    reply: BudgetHistory
  }
} as const satisfies Routes
