import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance } from 'fastify'
import type { LoadLine, LoadLineBrief, LoadRunBrief } from '../contract/load.ts'
import { loadRoutes } from '../contract/load-routes.ts'
import { on } from '../contract/route.ts'
import { badRequest, notFound } from '../platform/errors.ts'
import { addressGuard } from '../platform/guard/address-guard.ts'
import type { ResolvedLoad } from '../plan/model.ts'
import { serviceOf } from '../signals/routes.ts'
import { decodeCursor, encodeCursor } from '../slo/alerting/cursor.rules.ts'
import { loadNotPlanned, loadTooMuch } from './errors.ts'
import { headroomRatio, scalingAdvice, staleAt, staleness } from './headroom.rules.ts'
import { thisMachine } from './run/machine.ts'
import { shownTarget } from './sender/target.rules.ts'
import type { RunPage, StoredRun } from './store.ts'
import { subjectOfPlan } from './subject.rules.ts'

const runsPerPage = 50
const linesAtMost = 50

interface PageAsked {
  readonly cursor?: string
  readonly limit?: number
}

/** Runs: listed, kept, started for the target of the plan, stopped. */
export const loadRunRoutes = async (instance: FastifyInstance): Promise<void> => {
  const app = instance.withTypeProvider<TypeBoxTypeProvider>()
  const { store, active } = app.load

  const pageOf = async (of: Pick<RunPage, 'service' | 'release'>, { cursor, limit = runsPerPage }: PageAsked) => {
    const after = cursor === undefined ? undefined : decodeCursor(cursor)
    if (after === null) {
      throw badRequest('this cursor is not one of ours', { hint: 'take nextCursor of the page before' })
    }
    const found = await store.runs({ ...of, limit: limit + 1, after })
    const runs = found.slice(0, limit)
    const last = found.length > limit ? runs.at(-1) : undefined
    return {
      runs: runs.map(brief),
      nextCursor: last ? encodeCursor({ openedMs: Date.parse(last.startedAt), id: last.id }) : null
    }
  }

  app.route({
    ...on(loadRoutes, 'GET /api/v1/runs'),
    handler: ({ query }) => pageOf({}, query)
  })

  app.route({
    ...on(loadRoutes, 'GET /api/v1/services/{service}/runs'),
    handler: async ({ params, query }) => {
      const { name: service, load } = serviceOf(app, params.service)
      const page = await pageOf({ service, release: query.release }, query)
      return {
        ...page,
        active: active.of(service),
        target: load && targetOf(load)
      }
    }
  })

  app.route({
    ...on(loadRoutes, 'POST /api/v1/services/{service}/runs'),
    handler: async ({ params, body }, reply) => {
      const service = serviceOf(app, params.service)
      const { load } = service
      if (!load) throw loadNotPlanned(`the plan names no target for ${service.name}`)
      const wanted = body.kind === 'run' ? body.ratePerS : (body.startPerS ?? 0)
      if (wanted > load.maxRatePerS) {
        throw loadTooMuch(`${wanted} requests per second are more than the ${load.maxRatePerS} the plan allows`, {
          hint: 'ask for less, or raise load.maxRate in the plan'
        })
      }
      const subject = subjectOfPlan(service, load, {
        classKey: app.signals.classKeys[0]!,
        secrets: app.secrets.settings.planSecrets,
        release: body.release ?? null,
        guard: addressGuard(app.settings.ALLOW_LINK_LOCAL)
      })
      reply.code(202)
      return active.start({ service: service.name, subject, start: body, maxRatePerS: load.maxRatePerS })
    }
  })

  app.route({
    ...on(loadRoutes, 'DELETE /api/v1/services/{service}/runs/active'),
    handler: ({ params }) => {
      const { name } = serviceOf(app, params.service)
      const stopped = active.stop(name)
      if (!stopped) throw notFound(`nothing is being sent to ${name} by this instance`)
      return stopped
    }
  })

  app.route({
    ...on(loadRoutes, 'GET /api/v1/services/{service}/runs/{id}'),
    handler: async ({ params }) => {
      const { name } = serviceOf(app, params.service)
      const run = await store.run(name, params.id)
      if (!run) throw notFound(`${name} has no run "${params.id}"`)
      return run
    }
  })

  app.route({
    ...on(loadRoutes, 'PUT /api/v1/services/{service}/runs/{id}'),
    handler: async ({ params, body }) => {
      const { name } = serviceOf(app, params.service)
      sameId(params.id, body.id)
      await store.putRun(name, body)
      return { id: body.id }
    }
  })
}

