import type { ResolvedObjective } from '../plan/objective.ts'

/**
 * A promised objective with the revision in force. Whatever changes a judgement opens a new
 * revision: indicator, origin, classes, path, threshold, target, budgeting, window. Titles do not.
 */
export interface ObjectiveInForce extends ResolvedObjective {
  /** 1 for the first. */
  readonly revision: number
  /** When this revision came into force, Unix time in milliseconds. */
  readonly sinceMs: number
  /** Since when this threshold has been counted exactly, Unix time in milliseconds. */
  readonly thresholdSinceMs: number
}

/** Names an objective among all. */
export const objectiveKey = ({ service, name }: Pick<ResolvedObjective, 'service' | 'name'>): string =>
  `${service}/${name}`

/** What of an objective its judgement depends on, as canonical text. */
export const promiseOf = (objective: ResolvedObjective): string => {
  const { indicator, origin, classes, path, thresholdMs, targetRatio, budgeting, window } = objective
  const slices = budgeting.kind === 'timeSlices' ? [budgeting.sliceMs, budgeting.sliceTargetRatio] : []
  const span = window.kind === 'rolling' ? [window.durationMs] : [window.unit, window.timeZone]
  return JSON.stringify([indicator, origin, [...classes].toSorted(), path, thresholdMs, targetRatio, slices, span])
}
