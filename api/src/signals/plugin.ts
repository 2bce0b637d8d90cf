import fp from 'fastify-plugin'
import { messageOf } from '../platform/errors.ts'
import { followClassKeys } from './class-key.ts'
import { addSignalMetrics, commitMetrics } from './metrics.ts'
import { signalRoutes } from './routes.ts'
import { SelfRequests } from './self-requests.ts'
import { Signals } from './signals.ts'
import { createSliceStore, type SliceStore } from './store.ts'
import { OtherInstances } from './store/others.ts'

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
      ...(database.line && {
        others: new OtherInstances({ db: database.db, clock, notices: app.notices, holder: lease.holder })
      }),
      onHearingError: (error) => log.warn({ reason: messageOf(error) }, 'counts of other instances wait for the store'),
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
      others: () => app.instances.others,
      log,
      settings,
      instance,
      classKeys: classKeys.accepted,
      secret: (name) => secrets.settings.planSecrets[name],
      requests: new SelfRequests(app)
    })
    app.decorate('signals', signals)
    app.instances.report = () => signals.ownReports()

    addSignalMetrics(app)
    app.readiness.add('counts', () => {
      const { failure } = store
      return failure && { code: 'counts_wait', text: `counts are not stored: ${messageOf(failure.error)}` }
    })

    let forgetPlan = (): void => {}
    let stopHearing = (): void => {}
    app.addHook('onReady', async () => {
      // Only now do all listen who want to hear of every commit.
      signals.take(plan.current())
      forgetPlan = plan.onChange((now) => signals.take(now))
      const restore = (): void => {
        signals.restore().catch((error: unknown) => {
          log.warn({ reason: messageOf(error) }, 'the last hour could not be read from the store')
        })
      }
      restore()
      store.onReset(restore)
      stopHearing = store.hearOthers()
    })
    app.addHook('onClose', async () => {
      forgetPlan()
      stopHearing()
      classKeys.stop()
      await signals.close()
    })
    await app.register(signalRoutes)
  },
  {
    name: 'signals',
    dependencies: ['ground', 'metrics', 'readiness', 'lease', 'notices', 'instances', 'plan', 'bodies']
  }
)
