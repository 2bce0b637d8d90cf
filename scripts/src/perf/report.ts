import type { LoadRun, Machine } from '../../../api/src/contract/load.ts'
import type { Reason, State } from '../../../api/src/contract/primitives.ts'

/** One question that was asked of a server, and its answer. */
export interface PerfCheck {
  /** What was asked, for people: `promise at 200/s`. */
  readonly name: string
  readonly state: State
  readonly reasons: readonly Reason[]
  readonly durationMs: number
  /** What the answer was read from; null: nothing could be sent. */
  readonly run: LoadRun | null
}

/** The common part of what `perf gate` and `perf compare` write. */
export interface PerfReport {
  readonly kind: 'perf-gate' | 'perf-compare'
  /** What was measured, for people. */
  readonly title: string
  readonly state: State
  readonly startedAt: string
  readonly durationMs: number
  readonly machine: Machine
  /** Of Plimsoll's commands. */
  readonly version: string
  readonly checks: readonly PerfCheck[]
}

/** What `perf gate` came to. */
export interface GateReport extends PerfReport {
  readonly kind: 'perf-gate'
  readonly target: string
  readonly behind: 'caddy' | null
  readonly commit: string | null
}

/** One version of a comparison. */
export interface ComparedVersion {
  /** A commit, a URL, or a stored run, for people. */
  readonly name: string
  readonly commit: string | null
}

/** One version in one round. */
export interface RoundInBrief {
  readonly p95Ms: number | null
  /** Answered in time at saturation, per second. */
  readonly goodPerS: number
  readonly total: number
  readonly bad: number
}

/** What `perf compare` came to. */
export interface CompareReport extends PerfReport {
  readonly kind: 'perf-compare'
  readonly base: ComparedVersion
  readonly head: ComparedVersion
  /** How much worse head may be: 0.1 for 10 %. */
  readonly marginRatio: number
  readonly ratePerS: number | null
  /** Of the coin that decided which version went first. */
  readonly seed: number
  /** `base` is null in a comparison with a stored run. */
  readonly rounds: readonly {
    readonly first: 'base' | 'head'
    readonly base: RoundInBrief | null
    readonly head: RoundInBrief
  }[]
  /** Rounds that said nothing, and why. */
  readonly leftOut: readonly string[]
}
