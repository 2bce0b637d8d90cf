import { addCounts, emptyCounts } from '../counts.ts'
import type { Counts, SliceDelta } from '../slice.ts'
import { rowKey } from './open-rows.ts'
import { addRow, toRow, type SliceKey, type SliceRow } from './slice-rows.ts'
import { streamKey, type KnownStream, type Reach } from './stream-dictionary.ts'
import { floorTo, hourMs, slotsOf, type Retention } from './widths.rules.ts'

/** The deltas of one batch that go into one row. */
export interface Portion {
  readonly key: SliceKey
  readonly counts: Counts[]
}

/** Sorts deltas by the rows they are added to, at every width that still covers them. */
export function portionsOf(
  deltas: readonly SliceDelta[],
  streams: ReadonlyMap<string, KnownStream>,
  writer: string,
  nowMs: number,
  retention: Retention
): Map<string, Portion> {
  const portions = new Map<string, Portion>()
  for (const { stream, startMs, counts } of deltas) {
    const known = streams.get(streamKey(stream))
    if (!known) continue // older than every width
    for (const [widthMs, slotMs] of slotsOf(startMs, nowMs, retention)) {
      const key: SliceKey = { widthMs, streamId: known.id, startMs: slotMs, writer }
      const text = rowKey(key)
      const portion = portions.get(text)
      if (portion) portion.counts.push(counts)
      else portions.set(text, { key, counts: [counts] })
    }
  }
  return portions
}

/** A row as it shall stand: what the store holds and the new counts. */
export function foldRow({ key, counts }: Portion, base: SliceRow | undefined): SliceRow {
  const sum = emptyCounts()
  if (base) addRow(sum, base)
  for (const part of counts) addCounts(sum, part)
  return toRow(key, sum)
}

/** The streams whose counts reach into hours the store did not know of, in order of their numbers. */
export function reachOf(deltas: readonly SliceDelta[], streams: ReadonlyMap<string, KnownStream>): Reach[] {
  const reached = new Map<number, Reach>()
  for (const { stream, startMs } of deltas) {
    const known = streams.get(streamKey(stream))
    const hour = floorTo(startMs, hourMs)
    if (!known || (hour >= known.firstMs && hour <= known.lastMs)) continue
    const before = reached.get(known.id) ?? { known, firstMs: hour, lastMs: hour }
    reached.set(known.id, {
      known,
      firstMs: Math.min(before.firstMs, hour),
      lastMs: Math.max(before.lastMs, hour)
    })
  }
  return [...reached.values()].toSorted((a, b) => a.known.id - b.known.id)
}
