import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../platform/clock.ts'
import { classHeader } from './class-header.rules.ts'

/** Machines ask these every few seconds: whether we live says nothing about the service we give. */
const uncounted = new Set(['GET /healthz', 'GET /readyz', 'GET /metrics'])

/** A request of ours that has ended. */
export interface SelfRequest {
  readonly method: string
  readonly host: string
  /** Of a route of ours its pattern, `*` for what varies; else as it was asked for, without query. */
  readonly path: string
  readonly atMs: number
  readonly durationUs: number
  /** 0: the client went away before the answer was complete. */
  readonly status: number
  readonly classHeader: string | undefined
}

type Listener = (request: SelfRequest) => void

/** Tells of every request this application has ended, health checks and open streams left out. */
export class SelfRequests {
  #clock: Clock
  #listeners = new Set<Listener>()
  /** Replies that are told of: one may be both finished and closed. */
  #told = new WeakSet<FastifyReply>()

  constructor(app: FastifyInstance) {
    this.#clock = app.clock
    // Also told of what is shed: a refusal is answered before other hooks of the request run.
    app.addHook('onResponse', (request, reply, done) => {
      this.#end(request, reply, reply.statusCode)
      done()
    })
    // Not onRequestAbort: that hears only of clients that leave before their request was read.
    app.addHook('onRequest', (request, reply, done) => {
      reply.raw.once('close', () => {
        if (!reply.raw.writableFinished) this.#end(request, reply, 0)
      })
      done()
    })
  }

  listen(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #end(request: FastifyRequest, reply: FastifyReply, status: number): void {
    if (this.#listeners.size === 0 || this.#told.has(reply)) return
    this.#told.add(reply)
    const { config, url } = request.routeOptions
    if (config.streams || uncounted.has(config.route ?? '')) return
    const durationUs = Math.ceil(reply.elapsedTime * 1_000)
    const claimed = request.headers[classHeader]
    const ended: SelfRequest = {
      method: request.method,
      host: request.headers.host ?? '',
      path: config.route === undefined ? request.url.split('?', 1)[0]! : url!.replaceAll(/:\w+/g, '*'),
      atMs: this.#clock.nowMs(),
      durationUs,
      status,
      classHeader: typeof claimed === 'string' ? claimed : undefined
    }
    for (const listener of this.#listeners) listener(ended)
  }
}
