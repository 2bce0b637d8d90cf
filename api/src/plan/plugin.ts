import { dirname } from 'node:path'
import fp from 'fastify-plugin'
import { messageOf } from '../platform/errors.ts'
import { addressGuard } from '../platform/guard/address-guard.ts'
import { Gauge, type Registry } from '../platform/metrics.ts'
import { AcceptanceJob } from './acceptance/acceptance.job.ts'
import { EvidenceStore } from './acceptance/evidence-store.ts'
import { ownUrlOf } from './located.rules.ts'
import { PlanFileJob } from './plan-file.job.ts'
import { PlanKeeper } from './plan-keeper.ts'
import { planRoutesPlugin } from './routes.ts'
import type { PlanService } from './service.ts'
import { PlanStore } from './store.ts'

declare module 'fastify' {
  interface FastifyInstance {
    plan: PlanService
  }
}

/** The plan in force, its file, its acceptance checks and its routes. Once registered, a plan is in force. */
export const planPlugin = fp(
  async (app) => {
    const { settings, clock, database, log } = app
    const path = settings.PLAN_FILE
    const directory = dirname(path)
    const store = new PlanStore(database.db)
    const location = { directory, ownUrl: ownUrlOf(settings.HOST, settings.PORT) }
    const keeper = new PlanKeeper({ store, clock, log, location })
    const file = new PlanFileJob({ path, keeper, store, clock, log })
    const acceptance = new AcceptanceJob({
      guard: addressGuard(app.settings.ALLOW_LINK_LOCAL),
      store: new EvidenceStore(database.db),
      lease: app.lease,
      clock,
      log,
      plan: () => keeper.current(),
      directory,
      allowedCommands: settings.allowedCommands
    })
    app.addHook('onClose', async () => {
      await file.close()
      await acceptance.close()
    })

    const status = () => keeper.status(file.isThere ? path : null)
    const plan: PlanService = {
      current: () => keeper.current(),
      given: () => keeper.given(),
      onChange: (listener) => keeper.onChange(listener),
      status,
      etag: () => keeper.etag(),
      preview: (text) => keeper.preview(text),
      apply: async (draft) => {
        const changes = await keeper.apply(draft)
        return { status: status(), changes }
      },
      milestones: () => acceptance.milestones(),
      provideObjectiveState: (port) => acceptance.provideObjectiveState(port)
    }
    app.decorate('plan', plan)

    await keeper.open()
    await file.start()
    await acceptance.reschedule()
    const stopHearing = app.notices.on('plan', () => {
      keeper
        .adoptNewer()
        .catch((error: unknown) => log.warn({ reason: messageOf(error) }, 'a newer plan waits for the store'))
    })
    app.addHook('onClose', () => stopHearing())
    plan.onChange(({ revision }, before) => {
      if (revision !== before.revision) {
        app.live.publish('plan', { revision })
        app.notices.announce('plan')
      }
      acceptance
        .reschedule()
        .catch((error: unknown) => log.warn({ reason: messageOf(error) }, 'checks wait for the store'))
    })
    app.addHook('onListen', async () => {
      const address = app.addresses().find((one) => typeof one !== 'string')
      if (address) keeper.relocate(ownUrlOf(address.address, address.port))
    })

    addMetrics(app.metrics, keeper)

    await app.register(planRoutesPlugin, { plan, acceptance })
  },
  { name: 'plan', dependencies: ['ground', 'metrics', 'lease', 'access', 'bodies'] }
)

function addMetrics(registry: Registry, keeper: PlanKeeper): void {
  const gauge = (name: string, help: string, read: () => number): Gauge =>
    new Gauge({
      name,
      help,
      registers: [],
      collect() {
        this.set(read())
      }
    })
  const refused = 'plimsoll_plan_refused'
  const revision = 'plimsoll_plan_revision'
  registry.registerMetric(
    gauge(refused, '1 while a plan was refused and another stays in force', () => Number(keeper.hasRefused))
  )
  registry.registerMetric(
    gauge(revision, 'Revision of the plan in force; 0: none was applied yet', () => keeper.current().revision)
  )
}
