/** A stretch of time, Unix milliseconds, `toMs` exclusive. */
export interface Interval {
  readonly fromMs: number
  readonly toMs: number
}

/**
 * Adds a stretch to a sorted list of stretches that neither touch nor overlap.
 *
 * @param joinMs - gaps up to this long are closed: nobody looked away in between, milliseconds
 * @returns the new list; the old one is left as it is
 */
export const cover = (known: readonly Interval[], added: Interval, joinMs = 0): Interval[] => {
  if (added.toMs <= added.fromMs) return [...known]
  const before = known.filter(({ toMs }) => toMs + joinMs < added.fromMs)
  const after = known.filter(({ fromMs }) => fromMs - joinMs > added.toMs)
  const touched = known.slice(before.length, known.length - after.length)
  const fromMs = Math.min(added.fromMs, touched[0]?.fromMs ?? Infinity)
  const toMs = Math.max(added.toMs, touched.at(-1)?.toMs ?? -Infinity)
  return [...before, { fromMs, toMs }, ...after]
}

/** How much of [fromMs, toMs) is covered, milliseconds. */
export const coveredMs = (known: readonly Interval[], fromMs: number, toMs: number): number =>
  known.reduce((sum, known) => sum + Math.max(0, Math.min(known.toMs, toMs) - Math.max(known.fromMs, fromMs)), 0)

/**
 * Share of a window in which we could know, whether or not anything happened.
 *
 * @returns ratio; null for an empty window
 */
export const coverageRatio = (known: readonly Interval[], fromMs: number, toMs: number): number | null =>
  toMs > fromMs ? coveredMs(known, fromMs, toMs) / (toMs - fromMs) : null

/** Forgets what ended before `fromMs`. */
export const since = (known: readonly Interval[], fromMs: number): Interval[] =>
  known.filter(({ toMs }) => toMs > fromMs)

/**
 * The stretches that a record kept in order speaks for: between two of its entries that are not far
 * apart, it would have held whatever happened.
 *
 * @param startsMs - starts of slots with events, any order
 * @param widthMs - length of a slot, milliseconds
 * @param joinMs - longest silence that is taken for idleness, milliseconds
 */
export const spokenFor = (startsMs: Iterable<number>, widthMs: number, joinMs: number): Interval[] => {
  const intervals: { fromMs: number; toMs: number }[] = []
  for (const startMs of [...new Set(startsMs)].toSorted((a, b) => a - b)) {
    const last = intervals.at(-1)
    if (last && startMs - last.toMs <= joinMs) last.toMs = startMs + widthMs
    else intervals.push({ fromMs: startMs, toMs: startMs + widthMs })
  }
  return intervals
}
