import type { CommitTransaction } from '../slice.ts'
import { lastStarts, readRows, type SliceKey, type SliceRow } from './slice-rows.ts'
import { sliceWidthsMs } from './widths.rules.ts'

/** About 500 bytes each. A row that falls out is read again when it is added to. */
const maxRows = 20_000

/** One per writer, width and stream; one that falls out is asked for again. */
const maxLasts = 200_000

const streamsPerQuestion = 200

/**
 * What the rows that are still being added to hold in the store, so that a steady stream of commits
 * reads nothing. A writer's rows are written by this process alone.
 */
export class OpenRows {
  #rows = new Map<string, SliceRow>()
  /** Start of the last interval that may have a row: later ones have none. */
  #lasts = new Map<string, number>()

  /**
   * What stands under these keys, all of one writer; absent: nothing.
   *
   * @param ahead - rows written earlier in the same transaction
   */
  async load(
    transaction: CommitTransaction,
    keys: readonly SliceKey[],
    ahead: ReadonlyMap<string, SliceRow>
  ): Promise<Map<string, SliceRow>> {
    await this.#askLasts(transaction, keys)
    const bases = new Map<string, SliceRow>()
    const unknown: SliceKey[] = []
    for (const key of keys) {
      const text = rowKey(key)
      const row = ahead.get(text) ?? this.#rows.get(text)
      if (row) bases.set(text, row)
      else if (key.startMs <= (this.#lasts.get(lastKey(key)) ?? Infinity)) unknown.push(key)
    }
    for (const row of await readRows(transaction, unknown)) bases.set(rowKey(keyOf(row)), row)
    return bases
  }

  /** Remembers rows that were committed. */
  keep(rows: Iterable<SliceRow>): void {
    for (const row of rows) {
      const key = keyOf(row)
      touch(this.#rows, rowKey(key), row, maxRows)
      const last = this.#lasts.get(lastKey(key))
      if (last !== undefined) touch(this.#lasts, lastKey(key), Math.max(last, key.startMs), maxLasts)
    }
  }

  /** These rows may stand otherwise than remembered, because a commit failed: they are read before they are added to. */
  forget(keys: Iterable<SliceKey>): void {
    for (const key of keys) {
      this.#rows.delete(rowKey(key))
      const last = this.#lasts.get(lastKey(key))
      if (last !== undefined) this.#lasts.set(lastKey(key), Math.max(last, key.startMs))
    }
  }

  async #askLasts(transaction: CommitTransaction, keys: readonly SliceKey[]): Promise<void> {
    for (const widthMs of sliceWidthsMs) {
      const asked = keys.filter((key) => key.widthMs === widthMs && !this.#lasts.has(lastKey(key)))
      if (asked.length === 0) continue
      const fromMs = asked.reduce((least, key) => Math.min(least, key.startMs), Infinity)
      const writer = asked[0]!.writer
      const ids = [...new Set(asked.map((key) => key.streamId))]
      for (let at = 0; at < ids.length; at += streamsPerQuestion) {
        const some = ids.slice(at, at + streamsPerQuestion)
        const found = await lastStarts(transaction, writer, widthMs, some, fromMs)
        for (const streamId of some) {
          const lastMs = found.get(streamId) ?? fromMs - widthMs
          touch(this.#lasts, lastKey({ widthMs, streamId, startMs: 0, writer }), lastMs, maxLasts)
        }
      }
    }
  }
}

export const rowKey = (key: SliceKey): string => `${key.widthMs}\0${key.streamId}\0${key.startMs}\0${key.writer}`

const lastKey = (key: SliceKey): string => `${key.widthMs}\0${key.streamId}\0${key.writer}`

const keyOf = (row: SliceRow): SliceKey => ({
  widthMs: row.width_ms as SliceKey['widthMs'],
  streamId: row.stream_id,
  startMs: row.start_ms,
  writer: row.writer
})

/** Sets an entry as the one used last, dropping the one that was not used for longest when there are too many. */
const touch = <V>(map: Map<string, V>, key: string, value: V, max: number): void => {
  map.delete(key)
  const oldest = map.keys().next().value
  if (map.size >= max && oldest !== undefined) map.delete(oldest)
  map.set(key, value)
}
