import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { stringify } from 'yaml'
import { planRoutes, type Level, type Risk } from '../contract/plan.ts'
import { on } from '../contract/route.ts'
import { readText } from '../platform/http/bodies.ts'
import type { AcceptanceJob } from './acceptance/acceptance.job.ts'
import { writeOpenSlo } from './openslo/write.rules.ts'
import type { PlanService } from './service.ts'

export interface PlanRoutesOptions {
  readonly plan: PlanService
  readonly acceptance: AcceptanceJob
}

export async function planRoutesPlugin(
  instance: FastifyInstance,
  { plan, acceptance }: PlanRoutesOptions
): Promise<void> {
  const app = instance.withTypeProvider<TypeBoxTypeProvider>()
  const bodyOf = (request: FastifyRequest): Promise<string> => readText(request, app.settings.BODY_LIMIT_BYTES)

  app.route({
    ...on(planRoutes, 'GET /api/v1/plan'),
    handler: (_request, reply) => {
      void reply.header('etag', plan.etag())
      return plan.status()
    }
  })

  app.route({
    ...on(planRoutes, 'PUT /api/v1/plan'),
    handler: async (request, reply) => {
      const { 'if-match': ifMatch, 'x-plan-source': source = 'api' } = request.headers
      const { status, changes } = await plan.apply({
        text: await bodyOf(request),
        source,
        appliedBy: request.caller.name,
        ifMatch
      })
      void reply.header('etag', plan.etag())
      return { status, changes: [...changes] }
    }
  })

  app.route({
    ...on(planRoutes, 'POST /api/v1/plan/diff'),
    handler: async (request) => {
      const { changes, faults } = plan.preview(await bodyOf(request))
      return { changes: [...changes], faults: [...faults] }
    }
  })

  app.route({
    ...on(planRoutes, 'GET /api/v1/plan/export'),
    handler: ({ query: { format = 'given' } }, reply) => {
      const status = plan.status()
      void reply
        .type('application/yaml; charset=utf-8')
        .header('content-disposition', `inline; filename="plan-${status.revision}.yaml"`)
      if (format === 'given') return status.yaml
      if (format === 'openslo') return writeOpenSlo(plan.given())
      return `# Revision ${status.revision}, resolved: shorthand expanded, defaults filled.\n${stringify(status.plan, { lineWidth: 0, aliasDuplicateObjects: false })}`
    }
  })

  app.route({
    ...on(planRoutes, 'GET /api/v1/plan/risks'),
    handler: () => ({ risks: plan.current().risks.toSorted(worstFirst) })
  })

  app.route({
    ...on(planRoutes, 'GET /api/v1/plan/milestones'),
    handler: async () => ({ milestones: await acceptance.milestones() })
  })

  app.route({
    ...on(planRoutes, 'POST /api/v1/plan/milestones/{id}/checks'),
    handler: ({ params: { id } }) => acceptance.runNow(id)
  })
}

const weights: Readonly<Record<Level, number>> = { low: 1, medium: 2, high: 3 }

/** Open ones first, then by impact times probability. */
const worstFirst = (a: Risk, b: Risk): number =>
  Number(b.status === 'open') - Number(a.status === 'open') ||
  weights[b.impact] * weights[b.probability] - weights[a.impact] * weights[a.probability] ||
  a.id.localeCompare(b.id)
