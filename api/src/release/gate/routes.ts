import { hash, randomUUID } from 'node:crypto'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance } from 'fastify'
import { gateRoutes, type ExternalEvidence, type Override } from '../../contract/gate.ts'
import { on } from '../../contract/route.ts'
import { badRequest, notFound } from '../../platform/errors.ts'
import { readText } from '../../platform/http/bodies.ts'
import { parseGate } from '../../plan/parse-gate.rules.ts'
import type { ResolvedService } from '../../plan/model.ts'
import { serviceOf } from '../../signals/routes.ts'
import { decodeCursor, encodeCursor } from '../../slo/alerting/cursor.rules.ts'
import { backtest, type OutcomePort } from './backtest.ts'
import { evidenceUnreadable, evidenceUnsigned, policyInvalid } from './errors.ts'
import { readEvidence } from './evidence/read.rules.ts'
import { Unreadable, type Reading } from './evidence/reading.ts'
import { isSignedWith } from './evidence/signature.rules.ts'
import { policyFor } from './judge.rules.ts'
import type { Page } from './store.ts'

const entriesPerPage = 50
const backtestMs = 90 * 86_400_000

/** Verdicts: asked for, listed, proved. */
export const verdictRoutes = async (instance: FastifyInstance): Promise<void> => {
  const app = instance.withTypeProvider<TypeBoxTypeProvider>()
  const { gate, signer } = app

  app.route({
    ...on(gateRoutes, 'POST /api/v1/services/{service}/gate'),
    handler: ({ params, body, caller }) => gate.ask(serviceOf(app, params.service), body, caller.name)
  })

  app.route({
    ...on(gateRoutes, 'GET /api/v1/services/{service}/verdicts'),
    handler: async ({ params, query }) => {
      const { name: service } = serviceOf(app, params.service)
      const { version, environment } = query
      const found = await gate.store.verdicts({ service, version, environment, ...onePastOf(query) })
      const { entries, nextCursor } = pageOf(found, query.limit, ({ at }) => at)
      return { verdicts: entries, nextCursor }
    }
  })

  app.route({
    ...on(gateRoutes, 'GET /api/v1/verdicts/{id}'),
    handler: async ({ params }) => (await keptVerdict(app, params.id)).verdict
  })

  app.route({
    ...on(gateRoutes, 'GET /api/v1/verdicts/{id}/envelope'),
    handler: async ({ params }) => (await keptVerdict(app, params.id)).envelope
  })

  app.route({
    ...on(gateRoutes, 'GET /api/v1/signing-key'),
    handler: async () => {
      const [present] = (await signer.publicKeys()).toReversed()
      return { keyId: present?.keyId ?? signer.keyId, publicKeyPem: present?.pem ?? (await signer.publicKeyPem()) }
    }
  })
}

/** A policy tried on the past. */
export const backtestRoutes = async (
  instance: FastifyInstance,
  { outcome }: { readonly outcome: OutcomePort }
): Promise<void> => {
  const app = instance.withTypeProvider<TypeBoxTypeProvider>()

  app.route({
    ...on(gateRoutes, 'POST /api/v1/services/{service}/gate/backtest'),
    handler: ({ params, body }) => {
      const service = serviceOf(app, params.service)
      const toMs = body.to === undefined ? app.clock.nowMs() + 1 : Date.parse(body.to)
      const fromMs = body.from === undefined ? toMs - backtestMs : Date.parse(body.from)
      if (fromMs >= toMs) throw badRequest('the time ends before it begins', { hint: 'give `from` before `to`' })
      const policy = policyFor(triedGate(service, body.policy), body.environment)
      const query = { service, environment: body.environment, fromMs, toMs, policy }
      return backtest({ rooms: app, store: app.gate.store, outcome }, query)
    }
  })
}

const triedGate = (service: ResolvedService, given: unknown) => {
  if (given === undefined) return service.gate
  const { gate, faults } = parseGate(given)
  if (gate) return gate
  throw policyInvalid(faults[0]?.text ?? 'it cannot be read', {
    errors: faults.map(({ path, text, found, expected }) => ({
      path: `/policy/${path.join('/')}`,
      text,
      ...(found !== undefined && { found }),
      ...(expected !== undefined && { expected })
    }))
  })
}

