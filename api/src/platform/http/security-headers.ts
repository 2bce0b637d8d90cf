import fp from 'fastify-plugin'

/**
 * Headers of every reply of the API, made once: set one by one on every reply by helmet they cost
 * as much as the rest of a small request. Pages and /docs get helmet's (see web.ts, docs.ts).
 */
const apiHeaders = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff'
}

/** Data is never stored by caches in between; a browser may keep it, but asks each time (ETag). */
const cacheControl = 'private, no-cache'

export const securityHeadersPlugin = fp(
  async (app) => {
    app.addHook('onRequest', (request, reply, done) => {
      const { raw } = reply
      for (const [name, value] of Object.entries(apiHeaders)) raw.setHeader(name, value)
      raw.setHeader('cache-control', cacheControl)
      raw.setHeader('x-request-id', request.id)
      done()
    })
  },
  { name: 'security-headers' }
)
