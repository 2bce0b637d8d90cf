import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fp from 'fastify-plugin'
import { accessRoutes, on, type Me } from '../../contract/index.ts'
import { badRequest, notFound } from '../errors.ts'
import type { Identity } from './identify.ts'

/** Who I am; tokens and sessions, for those who decide who may do what. */
export const accessRoutesPlugin = fp(
  async (instance) => {
    const app = instance.withTypeProvider<TypeBoxTypeProvider>()
    const { tokens, sessions, identify, signInPath } = app.access

    app.route({
      ...on(accessRoutes, 'GET /api/v1/me'),
      handler: async (request, reply) => present(await identify(request, reply), signInPath)
    })

    app.route({
      ...on(accessRoutes, 'GET /api/v1/tokens'),
      handler: async () => ({ tokens: await tokens.list() })
    })

    app.route({
      ...on(accessRoutes, 'POST /api/v1/tokens'),
      handler: async (request, reply) => {
        const { body } = request
        if (body.expiresAt !== undefined && Date.parse(body.expiresAt) <= app.clock.nowMs()) {
          throw badRequest('expiresAt is not in the future', { hint: 'name a time to come, or leave it out' })
        }
        const created = await tokens.create(body, request.caller)
        const { id, name, role, services, expiresAt } = created.token
        request.auditNote = { subject: id, detail: { name, role, services: services?.join(' ') ?? null, expiresAt } }
        reply.code(201).header('cache-control', 'no-store')
        return created
      }
    })

    app.route({
      ...on(accessRoutes, 'DELETE /api/v1/tokens/{id}'),
      handler: async (request) => {
        const token = await tokens.revoke(request.params.id)
        if (!token) throw notFound(`There is no token ${request.params.id}`, { hint: 'see plimsoll token list' })
        request.auditNote = { subject: token.id, detail: { name: token.name } }
        return token
      }
    })

    app.route({
      ...on(accessRoutes, 'GET /api/v1/sessions'),
      handler: async () => ({ sessions: await sessions.list() })
    })

    app.route({
      ...on(accessRoutes, 'DELETE /api/v1/sessions/{id}'),
      handler: async (request) => {
        const session = await sessions.end(request.params.id)
        if (!session) throw notFound(`There is no session ${request.params.id}; it may have ended`)
        request.auditNote = { subject: session.id, detail: { subject: session.subject, name: session.name } }
        return session
      }
    })
  },
  { name: 'access-routes', dependencies: ['access', 'validation'] }
)

const present = ({ caller, obstacle, session }: Identity, signInPath: string | null): Me => ({
  kind: caller.kind,
  id: caller.id,
  name: caller.name,
  role: caller.role,
  services: caller.services === null ? null : [...caller.services],
  text: describe({ caller, obstacle }),
  csrfToken: session?.csrf ?? null,
  expiresAt: session === null ? null : new Date(session.expiresMs).toISOString(),
  signInPath
})

const describe = ({ caller, obstacle }: Pick<Identity, 'caller' | 'obstacle'>): string => {
  const of = caller.services === null ? '' : ` of ${caller.services.join(', ')}`
  if (caller.kind === 'local') {
    return obstacle === null
      ? 'This machine: callers on it are let in without credentials and may do everything'
      : `This machine, reading only: ${obstacle}`
  }
  if (caller.kind === 'anyone') return `Nobody is signed in: ${obstacle}`
  return `${caller.name}, ${caller.role}${of}`
}
