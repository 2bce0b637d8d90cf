import fp from 'fastify-plugin'
import { Histogram } from '../metrics.ts'

/** One line per request, at its end, and the RED metrics of its route. */
export const requestLogPlugin = fp(
  async (app) => {
    const duration = new Histogram({
      name: 'plimsoll_http_request_duration_seconds',
      help: 'Duration of requests by method, route and status class',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 5],
      registers: [app.metrics]
    })

    app.addHook('onResponse', (request, reply, done) => {
      const { config, url = 'none' } = request.routeOptions
      const { statusCode } = reply
      const durationMs = reply.elapsedTime
      if (!config.streams) {
        duration.observe(
          { method: request.method, route: config.metricsName ?? url, status: `${Math.floor(statusCode / 100)}xx` },
          durationMs / 1_000
        )
      }
      const line = {
        method: request.method,
        path: request.url.split('?', 1)[0],
        status: statusCode,
        durationMs: Math.round(durationMs * 1_000) / 1_000,
        ip: request.ip
      }
      if (config.polled) {
        if (statusCode >= 500) request.log.warn(line, 'request')
        else request.log.debug(line, 'request')
      } else request.log.info(line, 'request')
      done()
    })

    app.addHook('onRequestAbort', (request, done) => {
      request.log.debug({ method: request.method, path: request.url.split('?', 1)[0] }, 'client went away')
      done()
    })
  },
  { name: 'request-log', dependencies: ['metrics'] }
)
