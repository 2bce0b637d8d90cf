import type { ResolvedObjective } from '../../plan/objective.ts'
import { burnRate, type Tally } from '../burn.rules.ts'

/** What went wrong, as far as objectives can tell it apart: one alert each. */
export type CauseKind = 'failures' | 'latency' | 'no_signal' | 'certificate'

/**
 * Names an alert in every message about it, whichever objective or tier speaks, so that receivers
 * fold them into one. Kept with the alert: the same over restarts.
 */
export const dedupKeyOf = (service: string, kind: CauseKind, openedMs: number): string =>
  `plimsoll/${service}/${kind}/${Math.floor(openedMs / 1_000)}`

type Selection = Pick<ResolvedObjective, 'service' | 'origin' | 'classes' | 'path' | 'indicator'>

/** Availability and errors are two readings of the same failed requests. */
export const causeOf = ({ indicator }: Pick<ResolvedObjective, 'indicator'>): CauseKind =>
  indicator === 'latency' ? 'latency' : 'failures'

/** Whether two objectives judge the same requests. */
export const sameRequests = (a: Selection, b: Selection): boolean =>
  a.service === b.service &&
  a.origin === b.origin &&
  a.path === b.path &&
  a.classes.length === b.classes.length &&
  a.classes.every((name) => b.classes.includes(name))

/**
 * Whether slow requests are merely the failed ones, which count as slow whatever they took: without
 * them the latency objective would not burn too fast.
 *
 * @param slow - counts of the latency objective over the tier's long window
 * @param failed - counts of an objective over the failures of the same requests and time
 */
export const isFailuresOnly = (slow: Tally, failed: Tally, factor: number, targetRatio: number): boolean => {
  const apart = { total: slow.total, bad: Math.max(0, slow.bad - failed.bad) }
  return failed.bad > 0 && (burnRate(apart, targetRatio) ?? 0) <= factor
}
