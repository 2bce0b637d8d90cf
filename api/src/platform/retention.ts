import fp from 'fastify-plugin'
import { sql } from 'kysely'
import type { Database } from './database/open.ts'
import { messageOf } from './errors.ts'
import { leadsAlone, type Leadership } from './lease.ts'
import type { Settings } from './settings.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** Rows a statement deletes: short transactions, so that commits wait little. */
const rowsPerStatement = 500

interface Rule {
  readonly table: string
  readonly key: string
  /** Column of the row's age, Unix time in ms. */
  readonly age: string
  /** Rows that are never deleted for their age. */
  readonly only?: string
  readonly keepMs: number
}

/** What is kept how long, but for slices: those belong to the slice store. */
const rulesOf = (settings: Settings): readonly Rule[] => [
  { table: 'probe_results', key: 'id', age: 'at_ms', keepMs: settings.RETAIN_PROBES_DAYS * dayMs },
  { table: 'idempotency_keys', key: 'key', age: 'created_ms', keepMs: settings.RETAIN_IDEMPOTENCY_HOURS * hourMs },
  { table: 'check_results', key: 'id', age: 'at_ms', keepMs: settings.RETAIN_HISTORY_DAYS * dayMs },
  {
    table: 'deliveries',
    key: 'id',
    age: 'created_ms',
    only: "state <> 'pending'",
    keepMs: settings.RETAIN_HISTORY_DAYS * dayMs
  },
  {
    table: 'alerts',
    key: 'id',
    age: 'resolved_ms',
    only: "state = 'resolved'",
    keepMs: settings.RETAIN_HISTORY_DAYS * dayMs
  }
]

/**
 * Deletes what is older than its setting says, a few hundred rows at a time.
 *
 * @param lease - who may delete for all instances; whoever runs alone may
 * @returns rows deleted by table
 */
export async function deleteExpired(
  { db }: Database,
  settings: Settings,
  nowMs: number,
  lease: Pick<Leadership, 'act'> = leadsAlone(db)
): Promise<Record<string, number>> {
  const deleted: Record<string, number> = {}
  for (const { table, key, age, only = 'true', keepMs } of rulesOf(settings)) {
    let count: number
    do {
      const { numAffectedRows } = await lease.act((transaction) =>
        sql`delete from ${sql.table(table)} where ${sql.ref(key)} in (
          select ${sql.ref(key)} from ${sql.table(table)}
          where ${sql.ref(age)} < ${nowMs - keepMs} and ${sql.raw(only)}
          limit ${rowsPerStatement})`.execute(transaction)
      )
      count = Number(numAffectedRows ?? 0)
      deleted[table] = (deleted[table] ?? 0) + count
      await new Promise<void>((resolve) => setImmediate(resolve))
    } while (count === rowsPerStatement)
  }
  return deleted
}

/** Deletes what has expired, every hour, for all instances. */
export const retentionPlugin = fp(
  async (app) => {
    const { clock, database, settings, lease } = app
    let running: Promise<void> | null = null
    const stop = clock.every(hourMs, () => {
      if (!lease.isLeader) return
      running ??= deleteExpired(database, settings, clock.nowMs(), lease)
        .then((deleted) => app.log.debug({ deleted }, 'expired rows deleted'))
        .catch((error: unknown) => app.log.warn({ reason: messageOf(error) }, 'expired rows wait for the store'))
        .finally(() => (running = null))
    })
    app.addHook('onClose', async () => {
      stop()
      await running
    })
  },
  { name: 'retention', dependencies: ['ground', 'lease'] }
)
