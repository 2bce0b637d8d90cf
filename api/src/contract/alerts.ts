import { Type, type Static } from 'typebox'
import { Count, DurationMs, Instant, Name, Nullable, PageQuery, Reason, nextCursor } from './primitives.ts'
import type { Routes } from './route.ts'

export const Severity = Type.Union([Type.Literal('page'), Type.Literal('ticket'), Type.Literal('notice')])
export type Severity = Static<typeof Severity>

export const Alert = Type.Object(
  {
    id: Type.String(),
    dedupKey: Type.String({ description: 'the same for every message about this alert' }),
    service: Name,
    /** Objectives that share the cause; empty for a service that went silent as a whole. */
    objectives: Type.Array(Name),
    kind: Type.Union([
      Type.Literal('burn'),
      Type.Literal('slow_burn_notice'),
      Type.Literal('no_signal'),
      Type.Literal('certificate')
    ]),
    severity: Severity,
    state: Type.Union([Type.Literal('open'), Type.Literal('resolved')]),
    title: Type.String(),
    reasons: Type.Array(Reason),
    tier: Nullable(Type.String({ description: 'page-fast, page-slow, ticket-fast, ticket-slow' })),
    numbers: Nullable(
      Type.Object({
        longWindowMs: DurationMs,
        shortWindowMs: DurationMs,
        factor: Type.Number(),
        longBurnRate: Type.Number(),
        shortBurnRate: Type.Number(),
        total: Count,
        bad: Count,
        evidence: Type.Number({ description: 'e-value of the long window' }),
        evidenceNeeded: Type.Number()
      })
    ),
    openedAt: Instant,
    updatedAt: Instant,
    resolvedAt: Nullable(Instant),
    muted: Nullable(Type.String({ description: 'why nobody was told: a maintenance band' })),
    deliveries: Type.Array(
      Type.Object({
        receiver: Type.String(),
        state: Type.Union([Type.Literal('pending'), Type.Literal('delivered'), Type.Literal('failed')]),
        attempts: Count,
        lastError: Nullable(Type.String())
      })
    )
  },
  { $id: 'Alert' }
)
export type Alert = Static<typeof Alert>

export const alertRoutes = {
  'GET /api/v1/alerts': {
    summary: 'Open and past alerts, newest first, each with the window that fired and the numbers',
    tag: 'alerts',
    access: 'viewer',
    priority: 'normal',
    query: Type.Object({
      ...PageQuery,
      state: Type.Optional(Type.Union([Type.Literal('open'), Type.Literal('resolved')])),
      service: Type.Optional(Name)
    }),
    reply: Type.Object({ alerts: Type.Array(Alert), nextCursor })
  },
  'GET /api/v1/alerts/{id}': {
    summary: 'One alert',
    tag: 'alerts',
    access: 'viewer',
    priority: 'normal',
    params: Type.Object({ id: Type.String({ maxLength: 64 }) }),
    reply: Alert
  }
} as const satisfies Routes
