/**
 * The widths at which slices are stored, how long each is kept, and which of them answers a
 * question. Each width is complete for its own retention, so a reader picks one.
 */

export const sliceWidthsMs = [10_000, 60_000, 3_600_000] as const

export type SliceWidthMs = (typeof sliceWidthsMs)[number]

export const hourMs = 3_600_000
export const dayMs = 24 * hourMs

/** How long slices of each width are kept, milliseconds. */
export type Retention = Readonly<Record<SliceWidthMs, number>>

/** What a plan without longer windows needs: 30 days and five more for late events and for looking back. */
export const defaultRetention: Retention = {
  10_000: 12 * hourMs,
  60_000: 35 * dayMs,
  3_600_000: 400 * dayMs
}

/** The settings that say how long counts are kept. */
export interface RetentionSettings {
  readonly RETAIN_10S_HOURS: number
  readonly RETAIN_1M_DAYS: number
  readonly RETAIN_1H_DAYS: number
}

/**
 * Retention for a plan: minutes are kept for its longest window and a sixth more, never less than
 * the setting says; what is coarser is kept at least as long as what is finer.
 *
 * @param longestWindowMs - longest window of any objective, milliseconds; 0 when there is none
 */
export function retentionFor(longestWindowMs: number, settings: RetentionSettings): Retention {
  const fine = settings.RETAIN_10S_HOURS * hourMs
  const minutes = Math.max(settings.RETAIN_1M_DAYS * dayMs, Math.ceil((longestWindowMs * 7) / 6), fine)
  return { 10_000: fine, 60_000: minutes, 3_600_000: Math.max(settings.RETAIN_1H_DAYS * dayMs, minutes) }
}

/** Start of the interval of `widthMs` that holds `atMs`. */
export const floorTo = (atMs: number, widthMs: number): number => Math.floor(atMs / widthMs) * widthMs

/** First interval start at or after `atMs`. */
export const ceilTo = (atMs: number, widthMs: number): number => Math.ceil(atMs / widthMs) * widthMs

/** Start of the oldest slice of a width that is still kept: everything that ends later than the retention allows. */
export const oldestKeptMs = (widthMs: SliceWidthMs, nowMs: number, retention: Retention): number =>
  floorTo(nowMs - retention[widthMs], widthMs)

/**
 * The slices that one interval of a source is added to.
 *
 * A delta of a minute (an event older than 15 minutes) is coarser than the 10-second width: it goes
 * into the first 10 seconds of its minute there, so that sums over whole minutes stay exact.
 *
 * @param startMs - start of the source's interval, Unix time, milliseconds
 * @returns width and start of each slice whose retention still covers it; empty for an event older than all
 */
export function slotsOf(startMs: number, nowMs: number, retention: Retention): [SliceWidthMs, number][] {
  const slots: [SliceWidthMs, number][] = []
  for (const widthMs of sliceWidthsMs) {
    const slotMs = floorTo(startMs, widthMs)
    if (slotMs >= oldestKeptMs(widthMs, nowMs, retention)) slots.push([widthMs, slotMs])
  }
  return slots
}

/**
 * The widest stored width that both fits the step and reaches back far enough: fewest rows to read.
 *
 * @param fromMs - start of the range, already a multiple of the step
 * @param stepMs - step of the answer
 * @returns null when no width divides the step and is kept that long
 */
export function widthFor(fromMs: number, stepMs: number, nowMs: number, retention: Retention): SliceWidthMs | null {
  const fits = (widthMs: SliceWidthMs): boolean =>
    stepMs % widthMs === 0 && fromMs >= oldestKeptMs(widthMs, nowMs, retention)
  return sliceWidthsMs.findLast(fits) ?? null
}

/** A stretch of time to be read at one width. */
export interface Tile {
  readonly fromMs: number
  readonly toMs: number
  readonly widthMs: SliceWidthMs
}

/**
 * Cuts a range into stretches such that few rows are read: whole hours as hours, what is left at
 * either end as whole minutes, and what is left then as 10 seconds.
 *
 * @param fromMs - start, rounded down to the finest width kept that long
 * @param toMs - end, rounded up to 10 seconds
 * @returns stretches without gaps, in order of time; empty when `toMs` is not after `fromMs`
 */
export function tilesOf(fromMs: number, toMs: number, nowMs: number, retention: Retention): Tile[] {
  const finest = sliceWidthsMs.find((widthMs) => floorTo(fromMs, widthMs) >= oldestKeptMs(widthMs, nowMs, retention))
  const startMs = floorTo(fromMs, finest ?? hourMs)
  const endMs = ceilTo(toMs, finest ?? hourMs)
  const tiles: Tile[] = []
  for (let atMs = startMs; atMs < endMs;) {
    const tile = nextTile(atMs, endMs)
    tiles.push(tile)
    atMs = tile.toMs
  }
  return tiles
}

/** The widest stretch that begins here; when no wider slice fits, up to where one begins. */
const nextTile = (fromMs: number, endMs: number): Tile => {
  const widthMs =
    sliceWidthsMs.findLast((widthMs) => fromMs % widthMs === 0 && fromMs + widthMs <= endMs) ?? sliceWidthsMs[0]
  const wider = sliceWidthsMs[sliceWidthsMs.indexOf(widthMs) + 1]
  const wholeMs = floorTo(endMs, widthMs)
  const boundaryMs = wider === undefined ? wholeMs : ceilTo(fromMs + 1, wider)
  return { widthMs, fromMs, toMs: Math.min(wholeMs, boundaryMs) }
}
