import type { Priority } from '../../contract/index.ts'

/** What is measured of the process. */
export interface PressureSample {
  /** Mean delay of the event loop over the last interval, ms. */
  readonly eventLoopDelayMs: number
  /** Share of the last interval in which the event loop was busy, ratio 0–1. */
  readonly eventLoopUtilisationRatio: number
  readonly heapUsedBytes: number
}

/** Limits above which requests are shed; 0: not looked at. */
export interface PressureLimits {
  readonly eventLoopDelayMs: number
  readonly eventLoopUtilisationRatio: number
  readonly heapUsedBytes: number
}

/** How loaded the process is: the greatest of value / limit. 1 is at a limit, above it is too much. */
export function pressureOf(
  sample: PressureSample,
  limits: PressureLimits
): { ratio: number; measure: keyof PressureLimits } {
  let worst: { ratio: number; measure: keyof PressureLimits } = { ratio: 0, measure: 'eventLoopDelayMs' }
  for (const measure of ['eventLoopDelayMs', 'eventLoopUtilisationRatio', 'heapUsedBytes'] as const) {
    const ratio = limits[measure] > 0 ? sample[measure] / limits[measure] : 0
    if (ratio > worst.ratio) worst = { ratio, measure }
  }
  return worst
}

/** Everything below `vital` is refused at this level. */
export const maxLevel = 3

/** Largest rise of the level per sample; two samples take a quiet server to all `low` and some `normal` shed. */
const maxRise = 0.6

/** Fall per quiet sample: slow, so that a wave of retries does not swing the level. */
const fall = 0.08

/**
 * The level of shedding after a sample: between 0 and 1 that share of `low` is shed; between 1 and 2
 * all of `low` and the rest's share of `normal`; between 2 and 3 likewise `high`. It climbs in
 * proportion to the excess and falls slowly, so accepted traffic settles at what the process can do
 * instead of swinging between all and nothing.
 *
 * @param level - the level until now, 0 to 3
 * @param pressureRatio - see {@link pressureOf}
 * @returns the next level, 0 to 3
 */
export function nextLevel(level: number, pressureRatio: number): number {
  const step = pressureRatio > 1 ? Math.min(maxRise, 0.25 * (pressureRatio - 1) + 0.05) : -fall * (1 - pressureRatio)
  return Math.min(maxLevel, Math.max(0, level + step))
}

const floors: Record<Priority, number> = { low: 0, normal: 1, high: 2, vital: Number.POSITIVE_INFINITY }

/**
 * Share of the requests of a priority that is refused at a level of shedding.
 *
 * @returns ratio 0–1; always 0 for `vital`
 */
export const shedRatio = (level: number, priority: Priority): number =>
  Math.min(1, Math.max(0, level - floors[priority]))
