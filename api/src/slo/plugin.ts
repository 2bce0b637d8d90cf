import fp from 'fastify-plugin'
import { sleep } from '../platform/clock.ts'
import { messageOf } from '../platform/errors.ts'
import { Counter, Gauge, Histogram } from '../platform/metrics.ts'
import type { PlanInForce } from '../plan/service.ts'
import { sloRoutes } from './routes.ts'
import { Slo } from './slo.ts'

declare module 'fastify' {
  interface FastifyInstance {
    slo: Slo
  }
}

/** A page fires within seconds of its cause: METHODS counts on looks every ten seconds at most. */
const lookEveryMs = 5_000
/** A start waits this long for history; what is not read by then is judged as soon as it is. */
const waitForHistoryMs = 2_000
/** Without a look for this long nobody is warned of anything. */
const stalledAfterMs = 60_000

/** Judges what the plan promises by what signals count. */
export const sloPlugin = fp(
  async (app) => {
    const { database, clock, live, notifier, plan, slices, signals, metrics, readiness } = app
    const lookDuration = new Histogram({
      name: 'plimsoll_evaluation_duration_seconds',
      help: 'Time to judge all objectives once',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1],
      registers: [metrics]
    })
    const failures = new Counter({
      name: 'plimsoll_evaluation_failures_total',
      help: 'Looks that ended with an error',
      registers: [metrics]
    })
    const slo = new Slo({
      db: database.db,
      clock,
      store: slices,
      live,
      notifier,
      log: app.log,
      intervalMs: lookEveryMs,
      maintenance: () => plan.current().maintenance,
      sourcesOf: (service) => signals.reports(service),
      onLook: (durationMs) => lookDuration.observe(durationMs / 1_000),
      onLookFailed: () => failures.inc()
    })
    app.decorate('slo', slo)

    new Gauge({
      name: 'plimsoll_objective_remaining_ratio',
      help: 'Share of the error budget that is left, negative when overspent',
      labelNames: ['service', 'objective'],
      registers: [metrics],
      collect() {
        this.reset()
        for (const { name: service } of plan.current().services) {
          for (const { name, remainingRatio } of slo.objectivesOf(service)) {
            if (remainingRatio !== null) this.set({ service, objective: name }, remainingRatio)
          }
        }
      }
    })
    new Gauge({
      name: 'plimsoll_alerts_open',
      help: 'Open alerts by severity',
      labelNames: ['severity'],
      registers: [metrics],
      collect() {
        const { page, ticket, notice } = slo.allOpenAlerts()
        this.set({ severity: 'page' }, page)
        this.set({ severity: 'ticket' }, ticket)
        this.set({ severity: 'notice' }, notice)
      }
    })
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
    let stopListening = (): void => {}
    app.addHook('onReady', async () => {
      await slo.start(promisesOf(plan.current()))
      stopListening = plan.onChange((now) => {
        slo.take(promisesOf(now)).catch((error: unknown) => {
          app.log.error(
            { revision: now.revision, reason: messageOf(error) },
            'objectives of the new plan could not be taken'
          )
        })
      })
      await Promise.race([slo.loaded, sleep(clock, waitForHistoryMs)])
      slo.look()
    })
    app.addHook('onClose', async () => {
      stopListening()
      await slo.close()
    })
    await app.register(sloRoutes)
  },
  { name: 'slo', dependencies: ['ground', 'metrics', 'readiness', 'notify', 'plan', 'signals'] }
)

const promisesOf = (plan: PlanInForce) => plan.services.flatMap(({ objectives }) => objectives)