/** The load line: as it is known, and kept when measured elsewhere. */
export const loadLineRoutes = async (instance: FastifyInstance): Promise<void> => {
  const app = instance.withTypeProvider<TypeBoxTypeProvider>()
  const { store } = app.load
  const here = thisMachine()

  app.route({
    ...on(loadRoutes, 'GET /api/v1/services/{service}/load-line'),
    handler: async ({ params, query }) => {
      const { name } = serviceOf(app, params.service)
      const line = await store.line(name, query.release)
      const trafficPerS = app.signals.traffic(name).ratePerS
      if (!line) {
        return {
          line: null,
          staleAt: null,
          stale: false,
          staleReasons: [],
          trafficPerS,
          headroomRatio: null,
          advice: null
        }
      }
      const nowMs = app.clock.nowMs()
      const releases = await app.slices.releases(name, nowMs - recentMs, nowMs)
      const newest = releases.toSorted((a, b) => b.lastSeenMs - a.lastSeenMs)[0]?.release ?? null
      const staleReasons = staleness(line, { nowMs, release: newest, machine: here.fingerprint })
      return {
        line,
        staleAt: staleAt(line.measuredAt),
        stale: staleReasons.length > 0,
        staleReasons,
        trafficPerS,
        headroomRatio: headroomRatio(trafficPerS, line.ratePerS),
        advice: line.ratePerS === null ? null : scalingAdvice(name, line.ratePerS, trafficPerS)
      }
    }
  })

  app.route({
    ...on(loadRoutes, 'GET /api/v1/services/{service}/load-lines'),
    handler: async ({ params, query }) => {
      const { name } = serviceOf(app, params.service)
      const lines = await store.lines(name, query.limit ?? linesAtMost)
      return { lines: lines.map(lineBrief) }
    }
  })

  app.route({
    ...on(loadRoutes, 'GET /api/v1/services/{service}/load-lines/{id}'),
    handler: async ({ params }) => {
      const { name } = serviceOf(app, params.service)
      const line = await store.lineById(name, params.id)
      if (!line) throw notFound(`${name} has no load line "${params.id}"`)
      return line
    }
  })

  app.route({
    ...on(loadRoutes, 'PUT /api/v1/services/{service}/load-lines/{id}'),
    handler: async ({ params, body }) => {
      const { name } = serviceOf(app, params.service)
      sameId(params.id, body.id)
      await store.putLine(name, body)
      return { id: body.id }
    }
  })
}

/** Releases that answer users now did so within this. */
const recentMs = 3_600_000

const sameId = (path: string, body: string): void => {
  if (path !== body) throw badRequest(`the path names "${path}", the document "${body}"`)
}

const targetOf = ({ url, maxRatePerS, requests }: ResolvedLoad) => ({
  url: shownTarget(new URL(url)),
  maxRatePerS,
  requests: requests.length
})

const brief = (run: StoredRun): LoadRunBrief => ({
  id: run.id,
  service: run.service,
  kind: run.kind,
  tool: run.tool,
  release: run.release,
  commit: run.commit,
  target: run.target,
  startedAt: run.startedAt,
  durationMs: run.durationMs,
  partial: run.partial,
  achievedPerS: run.achievedPerS,
  total: run.total,
  bad: run.bad,
  p95Ms: run.latencyMs.p95,
  p95IntervalMs: run.intervalsMs.p95,
  fingerprint: run.machine?.fingerprint ?? null,
  state: run.state
})

const lineBrief = (line: LoadLine): LoadLineBrief => ({
  id: line.id,
  release: line.release,
  commit: line.commit,
  target: line.target,
  measuredAt: line.measuredAt,
  partial: line.partial,
  ratePerS: line.ratePerS,
  estimatePerS: line.estimatePerS,
  intervalPerS: line.intervalPerS,
  limitedBy: line.limitedBy,
  fingerprint: line.machine?.fingerprint ?? null,
  state: line.state
})
