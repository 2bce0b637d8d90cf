import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { accessText } from '../access/words.rules.ts'
import { on, systemRoutes, type System } from '../../contract/index.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Set by the evaluator: what `/api/v1/system` says of it. */
    evaluatorStatus: { current: () => System['evaluator'] }
  }
}

const readyStatus = { ready: 200, busy: 429, not_ready: 503 } as const

/** `/healthz`, `/readyz`, `/metrics` and `/api/v1/system`. */
export const systemRoutesPlugin = fp(
  async (instance) => {
    const app = instance.withTypeProvider<TypeBoxTypeProvider>()
    const { version, startedMs, id } = app.instance
    const polled = { polled: true }
    app.decorate('evaluatorStatus', { current: () => ({ lastRunAt: null, objectives: 0 }) })
    app.readiness.add(
      'pressure',
      () => (app.pressure.level > 0 ? { code: 'overloaded', text: app.pressure.cause ?? 'requests are shed' } : null),
      'busy'
    )

    const health = on(systemRoutes, 'GET /healthz')
    app.route({
      ...health,
      config: { ...health.config, ...polled },
      handler: () => ({ status: 'ok' as const, version, uptimeS: Math.round((app.clock.nowMs() - startedMs) / 1_000) })
    })

    const ready = on(systemRoutes, 'GET /readyz')
    app.route({
      ...ready,
      config: { ...ready.config, ...polled },
      handler: (_request, reply) => {
        const readiness = app.readiness.now
        reply.code(readyStatus[readiness.status] as 200)
        return { ...readiness, leads: app.lease.isLeader }
      }
    })

    const metrics = on(systemRoutes, 'GET /metrics')
    app.route({
      ...metrics,
      config: { ...metrics.config, ...polled },
      handler: async (_request, reply) => {
        void reply.type(app.metrics.contentType)
        return app.metrics.metrics()
      }
    })

    const { LOOPBACK_OPEN } = app.settings
    const access: System['access'] = {
      mode: LOOPBACK_OPEN ? 'open_on_loopback' : 'token',
      text: accessText(app.settings)
    }
    app.route({
      ...on(systemRoutes, 'GET /api/v1/system'),
      handler: async () => ({
        name: 'plimsoll' as const,
        version,
        instance: id,
        nowAt: new Date(app.clock.nowMs()).toISOString(),
        startedAt: new Date(startedMs).toISOString(),
        database: {
          kind: app.database.dialect,
          sizeBytes: await app.database.sizeBytes().catch(() => null),
          schema: String(app.database.schemaVersion)
        },
        access,
        evaluator: app.evaluatorStatus.current(),
        lease: await leaseNow(app),
        instances: instancesNow(app)
      })
    })
  },
  { name: 'system-routes', dependencies: ['ground', 'metrics', 'readiness', 'lease', 'instances', 'pressure'] }
)

const leaseNow = async ({ lease }: FastifyInstance): Promise<System['lease']> => {
  const { holder, token, sinceMs } = await lease.status().catch(() => ({ holder: null, token: 0, sinceMs: null }))
  const sinceAt = sinceMs === null ? null : new Date(sinceMs).toISOString()
  return { leads: lease.isLeader, holder, token, sinceAt }
}

const instancesNow = ({ lease, instance, instances }: FastifyInstance): System['instances'] => [
  {
    holder: lease.holder,
    instance: instance.id,
    version: instance.version,
    startedAt: new Date(instance.startedMs).toISOString(),
    state: 'here'
  },
  ...instances.others.map(({ holder, instance, version, startedMs, isGone }) => ({
    holder,
    instance,
    version,
    startedAt: new Date(startedMs).toISOString(),
    state: isGone ? ('gone' as const) : ('alive' as const)
  }))
]
