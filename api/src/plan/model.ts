/**
 * The plan as the rest of the house reads it: shorthand expanded, defaults filled, durations in
 * milliseconds, shares as ratios. The file people write is in `schema/`; `resolve.rules.ts` leads
 * from there to here and `document.rules.ts` back.
 */
import type { Static } from 'typebox'
import type { Severity } from '../contract/alerts.ts'
import type { ExternalEvidence, GateEffect, GateRuleName } from '../contract/gate.ts'
import type { Risk } from '../contract/plan.ts'
import type { State } from '../contract/primitives.ts'
import type { ResolvedObjective } from './objective.ts'

export interface ResolvedPlan {
  readonly title: string | null
  readonly services: readonly ResolvedService[]
  readonly maintenance: readonly MaintenanceBand[]
  readonly risks: readonly ResolvedRisk[]
  readonly milestones: readonly ResolvedMilestone[]
  readonly receivers: readonly ResolvedReceiver[]
}

export interface ResolvedService {
  readonly name: string
  readonly title: string
  readonly description: string | null
  readonly owner: string | null
  readonly signals: readonly ResolvedSignal[]
  readonly objectives: readonly ResolvedObjective[]
  readonly routes: RouteGrouping
  readonly load: ResolvedLoad | null
  readonly gate: ResolvedGate
  /** Null: its releases are neither watched nor judged. */
  readonly release: ResolvedRelease | null
}

/** How paths are grouped for people: the first pattern that matches names the group. */
export interface RouteGrouping {
  readonly groups: readonly string[]
  /** Most groups kept per service, count; the rest is counted as `other`. */
  readonly cap: number
}

/** Which requests of a source belong to the service. An empty list lets everything through. */
export interface RequestFilter {
  /** Exact names, or `*.example.com` for every name below; lower case, without a port. */
  readonly hosts: readonly string[]
  readonly paths: readonly string[]
  /** Upper case. */
  readonly methods: readonly string[]
  readonly exclude: { readonly paths: readonly string[]; readonly methods: readonly string[] }
}

interface SignalIdentity {
  /** Unique in its service and stable: the name given, or kind and position among its kind (`caddyLog:0`). */
  readonly id: string
  readonly name: string | null
}

export interface CaddyLogSignal extends SignalIdentity {
  readonly kind: 'caddyLog'
  /** As given; a relative path is relative to the plan file. */
  readonly file: string
  readonly startAt: 'beginning' | 'end'
  /** Response header that names the release. */
  readonly releaseHeader: string
  readonly filter: RequestFilter
}

export interface CaddyLogTcpSignal extends SignalIdentity {
  readonly kind: 'caddyLogTcp'
  readonly listen: { readonly host: string; readonly port: number }
  readonly releaseHeader: string
  readonly filter: RequestFilter
}

export interface ProbeSignal extends SignalIdentity {
  readonly kind: 'probe'
  readonly url: string
  readonly everyMs: number
  readonly timeoutMs: number
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  /** Header name → name of the environment variable (or vault key) that holds its value. */
  readonly secretHeaders: Readonly<Record<string, string>>
  readonly body: string | null
  readonly expect: HttpExpectation
  readonly tls: { readonly verify: boolean; readonly expiryWarningMs: number }
  /** Redirects followed; 0: a redirect is the answer. */
  readonly maxRedirects: number
  readonly family: 'any' | 4 | 6
}

export interface PushSignal extends SignalIdentity {
  readonly kind: 'push'
}

export interface SelfSignal extends SignalIdentity {
  readonly kind: 'self'
  readonly filter: RequestFilter
}

export type ResolvedSignal = CaddyLogSignal | CaddyLogTcpSignal | ProbeSignal | PushSignal | SelfSignal

/** What makes an answer right (see `statusMatches` and `bodyMatches`). */
export interface HttpExpectation {
  /** Inclusive; one range has to hold the status. */
  readonly status: readonly StatusRange[]
  readonly body: BodyMatch | null
}

export interface StatusRange {
  readonly from: number
  readonly to: number
}

export type BodyMatch =
  | { readonly kind: 'contains'; readonly text: string }
  /** A JavaScript regular expression, flags `u` and `s`. */
  | { readonly kind: 'matches'; readonly pattern: string }

/** What a load test sends. */
export interface ResolvedLoad {
  readonly url: string
  readonly requests: readonly LoadRequest[]
  readonly headers: Readonly<Record<string, string>>
  readonly secretHeaders: Readonly<Record<string, string>>
  readonly timeoutMs: number
  /** Never more arrivals than this, per second. */
  readonly maxRatePerS: number
}

export interface LoadRequest {
  readonly method: string
  readonly path: string
  /** Share of this request among all, relative to the other weights. */
  readonly weight: number
  readonly body: string | null
}

