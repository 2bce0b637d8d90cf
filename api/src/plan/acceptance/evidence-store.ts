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

  async add(milestone: string, check: string, { atMs, state, reasons, durationMs }: Evidence): Promise<void> {
    await this.#db
      .insertInto('check_results')
      .values({
        milestone,
        check_key: check,
        at_ms: atMs,
        state,
        reasons: JSON.stringify(reasons),
        duration_ms: Math.round(durationMs)
      })
      .execute()
  }
}
