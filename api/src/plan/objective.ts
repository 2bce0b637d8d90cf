import type { Static } from 'typebox'
import type { Indicator } from '../contract/objectives.ts'
import type { TrafficClassName } from '../contract/primitives.ts'

/** Whose traffic an objective judges. */
export type ObjectiveClass = Static<typeof TrafficClassName>

/** Requests are counted one by one where they are served; probes are our own, sent on a schedule. */
export type Origin = 'requests' | 'probes'

/**
 * What the budget is counted in. `requests`: bad events of all events. `timeSlices`: bad slices of
 * all slices, where a slice is bad when its share of good events is below `sliceTargetRatio`
 * (OpenSLO `Timeslices`; it distorts under uneven traffic and is offered for compatibility).
 */
export type Budgeting =
  | { readonly kind: 'requests' }
  | { readonly kind: 'timeSlices'; readonly sliceMs: number; readonly sliceTargetRatio: number }

export type CalendarUnit = 'week' | 'month' | 'quarter'

/** Over which time the promise is kept. Weeks begin on Monday; `timeZone` is an IANA name. */
export type ResolvedWindow =
  | { readonly kind: 'rolling'; readonly durationMs: number }
  | { readonly kind: 'calendar'; readonly unit: CalendarUnit; readonly timeZone: string }

/** An objective with every default filled: all that is needed to judge it. */
export interface ResolvedObjective {
  readonly service: string
  /** Unique in its service. */
  readonly name: string
  readonly title: string
  readonly description: string | null
  readonly indicator: Indicator
  readonly origin: Origin
  /** Never empty. */
  readonly classes: readonly ObjectiveClass[]
  /** Only requests whose path matches (see `compilePathPattern`); null: all of them. */
  readonly path: string | null
  /** Slower than this is bad, milliseconds; null unless the indicator is `latency`. */
  readonly thresholdMs: number | null
  /** Share of good events promised, ratio in (0, 1). */
  readonly targetRatio: number
  readonly budgeting: Budgeting
  readonly window: ResolvedWindow
}
