import { Type, type Static } from 'typebox'
import { Count, Instant, Name, Nullable, PageQuery, Reason, ServiceParams, State, nextCursor } from './primitives.ts'
import type { Routes } from './route.ts'

/** A version as the service's logs, jobs and images name it. */
export const Version = Type.String({ minLength: 1, maxLength: 256, pattern: String.raw`^\S+$` })
export const Environment = Type.String({ ...Name, description: 'for example staging or production' })

/** What a release is asked. */
export const GateRuleName = Type.Union([
  Type.Literal('error_budget'),
  Type.Literal('page_alerts'),
  Type.Literal('load_run'),
  Type.Literal('load_line'),
  Type.Literal('previous_release'),
  Type.Literal('risks'),
  Type.Literal('milestones'),
  Type.Literal('freeze'),
  Type.Literal('dependencies'),
  Type.Literal('external_evidence')
])
export type GateRuleName = Static<typeof GateRuleName>

/** What a rule does to the verdict when it fails, or when nothing could be measured. */
export const GateEffect = Type.Union([Type.Literal('block'), Type.Literal('warn'), Type.Literal('off')])
export type GateEffect = Static<typeof GateEffect>

/** One rule's answer: the numbers it was decided by, and the next step in words. */
export const GateRule = Type.Object(
  {
    rule: GateRuleName,
    title: Type.String(),
    state: State,
    onFail: GateEffect,
    onUnmeasured: GateEffect,
    text: Type.String({ description: 'one sentence, numbers included' }),
    limit: Nullable(Type.Number()),
    value: Nullable(Type.Number()),
    unit: Nullable(Type.String()),
    interval: Nullable(Type.Tuple([Type.Number(), Type.Number()], { description: '95 %' })),
    samples: Nullable(Count),
    window: Nullable(Type.String()),
    source: Nullable(Type.String()),
    freshAt: Nullable(Instant),
    next: Nullable(Type.String({ description: 'what to do, or how long until more is known' })),
    /** What the rule looked at, one by one: objectives, alerts, risks, milestones, statements. */
    parts: Type.Array(Reason),
    overriddenBy: Nullable(Type.String({ description: 'id of the override in force' }))
  },
  { $id: 'GateRule' }
)
export type GateRule = Static<typeof GateRule>

/** May it ship? Immutable once given; signed unless it is a dry run. */
export const Verdict = Type.Object(
  {
    id: Type.String({ maxLength: 64 }),
    service: Name,
    version: Version,
    environment: Environment,
    dryRun: Type.Boolean(),
    at: Instant,
    state: State,
    /** Whether a deploy may go on: pass and warn may. */
    mayShip: Type.Boolean(),
    text: Type.String(),
    rules: Type.Array(GateRule),
    askedBy: Type.String(),
    policySha256: Type.String(),
    evidenceSha256: Type.String({ description: 'of everything the rules were given, as canonical JSON' }),
    keyId: Nullable(Type.String({ description: 'of the signature; null: a dry run' }))
  },
  { $id: 'Verdict' }
)
export type Verdict = Static<typeof Verdict>

export const AskGate = Type.Object(
  { version: Version, environment: Environment, dryRun: Type.Optional(Type.Boolean({ default: false })) },
  { additionalProperties: false }
)
export type AskGate = Static<typeof AskGate>

/** A person's word against a rule: who, why, until when, which. */
export const Override = Type.Object(
  {
    id: Type.String({ maxLength: 64 }),
    service: Name,
    environment: Environment,
    version: Nullable(Version),
    rules: Type.Array(GateRuleName, { minItems: 1 }),
    reason: Type.String(),
    by: Type.String(),
    createdAt: Instant,
    until: Instant,
    revokedAt: Nullable(Instant),
    revokedBy: Nullable(Type.String()),
    usedBy: Type.Array(Type.String(), { description: 'verdicts that it changed' })
  },
  { $id: 'Override' }
)
export type Override = Static<typeof Override>

export const CreateOverride = Type.Object(
  {
    environment: Environment,
    version: Type.Optional(Version),
    rules: Type.Array(GateRuleName, { minItems: 1, uniqueItems: true }),
    reason: Type.String({ minLength: 10, maxLength: 2_000 }),
    until: Instant
  },
  { additionalProperties: false }
)
export type CreateOverride = Static<typeof CreateOverride>

/** What an outside program says of a version. */
export const EvidenceKind = Type.Union([
  Type.Literal('statement'),
  Type.Literal('alertmanager'),
  Type.Literal('k6'),
  Type.Literal('junit')
])
export const ExternalEvidence = Type.Object(
  {
    id: Type.String({ maxLength: 64 }),
    service: Name,
    kind: EvidenceKind,
    name: Name,
    version: Nullable(Version),
    environment: Nullable(Environment),
    /** Several of one name that stand beside each other; the worst of the newest of each counts. */
    group: Nullable(Type.String()),
    state: State,
    text: Type.String(),
    receivedAt: Instant,
    expiresAt: Nullable(Instant),
    by: Type.String(),
    sha256: Type.String({ description: 'of the body as it came' })
  },
  { $id: 'ExternalEvidence' }
)
export type ExternalEvidence = Static<typeof ExternalEvidence>

