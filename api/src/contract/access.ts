import { Type, type Static } from 'typebox'
import { Instant, Name, Nullable } from './primitives.ts'
import type { Routes } from './route.ts'

/** What a caller may do; each role may do what those before it may. */
export const Role = Type.Union(
  [Type.Literal('viewer'), Type.Literal('deployer'), Type.Literal('operator'), Type.Literal('admin')],
  { $id: 'Role', description: 'viewer reads, deployer also reports, operator also changes, admin also decides who may' }
)
export type Role = Static<typeof Role>

/**
 * How a caller is known: not at all, as this machine, by API_TOKEN, by a token made here, as a
 * workload of Nomad, or as a person signed in.
 */
export const CallerKind = Type.Union([
  Type.Literal('anyone'),
  Type.Literal('local'),
  Type.Literal('bootstrap'),
  Type.Literal('token'),
  Type.Literal('workload'),
  Type.Literal('person')
])
export type CallerKind = Static<typeof CallerKind>

/** Services that somebody is held to; null: all of them. */
const ServiceScope = Nullable(
  Type.Array(Name, { minItems: 1, maxItems: 100, uniqueItems: true, description: 'only these services' })
)

export const Me = Type.Object(
  {
    kind: CallerKind,
    id: Type.String(),
    name: Type.String(),
    /** Null: may do nothing but what is public. */
    role: Nullable(Role),
    services: ServiceScope,
    /** One sentence for a person: as whom, and why no more. */
    text: Type.String(),
    /** Goes with every write of a person as X-Plimsoll-CSRF; null for other callers. */
    csrfToken: Nullable(Type.String()),
    /** When the session ends at the latest; null for other callers. */
    expiresAt: Nullable(Instant),
    /** Where a browser signs in; null: this server knows no way to. */
    signInPath: Nullable(Type.String())
  },
  { $id: 'Me' }
)
export type Me = Static<typeof Me>

export const ApiToken = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    /** The first characters, to recognise one that was found somewhere. */
    start: Type.String(),
    role: Role,
    services: ServiceScope,
    createdAt: Instant,
    createdBy: Type.String(),
    expiresAt: Nullable(Instant),
    revokedAt: Nullable(Instant),
    /** To the minute. */
    lastUsedAt: Nullable(Instant),
    state: Type.Union([Type.Literal('active'), Type.Literal('expired'), Type.Literal('revoked')])
  },
  { $id: 'ApiToken' }
)
export type ApiToken = Static<typeof ApiToken>

export const CreateToken = Type.Object(
  {
    name: Type.String({ pattern: '^[^\\p{C}]{1,80}$', description: 'for people: what it is for' }),
    role: Role,
    services: Type.Optional(Type.Array(Name, { minItems: 1, maxItems: 100, uniqueItems: true })),
    expiresAt: Type.Optional(Instant)
  },
  { additionalProperties: false, $id: 'CreateToken' }
)
export type CreateToken = Static<typeof CreateToken>

export const Session = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    /** What the provider calls the person. */
    subject: Type.String(),
    role: Role,
    services: ServiceScope,
    createdAt: Instant,
    lastUsedAt: Instant,
    expiresAt: Instant,
    address: Type.String()
  },
  { $id: 'Session' }
)
export type Session = Static<typeof Session>

const Id = Type.Object({ id: Type.String({ pattern: '^[a-z]{3}_[a-z0-9]{8,32}$' }) })

export const accessRoutes = {
  'GET /api/v1/me': {
    summary: 'Who calls, with which role, and where to sign in',
    tag: 'access',
    access: 'public',
    priority: 'normal',
    reply: Me
  },
  'GET /api/v1/tokens': {
    summary: 'Tokens that were made, newest first; never the tokens themselves',
    tag: 'access',
    access: 'admin',
    priority: 'normal',
    reply: Type.Object({ tokens: Type.Array(ApiToken) })
  },
  'POST /api/v1/tokens': {
    summary: 'Make a token; it is shown in this reply and never again',
    tag: 'access',
    access: 'admin',
    priority: 'normal',
    body: CreateToken,
    status: 201,
    reply: Type.Object({ token: ApiToken, secret: Type.String({ description: 'plm_…' }) })
  },
  'DELETE /api/v1/tokens/{id}': {
    summary: 'Revoke a token; it stays in the list',
    tag: 'access',
    access: 'admin',
    priority: 'high',
    params: Id,
    reply: ApiToken
  },
  'GET /api/v1/sessions': {
    summary: 'People who are signed in',
    tag: 'access',
    access: 'admin',
    priority: 'normal',
    reply: Type.Object({ sessions: Type.Array(Session) })
  },
  'DELETE /api/v1/sessions/{id}': {
    summary: 'Sign somebody out',
    tag: 'access',
    access: 'admin',
    priority: 'high',
    params: Id,
    reply: Session
  }
} as const satisfies Routes

/** How a person comes and goes; only a browser calls the first two. */
export const signInRoutes = {
  'GET /api/v1/sign-in': {
    summary: 'Sends a browser to the identity provider',
    tag: 'access',
    access: 'public',
    priority: 'normal',
    query: Type.Object({ returnTo: Type.Optional(Type.String({ maxLength: 2_048 })) }),
    status: 302
  },
  'GET /api/v1/sign-in/callback': {
    summary: 'Where the identity provider sends the browser back to, with what it likes to add',
    tag: 'access',
    access: 'public',
    priority: 'normal',
    status: 302
  },
  'POST /api/v1/sign-out': {
    summary: 'Ends the session of the caller',
    tag: 'access',
    access: 'viewer',
    priority: 'high',
    services: 'any',
    reply: Type.Object({
      /** Where to end the session with the identity provider too; null: it offers nothing of the kind. */
      providerUrl: Nullable(Type.String())
    })
  }
} as const satisfies Routes
