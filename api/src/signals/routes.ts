import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { on, serviceRoutes } from '../contract/index.ts'
import type { ResolvedService } from '../plan/model.ts'
import { mayUse } from '../platform/access/decide.rules.ts'
import { notFound, unsupportedMediaType, validationFailed } from '../platform/errors.ts'
import { isProbedOnly } from './promise.rules.ts'
import { mostHeatmapSteps, readHeatmap } from './read/heatmap.ts'
import { readRoutes } from './read/route-table.ts'
import { readTraffic, type SeriesSubject } from './read/traffic-series.ts'
import { mostSeriesPoints, rangeOf, type RangeWish, type SteppedRange } from './range.rules.ts'
import type { Stream, TrafficClass } from './slice.ts'

interface StreamWish {
  readonly class?: TrafficClass
  readonly route?: string
  readonly release?: string
}

/** What was counted over time, and pushes. Routes that judge belong to slo. */
export async function signalRoutes(instance: FastifyInstance): Promise<void> {
  const app = instance.withTypeProvider<TypeBoxTypeProvider>()

  app.route({
    ...on(serviceRoutes, 'GET /api/v1/services/{service}/traffic'),
    handler: (request) => readTraffic(app.slices, subjectOf(app, request.params.service, request.query))
  })

  app.route({
    ...on(serviceRoutes, 'GET /api/v1/services/{service}/heatmap'),
    handler: (request) =>
      readHeatmap(app.slices, subjectOf(app, request.params.service, request.query, mostHeatmapSteps))
  })

  app.route({
    ...on(serviceRoutes, 'GET /api/v1/services/{service}/routes'),
    handler: (request) => {
      const subject = subjectOf(app, request.params.service, request.query)
      return readRoutes(app.slices, subject, serviceOf(app, subject.service).routes)
    }
  })

  app.route({
    ...on(serviceRoutes, 'POST /api/v1/events'),
    handler: async (request) => {
      refuseEncoded(request)
      const reply = await app.signals.push.take(request.raw, {
        key: request.headers['idempotency-key'],
        mayPush: (service) => mayUse(request.caller, service)
      })
      request.log.debug({ accepted: reply.accepted, rejected: reply.rejected.length }, 'events pushed')
      return reply
    }
  })

  app.route({
    ...on(serviceRoutes, 'POST /api/v1/services/{service}/imports'),
    handler: async (request) => {
      const service = serviceOf(app, request.params.service)
      const name = request.query.name ?? 'an upload'
      const report = await app.signals.importLog(request.raw, service, name)
      const { fromMs, toMs, skipped, ...counts } = report
      request.log.info({ service: service.name, name, ...counts }, 'log imported')
      return { ...counts, skipped: { ...skipped }, fromAt: instantOf(fromMs), toAt: instantOf(toMs) }
    }
  })
}

const instantOf = (atMs: number | null): string | null => (atMs === null ? null : new Date(atMs).toISOString())

/** @throws PLIMSOLL_NOT_FOUND */
export function serviceOf(app: FastifyInstance, name: string): ResolvedService {
  const { services } = app.plan.current()
  const service = services.find((one) => one.name === name)
  if (service) return service
  const known = services.map((one) => one.name).join(', ')
  throw notFound(`There is no service ${name} in the plan`, {
    hint: known ? `there are: ${known}` : 'the plan names none'
  })
}

/** @throws PLIMSOLL_VALIDATION_FAILED when the range cannot be answered */
export function steppedRangeOf(app: FastifyInstance, wish: RangeWish, points = mostSeriesPoints): SteppedRange {
  const range = rangeOf(wish, { nowMs: app.clock.nowMs(), retention: app.slices.retention, mostPoints: points })
  if ('fault' in range) throw validationFailed(range.fault, { hint: range.hint })
  return range
}

const subjectOf = (
  app: FastifyInstance,
  name: string,
  query: RangeWish & StreamWish,
  points?: number
): SeriesSubject => ({
  ...steppedRangeOf(app, query, points),
  service: name,
  streams: streamsOf(serviceOf(app, name), query)
})

/** Users' requests unless told otherwise; of a service that is only probed, the probes. */
const streamsOf = (service: ResolvedService, wish: StreamWish): ((stream: Stream) => boolean) => {
  const trafficClass = wish.class ?? (isProbedOnly(service.signals) ? 'synthetic' : 'user')
  return (stream) =>
    stream.trafficClass === trafficClass &&
    (wish.route === undefined || stream.route === wish.route) &&
    (wish.release === undefined || stream.release === wish.release)
}

const refuseEncoded = (request: FastifyRequest): void => {
  const encoding = request.headers['content-encoding']
  if (encoding === undefined || encoding === 'identity') return
  throw unsupportedMediaType(`A body packed with ${encoding} is not read here`, {
    hint: 'send it without Content-Encoding'
  })
}
