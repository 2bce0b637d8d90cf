import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import fp from 'fastify-plugin'
import { allRoutes, LiveAlert, LiveSlices, LiveState, Problem, PushedEvent } from '../../contract/index.ts'
import { openApiDocument } from './openapi.rules.ts'

/** Swagger UI runs without inline scripts; it writes styles, and data: images are its icons. No Trusted Types: it sets innerHTML. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"

const openApiType = 'application/vnd.oai.openapi+json'

/** The document of the whole API, of a version. */
export const apiDocument = (version: string) =>
  openApiDocument(allRoutes, version, [Problem, PushedEvent, LiveSlices, LiveState, LiveAlert])

/** `/openapi.json` and `/docs`. */
export const docsPlugin = fp(
  async (app) => {
    const document = apiDocument(app.instance.version)
    const text = JSON.stringify(document)
    const config = { access: 'public', priority: 'low' } as const

    app.get('/openapi.json', { config }, (request, reply) => {
      const wanted = request.headers.accept?.includes(openApiType) ?? false
      // the type is also set for caches: what is kept depends on Accept
      return reply
        .header('vary', 'accept')
        .type(wanted ? `${openApiType};version=3.1` : 'application/json; charset=utf-8')
        .send(text)
    })

    await app.register(async (scope) => {
      scope.addHook('onRoute', (route) => {
        route.config = { ...route.config, ...config, metricsName: '/docs/*' }
      })
      scope.addHook('onRequest', async (_request, reply) => {
        void reply.header('content-security-policy', policy)
      })
      await scope.register(swagger, { mode: 'static', specification: { document: document as never } })
      await scope.register(swaggerUi, {
        routePrefix: '/docs',
        uiConfig: { deepLinking: true, url: '/openapi.json' },
        theme: { title: 'Plimsoll API' }
      })
    })
  },
  { name: 'docs', dependencies: ['ground', 'route-table'] }
)
