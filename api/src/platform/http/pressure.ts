import underPressure from '@fastify/under-pressure'
import fp from 'fastify-plugin'
import type { Priority } from '../../contract/index.ts'
import type { Clock } from '../clock.ts'
import { overloaded } from '../errors.ts'
import { Counter, Gauge } from '../metrics.ts'
import {
  nextShedding,
  noShedding,
  pressureOf,
  shedRatio,
  turnLevel,
  type PressureSample,
  type Turn
} from './pressure.rules.ts'
import { problemType, toProblem } from './problem.ts'
import { apiHeaders } from './security-headers.ts'

declare module 'fastify' {
  interface FastifyInstance {
    pressure: Pressure
  }
  interface FastifyRequest {
    /** Refused under load. */
    isShed: boolean
  }
}

export interface Pressure {
  /** Level of shedding, 0 (none) to 3 (all but vital). */
  readonly level: number
  /** What is measured and too high, for people; null while nothing is shed. */
  readonly cause: string | null
  /** Takes one measurement; runs by itself every {@link sampleMs}. */
  sample(): void
}

/** Short beside the 200 ms that callers are promised. */
const sampleMs = 100

const retryAfterS = 2

export interface PressureOptions {
  /** Instead of the process, in tests. */
  readonly measure?: () => PressureSample
}

/** Refuses part of the requests, least important first, while the process cannot keep up. */
export const pressurePlugin = fp<PressureOptions>(
  async (app, options) => {
    const { PRESSURE_EVENT_LOOP_DELAY_MS, PRESSURE_EVENT_LOOP_UTILISATION_PERCENT, PRESSURE_HEAP_MB } = app.settings
    const limits = {
      eventLoopDelayMs: PRESSURE_EVENT_LOOP_DELAY_MS,
      eventLoopUtilisationRatio: PRESSURE_EVENT_LOOP_UTILISATION_PERCENT / 100,
      heapUsedBytes: PRESSURE_HEAP_MB * 1_048_576
    }
    // under-pressure measures; what is done about it is decided here, by priority
    await app.register(underPressure, { sampleInterval: sampleMs, eventLoopUtilizationMode: 'interval' })
    const measure = options.measure ?? ((): PressureSample => ofProcess(app.memoryUsage()))

    const registers = [app.metrics]
    const shed = new Counter({
      name: 'plimsoll_http_shed_total',
      help: 'Requests refused under load, by priority',
      labelNames: ['priority'],
      registers
    })
    new Gauge({
      name: 'plimsoll_http_shed_level',
      help: 'Level of load shedding, 0 none to 3 all but health',
      registers,
      collect() {
        this.set(state.level)
      }
    })

    const state = { level: 0, cause: null as string | null, sample }
    app.decorate('pressure', state)
    let stop = (): void => {}
    app.addHook('onReady', async () => {
      stop = app.clock.every(sampleMs, sample) // not before: the work of starting is no load
    })
    app.addHook('onClose', () => stop())

    let shedding = noShedding
    function sample(): void {
      const measured = measure()
      const { ratio, measure: worst } = pressureOf(measured, limits)
      const before = shedding.level
      shedding = nextShedding(shedding, ratio)
      state.level = shedding.level
      if (state.level > 0 && ratio > 1)
        state.cause = `${worst} is ${Math.round(measured[worst] * 100) / 100}, limit ${limits[worst]}`
      if (before === 0 && state.level > 0) app.log.warn({ ...measured, limits }, 'load shedding began')
      if (before > 0 && state.level === 0) {
        state.cause = null
        app.log.info(measured, 'load shedding ended')
      }
    }

    // Errors spread evenly instead of dice: of shares 0.3, 0.3, 0.3, 0.3 the fourth request is shed.
    const owed: Record<Priority, number> = { vital: 0, high: 0, normal: 0, low: 0 }

    const turns = new Turns(app.clock)
    app.decorateRequest('isShed', false)
    app.addHook('onRequest', (request, reply, done) => {
      const level = Math.max(state.level, turnLevel(turns.next(), limits.eventLoopDelayMs))
      if (level === 0) return done()
      const priority = request.routeConfig.priority ?? 'low'
      const ratio = shedRatio(level, priority)
      if (ratio === 0) return done()
      owed[priority] += ratio
      if (owed[priority] < 1) return done()
      owed[priority] -= 1
      shed.inc({ priority })
      request.isShed = true
      // straight to the socket: a refusal must cost far less than what it refuses
      reply.hijack()
      const body = `${refusalHead}${request.id}"}`
      reply.raw.writeHead(503, { ...refusalHeaders, 'content-length': Buffer.byteLength(body) })
      reply.raw.end(body)
    })
  },
  { name: 'pressure', dependencies: ['ground', 'metrics', 'route-table'] }
)

/** A pause of the event loop that is shorter than this is none, ms. */
const pauseMs = 1

/** Follows the turns of the event loop in which requests arrive. */
class Turns {
  readonly #clock: Clock
  #startedMs = 0
  #endedMs = -Infinity
  #requests = 0
  #follows = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The turn under way, with one more request. */
  next(): Turn {
    const nowMs = this.#clock.monotonicMs()
    if (this.#requests === 0) {
      this.#follows = nowMs - this.#endedMs < pauseMs
      this.#startedMs = nowMs
      setImmediate(() => {
        this.#requests = 0
        this.#endedMs = this.#clock.monotonicMs()
      })
    }
    return { elapsedMs: nowMs - this.#startedMs, requests: ++this.#requests, follows: this.#follows }
  }
}

/** Up to the request's id: all else is the same every time. */
const refusalHead = JSON.stringify(
  toProblem(overloaded('The server has more work than it can do in time and refuses part of it'), '')
).slice(0, -'"}'.length)

const refusalHeaders = { ...apiHeaders, 'content-type': problemType, 'retry-after': String(retryAfterS) }

const ofProcess = (usage: { eventLoopDelay: number; eventLoopUtilized: number; heapUsed: number }): PressureSample => ({
  eventLoopDelayMs: usage.eventLoopDelay, // Infinity when the loop stood still for the whole interval
  eventLoopUtilisationRatio: usage.eventLoopUtilized,
  heapUsedBytes: usage.heapUsed
})
