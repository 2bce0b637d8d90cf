import fp from 'fastify-plugin'
import { messageOf } from '../platform/errors.ts'
import { followClassKeys } from './class-key.ts'
import { addSignalMetrics, commitMetrics } from './metrics.ts'
import { signalRoutes } from './routes.ts'
import { SelfRequests } from './self-requests.ts'
import { Signals } from './signals.ts'
import { createSliceStore, type SliceStore } from './store.ts'

declare module 'fastify' {
  interface FastifyInstance {
    slices: SliceStore
    signals: Signals
  }
}

/** Counts what happens: the store of slices, the sources of the plan, and what is read of them. */
export const signalsPlugin = fp(
  async (app) => {
    const { settings, secrets, clock, database, instance, plan, lease, live, log } = app
    const store = createSliceStore({
      db: database.db,
      clock,
      lease,
      onTransaction: commitMetrics(app.metrics),
      onListenerError: (error) => log.error({ err: error }, 'a listener of counts failed')
    })
    app.decorate('slices', store)

    const classKeys = followClassKeys(secrets)
    const signals = new Signals({
      db: database.db,
      store,
      clock,
      live,
      lease,
      log,
      settings,
      instance,
      classKeys: classKeys.accepted,
      secret: (name) => secrets.settings.planSecrets[name],
      requests: new SelfRequests(app)
    })
    app.decorate('signals', signals)

    addSignalMetrics(app)
    app.readiness.add('counts', () => {
      const { failure } = store
      return failure && { code: 'counts_wait', text: `counts are not stored: ${messageOf(failure.error)}` }
    })

    let forgetPlan = (): void => {}
    app.addHook('onReady', async () => {
      // Only now do all listen who want to hear of every commit.
      signals.take(plan.current())
      forgetPlan = plan.onChange((now) => signals.take(now))
      signals.restore().catch((error: unknown) => {
        log.warn({ reason: messageOf(error) }, 'the last hour could not be read from the store')
      })
    })
    app.addHook('onClose', async () => {
      forgetPlan()
      classKeys.stop()
      await signals.close()
    })
    await app.register(signalRoutes)
  },
  { name: 'signals', dependencies: ['ground', 'metrics', 'readiness', 'lease', 'plan', 'bodies'] }
)
