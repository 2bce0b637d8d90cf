import type { Kysely } from 'kysely'
import type { PushReply } from '../../contract/index.ts'
import type { Tables } from '../../platform/database/tables.ts'
import { codedError } from '../../platform/errors.ts'
import type { CommitTransaction } from '../slice.ts'

export const idempotencyKeyReused = codedError({
  code: 'PLIMSOLL_IDEMPOTENCY_KEY_REUSED',
  status: 409,
  title: 'The idempotency key was used for another body',
  hint: 'use a new key for every new push; repeat a key only with the very same body'
})

/** Somebody else has stored this key since we looked. */
export class KeyTaken extends Error {}

/**
 * The reply that was given to a push with this key.
 *
 * @returns null when the key is new
 * @throws PLIMSOLL_IDEMPOTENCY_KEY_REUSED when it came with another body
 */
export async function givenReply(db: Kysely<Tables>, key: string, bodyHash: string): Promise<PushReply | null> {
  const row = await db
    .selectFrom('idempotency_keys')
    .select(['body_hash', 'reply'])
    .where('key', '=', key)
    .executeTakeFirst()
  if (!row) return null
  if (row.body_hash !== bodyHash) throw idempotencyKeyReused(`The key ${key} came with another body before`)
  return { ...(JSON.parse(row.reply) as PushReply), duplicate: true }
}

/**
 * Stores a key with the reply, in the transaction of what it stands for.
 *
 * @throws KeyTaken when it is there already
 */
export async function takeKey(
  transaction: CommitTransaction,
  row: { readonly key: string; readonly bodyHash: string; readonly reply: PushReply; readonly nowMs: number }
): Promise<void> {
  const { numInsertedOrUpdatedRows } = await transaction
    .insertInto('idempotency_keys')
    .values({ key: row.key, body_hash: row.bodyHash, reply: JSON.stringify(row.reply), created_ms: row.nowMs })
    .onConflict((conflict) => conflict.column('key').doNothing())
    .executeTakeFirst()
  if (numInsertedOrUpdatedRows === 0n) throw new KeyTaken()
}
