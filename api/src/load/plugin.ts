import fp from 'fastify-plugin'
import { messageOf } from '../platform/errors.ts'
import { ActiveLoad } from './active.job.ts'
import { headroomRatio, staleAt } from './headroom.rules.ts'
import { addLoadMetrics } from './metrics.ts'
import { loadLineRoutes, loadRunRoutes } from './routes.ts'
import { LoadStore } from './store.ts'

declare module 'fastify' {
  interface FastifyInstance {
    load: { readonly store: LoadStore; readonly active: ActiveLoad }
  }
}

/** Lines that another instance measured are seen within this. */
const refreshEveryMs = 30_000

/** How much a service carries: runs, the load line, and load sent for the page. */
export const loadPlugin = fp(
  async (app) => {
    const { clock, database, live } = app
    const store = new LoadStore(database, clock)
    const active = new ActiveLoad({ clock, live, store, log: app.log })
    app.decorate('load', { store, active })
    addLoadMetrics(app)
    app.slo.provideLoadLine((service, trafficPerS) => {
      const line = store.newestLine(service)
      return {
        loadLine: line && { ...line, staleAt: staleAt(line.measuredAt) },
        headroomRatio: headroomRatio(trafficPerS, line?.ratePerS ?? null)
      }
    })

    const refresh = async (): Promise<void> => {
      await store
        .refresh()
        .catch((error: unknown) => app.log.warn({ reason: messageOf(error) }, 'load lines could not be read'))
    }
    let stopRefreshing = (): void => {}
    app.addHook('onReady', async () => {
      await refresh()
      stopRefreshing = clock.every(refreshEveryMs, () => void refresh())
    })
    app.addHook('onClose', async () => {
      stopRefreshing()
      await active.close()
    })
    await app.register(loadRunRoutes)
    await app.register(loadLineRoutes)
  },
  { name: 'load', dependencies: ['ground', 'plan', 'signals', 'slo'] }
)
