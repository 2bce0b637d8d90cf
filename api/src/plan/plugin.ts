import { dirname } from 'node:path'
import fp from 'fastify-plugin'
import { messageOf } from '../platform/errors.ts'
import { Gauge } from '../platform/metrics.ts'
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
      store: new EvidenceStore(database.db),
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
      provideObjectiveState: (port) => acceptance.provideObjectiveState(port)
    }
    app.decorate('plan', plan)

    await keeper.open()
    await file.start()
    await acceptance.reschedule()
    plan.onChange(({ revision }, before) => {
      if (revision !== before.revision) app.live.publish('plan', { revision })
      acceptance.reschedule().catch((error: unknown) => log.warn({ reason: messageOf(error) }, 'checks wait for the store'))
    })
    app.addHook('onListen', async () => {
      const address = app.addresses().find((one) => typeof one !== 'string')
      if (address) keeper.relocate(ownUrlOf(address.address, address.port))
    })

    const gauge = (name: string, help: string, read: () => number): void => {
      new Gauge({ name, help, registers: [app.metrics], collect: function () { this.set(read()) } })
    }
    gauge('plimsoll_plan_revision', 'Revision of the plan in force; 0: none was ever applied', () => keeper.current().revision)
    gauge('plimsoll_plan_refused', '1 while the plan file was refused', () => (status().refused ? 1 : 0))
    gauge('plimsoll_plan_services', 'Services of the plan in force', () => keeper.current().services.length)

    await app.register(planRoutesPlugin, { plan, acceptance })
  },
  { name: 'plan', dependencies: ['ground', 'metrics', 'access', 'bodies'] }
)
