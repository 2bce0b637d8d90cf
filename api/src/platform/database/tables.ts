/**
 * Every table, once. Portable by rule: text, integers (64 bit), doubles and blobs only; times are
 * Unix milliseconds, booleans are 0 or 1, documents are JSON text. The migrations beside this file
 * create exactly this on SQLite and PostgreSQL.
 */
import type { Generated } from 'kysely'

export interface Tables {
  streams: StreamsTable
  slices: SlicesTable
  cursors: CursorsTable
  log_files: LogFilesTable
  idempotency_keys: IdempotencyKeysTable
  coverage: CoverageTable
  probe_results: ProbeResultsTable
  plans: PlansTable
  objective_revisions: ObjectiveRevisionsTable
  check_results: CheckResultsTable
  alerts: AlertsTable
  deliveries: DeliveriesTable
  load_runs: LoadRunsTable
  load_lines: LoadLinesTable
  api_tokens: ApiTokensTable
  sessions: SessionsTable
  audit_log: AuditLogTable
  leases: LeasesTable
  instances: InstancesTable
  journal: JournalTable
  verdicts: VerdictsTable
  gate_overrides: GateOverridesTable
  external_evidence: ExternalEvidenceTable
  releases: ReleasesTable
  release_timeline: ReleaseTimelineTable
  canary_batches: CanaryBatchesTable
  release_actions: ReleaseActionsTable
  meta: MetaTable
}

/** The dictionary of streams: rows of `slices` name one by its number. */
export interface StreamsTable {
  id: Generated<number>
  service: string
  release: string
  traffic_class: string
  route: string
  scope: string
  origin: string
  /** Start of the first hour it has counts in, Unix ms. */
  first_ms: number
  /** Start of the last hour it has counts in, Unix ms: readers skip streams that were silent in their range. */
  last_ms: number
}

/**
 * Counts of one stream, interval and writer, at one of three widths. Each width is complete for its
 * own retention (10 s: hours; 1 min: the longest window and a margin; 1 h: 400 days), so a reader
 * picks one width and sums over writers. Values are absolute.
 */
export interface SlicesTable {
  width_ms: number
  stream_id: number
  start_ms: number
  writer: string
  total: number
  status_1xx: number
  status_2xx: number
  status_3xx: number
  status_4xx: number
  status_5xx: number
  timeouts: number
  aborted: number
  /** JSON object, threshold in ms → slow events. */
  slow: string
  /** Sparse histogram; null when `total` is 0. */
  latency: Uint8Array | null
}

export interface CursorsTable {
  source: string
  /** JSON; see the source for its shape. */
  position: string
  updated_ms: number
}

/** Which bytes of which log file have been counted, whatever the file is called now or however it is packed. */
export interface LogFilesTable {
  /** SHA-256 over service and the first complete line (hex). */
  fingerprint: string
  service: string
  /** JSON array of [from, to) byte ranges of the unpacked content, merged and sorted. */
  ranges: string
  /** Last known path, for people. */
  path: string
  updated_ms: number
}

export interface IdempotencyKeysTable {
  key: string
  /** SHA-256 of the body that came with it (hex). */
  body_hash: string
  /** The JSON reply that was given. */
  reply: string
  created_ms: number
}

/**
 * When we could know what a service did: stretches in which one of its sources was alive, whether
 * or not anything happened. Those of one service and origin neither touch nor overlap.
 */
export interface CoverageTable {
  service: string
  /** `requests` or `probes`. */
  origin: string
  from_ms: number
  to_ms: number
}

export interface ProbeResultsTable {
  id: Generated<number>
  service: string
  probe: string
  at_ms: number
  ok: number
  status: number | null
  duration_us: number | null
  /** Stable code of what went wrong, null when ok. */
  error_code: string | null
  error_text: string | null
  certificate_expires_ms: number | null
}

/** Every plan that was ever in force; the newest row is. */
export interface PlansTable {
  revision: Generated<number>
  hash: string
  /** As given, comments and all. */
  yaml: string
  /** `file`, `cli`, `api`, `ui`. */
  source: string
  applied_by: string
  applied_ms: number
}

/** What was promised, from when to when: judgements of the past keep their own target. */
export interface ObjectiveRevisionsTable {
  service: string
  objective: string
  revision: number
  /** The resolved objective, JSON. */
  spec: string
  from_ms: number
  /** Null while in force. */
  to_ms: number | null
}

/** Evidence of acceptance checks. */
export interface CheckResultsTable {
  id: Generated<number>
  milestone: string
  /** Stable key of the check: a hash of its definition. */
  check_key: string
  at_ms: number
  state: string
  /** JSON array of reasons. */
  reasons: string
  duration_ms: number
}

export interface AlertsTable {
  id: string
  dedup_key: string
  service: string
  objective: string | null
  kind: string
  severity: string
  state: string
  opened_ms: number
  resolved_ms: number | null
  /** The alert as the API gives it, JSON. */
  body: string
}

