import fp from 'fastify-plugin'
import { sleep } from '../platform/clock.ts'
import { messageOf } from '../platform/errors.ts'
import type { PlanInForce } from '../plan/service.ts'
import { receiversOf } from './alerting/receivers.rules.ts'
import { lookMetrics, standingMetrics } from './metrics.ts'
import { sloRoutes } from './routes.ts'
import { Slo } from './slo.ts'

declare module 'fastify' {
  interface FastifyInstance {
    slo: Slo
  }
}

/** Often enough that a page leaves within seconds of its cause. */
const lookEveryMs = 5_000
/** A start waits this long for history; what is not read by then is judged as soon as it is. */
const waitForHistoryMs = 2_000
/** Without a look for this long nobody is warned of anything. */
const stalledAfterMs = 60_000

/** Judges what the plan promises by what signals count. */
export const sloPlugin = fp(
  async (app) => {
    const { database, clock, lease, live, notifier, plan, slices, signals, metrics, readiness, secrets } = app
    const slo = new Slo({
      db: database.db,
      clock,
      store: slices,
      lease,
      live,
      notifier,
      log: app.log,
      intervalMs: lookEveryMs,
      maintenance: () => plan.current().maintenance,
      sourcesOf: (service) => signals.reports(service),
      ...lookMetrics(metrics)
    })
    app.decorate('slo', slo)
    app.evaluatorStatus.current = () => {
      const { lastRunMs, objectives } = slo.evaluator
      return { lastRunAt: lastRunMs === null ? null : new Date(lastRunMs).toISOString(), objectives }
    }
    standingMetrics(metrics, slo, () => plan.current().services.map(({ name }) => name))
    readiness.add(
      'evaluator',
      () => {
        const { lastRunMs } = slo.evaluator
        if (lastRunMs === null || clock.nowMs() - lastRunMs < stalledAfterMs) return null
        return { code: 'evaluator_stalled', text: 'promises are not being judged', next: 'see the log for the error' }
      },
      'busy'
    )
    plan.provideObjectiveState((service, objective) => slo.objectiveState(service, objective))

    live.beforeShared('alert', () => slo.follow())

    const useReceivers = ({ receivers }: PlanInForce): void =>
      notifier.use(receiversOf(receivers, secrets.settings.planSecrets))

    let stopListening = (): void => {}
    const stopFollowing = secrets.onChange(() => useReceivers(plan.current()))
    app.addHook('onReady', async () => {
      useReceivers(plan.current())
      stopListening = plan.onChange((now) => {
        useReceivers(now)
        slo.take(promisesOf(now)).catch((error: unknown) => {
          const facts = { revision: now.revision, reason: messageOf(error) }
          app.log.error(facts, 'objectives of the new plan could not be taken')
        })
      })
      await slo.start(promisesOf(plan.current()))
      const loaded = slo.loaded.catch(() => {}) // the evaluator says why, and tries again
      await Promise.race([loaded, sleep(clock, waitForHistoryMs)])
      slo.look()
    })
    app.addHook('onClose', async () => {
      stopListening()
      stopFollowing()
      await slo.close()
    })
    await app.register(sloRoutes)
  },
  {
    name: 'slo',
    dependencies: ['ground', 'metrics', 'readiness', 'lease', 'notify', 'system-routes', 'plan', 'signals']
  }
)

const promisesOf = (plan: PlanInForce) => plan.services.flatMap(({ objectives }) => objectives)
