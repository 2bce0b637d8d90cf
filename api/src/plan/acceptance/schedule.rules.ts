import type { State } from '../../contract/primitives.ts'

/** A check that has not passed is looked at again this soon, ms. */
const soonMs = 30_000
/** After the start, and after a change of the plan: within these, so that the server listens first, ms. */
const firstMs = { least: 1_000, most: 5_000 }

/**
 * When a check is due, Unix time in milliseconds: spread over a tenth of its period, so that many
 * checks, and many instances, do not run at once.
 *
 * @param last - the evidence there is; null before the first run
 * @param random - in [0, 1)
 */
export function dueAt(
  last: { atMs: number; state: State } | null,
  everyMs: number,
  nowMs: number,
  random: number
): number {
  const soonest = nowMs + firstMs.least + random * (firstMs.most - firstMs.least)
  if (last === null) return soonest
  const period = last.state === 'pass' ? everyMs : Math.min(everyMs, soonMs)
  return Math.max(soonest, last.atMs + period * (0.95 + 0.1 * random))
}
