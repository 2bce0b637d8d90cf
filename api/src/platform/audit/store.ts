import { sql, type Kysely, type Selectable } from 'kysely'
import type { AuditEntry, AuditHead } from '../../contract/audit.ts'
import type { Database } from '../database/open.ts'
import type { AuditLogTable, Tables } from '../database/tables.ts'
import { link, noEntry, type Unlinked } from './chain.rules.ts'

/** One number for the audit log among the advisory locks of a PostgreSQL database. */
const advisoryLock = 0x50_4c_41_55

/** Key in `meta` of the newest entry: with it a cut at the end shows. */
const headKey = 'audit_head'

export interface AuditPage {
  readonly limit: number
  readonly order: 'newest' | 'oldest'
  /** The entry the page before ended with. */
  readonly after: number | null
  readonly caller?: string | undefined
  readonly action?: string | undefined
  readonly outcome?: string | undefined
}

/** The audit log in the store: entries are added at its end and read, nothing else. */
export class AuditStore {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** Adds entries, in order, in one transaction; instances wait for each other. */
  append(entries: readonly Unlinked[]): Promise<AuditEntry[]> {
    const { db, dialect } = this.#database
    return db.transaction().execute(async (transaction) => {
      if (dialect === 'postgres') await sql`select pg_advisory_xact_lock(${advisoryLock})`.execute(transaction)
      let head = await newest(transaction)
      const linked: AuditEntry[] = []
      for (const entry of entries) {
        const next = link(entry, head)
        head = { sequence: next.sequence, hash: next.hash }
        linked.push(next)
      }
      await transaction.insertInto('audit_log').values(linked.map(toRow)).execute()
      const value = JSON.stringify(head)
      await transaction
        .insertInto('meta')
        .values({ key: headKey, value })
        .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
        .execute()
      return linked
    })
  }

  async page({ limit, order, after, caller, action, outcome }: AuditPage): Promise<AuditEntry[]> {
    let query = this.#database.db.selectFrom('audit_log').selectAll()
    if (caller !== undefined) query = query.where('caller_id', '=', caller)
    if (action !== undefined) query = query.where('action', '=', action)
    if (outcome !== undefined) query = query.where('outcome', '=', outcome)
    if (after !== null) query = query.where('sequence', order === 'newest' ? '<' : '>', after)
    const rows = await query
      .orderBy('sequence', order === 'newest' ? 'desc' : 'asc')
      .limit(limit)
      .execute()
    return rows.map(fromRow)
  }

  /** The newest entry as it was noted beside the log. */
  head(): Promise<AuditHead> {
    return notedHead(this.#database.db)
  }
}

const notedHead = async (db: Kysely<Tables>): Promise<AuditHead> => {
  const row = await db.selectFrom('meta').select('value').where('key', '=', headKey).executeTakeFirst()
  return row ? (JSON.parse(row.value) as AuditHead) : noEntry
}

/** What the next entry follows: the noted head, even where the log was cut behind it, so that the gap stays. */
const newest = async (transaction: Kysely<Tables>): Promise<AuditHead> => {
  const noted = await notedHead(transaction)
  const last = await transaction
    .selectFrom('audit_log')
    .select(['sequence', 'hash'])
    .orderBy('sequence', 'desc')
    .limit(1)
    .executeTakeFirst()
  return last && last.sequence > noted.sequence ? last : noted
}

const toRow = (entry: AuditEntry): AuditLogTable => ({
  sequence: entry.sequence,
  at_ms: Date.parse(entry.at),
  instance: entry.instance,
  caller_kind: entry.caller.kind,
  caller_id: entry.caller.id,
  caller_name: entry.caller.name,
  caller_role: entry.caller.role,
  action: entry.action,
  subject: entry.subject,
  outcome: entry.outcome,
  status: entry.status,
  detail: JSON.stringify(entry.detail),
  address: entry.address,
  request_id: entry.requestId,
  previous_hash: entry.previousHash,
  hash: entry.hash
})

/** As it is stored, whatever that is: the chain judges it. */
const fromRow = (row: Selectable<AuditLogTable>): AuditEntry => ({
  sequence: row.sequence,
  at: new Date(row.at_ms).toISOString(),
  instance: row.instance,
  caller: {
    kind: row.caller_kind as AuditEntry['caller']['kind'],
    id: row.caller_id,
    name: row.caller_name,
    role: row.caller_role as AuditEntry['caller']['role']
  },
  action: row.action,
  subject: row.subject,
  outcome: row.outcome as AuditEntry['outcome'],
  status: row.status,
  detail: JSON.parse(row.detail) as AuditEntry['detail'],
  address: row.address,
  requestId: row.request_id,
  previousHash: row.previous_hash,
  hash: row.hash
})
