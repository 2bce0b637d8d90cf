/**
 * Everything that the rules of the gate are given, as plain JSON: it is hashed into the verdict, kept
 * with it, and read again when another policy is tried on the past. Null stands for what could not be
 * read; `unreadable` says why.
 */
import type { ExternalEvidence } from '../../contract/gate.ts'
import type { LoadLine, LoadRun } from '../../contract/load.ts'
import type { Level } from '../../contract/plan.ts'
import type { Reason, State } from '../../contract/primitives.ts'

export interface GateFacts {
  readonly service: string
  readonly version: string
  readonly environment: string
  /** Unix time, milliseconds. */
  readonly atMs: number
  readonly objectives: readonly ObjectiveFact[]
  readonly alerts: AlertsFact
  /** Of this version, the newest that ended; null: none is known. */
  readonly run: RunFact | null
  /** Whether the plan says how this service is loaded. */
  readonly loadPlanned: boolean
  readonly line: LineFact | null
  readonly reference: LineFact | null
  readonly inFlight: readonly InFlightFact[] | null
  readonly inFlightUnreadable: string | null
  readonly risks: readonly RiskFact[]
  readonly milestones: readonly MilestoneFact[]
  readonly dependencies: readonly DependencyFact[]
  readonly evidence: readonly ExternalEvidence[]
}

export interface ObjectiveFact {
  readonly name: string
  readonly state: State
  readonly reasons: readonly Reason[]
  /** Share of the budget left, at most 1, negative when overspent; null: not measured. */
  readonly remainingRatio: number | null
  readonly total: number
  readonly window: string
  readonly freshAt: string | null
}

export interface AlertsFact {
  /** Alerts that page and are open; null: nobody has looked. */
  readonly pages: readonly { readonly id: string; readonly title: string; readonly openedAt: string }[] | null
  /** When the evaluator last looked. */
  readonly lookedAt: string | null
}

export interface RunFact extends Pick<
  LoadRun,
  'id' | 'state' | 'reasons' | 'startedAt' | 'partial' | 'total' | 'achievedPerS'
> {
  readonly p95Ms: number | null
}

export interface LineFact extends Pick<LoadLine, 'id' | 'release' | 'measuredAt'> {
  readonly ratePerS: number
  readonly estimatePerS: number
  readonly intervalPerS: readonly [number, number]
  readonly fingerprint: string | null
}

/** Another version of the service that is on its way into the same environment. */
export interface InFlightFact {
  readonly version: string
  readonly text: string
  readonly startedAt: string
}

export interface RiskFact {
  readonly id: string
  readonly title: string
  readonly impact: Level
  readonly probability: Level
  readonly mitigated: boolean
  readonly open: boolean
}

export interface MilestoneFact {
  readonly id: string
  readonly title: string
  readonly state: State
  readonly text: string
}

export interface DependencyFact {
  /** As the plan names it: a service or a URL. */
  readonly name: string
  readonly state: State
  readonly text: string
}
