import fp from 'fastify-plugin'
import { messageOf } from '../../platform/errors.ts'
import { Gate } from './gate.ts'
import { backtestRoutes, evidenceRoutes, overrideRoutes, verdictRoutes } from './routes.ts'
import { GateStore } from './store.ts'

declare module 'fastify' {
  interface FastifyInstance {
    gate: Gate
  }
}

const dayMs = 86_400_000
/** No policy may ask for evidence that is older. */
const evidenceKeptMs = 400 * dayMs

/** May it ship? Verdicts, overrides, evidence, and a policy tried on the past. */
export const gatePlugin = fp(
  async (app) => {
    const gate = new Gate({ rooms: app, store: new GateStore(app.database.db) })
    app.decorate('gate', gate)

    let stopPruning = (): void => {}
    app.addHook('onReady', async () => {
      stopPruning = app.clock.every(dayMs, () => {
        gate.store
          .prune(app.clock.nowMs() - evidenceKeptMs)
          .catch((error: unknown) => app.log.warn({ reason: messageOf(error) }, 'old evidence could not be removed'))
      })
    })
    app.addHook('onClose', () => stopPruning())

    await app.register(verdictRoutes)
    await app.register(backtestRoutes, { outcome: (...asked) => gate.outcome(...asked) })
    await app.register(overrideRoutes)
    await app.register(evidenceRoutes)
  },
  { name: 'gate', dependencies: ['ground', 'signing', 'plan', 'slo', 'load'] }
)
