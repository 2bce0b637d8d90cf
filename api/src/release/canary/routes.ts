import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance } from 'fastify'
import { releaseRoutes, type Release } from '../../contract/releases.ts'
import { on } from '../../contract/route.ts'
import { badRequest, notFound } from '../../platform/errors.ts'
import { requireService } from '../../platform/access/plugin.ts'
import { serviceOf } from '../../signals/routes.ts'
import { decodeCursor, encodeCursor } from '../../slo/alerting/cursor.rules.ts'
import { busiestRelease } from './arms.ts'
import { budgetSpentSince } from './budget-spent.ts'
import { noBaseline, releaseEnded, releasesNotPlanned } from './errors.ts'
import { presentBrief, presentRelease } from './present.ts'
import { endedStates, type ReleaseRecord } from './record.ts'

const releasesPerPage = 50
const busiestOverMs = 600_000

/** Releases: listed, announced, looked at, and decided by hand. */
export const canaryRoutes = async (instance: FastifyInstance): Promise<void> => {
  const app = instance.withTypeProvider<TypeBoxTypeProvider>()
  const { releases, clock, signals } = app

  app.route({
    ...on(releaseRoutes, 'GET /api/v1/releases'),
    handler: async ({ query }) => {
      const { cursor, limit = releasesPerPage, ...asked } = query
      const after = cursor === undefined ? undefined : decodeCursor(cursor)
      if (after === null)
        throw badRequest('this cursor is not one of ours', { hint: 'take nextCursor of the page before' })
      const found = await releases.store.list({ ...asked, limit: limit + 1, after })
      const page = found.slice(0, limit)
      const last = found.length > limit ? page.at(-1) : undefined
      return {
        releases: await Promise.all(
          page.map(async (release) =>
            presentBrief(release, {
              analysis: await releases.analysisOf(release),
              // reading history for a page of them would take long: one that has ended shows it by itself
              budgetSpent: endedStates.has(release.state) ? [] : await budgetSpentSince(app, release)
            })
          )
        ),
        nextCursor: last ? encodeCursor({ openedMs: last.startedMs, id: last.id }) : null
      }
    }
  })

  app.route({
    ...on(releaseRoutes, 'POST /api/v1/releases'),
    handler: async (request, reply) => {
      const { body, caller } = request
      const service = serviceOf(app, body.service)
      requireService(request, service.name)
      if (service.release === null) throw releasesNotPlanned(`${service.name} has no release: in the plan`)
      const nowMs = clock.nowMs()
      const range = { except: body.version, fromMs: nowMs - busiestOverMs, toMs: nowMs }
      const baseline = body.baseline ?? busiestRelease(signals.recent, service.name, range)
      // Nomad says when a canary is healthy, and what it is compared with
      const analyse = (body.analyse ?? false) && service.release.nomad === null
      if (analyse && baseline === null) throw noBaseline(`no other version of ${service.name} serves anybody now`)
      if (analyse && baseline === body.version) throw noBaseline(`${body.version} cannot be compared with itself`)
      const release = await releases.announce({
        service,
        version: body.version,
        environment: body.environment,
        baseline,
        analyse,
        text: body.text ?? null,
        source: body.source,
        planDiff: body.planDiff,
        by: caller.name
      })
      return reply.code(201).send(await shown(app, release))
    }
  })

  app.route({
    ...on(releaseRoutes, 'GET /api/v1/releases/{id}'),
    handler: async ({ params }) => shown(app, await known(app, params.id))
  })

  app.route({
    ...on(releaseRoutes, 'POST /api/v1/releases/{id}/actions'),
    handler: async (request, reply) => {
      const { params, body, caller } = request
      const release = await known(app, params.id)
      requireService(request, release.service)
      if (endedStates.has(release.state)) throw releaseEnded(`it is ${release.state}: ${release.text}`)
      request.auditNote = {
        subject: release.service,
        detail: { release: release.id, version: release.version, ...body }
      }
      await releases.act(release.id, { ...body, by: caller.name })
      return reply.code(202).send(await shown(app, await known(app, params.id)))
    }
  })
}

const known = async (app: FastifyInstance, id: string): Promise<ReleaseRecord> => {
  const release = await app.releases.store.get(id)
  if (!release) throw notFound(`there is no release "${id}"`, { hint: 'GET /api/v1/releases lists them' })
  return release
}

const shown = async (app: FastifyInstance, release: ReleaseRecord): Promise<Release> => {
  const { releases, clock, plan, signals } = app
  const [analysis, batches, timeline, actions, budgetSpent, judged] = await Promise.all([
    releases.analysisOf(release),
    release.analysis === null ? [] : releases.store.batches(release.id),
    releases.store.timeline(release.id),
    releases.store.actions(release.id),
    budgetSpentSince(app, release),
    release.verdict === null ? null : app.gate.store.verdict(release.verdict.id)
  ])
  const service = plan.current().services.find(({ name }) => name === release.service)
  return presentRelease(release, {
    analysis,
    batches,
    timeline,
    actions,
    budgetSpent,
    overrides: [...new Set(judged?.verdict.rules.flatMap(({ overriddenBy }) => overriddenBy ?? []))],
    recent: signals.recent,
    act: service?.release?.act ?? false,
    nowMs: clock.nowMs()
  })
}
