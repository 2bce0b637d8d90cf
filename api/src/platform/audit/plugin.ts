import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { auditRoutes, on } from '../../contract/index.ts'
import { badRequest } from '../errors.ts'
import { Counter } from '../metrics.ts'
import { Audit, type AuditRecord } from './audit.ts'
import { AuditStore } from './store.ts'

declare module 'fastify' {
  interface FastifyInstance {
    audit: Audit
  }
  interface FastifyRequest {
    /** What a handler adds to the entry of its own request. */
    auditNote: Pick<AuditRecord, 'subject' | 'detail'> | null
  }
  interface FastifyContextConfig {
    /** False: leaves no entry; from the contract. */
    audit?: false
  }
}

const readingMethods = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Writes an entry for every write, from the data of its route: after the handler, before the reply
 * leaves, so that nobody is told of success that is not in the log. What viewers may do changes
 * nothing and leaves no entry. Refusals are written too, within bounds.
 */
export const auditPlugin = fp(
  async (app) => {
    const outcomes = new Counter({
      name: 'plimsoll_audit_entries_total',
      help: 'Entries of the audit log by what became of them',
      labelNames: ['outcome'],
      registers: [app.metrics]
    })
    const audit = new Audit({
      store: new AuditStore(app.database),
      clock: app.clock,
      instance: app.instance.id,
      log: app.log,
      onOutcome: (outcome) => outcomes.inc({ outcome })
    })
    app.decorate('audit', audit)
    app.decorateRequest('auditNote', null)
    app.addHook('onClose', () => audit.close())
    app.readiness.add(
      'audit',
      () =>
        audit.fault === null
          ? null
          : { code: 'audit_not_written', text: `the audit log could not be written: ${audit.fault}` },
      'busy'
    )

    const write = async (record: AuditRecord, done: () => void): Promise<void> => {
      try {
        if (record.outcome === 'refused') await audit.recordRefusal(record)
        else await audit.record(record)
      } catch {
        // the work is done: a reply that said otherwise would be wrong. Readiness and the log tell of the gap
      }
      done()
    }
    app.addHook('onSend', (request, reply, payload, done) => {
      const record = recordOf(request, reply)
      if (record === null) done(null, payload)
      else void write(record, () => done(null, payload))
    })
  },
  { name: 'audit', dependencies: ['ground', 'metrics', 'readiness', 'route-table'] }
)

function recordOf(request: FastifyRequest, reply: FastifyReply): AuditRecord | null {
  const { access, route, audit } = request.routeConfig
  if (access === undefined || access === 'public') return null
  const status = reply.statusCode
  const refused = status === 401 || status === 403
  const reads = readingMethods.has(request.method)
  // a page opened by somebody who is not signed in yet is no attempt at anything
  if (refused && reads && request.caller.kind === 'anyone' && !request.headers.authorization) return null
  if (!refused && (reads || audit === false || access === 'viewer')) return null
  return {
    caller: request.caller,
    action: route ?? `${request.method} ${request.routeConfig.url ?? ''}`,
    subject: request.auditNote?.subject ?? request.url.split('?', 1)[0] ?? '',
    outcome: refused ? 'refused' : status < 400 ? 'done' : 'failed',
    status,
    ...(request.auditNote?.detail && { detail: request.auditNote.detail }),
    address: request.ip,
    requestId: request.id
  }
}

const entriesPerPage = 100

/** The audit log for reading. */
export const auditRoutesPlugin = fp(
  async (instance) => {
    const app = instance.withTypeProvider<TypeBoxTypeProvider>()
    app.route({
      ...on(auditRoutes, 'GET /api/v1/audit'),
      handler: async ({ query }) => {
        const { limit = entriesPerPage, order = 'newest', cursor, caller, action, outcome } = query
        const after = cursor === undefined ? null : Number(cursor)
        if (after !== null && !(Number.isSafeInteger(after) && after > 0)) {
          throw badRequest('this cursor is not one of ours', { hint: 'take nextCursor of the page before' })
        }
        // first: what is written meanwhile is then more than the head says, never less
        const head = await app.audit.store.head()
        const page = await app.audit.store.page({ limit: limit + 1, order, after, caller, action, outcome })
        const entries = page.slice(0, limit)
        const last = page.length > limit ? entries.at(-1) : undefined
        return { entries, head, nextCursor: last ? String(last.sequence) : null }
      }
    })
  },
  { name: 'audit-routes', dependencies: ['audit', 'validation'] }
)
