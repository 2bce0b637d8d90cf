import fp from 'fastify-plugin'
import { sql } from 'kysely'
import { messageOf } from './errors.ts'

/** Another process on the same database. Times are by the database's clock, Unix ms. */
export interface OtherInstance {
  readonly holder: string
  readonly instance: string
  readonly version: string
  readonly startedMs: number
  readonly seenMs: number
  /** Nothing was heard of it lately; it did not say that it ends. */
  readonly isGone: boolean
  /** What its sources reported last, by service: JSON as {@link Instances.report} made it. */
  readonly sources: unknown
}

const beatMs = 5_000

/** Four beats without a word. */
const goneMs = 20_000

/** Of an instance that was killed and never came back nothing is remembered after a day. */
const forgetMs = 86_400_000

const databaseNow = sql<number>`floor(extract(epoch from clock_timestamp()) * 1000)::bigint`

/** The processes that share the store. Each says every few seconds that it is there, and what its sources tell. */
export class Instances {
  #others: readonly OtherInstance[] = []
  /** What the sources of this instance tell; set by those who know. */
  report: () => unknown = () => ({})

  get others(): readonly OtherInstance[] {
    return this.#others
  }

  set others(found: readonly OtherInstance[]) {
    this.#others = found
  }
}

declare module 'fastify' {
  interface FastifyInstance {
    instances: Instances
  }
}

export const instancesPlugin = fp(
  async (app) => {
    const { database, clock, lease, instance, log } = app
    const { db } = database
    const instances = new Instances()
    app.decorate('instances', instances)
    if (!database.line) return
    let beating: Promise<void> | null = null

    const beat = async (): Promise<void> => {
      const said = { seen_ms: databaseNow, sources: JSON.stringify(instances.report()) }
      const who = { holder: lease.holder, instance: instance.id, version: instance.version }
      await db
        .insertInto('instances')
        .values({ ...who, started_ms: instance.startedMs, ...said })
        .onConflict((conflict) => conflict.column('holder').doUpdateSet(said))
        .execute()
      const rows = await db
        .selectFrom('instances')
        .selectAll()
        .select(sql<number>`${databaseNow} - seen_ms`.as('silent_ms'))
        .where('holder', '<>', lease.holder)
        .orderBy('started_ms')
        .execute()
      instances.others = rows.map((row) => ({
        holder: row.holder,
        instance: row.instance,
        version: row.version,
        startedMs: row.started_ms,
        seenMs: row.seen_ms,
        isGone: row.silent_ms > goneMs,
        sources: JSON.parse(row.sources) as unknown
      }))
      if (lease.isLeader && rows.some(({ silent_ms }) => silent_ms > forgetMs)) await lease.act(forget)
    }
    const look = (): void => {
      beating ??= beat()
        .catch((error: unknown) => log.warn({ reason: messageOf(error) }, 'other instances are not heard of'))
        .finally(() => (beating = null))
    }
    const stop = clock.every(beatMs, look)

    app.addHook('onReady', async () => {
      // what this data directory was before it was killed is here again
      await db.deleteFrom('instances').where('instance', '=', instance.id).execute()
      look()
      await beating
    })
    app.addHook('onClose', async () => {
      stop()
      await beating
      await db
        .deleteFrom('instances')
        .where('holder', '=', lease.holder)
        .execute()
        .catch(() => {}) // it is forgotten in a while
    })
  },
  { name: 'instances', dependencies: ['ground', 'lease'] }
)

const forget = (transaction: import('kysely').Transaction<import('./database/tables.ts').Tables>): Promise<unknown> =>
  transaction
    .deleteFrom('instances')
    .where('seen_ms', '<', sql<number>`${databaseNow} - ${forgetMs}::bigint`)
    .execute()
