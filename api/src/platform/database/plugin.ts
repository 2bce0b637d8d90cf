import fp from 'fastify-plugin'
import { messageOf } from '../errors.ts'
import { Gauge, Histogram } from '../metrics.ts'
import { describeUrl } from './open.ts'

/** While the store refuses writes it is tried again this often, ms. */
const retryMs = 5_000

/** Shows the store to operators: metrics, readiness with the reason, and recovery without a restart. */
export const databasePlugin = fp(
  async (app) => {
    const { database, clock, metrics, secrets } = app
    const { watch, db } = database

    const duration = new Histogram({
      name: 'plimsoll_database_statement_duration_seconds',
      help: 'Time of database statements by outcome',
      labelNames: ['outcome'],
      buckets: [0.0001, 0.001, 0.005, 0.02, 0.1, 0.5, 2],
      registers: [metrics]
    })
    watch.onStatement = (durationMs, outcome) => duration.observe({ outcome }, durationMs / 1_000)
    new Gauge({
      name: 'plimsoll_database_size_bytes',
      help: 'Size of the store',
      registers: [metrics],
      async collect() {
        this.set(await database.sizeBytes().catch(() => Number.NaN))
      }
    })
    new Gauge({
      name: 'plimsoll_database_writable',
      help: '1 while the store takes writes',
      registers: [metrics],
      collect() {
        this.set(watch.fault ? 0 : 1)
      }
    })

    app.readiness.add('store', () => {
      const { fault } = watch
      return fault && { code: `store_${fault.code}`, text: fault.text, next: fault.hint }
    })

    const tryAgain = async (): Promise<void> => {
      const value = String(clock.nowMs())
      await db.transaction().execute((transaction) =>
        transaction
          .insertInto('meta')
          .values({ key: 'written_again_ms', value })
          .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
          .execute()
      )
      app.log.info('store takes writes again')
    }
    const stop = clock.every(retryMs, () => {
      if (!watch.fault) return
      tryAgain().catch((error: unknown) => app.log.warn({ reason: messageOf(error) }, 'store still refuses writes'))
    })
    const stopFollowing = secrets.onChange(async ({ changed }) => {
      if (!changed.has('DATABASE_URL')) return
      await database.rotate(secrets.settings.DATABASE_URL)
      app.log.info({ store: describeUrl(secrets.settings.DATABASE_URL) }, 'store uses another login')
    })
    app.addHook('onClose', () => {
      stop()
      stopFollowing()
    })
  },
  { name: 'database', dependencies: ['ground', 'metrics', 'readiness'] }
)
