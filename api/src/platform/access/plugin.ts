import fastifyCookie from '@fastify/cookie'
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { accessDenied } from '../errors.ts'
import { anyone, type Caller } from './caller.ts'
import { cookiesOf } from './cookies.ts'
import { mayUse, refusalOf } from './decide.rules.ts'
import { forgedRequest, roleTooLow, serviceNotYours } from './errors.ts'
import { credentialsMissing, identifier, type Identify, type Identity } from './identify.ts'
import { parseRoleMap, type RoleRule } from './role-map.rules.ts'
import { SessionStore } from './session-store.ts'
import { TokenStore } from './token-store.ts'
import { Workloads } from './workload.ts'

declare module 'fastify' {
  interface FastifyInstance {
    access: AccessRoom
  }
  interface FastifyRequest {
    /** Who calls; `anyone` on public routes, which ask nobody. */
    caller: Caller
  }
  interface FastifyContextConfig {
    /** What callers held to some services may do here; from the contract. */
    services?: 'any' | 'handler'
  }
}

export interface AccessRoom {
  readonly identify: Identify
  readonly tokens: TokenStore
  readonly sessions: SessionStore
  readonly cookies: ReturnType<typeof cookiesOf>
  /** Where a browser signs in; null: nobody does. */
  readonly signInPath: string | null
}

/** A stream of somebody who may lose his rights ends after this, ms; browsers open it again. */
const longestStreamMs = 900_000

/** Says who calls, and refuses a call before its body is read, by the `access` of its route. */
export const accessPlugin = fp(
  async (app) => {
    const { settings, clock, database } = app
    const tokens = new TokenStore(database, clock, (reason) =>
      app.log.warn({ reason }, 'the use of a token could not be noted')
    )
    const sessions = new SessionStore(database, {
      clock,
      idleMs: settings.SESSION_IDLE_MINUTES * 60_000,
      longestMs: settings.SESSION_HOURS * 3_600_000,
      onReuse: (caller) =>
        app.audit
          .record({
            caller,
            action: 'session_reused',
            outcome: 'refused',
            detail: { meaning: 'a copy was shown: the session ended' }
          })
          .catch(() => {}) // told by the audit log itself
    })
    const signInPath = settings.OIDC_ISSUER ? '/api/v1/sign-in' : null
    await app.register(fastifyCookie, { hook: false }) // one cookie of a few requests is read where it is needed
    const cookies = cookiesOf(app, settings.PUBLIC_URL.startsWith('https:'))
    const identify = identifier({
      clock,
      loopbackOpen: settings.LOOPBACK_OPEN,
      bootstrapTokens: () => app.secrets.accepted('API_TOKEN'),
      tokens,
      workloads: settings.WORKLOAD_JWKS_URL
        ? new Workloads({
            jwksUrl: settings.WORKLOAD_JWKS_URL,
            issuer: settings.WORKLOAD_ISSUER,
            audience: settings.WORKLOAD_AUDIENCE,
            rules: rulesOf(settings.WORKLOAD_ROLES),
            clock
          })
        : null,
      people: signInPath === null ? null : { sessions, cookies }
    })
    app.decorate('access', { identify, tokens, sessions, cookies, signInPath })
    app.decorateRequest('caller', null as never)

    const identifyNow = (request: FastifyRequest, reply: FastifyReply): Identity | Promise<Identity> | Error => {
      try {
        return identify(request, reply)
      } catch (error) {
        return error as Error
      }
    }

    const admit = (request: FastifyRequest, identity: Identity): Error | undefined => {
      request.caller = identity.caller
      return refuse(request, identity, signInPath) ?? forged(request, identity, settings.PUBLIC_URL)
    }

    const admitLater = async (
      request: FastifyRequest,
      identity: Promise<Identity>,
      done: (error?: Error) => void
    ): Promise<void> => {
      let error: Error | undefined
      try {
        error = admit(request, await identity)
      } catch (thrown) {
        error = thrown as Error
      }
      done(error)
    }

    app.addHook('onRequest', (request, reply, done) => {
      request.caller = anyone
      const { access } = request.routeConfig
      if (access === undefined || access === 'public') return done() // undefined: no route, hence a 404
      // most callers are known at once: a promise would cost them a turn
      const identity = identifyNow(request, reply)
      if (identity instanceof Promise) void admitLater(request, identity, done)
      else done(identity instanceof Error ? identity : admit(request, identity))
    })

    app.addHook('onRequest', (request, reply, done) => {
      if (request.routeConfig.streams && request.caller.kind !== 'local') {
        const cancel = clock.after(longestStreamMs, () => reply.raw.end())
        reply.raw.once('close', cancel)
      }
      done()
    })
  },
  { name: 'access', dependencies: ['ground', 'route-table', 'audit'] }
)

const rulesOf = (text: string): readonly RoleRule[] => parseRoleMap(text).rules ?? []

function refuse(request: FastifyRequest, { caller, obstacle, foreignPage }: Identity, signInPath: string | null) {
  const { access = 'admin', services } = request.routeConfig
  const refusal = refusalOf(caller, { access, service: serviceNamed(request), services })
  if (refusal === null) return undefined
  if (refusal.kind === 'service') return outOfScope(caller, refusal.service)
  if (refusal.kind === 'role') {
    return roleTooLow(`${caller.name} is ${caller.role ?? 'nobody'} here; this call needs ${refusal.needs}`)
  }
  if (foreignPage) {
    return accessDenied(`This call is not allowed: ${obstacle}`, {
      hint: 'call from the page of Plimsoll itself, or with a token (plimsoll token create, API_TOKEN)'
    })
  }
  return credentialsMissing(obstacle, signInPath)
}

/** The service that a path or a query names. */
const serviceNamed = ({ params, query }: FastifyRequest): string | null =>
  (params as Naming | undefined)?.service ?? (query as Naming | undefined)?.service?.toString() ?? null

/** A query may name it twice: then it is no name of any. */
interface Naming {
  readonly service?: string
}

const outOfScope = ({ name, services }: Caller, service: string | null): Error =>
  serviceNotYours(
    service === null
      ? `${name} is held to ${services?.join(', ')}; this call is about all services`
      : `${name} is held to ${services?.join(', ')}, not to ${service}`
  )

/**
 * For handlers whose service stands in the body.
 *
 * @throws PLIMSOLL_SERVICE_NOT_IN_SCOPE
 */
export function requireService({ caller }: FastifyRequest, service: string): void {
  if (!mayUse(caller, service)) throw outOfScope(caller, service)
}

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS'])

/** A browser sends the cookie of a session with whatever page asks it to: a write must show that the page is ours. */
function forged({ method, headers }: FastifyRequest, { session }: Identity, publicUrl: string): Error | undefined {
  if (session === null || safeMethods.has(method)) return undefined
  if (headers.origin !== publicUrl) {
    return forgedRequest(`It comes from ${headers.origin === undefined ? 'no page' : JSON.stringify(headers.origin)}`)
  }
  if (headers['x-plimsoll-csrf'] !== session.csrf) return forgedRequest('X-Plimsoll-CSRF is missing or wrong')
  return undefined
}
