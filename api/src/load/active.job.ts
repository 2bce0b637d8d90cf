import { randomUUID } from 'node:crypto'
import type { LiveLoad, StartLoad } from '../contract/load-routes.ts'
import type { Clock } from '../platform/clock.ts'
import { isCodedError, messageOf } from '../platform/errors.ts'
import type { LiveHub } from '../platform/live.ts'
import { loadBusy, loadStopped } from './errors.ts'
import { findLine, type LineProgress } from './line/find-line.ts'
import { searchDefaults, searchWithin } from './line/search.rules.ts'
import { LoadSession, type LoadSubject } from './run/load.ts'
import type { Progress } from './sender/plan.ts'
import type { LoadStore } from './store.ts'

export interface ActiveTools {
  readonly clock: Clock
  readonly live: LiveHub
  readonly store: LoadStore
  readonly log: { warn(facts: object, text: string): void; info(facts: object, text: string): void }
}

export interface ActiveOrder {
  readonly service: string
  readonly subject: LoadSubject
  readonly start: StartLoad
  /** Never more arrivals than this, per second. */
  readonly maxRatePerS: number
}

/** At most this often the page is told where a run stands. */
const tellEveryMs = 1_000

/**
 * Load sent by this instance, one at a time: two would measure each other.
 */
export class ActiveLoad {
  readonly #tools: ActiveTools
  #now: LiveLoad | null = null
  #stop: AbortController | null = null
  #ended: Promise<void> = Promise.resolve()
  #toldMs = -Infinity

  constructor(tools: ActiveTools) {
    this.#tools = tools
  }

  /** What is sent, or was sent last, for a service. */
  of(service: string): LiveLoad | null {
    return this.#now?.service === service ? this.#now : null
  }

  /** @throws PLIMSOLL_LOAD_BUSY while something else is sent */
  start(order: ActiveOrder): LiveLoad {
    if (this.#stop) throw loadBusy(`${this.#now?.service} is being loaded already`)
    const stop = (this.#stop = new AbortController())
    this.#toldMs = -Infinity
    const begun = this.#tell({ ...idle, id: randomUUID(), ...begin(order, this.#tools.clock.nowMs()) })
    this.#ended = this.#work(order, stop.signal).then(
      (result) => this.#end({ state: 'ended', result }),
      (error: unknown) => this.#failed(error)
    )
    return begun
  }

  /** Asks what is sent for a service to end; null when nothing is. */
  stop(service: string): LiveLoad | null {
    if (!this.#stop || this.#now?.service !== service) return null
    this.#stop.abort()
    return this.#now
  }

  /** Ends whatever is sent and waits for it. */
  async close(): Promise<void> {
    this.#stop?.abort()
    await this.#ended
  }

  /** @returns id of the run or line that was kept */
  async #work({ service, subject, start, maxRatePerS }: ActiveOrder, signal: AbortSignal): Promise<string> {
    const { clock, store, log } = this.#tools
    const session = await LoadSession.open(subject, signal, clock)
    try {
      if (start.kind === 'line') {
        const startPerS = Math.min(start.startPerS ?? searchDefaults.startPerS, maxRatePerS)
        const { budgetMs = searchDefaults.budgetMs, holdMs = searchDefaults.holdMs } = start
        const options = searchWithin({ promised: subject.promised, startPerS, maxPerS: maxRatePerS, budgetMs, holdMs })
        const onProgress = (progress: LineProgress): void => this.#line(progress)
        const line = await findLine(session, options, { signal, onProgress, clock })
        await store.putLine(service, line)
        log.info({ service, ratePerS: line.ratePerS, state: line.state }, 'load line measured')
        return line.id
      }
      const { ratePerS, durationMs, arrivals = 'constant', warmUpMs = 0 } = start
      const order = {
        kind: 'paced',
        ratePerS,
        durationMs,
        arrivals,
        jitterRatio: 0,
        warmUpMs,
        connections: null
      } as const
      const onProgress = (progress: Progress): void => this.#run(progress, ratePerS, durationMs)
      const run = await session.run(order, { signal, onProgress })
      await store.putRun(service, run)
      log.info({ service, ratePerS, state: run.state }, 'load run ended')
      return run.id
    } finally {
      await session.close()
    }
  }

  #run({ sent, bad, slow, p95Ms, elapsedMs }: Progress, ratePerS: number, durationMs: number): void {
    const leftMs = Math.max(0, durationMs - Math.max(0, elapsedMs))
    this.#change({ state: 'running', ratePerS, leftMs, sent, bad, slow, p95Ms })
  }

  #line({ phase, ratePerS, sending, estimatePerS, intervalPerS, leftMs, probes }: LineProgress): void {
    const last = probes.at(-1)
    this.#change({
      state: 'running',
      phase,
      ratePerS,
      leftMs,
      sent: sending?.sent ?? 0,
      bad: sending?.bad ?? 0,
      slow: sending?.slow ?? 0,
      p95Ms: sending?.p95Ms ?? last?.p95Ms ?? null,
      estimatePerS,
      intervalPerS: intervalPerS && [...intervalPerS]
    })
  }

  #failed(error: unknown): void {
    const coded = isCodedError(error)
    if (coded && error.code === loadStopped.spec.code) return this.#end({ state: 'ended' })
    const reason = { code: coded ? error.code : 'PLIMSOLL_INTERNAL_ERROR', text: messageOf(error) }
    this.#tools.log.warn({ service: this.#now?.service, ...reason }, 'load ended without a result')
    this.#end({ state: 'failed', error: { ...reason, hint: coded ? (error.hint ?? null) : null } })
  }

  /** Whoever hears of the end may begin the next. */
  #end(end: Partial<LiveLoad>): void {
    this.#stop = null
    this.#tell({ ...this.#now!, leftMs: null, ...end })
  }

  #change(change: Partial<LiveLoad>): void {
    const next = { ...this.#now!, ...change }
    const nowMs = this.#tools.clock.monotonicMs()
    if (nowMs - this.#toldMs < tellEveryMs) this.#now = next
    else this.#tell(next)
  }

  #tell(load: LiveLoad): LiveLoad {
    this.#now = load
    this.#toldMs = this.#tools.clock.monotonicMs()
    this.#tools.live.share('load', load)
    return load
  }
}

const idle = {
  phase: null,
  ratePerS: null,
  leftMs: null,
  sent: 0,
  bad: 0,
  slow: 0,
  p95Ms: null,
  estimatePerS: null,
  intervalPerS: null,
  result: null,
  error: null
}

const begin = ({ service, start }: ActiveOrder, nowMs: number) => ({
  service,
  kind: start.kind,
  state: 'starting' as const,
  startedAt: new Date(nowMs).toISOString()
})
