import rateLimit from '@fastify/rate-limit'
import fp from 'fastify-plugin'
import { rateLimited } from '../errors.ts'

/** Limits the writes of one caller, all routes together. Reads are left to load shedding. */
export const rateLimitPlugin = fp(
  async (app) => {
    const max = app.settings.RATE_LIMIT_WRITES
    if (max === 0) return
    await app.register(rateLimit, {
      global: false,
      max,
      timeWindow: 60_000,
      errorResponseBuilder: (_request, { after }) =>
        rateLimited(`More than ${max} writes a minute; the next is free in ${after}`)
    })
    const limiter = app.rateLimit()
    app.addHook('onRoute', (route) => {
      const methods = [route.method].flat()
      if (methods.every((method) => method === 'GET' || method === 'HEAD')) return
      route.onRequest = [route.onRequest ?? [], limiter].flat()
    })
  },
  { name: 'rate-limit', dependencies: ['ground'] }
)
