import { existsSync } from 'node:fs'
import { join } from 'node:path'
import helmet from '@fastify/helmet'
import fastifyStatic from '@fastify/static'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { pagePolicy } from './csp.ts'
import { apiHeaders } from './security-headers.ts'

const shell = '200.html'

/** Names of files under here hold a hash of their content. */
const immutable = '/_app/immutable/'

const config = { access: 'public', priority: 'normal' } as const

/** The built page: files with precompressed bodies, and for every other page path the shell. */
export const webPlugin = fp(
  async (app) => {
    const root = app.settings.WEB_ROOT
    const built = existsSync(join(root, shell))

    await app.register(async (scope) => {
      scope.addHook('onRoute', (route) => {
        route.config = { ...route.config, ...config, polled: true, metricsName: 'page' }
      })
      // helmet writes to the bare reply, over which these would win
      scope.addHook('onRequest', async (_request, reply) => {
        for (const name of Object.keys(apiHeaders)) if (name !== 'cache-control') void reply.removeHeader(name)
      })
      await scope.register(helmet, {
        contentSecurityPolicy: pagePolicy(root),
        crossOriginEmbedderPolicy: false,
        frameguard: { action: 'deny' },
        strictTransportSecurity: false // for whoever ends TLS to say, for all of the host
      })
      if (built) {
        await scope.register(fastifyStatic, {
          root,
          wildcard: false,
          preCompressed: true,
          globIgnore: ['**/*.br', '**/*.gz'], // served in place of the file they pack, not by their own names
          cacheControl: false,
          setHeaders(reply, path) {
            const hashed = path.includes(immutable)
            void reply.header('cache-control', hashed ? 'public, max-age=31536000, immutable' : 'no-cache')
            // the policy is the page's: repeated with each of dozens of scripts it would be as long as they are
            if (hashed) reply.raw.removeHeader('content-security-policy')
          }
        })
      }
      scope.get('/*', { config: { catchAll: true } }, (request, reply) => {
        if (!wantsPage(request)) return reply.callNotFound()
        if (built) return reply.sendFile(shell)
        return reply.code(503).header('retry-after', '5').type('text/html; charset=utf-8').send(notBuilt(root))
      })
    })
  },
  { name: 'web', dependencies: ['ground', 'route-table'] }
)

/** A page path that a browser opens; a missing script or API path must not be answered with a page. */
const wantsPage = ({ url, headers }: FastifyRequest): boolean => {
  const path = url.split('?', 1)[0] ?? ''
  if (/^\/(api|_app)(\/|$)/.test(path)) return false
  return (headers.accept?.includes('text/html') ?? false) ? true : path === '/'
}

const notBuilt = (root: string): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Plimsoll: the page is not built</title>
<h1>Plimsoll runs, but its page is not built</h1>
<p>There is no build in <code>${escapeHtml(root)}</code>. In the checkout:</p>
<pre>make build</pre>
<p>and start again. The API works: <a href="/docs">/docs</a>, <a href="/api/v1/services">/api/v1/services</a>,
<a href="/healthz">/healthz</a>.</p>
</html>
`

const escapeHtml = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
