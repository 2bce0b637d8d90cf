import type { Kysely } from 'kysely'
import type { Reason, State } from '../../contract/primitives.ts'
import type { Tables } from '../../platform/database/tables.ts'

/** What a run of a check has shown, and when. */
export interface Evidence {
  readonly atMs: number
  readonly state: State
  readonly reasons: readonly Reason[]
  readonly durationMs: number
}

export const evidenceKey = (milestone: string, check: string): string => `${milestone} ${check}`

/** Evidence of acceptance checks; all instances share it. */
export class EvidenceStore {
  readonly #db: Kysely<Tables>

  constructor(db: Kysely<Tables>) {
    this.#db = db
  }

  /** The latest evidence of every check there ever was, by {@link evidenceKey}. */
  async latest(): Promise<Map<string, Evidence>> {
    const rows = await this.#db
      .selectFrom('check_results')
      .selectAll()
      .where('id', 'in', (db) =>
        db
          .selectFrom('check_results')
          .select(({ fn }) => fn.max('id').as('id'))
          .groupBy(['milestone', 'check_key'])
      )
      .execute()
    return new Map(
      rows.map((row) => [
        evidenceKey(row.milestone, row.check_key),
        {
          atMs: row.at_ms,
          state: row.state as State,
          reasons: JSON.parse(row.reasons) as Reason[],
          durationMs: row.duration_ms
        }
      ])
    )
  }

  /**
   * Remembers a run. While a check shows the same as before, one row moves along with it: what is
   * kept grows with what changes, not with time.
   */
  async add(milestone: string, check: string, { atMs, state, reasons, durationMs }: Evidence): Promise<void> {
    const row = { at_ms: atMs, state, reasons: JSON.stringify(reasons), duration_ms: Math.round(durationMs) }
    await this.#db.transaction().execute(async (transaction) => {
      const last = await transaction
        .selectFrom('check_results')
        .select(['id', 'state'])
        .where('milestone', '=', milestone)
        .where('check_key', '=', check)
        .orderBy('id', 'desc')
        .limit(1)
        .executeTakeFirst()
      if (last?.state === state) {
        await transaction.updateTable('check_results').set(row).where('id', '=', last.id).execute()
      } else {
        await transaction
          .insertInto('check_results')
          .values({ milestone, check_key: check, ...row })
          .execute()
      }
    })
  }
}