/** What a release needs to pass in one environment. */
export interface GatePolicy {
  /** Least share of every error budget that must be left, ratio. */
  readonly minimumBudgetRatio: number
  /** Most the load line may drop against the reference, ratio. */
  readonly loadLineDropRatio: number
  /** Whether a load run and a load line of the release are needed. */
  readonly requireRun: boolean
  /** How long a load run counts, milliseconds. */
  readonly runKeepsMs: number
  /** Id of a load line; null: the newest of another release. */
  readonly loadLineReference: string | null
  /** Ids of milestones that have to be reached. */
  readonly milestones: readonly string[]
  readonly freezes: readonly FreezeWindow[]
  /** Names of services, or URLs that have to answer 2xx. */
  readonly dependencies: readonly string[]
  readonly evidence: readonly RequiredEvidence[]
  readonly rules: Readonly<Record<GateRuleName, GateEffect>>
  /** Null: block in production, warn elsewhere. */
  readonly unmeasured: 'block' | 'warn' | null
}

/** The policy of every environment that has none of its own, and those that have. */
export interface ResolvedGate extends GatePolicy {
  /** `owner/name` on GitHub or GitLab; null: nobody asks from there. */
  readonly repository: string | null
  readonly environments: Readonly<Record<string, GatePolicy>>
}

/** How releases of a service are seen, judged and acted on. */
export interface ResolvedRelease {
  readonly environment: string
  /** Null: Nomad does not run it. */
  readonly nomad: { readonly job: string; readonly namespace: string } | null
  /** Who is told to promote or fail what Nomad does not run; null: nobody. */
  readonly webhook: {
    readonly url: string | null
    readonly urlSecret: string | null
    readonly signingSecret: string | null
  } | null
  /** Whether Plimsoll promotes and fails; otherwise it says what it would do. */
  readonly act: boolean
  /** Time after a canary is healthy that does not count, ms. */
  readonly warmUpMs: number
  /** Least time under observation before a promotion, ms. */
  readonly soakMs: number
  readonly deadlineMs: number
  /** What becomes of a canary that is not decided by then. */
  readonly undecided: 'hold' | 'promote' | 'fail'
  /** How much slower is tolerated, ratio of time: 0.1 is 10 %. */
  readonly slowdownRatio: number
  readonly slowerWithinPromise: 'fail' | 'warn'
}

/** A time in which nothing ships; a weekly one that ends at an earlier minute ends on the next day. */
export type FreezeWindow =
  | { readonly kind: 'once'; readonly fromMs: number; readonly toMs: number; readonly reason: string }
  | {
      readonly kind: 'weekly'
      /** On which it begins. */
      readonly days: readonly ('mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun')[]
      /** Of the day, 0 to 1440. */
      readonly fromMinute: number
      readonly toMinute: number
      readonly timeZone: string
      readonly reason: string
    }

export interface RequiredEvidence {
  readonly kind: ExternalEvidence['kind']
  readonly name: string
  readonly keepsMs: number
  /** Whether evidence that names no version, or another one, counts. */
  readonly anyVersion: boolean
  /** Name of the secret it has to be signed with; null: whoever may hand it in is believed. */
  readonly signingSecret: string | null
}

/** Planned work: judged both with and without, never hidden. */
export interface MaintenanceBand {
  /** Null: every service. */
  readonly service: string | null
  readonly fromMs: number
  readonly toMs: number
  readonly reason: string
}

export type ResolvedRisk = Risk

export interface ResolvedMilestone {
  readonly id: string
  readonly title: string
  readonly description: string | null
  readonly owner: string
  readonly reviewer: string | null
  /** Calendar date, `2026-12-31`. */
  readonly due: string | null
  readonly acceptance: readonly ResolvedCheck[]
}

interface CheckIdentity {
  /** Stable: a hash of what is checked. */
  readonly key: string
  readonly title: string
  readonly everyMs: number
  /** How long a result counts as evidence, milliseconds. */
  readonly evidenceMs: number
}

export interface HttpCheck extends CheckIdentity {
  readonly kind: 'http'
  readonly url: string
  readonly method: 'GET' | 'HEAD'
  readonly timeoutMs: number
  readonly expect: HttpExpectation
}

export interface ObjectiveCheck extends CheckIdentity {
  readonly kind: 'objective'
  readonly service: string
  readonly objective: string
  /** States that are accepted. */
  readonly states: readonly Exclude<State, 'fail' | 'could_not_measure'>[]
}

export interface FileCheck extends CheckIdentity {
  readonly kind: 'file'
  /** Relative to the plan file, never above it. */
  readonly path: string
}

export interface CommandCheck extends CheckIdentity {
  readonly kind: 'command'
  /** Program and arguments; run only when the setting COMMAND_ALLOW names exactly this. */
  readonly run: readonly string[]
  readonly timeoutMs: number
}

export type ResolvedCheck = HttpCheck | ObjectiveCheck | FileCheck | CommandCheck

/** Where alerts are sent. Secrets are named, never written. */
export interface ResolvedReceiver {
  readonly name: string
  readonly webhook: {
    /** Exactly one of `url` and `urlSecret` is set. */
    readonly url: string | null
    readonly urlSecret: string | null
    readonly headers: Readonly<Record<string, string>>
    readonly secretHeaders: Readonly<Record<string, string>>
    /** Name of the secret that signs each body (HMAC-SHA256); null: unsigned. */
    readonly signingSecret: string | null
    readonly timeoutMs: number
  }
  readonly severities: readonly Static<typeof Severity>[]
  /** Null: every service. */
  readonly services: readonly string[] | null
  /** Whether the end of an alert is sent too. */
  readonly sendResolved: boolean
}
