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

/**
 * Least share of busy time at which a slow event loop is our own doing. Below it the loop mostly
 * waits: the machine is busy with others, and refusing requests would help nobody.
 */
const busyRatio = 0.8

/**
 * How loaded the process is: the greatest of value / limit. 1 is at a limit, above it is too much.
 * The delay of the event loop counts only while the loop is busy itself.
 */
export function pressureOf(
  sample: PressureSample,
  limits: PressureLimits
): { ratio: number; measure: keyof PressureLimits } {
  let worst: { ratio: number; measure: keyof PressureLimits } = { ratio: 0, measure: 'eventLoopDelayMs' }
  for (const measure of ['eventLoopDelayMs', 'eventLoopUtilisationRatio', 'heapUsedBytes'] as const) {
    if (limits[measure] === 0) continue
    if (measure === 'eventLoopDelayMs' && sample.eventLoopUtilisationRatio < busyRatio) continue
    const ratio = sample[measure] / limits[measure]
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

/** Where shedding stands. */
export interface Shedding {
  /** 0 (nothing is shed) to 3 (all but `vital`). */
  readonly level: number
  /** The last sample was above a limit. */
  readonly strained: boolean
}

export const noShedding: Shedding = { level: 0, strained: false }

/**
 * Shedding after a sample. Between level 0 and 1 that share of `low` is shed; between 1 and 2 all of
 * `low` and the rest's share of `normal`; between 2 and 3 likewise `high`. The level climbs in
 * proportion to the excess and falls slowly, so accepted traffic settles at what the process can do
 * instead of swinging between all and nothing. A single bad sample is forgiven: a garbage
 * collection or a large plan is no overload.
 *
 * @param before - where it stood until now
 * @param pressureRatio - see {@link pressureOf}
 */
export function nextShedding({ level, strained }: Shedding, pressureRatio: number): Shedding {
  if (pressureRatio <= 1) return { level: Math.max(0, level - fall * (1 - pressureRatio)), strained: false }
  if (level === 0 && !strained) return { level, strained: true }
  return { level: Math.min(maxLevel, level + Math.min(maxRise, 0.25 * (pressureRatio - 1) + 0.05)), strained: true }
}

/** Requests in a turn of the event loop below which its length is not their doing. */
const fewRequests = 10

/** A turn in which the event loop works off requests that were waiting when it began. */
export interface Turn {
  /** Since its first request, ms: all that are still to come have waited for at least as long. */
  readonly elapsedMs: number
  /** Requests it has come to so far, count. */
  readonly requests: number
  /** The loop had no pause before it: more comes in than can be worked off. */
  readonly follows: boolean
}

/**
 * The level that a turn under way asks for: while it lasts no sample is taken, and what has queued up
 * must not be served as if nothing were the matter. A burst after a pause may take as long as the
 * limit and is then shed over twice that; in turns that follow each other a sixth of it is a step,
 * so that each serves about half the limit's worth and refuses the rest at once.
 *
 * @param limitMs - of the event loop's delay, ms; 0: not looked at
 * @returns 0 to 3
 */
export function turnLevel({ elapsedMs, requests, follows }: Turn, limitMs: number): number {
  if (limitMs === 0 || requests < fewRequests) return 0
  const stepMs = follows ? limitMs / 6 : limitMs
  return Math.min(maxLevel, Math.max(0, elapsedMs / stepMs - 1))
}

const floors: Record<Priority, number> = { low: 0, normal: 1, high: 2, vital: Number.POSITIVE_INFINITY }

/**
 * Share of the requests of a priority that is refused at a level of shedding.
 *
 * @returns ratio 0–1; always 0 for `vital`
 */
export const shedRatio = (level: number, priority: Priority): number =>
  Math.min(1, Math.max(0, level - floors[priority]))
