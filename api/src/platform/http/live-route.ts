import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fp from 'fastify-plugin'
import { on, systemRoutes } from '../../contract/index.ts'
import { codedError, notAcceptable } from '../errors.ts'
import type { LiveClient } from '../live.ts'
import { Counter, Gauge } from '../metrics.ts'
import { identityHeaders } from './identity.ts'
import { apiHeaders } from './security-headers.ts'

export const tooManyReaders = codedError({
  code: 'PLIMSOLL_TOO_MANY_LIVE_CLIENTS',
  status: 503,
  title: 'Too many readers of the live stream',
  hint: 'close pages that nobody looks at, or raise LIVE_CLIENTS'
})

/** How long a dropped reader may take to read its last words before the connection is cut, ms. */
const lastWordsMs = 5_000

/**
 * `GET /api/v1/live`: server-sent events. Written to the socket by itself: frames are made once for
 * all readers and how far a reader is behind must be known, neither of which @fastify/sse offers.
 */
export const liveRoutePlugin = fp(
  async (instance) => {
    const app = instance.withTypeProvider<TypeBoxTypeProvider>()
    const registers = [app.metrics]
    new Gauge({
      name: 'plimsoll_live_clients',
      help: 'Readers of the live stream',
      registers,
      collect() {
        this.set(app.live.clients)
      }
    })
    const dropped = new Counter({
      name: 'plimsoll_live_dropped_total',
      help: 'Readers dropped for being slow',
      registers
    })
    app.live.onDropped = () => dropped.inc()

    const route = on(systemRoutes, 'GET /api/v1/live')
    app.route({
      ...route,
      config: { ...route.config, streams: true, polled: true },
      exposeHeadRoute: false,
      handler: (request, reply) => {
        if (refuses(request.headers.accept)) {
          throw notAcceptable('This route only speaks text/event-stream', { hint: 'send Accept: text/event-stream' })
        }
        if (app.live.isFull) {
          throw tooManyReaders('The live stream has as many readers as it takes', { headers: { 'retry-after': '10' } })
        }
        reply.hijack()
        const { raw } = reply
        raw.writeHead(200, {
          ...apiHeaders,
          ...identityHeaders(app.settings),
          'content-type': 'text/event-stream; charset=utf-8',
          'cache-control': 'no-store',
          'x-accel-buffering': 'no' // nginx would hold events back
        })
        raw.on('error', () => raw.destroy())
        const client: LiveClient = {
          service: request.query.service ?? null,
          bufferedBytes: () => raw.writableLength,
          write: (frame) => void raw.write(frame),
          end: () => {
            raw.end()
            app.clock.after(lastWordsMs, () => raw.destroy())
          }
        }
        const leave = app.live.join(client, request.headers['last-event-id']?.toString())
        raw.on('close', leave)
      }
    })
  },
  { name: 'live-route', dependencies: ['ground', 'metrics', 'route-table'] }
)

/** True when the client names media types and none of them lets an event stream pass. */
const refuses = (accept: string | undefined): boolean =>
  accept !== undefined && !/(text\/event-stream|text\/\*|\*\/\*)(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(accept)
