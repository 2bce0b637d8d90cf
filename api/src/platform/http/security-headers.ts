import fp from 'fastify-plugin'

/**
 * Headers of every reply of the API, made once: set one by one on every reply by helmet they cost
 * as much as the rest of a small request. Pages and /docs get others (see web.ts, docs.ts). Data is
 * never stored by caches in between; a browser may keep it, but asks each time (ETag).
 */
export const apiHeaders: Readonly<Record<string, string>> = {
  'cache-control': 'private, no-cache',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff'
}

export const securityHeadersPlugin = fp(
  async (app) => {
    app.addHook('onRequest', (request, reply, done) => {
      void reply.headers(apiHeaders)
      void reply.header('x-request-id', request.id)
      done()
    })
  },
  { name: 'security-headers' }
)
