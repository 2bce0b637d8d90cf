import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { Histogram } from '../metrics.ts'

/** One line per request, at its end, and the RED metrics of its route. */
export const requestLogPlugin = fp(
  async (app) => {
    const observe = durations(
      new Histogram({
        name: 'plimsoll_http_request_duration_seconds',
        help: 'Duration of requests by method, route and status class',
        labelNames: ['method', 'route', 'status'],
        buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 5],
        registers: [app.metrics]
      })
    )

    app.addHook('onResponse', (request, reply, done) => {
      const durationMs = reply.elapsedTime
      const { streams, polled } = request.routeConfig
      if (!streams) observe(request, reply.statusCode, durationMs)
      if (request.isShed) return done() // counted; a line for each would cost more than the refusal
      // the logger of the application, with the id by hand: see request-logger.ts
      if (!polled) app.log.info(line(request, reply, durationMs), 'request')
      else if (reply.statusCode >= 500) app.log.warn(line(request, reply, durationMs), 'request')
      else app.log.debug(line(request, reply, durationMs), 'request')
      done()
    })
  },
  { name: 'request-log', dependencies: ['metrics', 'route-table'] }
)

const line = (request: FastifyRequest, reply: FastifyReply, durationMs: number) => ({
  reqId: request.id,
  method: request.method,
  path: request.url.split('?', 1)[0],
  status: reply.statusCode,
  durationMs: Math.round(durationMs * 1_000) / 1_000,
  ip: request.ip
})

type Labels = 'method' | 'route' | 'status'

/** Series are looked up by their labels once, then kept by route: a lookup costs more than an observation. */
const durations = (histogram: Histogram<Labels>) => {
  const known = new Map<string, Histogram.Internal<Labels>[]>()
  return ({ method, routeConfig }: FastifyRequest, statusCode: number, durationMs: number): void => {
    const route = routeConfig.metricsName ?? routeConfig.url ?? 'none'
    const key = `${method} ${route}`
    let byClass = known.get(key)
    if (!byClass) known.set(key, (byClass = []))
    const statusClass = Math.floor(statusCode / 100)
    byClass[statusClass] ??= histogram.labels({ method, route, status: `${statusClass}xx` })
    byClass[statusClass].observe(durationMs / 1_000)
  }
}
