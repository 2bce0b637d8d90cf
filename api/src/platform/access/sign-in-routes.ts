import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { on, signInRoutes } from '../../contract/index.ts'
import { isCodedError, messageOf } from '../errors.ts'
import { anyone, type Caller } from './caller.ts'
import { signInImpossible } from './errors.ts'
import { Provider, type Claims, type SignInUnderWay } from './provider.ts'
import { parseRoleMap, roleOf } from './role-map.rules.ts'

/** How long a person may be with the provider, s. */
const underWayS = 600

/** Why somebody was not let in, as the page of sign-in tells it. */
type Problem = 'unavailable' | 'expired' | 'cancelled' | 'not_allowed' | 'failed'

interface Kept extends SignInUnderWay {
  readonly returnTo: string
}

/** People come in by the identity provider, and leave. */
export const signInRoutesPlugin = fp(
  async (instance) => {
    const app = instance.withTypeProvider<TypeBoxTypeProvider>()
    const { settings, secrets, clock, audit } = app
    const { sessions, cookies, identify } = app.access
    const { OIDC_ISSUER: issuer, PUBLIC_URL: publicUrl } = settings
    const rules = parseRoleMap(settings.OIDC_ROLES).rules ?? []
    const provider =
      issuer === ''
        ? null
        : new Provider({
            issuer,
            clientId: settings.OIDC_CLIENT_ID,
            clientSecret: () => secrets.settings.OIDC_CLIENT_SECRET,
            scopes: settings.OIDC_SCOPES,
            redirectUri: `${publicUrl}/api/v1/sign-in/callback`,
            clock
          })
    const requireProvider = (): Provider => {
      if (provider === null) throw signInImpossible('This server has no identity provider')
      return provider
    }

    const pageOf = (problem: Problem): string => `${publicUrl}/sign-in?problem=${problem}`

    /** A browser gets a page that explains; the reason stays in the audit log. */
    const refuse = async (request: FastifyRequest, problem: Problem, reason: string, caller: Caller = anyone) => {
      request.log.warn({ problem, reason }, 'sign-in refused')
      await audit
        .recordRefusal({
          caller,
          action: 'sign_in',
          detail: { problem, reason },
          address: request.ip,
          requestId: request.id
        })
        .catch(() => {}) // told by the audit log itself
      return pageOf(problem)
    }

    app.route({
      ...on(signInRoutes, 'GET /api/v1/sign-in'),
      handler: async (request, reply) => {
        const returnTo = pathOf(request.query.returnTo, publicUrl)
        reply.header('cache-control', 'no-store')
        try {
          const { url, underWay } = await requireProvider().begin()
          void reply.header('set-cookie', cookies.setSignIn(encode({ ...underWay, returnTo }), underWayS))
          return reply.redirect(url.href)
        } catch (error) {
          if (isCodedError(error) && error.statusCode === 404) throw error
          return reply.redirect(await refuse(request, 'unavailable', messageOf(error)))
        }
      }
    })

    app.route({
      ...on(signInRoutes, 'GET /api/v1/sign-in/callback'),
      handler: async (request, reply) => {
        const { headers } = request
        const kept = decode(cookies.signIn(headers.cookie))
        void reply.header('cache-control', 'no-store').header('set-cookie', cookies.clearSignIn())
        const at = request.url.indexOf('?')
        const query = at === -1 ? '' : request.url.slice(at)
        if (kept === null) {
          requireProvider()
          return reply.redirect(await refuse(request, 'expired', 'this browser keeps nothing of a sign-in under way'))
        }
        let claims: Claims
        try {
          claims = await requireProvider().finish(query, kept)
        } catch (error) {
          return reply.redirect(await refuse(request, problemOf(error), reasonOf(error)))
        }
        const given = roleOf(rules, claims)
        const name = nameOf(claims)
        const caller: Caller = { kind: 'person', id: `person:${claims.sub}`, name, role: null, services: null }
        if (given === null) {
          return reply.redirect(await refuse(request, 'not_allowed', 'no rule of OIDC_ROLES fits', caller))
        }
        const before = cookies.session(headers.cookie)
        const old = before === null ? null : await sessions.use(before)
        if (old) await sessions.end(old.id)
        const { secret, id } = await sessions.open({ subject: claims.sub, name, address: request.ip, ...given })
        await audit.record({
          caller: { ...caller, ...given },
          action: 'sign_in',
          subject: id,
          address: request.ip,
          requestId: request.id
        })
        void reply.header('set-cookie', cookies.setSession(secret, settings.SESSION_HOURS * 3_600))
        return reply.redirect(publicUrl + kept.returnTo)
      }
    })

    app.route({
      ...on(signInRoutes, 'POST /api/v1/sign-out'),
      handler: async (request, reply) => {
        const { session, caller } = await identify(request, reply)
        if (session === null) return { providerUrl: null }
        await sessions.end(session.id)
        await audit.record({
          caller,
          action: 'sign_out',
          subject: session.id,
          address: request.ip,
          requestId: request.id
        })
        void reply.header('set-cookie', cookies.clearSession())
        return { providerUrl: (await provider?.endUrl()) ?? null }
      }
    })
  },
  { name: 'sign-in-routes', dependencies: ['access', 'validation'] }
)

/** A path of our own page to go on with; anything else is the first page. */
export const pathOf = (returnTo: string | undefined, publicUrl: string): string => {
  if (returnTo === undefined || !returnTo.startsWith('/') || !URL.canParse(returnTo, publicUrl)) return '/'
  const { origin, pathname, search, hash } = new URL(returnTo, publicUrl)
  return origin === publicUrl ? pathname + search + hash : '/'
}

const encode = (kept: Kept): string => Buffer.from(JSON.stringify(kept)).toString('base64url')

const decode = (text: string | null): Kept | null => {
  try {
    const kept = JSON.parse(Buffer.from(text ?? '', 'base64url').toString('utf8')) as Partial<Kept> | null
    const { state, nonce, verifier, returnTo } = kept ?? {}
    return [state, nonce, verifier, returnTo].every((value) => typeof value === 'string') ? (kept as Kept) : null
  } catch {
    return null // not one of ours
  }
}

const problemOf = (error: unknown): Problem => {
  if (isCodedError(error)) return 'unavailable'
  const { error: code } = error as { error?: unknown }
  return code === 'access_denied' || code === 'login_required' ? 'cancelled' : 'failed'
}

/** openid-client says what it expected in `code` and in `cause`. */
const reasonOf = (error: unknown): string => {
  const { code, error: given, cause } = error as { code?: string; error?: string; cause?: unknown }
  return [messageOf(error), given ?? code, cause instanceof Error ? cause.message : undefined]
    .filter(Boolean)
    .join('; ')
}

const nameOf = ({ name, preferred_username: username, email, sub }: Claims): string =>
  [email, name, username, sub].find((one): one is string => typeof one === 'string' && one !== '')!.slice(0, 200)
