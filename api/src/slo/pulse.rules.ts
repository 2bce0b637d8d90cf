export interface Beat {
  /** Unix time, milliseconds. */
  readonly wallMs: number
  /** From a clock that never steps, milliseconds. */
  readonly monotonicMs: number
}

/**
 * What happened between two looks at the clock.
 *
 * `steady`: about the interval went by. `late`: much more did, the process slept or was starved, and
 * nobody watched meanwhile. `stepped`: the wall clock was set, so times before and after do not
 * belong together.
 */
export type Pulse = 'steady' | 'late' | 'stepped'

/** The wall clock may be slewed by this much within one interval before it counts as set. */
const stepMs = 5_000

/** @param intervalMs - how often the clock is looked at */
export const pulseBetween = (before: Beat, now: Beat, intervalMs: number): Pulse => {
  const wallMs = now.wallMs - before.wallMs
  const elapsedMs = now.monotonicMs - before.monotonicMs
  // a suspended machine may stop the monotonic clock: then the wall clock alone is ahead, and both rules say: look anew
  if (Math.abs(wallMs - elapsedMs) > stepMs) return 'stepped'
  return elapsedMs > 4 * intervalMs ? 'late' : 'steady'
}