/** Overrides: a person's word against a rule. */
export const overrideRoutes = async (instance: FastifyInstance): Promise<void> => {
  const app = instance.withTypeProvider<TypeBoxTypeProvider>()
  const { store } = app.gate

  const withUses = async (override: Override): Promise<Override> => ({
    ...override,
    usedBy: await store.verdictsUsing(override)
  })

  app.route({
    ...on(gateRoutes, 'GET /api/v1/services/{service}/overrides'),
    handler: async ({ params, query }) => {
      const { name } = serviceOf(app, params.service)
      const found = await store.overrides(name, onePastOf(query))
      const { entries, nextCursor } = pageOf(found, query.limit, ({ createdAt }) => createdAt)
      return { overrides: await Promise.all(entries.map(withUses)), nextCursor }
    }
  })

  app.route({
    ...on(gateRoutes, 'POST /api/v1/services/{service}/overrides'),
    handler: async ({ params, body, caller }, reply) => {
      const override = await app.gate.override(serviceOf(app, params.service), body, caller.name)
      return reply.code(201).send(override)
    }
  })

  app.route({
    ...on(gateRoutes, 'DELETE /api/v1/services/{service}/overrides/{id}'),
    handler: async ({ params, caller }) => {
      const { name } = serviceOf(app, params.service)
      const override = await store.override(name, params.id)
      if (!override) throw notFound(`${name} has no override "${params.id}"`)
      return withUses(await store.revoke(override, caller.name, app.clock.nowMs()))
    }
  })
}

/** What outside programs say of a version. */
export const evidenceRoutes = async (instance: FastifyInstance): Promise<void> => {
  const app = instance.withTypeProvider<TypeBoxTypeProvider>()
  const { store } = app.gate

  app.route({
    ...on(gateRoutes, 'GET /api/v1/services/{service}/evidence'),
    handler: async ({ params, query }) => {
      const { name } = serviceOf(app, params.service)
      const found = await store.evidence(name, onePastOf(query))
      const { entries, nextCursor } = pageOf(found, query.limit, ({ receivedAt }) => receivedAt)
      return { evidence: entries, nextCursor }
    }
  })

  app.route({
    ...on(gateRoutes, 'POST /api/v1/services/{service}/evidence/{kind}/{name}'),
    handler: async (request, reply) => {
      const { params, query, caller } = request
      const service = serviceOf(app, params.service)
      const text = await readText(request, app.settings.BODY_LIMIT_BYTES)
      checkSignature(app, service, params, text, request.headers['x-plimsoll-signature'])
      const reading = read(params.kind, text)
      const evidence: ExternalEvidence = {
        id: randomUUID(),
        service: service.name,
        kind: params.kind,
        name: params.name,
        ...reading,
        version: query.version ?? reading.version,
        environment: query.environment ?? reading.environment,
        receivedAt: new Date(app.clock.nowMs()).toISOString(),
        by: caller.name,
        sha256: hash('sha256', text)
      }
      await store.addEvidence(evidence)
      return reply.code(201).send(evidence)
    }
  })
}

const read = (kind: ExternalEvidence['kind'], text: string): Reading => {
  try {
    return readEvidence(kind, text)
  } catch (error) {
    if (error instanceof Unreadable) throw evidenceUnreadable(error.message)
    throw error
  }
}

/** Where the plan names a key, nothing unsigned is taken, whoever hands it in. */
const checkSignature = (
  app: FastifyInstance,
  service: ResolvedService,
  about: Pick<ExternalEvidence, 'kind' | 'name'>,
  text: string,
  header: string | string[] | undefined
): void => {
  const secret = app.gate.requirementOf(service, about)?.signingSecret ?? null
  if (secret === null) return
  const key = app.secrets.settings.planSecrets[secret]
  if (key === undefined) throw evidenceUnsigned(`the plan names ${secret}, and this Plimsoll has no such secret`)
  if (!isSignedWith(key, text, [header].flat()[0]))
    throw evidenceUnsigned(`${about.kind}/${about.name} has to be signed`)
}

interface PageQuery {
  readonly cursor?: string
  readonly limit?: number
}

/** One entry more than is shown tells whether there is another page. */
const onePastOf = ({ cursor, limit = entriesPerPage }: PageQuery): Page => {
  const after = cursor === undefined ? undefined : decodeCursor(cursor)
  if (after === null) throw badRequest('this cursor is not one of ours', { hint: 'take nextCursor of the page before' })
  return { limit: limit + 1, after }
}

const pageOf = <T extends { readonly id: string }>(
  found: readonly T[],
  limit = entriesPerPage,
  timeOf: (entry: T) => string
): { readonly entries: T[]; readonly nextCursor: string | null } => {
  const entries = found.slice(0, limit)
  const last = found.length > limit ? entries.at(-1) : undefined
  return { entries, nextCursor: last ? encodeCursor({ openedMs: Date.parse(timeOf(last)), id: last.id }) : null }
}

const keptVerdict = async (app: FastifyInstance, id: string) => {
  const kept = await app.gate.store.verdict(id)
  if (!kept) throw notFound(`there is no verdict "${id}"`, { hint: 'dry runs are not kept' })
  return kept
}
