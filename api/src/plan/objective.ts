import type { Static } from 'typebox'
import type { Indicator, TrafficClassName } from '../contract/index.ts'

/** The stretch of time a promise is kept over. */
export type PromiseWindow =
  | { readonly kind: 'rolling'; readonly durationMs: number }
  /** Begins anew with each calendar week (Monday), month or quarter of an IANA time zone. */
  | { readonly kind: 'calendar'; readonly unit: 'week' | 'month' | 'quarter'; readonly timeZone: string }

/** What the budget is counted in. */
export type Budgeting =
  | { readonly kind: 'requests' }
  /** A slice of `sliceMs` is good when at least `sliceTargetRatio` of its events were; one without events counts as neither. */
  | { readonly kind: 'timeSlices'; readonly sliceMs: number; readonly sliceTargetRatio: number }

/** An objective with the plan's shorthand expanded and its defaults filled. */
export interface PromisedObjective {
  readonly service: string
  /** Unique within its service. */
  readonly name: string
  /** For people: `p95 under 200 ms`. */
  readonly title: string
  readonly description: string | null
  readonly indicator: Static<typeof Indicator>
  readonly origin: 'requests' | 'probes'
  /** Traffic classes counted, at least one. */
  readonly classes: readonly Static<typeof TrafficClassName>[]
  /** The pattern as the plan has it, one of the words of `Stream.scope`; null: every path. */
  readonly path: string | null
  /** Milliseconds; null unless the indicator is latency. */
  readonly thresholdMs: number | null
  /** Share of good events (or slices) promised, ratio in (0, 1). */
  readonly targetRatio: number
  readonly budgeting: Budgeting
  readonly window: PromiseWindow
}

/**
 * A promised objective with the revision in force. Whatever changes a judgement (indicator, origin,
 * classes, path, threshold, target, budgeting, window) opens a new revision; titles do not. The
 * table `objective_revisions` remembers them.
 */
export interface ResolvedObjective extends PromisedObjective {
  /** 1 for the first. */
  readonly revision: number
  /** When this revision came into force, Unix time in milliseconds. */
  readonly sinceMs: number
}

/** A planned band in which failures are expected: shown both ways, never hidden. */
export interface MaintenanceBand {
  readonly service: string
  readonly fromMs: number
  readonly toMs: number
  readonly reason: string
}