/** A policy asked of what was: which releases it would have stopped, and for what. */
export const Backtest = Type.Object(
  {
    service: Name,
    environment: Environment,
    from: Instant,
    to: Instant,
    text: Type.String({ description: 'for example: would have blocked 2 of 14 releases' }),
    releases: Type.Array(
      Type.Object({
        version: Version,
        at: Instant,
        state: State,
        blocked: Type.Boolean(),
        blockedBy: Type.Array(GateRuleName),
        outcome: Nullable(Type.String({ description: 'what became of it' })),
        rules: Type.Array(GateRule)
      })
    )
  },
  { $id: 'Backtest' }
)
export type Backtest = Static<typeof Backtest>

/** A DSSE envelope around an in-toto statement. */
export const Envelope = Type.Object(
  {
    payloadType: Type.String(),
    payload: Type.String({ description: 'base64' }),
    signatures: Type.Array(Type.Object({ keyid: Type.String(), sig: Type.String({ description: 'base64' }) }))
  },
  { $id: 'Envelope' }
)
export type Envelope = Static<typeof Envelope>

const VerdictParams = Type.Object({ id: Type.String({ pattern: '^[A-Za-z0-9._-]{1,64}$' }) })

export const gateRoutes = {
  'POST /api/v1/services/{service}/gate': {
    summary: 'May this version ship? A verdict with every rule, its numbers and the next step',
    tag: 'gate',
    access: 'deployer',
    priority: 'high',
    params: ServiceParams,
    body: AskGate,
    reply: Verdict
  },
  'GET /api/v1/services/{service}/verdicts': {
    summary: 'Verdicts, newest first',
    tag: 'gate',
    access: 'viewer',
    priority: 'low',
    params: ServiceParams,
    query: Type.Object({ ...PageQuery, version: Type.Optional(Version), environment: Type.Optional(Environment) }),
    reply: Type.Object({ verdicts: Type.Array(Verdict), nextCursor })
  },
  'GET /api/v1/verdicts/{id}': {
    summary: 'One verdict',
    tag: 'gate',
    access: 'viewer',
    priority: 'normal',
    params: VerdictParams,
    reply: Verdict
  },
  'GET /api/v1/verdicts/{id}/envelope': {
    summary: 'The verdict as a signed in-toto statement in a DSSE envelope',
    tag: 'gate',
    access: 'viewer',
    priority: 'normal',
    params: VerdictParams,
    reply: Envelope
  },
  'GET /api/v1/signing-key': {
    summary: 'The public key that verdicts are signed with',
    tag: 'gate',
    access: 'viewer',
    priority: 'normal',
    reply: Type.Object({ keyId: Type.String(), publicKeyPem: Type.String() })
  },
  'POST /api/v1/services/{service}/gate/backtest': {
    summary: 'Replay a policy over stored history: what would it have blocked, and why?',
    tag: 'gate',
    access: 'viewer',
    priority: 'low',
    audit: false,
    params: ServiceParams,
    body: Type.Object(
      {
        environment: Environment,
        from: Type.Optional(Instant),
        to: Type.Optional(Instant),
        /** A policy in the plan's words; absent: the one in force. */
        policy: Type.Optional(Type.Record(Type.String(), Type.Unknown()))
      },
      { additionalProperties: false }
    ),
    reply: Backtest
  },
  'GET /api/v1/services/{service}/overrides': {
    summary: 'Overrides, newest first; ended ones stay',
    tag: 'gate',
    access: 'viewer',
    priority: 'low',
    params: ServiceParams,
    query: Type.Object(PageQuery),
    reply: Type.Object({ overrides: Type.Array(Override), nextCursor })
  },
  'POST /api/v1/services/{service}/overrides': {
    summary: 'Take the blame for named rules until a time',
    tag: 'gate',
    access: 'operator',
    priority: 'high',
    params: ServiceParams,
    body: CreateOverride,
    status: 201,
    reply: Override
  },
  'DELETE /api/v1/services/{service}/overrides/{id}': {
    summary: 'End an override',
    tag: 'gate',
    access: 'operator',
    priority: 'high',
    params: Type.Object({ service: Name, id: VerdictParams.properties.id }),
    reply: Override
  },
  'GET /api/v1/services/{service}/evidence': {
    summary: 'What outside programs said, newest first',
    tag: 'gate',
    access: 'viewer',
    priority: 'low',
    params: ServiceParams,
    query: Type.Object(PageQuery),
    reply: Type.Object({ evidence: Type.Array(ExternalEvidence), nextCursor })
  },
  'POST /api/v1/services/{service}/evidence/{kind}/{name}': {
    summary: 'Hand in evidence: a statement, an Alertmanager webhook, a k6 summary or a JUnit file',
    tag: 'gate',
    access: 'deployer',
    priority: 'high',
    params: Type.Object({ service: Name, kind: EvidenceKind, name: Name }),
    query: Type.Object({ version: Type.Optional(Version), environment: Type.Optional(Environment) }),
    consumes: ['application/json', 'application/xml', 'text/xml'],
    status: 201,
    reply: ExternalEvidence
  }
} as const satisfies Routes
