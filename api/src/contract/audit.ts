import { Type, type Static } from 'typebox'
import { CallerKind, Role } from './access.ts'
import { Count, Instant, Nullable, PageQuery, nextCursor } from './primitives.ts'
import type { Routes } from './route.ts'

const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256, hex' })

/** Who did what, when, from where, with what outcome. Its hash covers all of it and the entry before. */
export const AuditEntry = Type.Object(
  {
    sequence: Type.Integer({ minimum: 1, description: '1, 2, 3 … without a gap' }),
    at: Instant,
    instance: Type.String(),
    caller: Type.Object({ kind: CallerKind, id: Type.String(), name: Type.String(), role: Nullable(Role) }),
    /** Key of the route, or a name such as `sign_in`. */
    action: Type.String(),
    /** What it was done to: a path, an id; empty when the action says it all. */
    subject: Type.String(),
    outcome: Type.Union([Type.Literal('done'), Type.Literal('refused'), Type.Literal('failed')]),
    /** HTTP status of the reply; null for what was no request. */
    status: Nullable(Type.Integer()),
    detail: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()])),
    /** Address it came from; empty for what was no request. */
    address: Type.String(),
    requestId: Type.String(),
    previousHash: Sha256,
    hash: Sha256
  },
  { $id: 'AuditEntry' }
)
export type AuditEntry = Static<typeof AuditEntry>

export const AuditHead = Type.Object(
  { sequence: Count, hash: Sha256 },
  { $id: 'AuditHead', description: 'the newest entry; 0 and zeros before the first' }
)
export type AuditHead = Static<typeof AuditHead>

export const auditRoutes = {
  'GET /api/v1/audit': {
    summary: 'The audit log, newest first, or oldest first to verify it; with the head it should end in',
    tag: 'access',
    access: 'admin',
    priority: 'low',
    query: Type.Object({
      ...PageQuery,
      order: Type.Optional(Type.Union([Type.Literal('newest'), Type.Literal('oldest')])),
      caller: Type.Optional(Type.String({ maxLength: 256, description: 'id of a caller' })),
      action: Type.Optional(Type.String({ maxLength: 256 })),
      outcome: Type.Optional(Type.Union([Type.Literal('done'), Type.Literal('refused'), Type.Literal('failed')]))
    }),
    reply: Type.Object({ entries: Type.Array(AuditEntry), head: AuditHead, nextCursor })
  }
} as const satisfies Routes
