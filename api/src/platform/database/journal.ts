import { sql, type Kysely, type Transaction } from 'kysely'
import { channel } from './line.ts'
import type { Tables } from './tables.ts'

/** How long what was told stays, ms. Who heard nothing for longer has to read everything anew. */
export const journalKeptMs = 10 * 60_000

/** Who last read longer ago than this may have missed something that is deleted by now, ms. */
const readableMs = 8 * 60_000

const rowsPerRead = 100

const databaseNow = sql<number>`floor(extract(epoch from clock_timestamp()) * 1000)::bigint`

/** Tells other instances something on one lane. Transactions of one writer must not overlap. */
export class JournalWriter {
  readonly #kind: string
  readonly #holder: string
  #seq = 0

  /** @param holder - of this process; see `Lease.holder` */
  constructor(kind: string, holder: string) {
    this.#kind = kind
    this.#holder = holder
  }

  /**
   * Adds entries; others see them when the transaction commits. A number that was given to a
   * transaction which then failed is not given again: its end may not have been heard.
   */
  async append(db: Kysely<Tables> | Transaction<Tables>, bodies: readonly string[]): Promise<void> {
    if (bodies.length === 0) return
    const values = bodies.map(
      (body) => sql`(${`${this.#holder}/${this.#kind}`}, ${++this.#seq}, ${databaseNow}, ${this.#kind}, ${body})`
    )
    await sql`
      with told as (insert into journal (source, seq, at_ms, kind, body) values ${sql.join(values)} returning 1)
      select pg_notify(${channel}, ${`${this.#kind} ${this.#holder}`}) from told limit 1`.execute(db)
  }
}

export interface JournalRead {
  readonly bodies: readonly string[]
  /** False: so much time has passed that something may be missing. Read everything anew. */
  readonly isWhole: boolean
}

/** Reads what other instances have told on one lane, each entry once. */
export class JournalReader {
  readonly #kind: string
  readonly #own: string
  readonly #readableMs: number
  #seqs: Map<string, number> | null = null
  #readMs = 0

  constructor(kind: string, holder: string, readableForMs = readableMs) {
    this.#kind = kind
    this.#own = `${holder}/${kind}`
    this.#readableMs = readableForMs
  }

  /** What was told since the last call; nothing at the first, which says from where on it is told. */
  async read(db: Kysely<Tables> | Transaction<Tables>): Promise<JournalRead> {
    const nowMs = await timeOf(db)
    if (!this.#seqs || nowMs - this.#readMs > this.#readableMs) {
      const isFirst = this.#seqs === null
      this.#seqs = await this.#heads(db)
      this.#readMs = nowMs
      return { bodies: [], isWhole: isFirst }
    }
    const bodies: string[] = []
    const seqs = new Map(this.#seqs)
    for (let found = rowsPerRead; found === rowsPerRead;) {
      const rows = await this.#after(db, seqs)
      for (const { source, seq, body } of rows) {
        seqs.set(source, seq)
        bodies.push(body)
      }
      found = rows.length
    }
    this.#seqs = seqs
    this.#readMs = nowMs
    return { bodies, isWhole: true }
  }

  async #heads(db: Kysely<Tables> | Transaction<Tables>): Promise<Map<string, number>> {
    const rows = await db
      .selectFrom('journal')
      .select(({ fn }) => ['source', fn.max('seq').as('seq')])
      .where('kind', '=', this.#kind)
      .groupBy('source')
      .execute()
    return new Map(rows.map(({ source, seq }) => [source, seq]))
  }

  async #after(db: Kysely<Tables> | Transaction<Tables>, seqs: ReadonlyMap<string, number>) {
    const { rows } = await sql<{ source: string; seq: number; body: string }>`
      select told.source, told.seq, told.body
      from journal as told
      left join unnest(${[...seqs.keys()]}::text[], ${[...seqs.values()]}::bigint[]) as known (source, seq)
        on known.source = told.source
      where told.kind = ${this.#kind} and told.source <> ${this.#own} and told.seq > coalesce(known.seq, 0)
      order by told.source, told.seq
      limit ${rowsPerRead}`.execute(db)
    return rows
  }
}

/** Deletes what everybody has had time to read. */
export const pruneJournal = async (db: Kysely<Tables> | Transaction<Tables>): Promise<void> => {
  await db
    .deleteFrom('journal')
    .where('at_ms', '<', sql<number>`${databaseNow} - ${journalKeptMs}::bigint`)
    .execute()
}

const timeOf = async (db: Kysely<Tables> | Transaction<Tables>): Promise<number> => {
  const { rows } = await sql<{ now: number }>`select ${databaseNow} as now`.execute(db)
  return rows[0]!.now
}
