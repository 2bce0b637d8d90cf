import type { Kysely } from 'kysely'
import type { Tables } from '../../platform/database/tables.ts'
import type { Leadership } from '../../platform/lease.ts'
import { hourMs, oldestKeptMs, sliceWidthsMs, type Retention } from './widths.rules.ts'

export interface Pruned {
  readonly slices: number
  readonly streams: number
}

/** Streams a statement deletes from: short transactions, so that commits wait little. */
const streamsPerStatement = 5

/**
 * Deletes the slices that are past the retention of their width, and streams that have none left.
 * Goes by stream, because that is how rows lie; a few streams at a time.
 */
export async function prune(
  db: Kysely<Tables>,
  nowMs: number,
  retention: Retention,
  { act }: Pick<Leadership, 'act'>
): Promise<Pruned> {
  let slices = 0
  const streams = await db.selectFrom('streams').select(['id', 'first_ms']).execute()
  for (const widthMs of sliceWidthsMs) {
    const oldestMs = oldestKeptMs(widthMs, nowMs, retention)
    const ids = streams.filter((stream) => stream.first_ms < oldestMs).map((stream) => stream.id)
    for (let at = 0; at < ids.length; at += streamsPerStatement) {
      const { numDeletedRows } = await act((transaction) =>
        transaction
          .deleteFrom('slices')
          .where('width_ms', '=', widthMs)
          .where('stream_id', 'in', ids.slice(at, at + streamsPerStatement))
          .where('start_ms', '<', oldestMs)
          .executeTakeFirst()
      )
      slices += Number(numDeletedRows)
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
  }
  const { numDeletedRows } = await act((transaction) =>
    transaction
      .deleteFrom('streams')
      .where('last_ms', '<', oldestKeptMs(hourMs, nowMs, retention))
      .executeTakeFirst()
  )
  return { slices, streams: Number(numDeletedRows) }
}
