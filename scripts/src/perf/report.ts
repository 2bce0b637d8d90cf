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
