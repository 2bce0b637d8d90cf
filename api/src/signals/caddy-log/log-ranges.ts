import { createHash } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { Tables } from '../../platform/database/tables.ts'
import type { CommitTransaction } from '../slice.ts'
import { parseRanges, withRange, type ByteRange } from './ranges.rules.ts'

/** Longer first lines are known by this much of them. */
export const maxHeadBytes = 64 * 1_024

/** Somebody else has counted bytes of this file since its ranges were read. Nothing was committed. */
export class RangesMoved extends Error {
  constructor() {
    super('another reader has counted bytes of this log file meanwhile')
  }
}

/** What the store knows of the bytes of one file that one service has counted. */
export interface CountedBytes {
  readonly fingerprint: string
  readonly service: string
  /** As stored; null: nothing yet. */
  readonly stored: string | null
  readonly ranges: readonly ByteRange[]
}

/**
 * A file's name that survives renaming, copying and packing: its first line. Caddy's lines carry
 * time and port, so that no two files begin alike.
 *
 * @param head - first line, without its end
 */
export const fingerprintOf = (service: string, head: Uint8Array): string =>
  createHash('sha256').update(service).update('\0').update(head.subarray(0, maxHeadBytes)).digest('hex')

export async function readCounted(
  db: Kysely<Tables>,
  { service, fingerprint }: Pick<CountedBytes, 'service' | 'fingerprint'>
): Promise<CountedBytes> {
  const row = await db
    .selectFrom('log_files')
    .select('ranges')
    .where('fingerprint', '=', fingerprint)
    .executeTakeFirst()
  const stored = row?.ranges ?? null
  return { fingerprint, service, stored, ranges: stored === null ? [] : parseRanges(stored) }
}

/** The same with bytes `from` to `to` counted as well, as it will be stored. */
export function countedWith(counted: CountedBytes, range: ByteRange): CountedBytes {
  const ranges = withRange(counted.ranges, range)
  return { ...counted, ranges, stored: JSON.stringify(ranges) }
}

/**
 * Stores what a reader has counted, if the store still knows what the reader believes.
 *
 * @throws RangesMoved when it knows something else: the bytes must be read again without those
 */
export async function storeCounted(
  transaction: CommitTransaction,
  change: { before: CountedBytes; after: CountedBytes; path: string; nowMs: number }
): Promise<void> {
  const { before, after, path, nowMs } = change
  const values = { ranges: after.stored ?? '[]', path, updated_ms: nowMs }
  const { fingerprint, service } = after
  if (before.stored === null) {
    const { numInsertedOrUpdatedRows } = await transaction
      .insertInto('log_files')
      .values({ fingerprint, service, ...values })
      .onConflict((conflict) => conflict.column('fingerprint').doNothing())
      .executeTakeFirst()
    if (numInsertedOrUpdatedRows !== 1n) throw new RangesMoved()
    return
  }
  const { numUpdatedRows } = await transaction
    .updateTable('log_files')
    .set(values)
    .where('fingerprint', '=', fingerprint)
    .where('ranges', '=', before.stored)
    .executeTakeFirst()
  if (numUpdatedRows !== 1n) throw new RangesMoved()
}
