import { hash } from 'node:crypto'
import fp from 'fastify-plugin'

/** Weak ETags on JSON reads: an unchanged answer costs a 304 and no bytes. A route that sets its own keeps it. */
export const etagPlugin = fp(
  async (app) => {
    app.addHook('onSend', (request, reply, payload, done) => {
      if (typeof payload !== 'string' || reply.statusCode !== 200 || !isRead(request.method)) return done(null, payload)
      let etag = reply.getHeader('etag')
      if (etag === undefined) {
        if (!String(reply.getHeader('content-type')).startsWith('application/json')) return done(null, payload)
        etag = `W/"${hash('sha1', payload, 'base64url')}"`
        void reply.header('etag', etag)
      }
      const known = request.headers['if-none-match']
      if (known === undefined || !matches(known, String(etag))) return done(null, payload)
      void reply.code(304).removeHeader('content-length').removeHeader('content-type')
      done(null, '')
    })
  },
  { name: 'etag' }
)

const isRead = (method: string): boolean => method === 'GET' || method === 'HEAD'

/** Weak comparison, RFC 9110 section 13.1.2. */
const matches = (ifNoneMatch: string, etag: string): boolean =>
  ifNoneMatch.trim() === '*' || ifNoneMatch.split(',').some((known) => opaque(known) === opaque(etag))

const opaque = (etag: string): string => etag.trim().replace(/^W\//, '')
