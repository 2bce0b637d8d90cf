import type { Verdict } from '../../contract/gate.ts'
import type { CanaryAction, Release, ReleaseState, TimelineEntry } from '../../contract/releases.ts'
import type { CanaryPolicy } from './rules/policy.rules.ts'

/** A release as it is kept. Times are Unix milliseconds. */
export interface ReleaseRecord {
  readonly id: string
  readonly service: string
  readonly environment: string
  readonly version: string
  readonly previousVersion: string | null
  readonly source: Release['source']
  readonly state: ReleaseState
  /** Where it stands and why, in one sentence. */
  readonly text: string
  readonly startedMs: number
  readonly endedMs: number | null
  readonly nomad: Release['nomad']
  readonly analysis: AnalysisRecord | null
  readonly verdict: Pick<Verdict, 'id' | 'state' | 'text' | 'at' | 'mayShip'> | null
  /** A person has stopped Plimsoll from deciding. */
  readonly held: boolean
}

/** What an analysis was begun with; all else follows from its batches. */
export interface AnalysisRecord {
  readonly startedMs: number
  readonly warmUpMs: number
  readonly baseline: string
  readonly policy: CanaryPolicy
  /** How many allocations serve each arm, where Nomad says. */
  readonly allocations: { readonly canary: number | null; readonly baseline: number | null }
}

/** Something that happened; told twice under the same key it is kept once. */
export interface Happening {
  readonly key: string
  readonly atMs: number
  readonly kind: TimelineEntry['kind']
  readonly text: string
  readonly by?: string | null
}

/** Who acts where no person asked. */
export const unaskedBy = 'plimsoll'

export interface ActionRecord {
  readonly id: string
  readonly releaseId: string
  readonly action: CanaryAction
  readonly by: string
  readonly reason: string
  readonly fencing: number
  readonly intendedMs: number
  readonly state: 'intended' | 'done' | 'superseded' | 'failed' | 'observed_only'
  readonly settledMs: number | null
  readonly text: string
}

/** Nothing more will happen to it by itself. */
export const endedStates: ReadonlySet<ReleaseState> = new Set(['promoted', 'failed', 'reverted', 'superseded'])
