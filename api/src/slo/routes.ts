import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance } from 'fastify'
import { alertRoutes, objectiveRoutes, on, serviceRoutes, type Alert } from '../contract/index.ts'
import { badRequest, notFound } from '../platform/errors.ts'
import type { ResolvedObjective } from '../plan/objective.ts'
import { serviceOf, steppedRangeOf } from '../signals/routes.ts'
import { alertById, pageOfAlerts, type AlertRecord } from './alerting/alert-store.ts'
import { decodeCursor, encodeCursor } from './alerting/cursor.rules.ts'
import { historyOf } from './history.ts'
import { presentDetail, presentSummary, worstFirst } from './services.ts'
import { instant } from './words.rules.ts'

const alertsPerPage = 50

/** Services and whether their promises hold, objectives, their history, marks and alerts. */
export const sloRoutes = async (instance: FastifyInstance): Promise<void> => {
  const app = instance.withTypeProvider<TypeBoxTypeProvider>()
  const { slo, slices, database, clock } = app

  app.route({
    ...on(serviceRoutes, 'GET /api/v1/services'),
    handler: () => ({
      services: app.plan
        .current()
        .services.map((service) => presentSummary(app, service))
        .toSorted(worstFirst)
    })
  })

  app.route({
    ...on(serviceRoutes, 'GET /api/v1/services/{service}'),
    handler: ({ params }) => presentDetail(app, serviceOf(app, params.service))
  })

  app.route({
    ...on(serviceRoutes, 'GET /api/v1/services/{service}/marks'),
    handler: async ({ params, query }) => {
      const { name: service } = serviceOf(app, params.service)
      const { fromMs, toMs } = steppedRangeOf(app, query)
      return { fromAt: instant(fromMs), toAt: instant(toMs), marks: await slo.marks({ service, fromMs, toMs }) }
    }
  })

  app.route({
    ...on(objectiveRoutes, 'GET /api/v1/services/{service}/objectives'),
    handler: async ({ params, query }) => {
      serviceOf(app, params.service)
      return { objectives: await slo.objectives(params.service, { explain: query.explain ?? false }) }
    }
  })

  app.route({
    ...on(objectiveRoutes, 'GET /api/v1/services/{service}/objectives/{objective}'),
    handler: async ({ params, query }) => {
      const { name } = objectiveNamed(app, params)
      const objective = await slo.objective(params.service, name, { explain: query.explain ?? false })
      if (!objective) throw notFound(`"${name}" is not judged yet`, { hint: 'the plan has just changed: ask again' })
      return objective
    }
  })

  app.route({
    ...on(objectiveRoutes, 'GET /api/v1/services/{service}/objectives/{objective}/history'),
    handler: async ({ params, query }) => {
      const objective = objectiveNamed(app, params)
      const range = steppedRangeOf(app, query)
      return historyOf(objective, range, { db: database.db, store: slices, nowMs: clock.nowMs() })
    }
  })

  app.route({
    ...on(alertRoutes, 'GET /api/v1/alerts'),
    handler: async ({ query }) => {
      const after = query.cursor === undefined ? undefined : decodeCursor(query.cursor)
      if (after === null)
        throw badRequest('this cursor is not one of ours', { hint: 'take nextCursor of the page before' })
      const limit = query.limit ?? alertsPerPage
      const page = await pageOfAlerts(database.db, {
        limit: limit + 1,
        ...(query.state && { state: query.state }),
        ...(query.service && { service: query.service }),
        ...(after && { after })
      })
      const alerts = page.slice(0, limit)
      const last = page.length > limit ? alerts.at(-1) : undefined
      return {
        alerts: await withDeliveries(app, alerts),
        nextCursor: last ? encodeCursor({ openedMs: Date.parse(last.openedAt), id: last.id }) : null
      }
    }
  })

  app.route({
    ...on(alertRoutes, 'GET /api/v1/alerts/{id}'),
    handler: async ({ params }) => {
      const alert = await alertById(database.db, params.id)
      if (!alert) throw notFound(`there is no alert "${params.id}"`, { hint: 'GET /api/v1/alerts lists them' })
      const [shown] = await withDeliveries(app, [alert])
      return shown!
    }
  })
}

const objectiveNamed = (app: FastifyInstance, names: { service: string; objective: string }): ResolvedObjective => {
  const { objectives } = serviceOf(app, names.service)
  const objective = objectives.find(({ name }) => name === names.objective)
  if (objective) return objective
  const known = objectives.map(({ name }) => name).join(', ')
  throw notFound(`${names.service} has no objective "${names.objective}"`, {
    hint: known ? `it has ${known}` : 'it has none'
  })
}

const withDeliveries = async ({ notifier }: FastifyInstance, alerts: readonly AlertRecord[]): Promise<Alert[]> => {
  const deliveries = await notifier.statusOf(alerts.map(({ dedupKey }) => dedupKey))
  return alerts.map((alert) => ({ ...alert, deliveries: deliveries.get(alert.dedupKey) ?? [] }))
}
