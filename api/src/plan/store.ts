import type { Kysely, Selectable, Transaction } from 'kysely'
import type { PlansTable, Tables } from '../platform/database/tables.ts'

export type StoredPlan = Selectable<PlansTable>

export interface NewPlan {
  readonly hash: string
  readonly yaml: string
  readonly source: string
  readonly appliedBy: string
  readonly appliedMs: number
}

/** Key in `meta` of the hash of the file that was applied last, by whichever instance. */
const fileHashKey = 'plan_file_hash'

export class PlanStore {
  readonly #db: Kysely<Tables>

  constructor(db: Kysely<Tables>) {
    this.#db = db
  }

  newest(): Promise<StoredPlan | undefined> {
    return newestIn(this.#db)
  }

  async newestRevision(): Promise<number> {
    const row = await this.#db
      .selectFrom('plans')
      .select(({ fn }) => fn.max('revision').as('revision'))
      .executeTakeFirst()
    return row?.revision ?? 0
  }

  /** Hash of the file that was applied last; null when none ever was. */
  async fileHash(): Promise<string | null> {
    const row = await this.#db.selectFrom('meta').select('value').where('key', '=', fileHashKey).executeTakeFirst()
    return row?.value ?? null
  }

  /**
   * Adds a revision after `expected`, the newest that the caller knows of; the same text as that of
   * the newest makes none. Two instances that add at once: one of them gets `moved`.
   *
   * @returns the row in force afterwards, or `moved` when another revision has come between
   */
  async add(plan: NewPlan, expected: number): Promise<StoredPlan | 'moved'> {
    return this.#db.transaction().execute(async (transaction) => {
      const newest = await newestIn(transaction)
      const row =
        newest?.hash === plan.hash ? newest : await insertAfter(transaction, plan, expected, newest?.revision ?? 0)
      if (row !== 'moved' && plan.source === 'file') await rememberFile(transaction, plan.hash)
      return row
    })
  }
}

async function insertAfter(
  transaction: Transaction<Tables>,
  { hash, yaml, source, appliedBy, appliedMs }: NewPlan,
  expected: number,
  newest: number
): Promise<StoredPlan | 'moved'> {
  if (newest !== expected) return 'moved'
  const row = { revision: expected + 1, hash, yaml, source, applied_by: appliedBy, applied_ms: appliedMs }
  const { numInsertedOrUpdatedRows } = await transaction
    .insertInto('plans')
    .values(row)
    .onConflict((conflict) => conflict.column('revision').doNothing())
    .executeTakeFirst()
  return numInsertedOrUpdatedRows === 1n ? row : 'moved'
}

const newestIn = (db: Kysely<Tables>): Promise<StoredPlan | undefined> =>
  db.selectFrom('plans').selectAll().orderBy('revision', 'desc').limit(1).executeTakeFirst()

const rememberFile = (transaction: Transaction<Tables>, hash: string) =>
  transaction
    .insertInto('meta')
    .values({ key: fileHashKey, value: hash })
    .onConflict((conflict) => conflict.column('key').doUpdateSet({ value: hash }))
    .execute()