/** Outgoing webhook messages until they are delivered or given up. */
export interface DeliveriesTable {
  id: string
  dedup_key: string
  receiver: string
  body: string
  attempts: number
  next_ms: number
  state: string
  last_error: string | null
  created_ms: number
}

/** Load tests, whoever made them. */
export interface LoadRunsTable {
  id: string
  service: string
  /** Empty when it was not named. */
  release: string
  started_ms: number
  /** The run as the API gives it, JSON. */
  body: string
}

/** Searches for the load line, found or not. */
export interface LoadLinesTable {
  id: string
  service: string
  /** Empty when it was not named. */
  release: string
  measured_ms: number
  /** 1 when a line was found: only those tell a headroom. */
  found: number
  /** The line as the API gives it, JSON. */
  body: string
}

/** Who may act for all instances, until when. */
export interface LeasesTable {
  name: string
  /** One process: instance and a random part, so that a restart is another holder. */
  holder: string
  /** Grows by one with every change of holder; writes of a leader compare it. */
  token: number
  /** By the database's clock, Unix ms. */
  expires_ms: number
  taken_ms: number
}

/** The processes that share the store, as each said of itself. Times are by the database's clock. */
export interface InstancesTable {
  holder: string
  instance: string
  version: string
  started_ms: number
  seen_ms: number
  /** What its sources report, JSON by service. */
  sources: string
}

/** What instances tell each other, for some minutes; on PostgreSQL only. */
export interface JournalTable {
  /** Who tells, and on which lane: numbers of one source are committed in their order. */
  source: string
  /** 1, 2, 3 … */
  seq: number
  /** By the database's clock, Unix ms. */
  at_ms: number
  kind: string
  body: string
}

/** Tokens for programs; the tokens themselves are nowhere. */
export interface ApiTokensTable {
  id: string
  /** SHA-256 of the token (hex). */
  hash: string
  /** Its first characters. */
  start: string
  name: string
  role: string
  /** JSON array of names; null: all services. */
  services: string | null
  created_ms: number
  created_by: string
  expires_ms: number | null
  revoked_ms: number | null
  /** To the minute. */
  used_ms: number | null
}

/** People who are signed in; ended sessions leave no row. */
export interface SessionsTable {
  id: string
  /** SHA-256 of the secret in the cookie (hex). */
  hash: string
  /** That of the secret before it, which works until the new one has arrived. */
  previous_hash: string | null
  /** When the newest secret was first used; null: the browser may not have it. */
  confirmed_ms: number | null
  /** Goes with every write as a header: a foreign page cannot know it. */
  csrf: string
  /** What the provider calls the person. */
  subject: string
  name: string
  role: string
  /** JSON array of names; null: all services. */
  services: string | null
  /** Where the person signed in from. */
  address: string
  created_ms: number
  rotated_ms: number
  /** To the minute. */
  used_ms: number
  expires_ms: number
}

/** Who did what; triggers refuse to change or delete a row, and each hash covers the row before. */
export interface AuditLogTable {
  /** 1, 2, 3 … without a gap. */
  sequence: number
  at_ms: number
  instance: string
  caller_kind: string
  caller_id: string
  caller_name: string
  caller_role: string | null
  action: string
  subject: string
  outcome: string
  status: number | null
  /** JSON object of flat values. */
  detail: string
  address: string
  request_id: string
  previous_hash: string
  hash: string
}

/** Small facts about the store itself: instance id, created at. */
export interface MetaTable {
  key: string
  value: string
}

/** What the release gate answered; written once, never changed. */
export interface VerdictsTable {
  id: string
  service: string
  environment: string
  version: string
  at_ms: number
  /** The verdict, JSON. */
  body: string
  /** What the rules were given, JSON. */
  facts: string
  /** DSSE envelope, JSON. */
  envelope: string
  /** Of the key it was signed with, PEM. */
  public_key: string
}

export interface GateOverridesTable {
  id: string
  service: string
  environment: string
  created_ms: number
  until_ms: number
  revoked_ms: number | null
  /** The override, JSON. */
  body: string
}

export interface ExternalEvidenceTable {
  id: string
  service: string
  received_ms: number
  /** What was said, JSON. */
  body: string
}

/** A version on its way into an environment, or past it. */
export interface ReleasesTable {
  id: string
  service: string
  environment: string
  version: string
  state: string
  started_ms: number
  ended_ms: number | null
  /** Of Nomad; null: none is known. */
  deployment: string | null
  /** The rest of the release, JSON. */
  body: string
}

export interface ReleaseTimelineTable {
  release_id: string
  /** The same thing told twice has the same key. */
  key: string
  at_ms: number
  kind: string
  text: string
  by_whom: string | null
}

/** What a canary and its baseline did in some seconds, in order; written by the leader alone. */
export interface CanaryBatchesTable {
  release_id: string
  sequence: number
  body: string
}

/** Written before something is done to the outside, settled when its effect was seen. */
export interface ReleaseActionsTable {
  id: string
  release_id: string
  action: string
  by_whom: string
  reason: string
  /** Of the leader that intended it. */
  fencing: number
  intended_ms: number
  state: string
  settled_ms: number | null
  text: string
}
