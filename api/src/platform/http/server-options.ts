import { randomBytes } from 'node:crypto'
import type { IncomingMessage, Server } from 'node:http'
import { LogController, type FastifyBaseLogger, type FastifyHttpOptions } from 'fastify'
import type { Settings } from '../settings.ts'
import { clientErrorHandler, frameworkErrors } from './errors-plugin.ts'
import { requestLogger } from './request-logger.ts'

/** What Fastify is made with. */
export const serverOptions = (settings: Settings, loggerInstance?: FastifyBaseLogger) => {
  const nextId = requestIds()
  return {
    ...(loggerInstance && { loggerInstance }),
    // request-log.ts writes one line at the end instead of Fastify's two
    logController: new LogController({ disableRequestLogging: true }),
    childLoggerFactory: requestLogger,
    genReqId: ({ headers }: IncomingMessage) => safeId(headers['x-request-id']) ?? nextId(),
    bodyLimit: settings.BODY_LIMIT_BYTES,
    trustProxy: settings.trustedProxies.length > 0 ? [...settings.trustedProxies] : false,
    routerOptions: { maxParamLength: 256 },
    return503OnClosing: false, // what still arrives while closing is served, with Connection: close
    // an import of a day's log may take its time; headers may not
    requestTimeout: 600_000,
    keepAliveTimeout: 72_000, // longer than a proxy's idle time of usually 60 s, or it meets a closed connection
    http: {
      headersTimeout: settings.HEADERS_TIMEOUT_MS,
      // how often Node looks for those who send too slowly
      connectionsCheckingInterval: Math.min(5_000, settings.HEADERS_TIMEOUT_MS)
    },
    frameworkErrors,
    clientErrorHandler
  } satisfies FastifyHttpOptions<Server>
}

/** An id that a proxy gave is kept, so that one request has one name in all logs. */
const safeId = (id: string | string[] | undefined): string | null =>
  typeof id === 'string' && /^[\w.:-]{8,64}$/.test(id) ? id : null

const requestIds = (): (() => string) => {
  const prefix = randomBytes(4).toString('hex')
  let count = 0
  return () => `${prefix}-${(count++).toString(36)}`
}
