import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { accessDenied, unauthenticated } from '../errors.ts'
import { decideAccess, type Caller, type Decision } from './access.rules.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls, for the record: `anyone` (a public route), `local` (this machine) or `token`. */
    callerName: 'anyone' | 'local' | 'token'
  }
}

/** Refuses a call before its body is read, by the `access` of its route. */
export const accessPlugin = fp(
  async (app) => {
    const { API_TOKEN, LOOPBACK_OPEN } = app.settings
    const expected = API_TOKEN ? digest(API_TOKEN) : null
    const rules = { loopbackOpen: LOOPBACK_OPEN, hasToken: expected !== null }

    app.decorateRequest('callerName', 'anyone')
    app.addHook('onRequest', (request, _reply, done) => {
      const { access } = request.routeConfig
      if (access === undefined || access === 'public') return done() // undefined: no route, hence a 404
      const decision = decideAccess(access, callerOf(request, expected), rules)
      if (!decision.allowed) return done(refusalOf(decision))
      request.callerName = decision.as
      done()
    })
  },
  { name: 'access', dependencies: ['ground', 'route-table'] }
)

const callerOf = ({ socket, headers }: FastifyRequest, expected: Buffer | null): Caller => ({
  remoteAddress: socket.remoteAddress,
  forwardedFor: forwardedFor(headers),
  host: headers.host,
  origin: headers.origin,
  tokenMatches: tokenMatches(headers.authorization, expected)
})

/** Headers by which proxies say that they forward; a browser page may forge them, but gains nothing by it. */
const forwardingHeaders = ['forwarded', 'via', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip']

const forwardedFor = (headers: IncomingHttpHeaders): string[] | null => {
  const addresses = headers['x-forwarded-for']
  if (addresses !== undefined) return String(addresses).split(',')
  return forwardingHeaders.some((name) => headers[name] !== undefined) ? ['unknown'] : null
}

/** Compares digests: equal length, equal time, whatever was sent. */
const tokenMatches = (authorization: string | undefined, expected: Buffer | null): boolean | null => {
  if (authorization === undefined) return null
  const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1]
  if (token === undefined) return null
  return expected !== null && timingSafeEqual(digest(token), expected)
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

const refusalOf = ({ refusal, detail, hint }: Extract<Decision, { allowed: false }>) =>
  refusal === 'denied'
    ? accessDenied(detail, { hint })
    : unauthenticated(detail, { hint, headers: { 'www-authenticate': 'Bearer realm="plimsoll"' } })
