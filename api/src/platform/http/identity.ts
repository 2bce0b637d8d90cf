import fp from 'fastify-plugin'
import type { Settings } from '../settings.ts'

/**
 * Who answered. The access log of the proxy in front shows these headers, so that a canary's
 * requests can be told from those of the instances beside it.
 */
export const identityHeaders = ({ release, ALLOC_ID }: Pick<Settings, 'release' | 'ALLOC_ID'>) => ({
  'x-release': release,
  ...(ALLOC_ID && { 'x-alloc-id': ALLOC_ID })
})

export const identityPlugin = fp(
  async (app) => {
    const headers = identityHeaders(app.settings)
    app.addHook('onRequest', (_request, reply, done) => {
      void reply.headers(headers)
      done()
    })
  },
  { name: 'identity', dependencies: ['ground'] }
)
