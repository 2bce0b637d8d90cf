import type { Kysely } from 'kysely'
import type { Tables } from '../../platform/database/tables.ts'
import type { CommitOutcome, CommitTransaction, Cursor } from '../slice.ts'

/** Where a source has read to; null when it has never committed. */
export async function readCursor(db: Kysely<Tables>, source: string): Promise<string | null> {
  const row = await db.selectFrom('cursors').select('position').where('source', '=', source).executeTakeFirst()
  return row?.position ?? null
}

/** Moves a cursor if it stands where its source believes it does. */
export async function moveCursor(
  transaction: CommitTransaction,
  { source, expected, position }: Cursor,
  nowMs: number
): Promise<CommitOutcome> {
  if (await replace(transaction, { source, expected, position }, nowMs)) return { kind: 'committed' }
  const found = await readCursor(transaction, source)
  return found === position ? { kind: 'already_committed' } : { kind: 'superseded', position: found }
}

const replace = async (
  transaction: CommitTransaction,
  { source, expected, position }: Cursor,
  nowMs: number
): Promise<boolean> => {
  if (expected === null) {
    const { numInsertedOrUpdatedRows } = await transaction
      .insertInto('cursors')
      .values({ source, position, updated_ms: nowMs })
      .onConflict((conflict) => conflict.column('source').doNothing())
      .executeTakeFirst()
    return numInsertedOrUpdatedRows === 1n
  }
  const { numUpdatedRows } = await transaction
    .updateTable('cursors')
    .set({ position, updated_ms: nowMs })
    .where('source', '=', source)
    .where('position', '=', expected)
    .executeTakeFirst()
  return numUpdatedRows === 1n
}
