import type { FastifyBaseLogger } from 'fastify'
import type { Cancel, Clock } from '../platform/clock.ts'
import { messageOf } from '../platform/errors.ts'
import type { Leadership } from '../platform/lease.ts'
import type { LiveHub } from '../platform/live.ts'
import type { AlertBook } from './alerting/alert-book.ts'
import { AlertReporter } from './alerting/alert-reporter.ts'
import { BurnWatch } from './alerting/burn-watch.ts'
import type { CoverageBook } from './coverage-book.ts'
import { factsOf } from './facts.ts'
import type { JudgeInput } from './judge.rules.ts'
import { objectiveKey, promiseOf, type ObjectiveInForce } from './objective-in-force.ts'
import { pulseBetween, type Beat, type Pulse } from './pulse.rules.ts'
import type { SeriesBook } from './series/book.ts'
import type { Series } from './series/series.ts'
import { SignalWatch, type SourcesOf } from './signal-watch.ts'
import { Standings, type Standing } from './standings.ts'

export interface EvaluatorOptions {
  readonly clock: Clock
  readonly book: SeriesBook
  readonly coverage: CoverageBook
  readonly alerts: AlertBook
  readonly live: Pick<LiveHub, 'publish'>
  /** Every instance judges; the one that leads opens and ends alerts, and writes what was found. */
  readonly lease: Pick<Leadership, 'isLeader' | 'fencing' | 'onChange'>
  readonly sourcesOf: SourcesOf
  readonly log: Pick<FastifyBaseLogger, 'info' | 'warn' | 'error'>
  readonly intervalMs: number
  /** Told how long each look took, milliseconds. */
  readonly onLook?: (durationMs: number) => void
  /** Told that a look ended with an error; the next is made all the same. */
  readonly onLookFailed?: () => void
}

/** Coverage is written this often; a crash loses at most so much of it, and a log on disk bridges even that. */
const saveCoverageMs = 5 * 60_000
/** Alerts that ended longer ago than this explain nothing a tier still sees: the longest tier of a quarter. */
const rememberedMs = 10 * 86_400_000
/** A store that could not be read is asked again after this. */
const retryLoadMs = 10_000
/** Who does not lead hears of alerts when they change, and looks by itself this often. */
const followMs = 30_000

/** Judges every objective every few seconds, by the clock it is given. */
export class Evaluator {
  readonly #options: EvaluatorOptions
  readonly #signals: SignalWatch
  readonly #burns = new BurnWatch()
  readonly #reporter: AlertReporter
  readonly #standings: Standings
  #stop: Cancel = () => {}
  #cancelRetry: Cancel = () => {}
  #beat: Beat | null = null
  #byService = new Map<string, Series[]>()
  #objectives: readonly ObjectiveInForce[] = []
  #savedCoverageMs = 0
  #settling: Promise<void> = Promise.resolve()
  #lastRunMs: number | null = null
  #looks = 0
  /** The fencing token under which the alerts in memory are ours to change; null: they are another instance's. */
  #term: number | null = null
  #followedMs = -Infinity
  /** Readings of the stored alerts: of two under way the later counts. */
  #takings = 0
  #stopLease: Cancel = () => {}
  #closed = false

  constructor(options: EvaluatorOptions) {
    const { book, alerts, coverage, live, sourcesOf } = options
    this.#options = options
    this.#signals = new SignalWatch(sourcesOf, coverage)
    this.#reporter = new AlertReporter({ book, alerts, burns: this.#burns, signals: this.#signals })
    this.#standings = new Standings(live)
  }

  /** When the last look was made, Unix time in milliseconds. */
  get lastRunMs(): number | null {
    return this.#lastRunMs
  }

  /** How many looks have been made: what was found stays the same until this changes. */
  get looks(): number {
    return this.#looks
  }

  /** Resolves when what the last look found is written. */
  get settled(): Promise<void> {
    return this.#settling
  }

  /** Takes up alerts and coverage from before the restart, then looks every few seconds. */
  async start(objectives: readonly ObjectiveInForce[]): Promise<void> {
    const { clock, lease, coverage, intervalMs } = this.#options
    if (lease.isLeader) await this.#lead()
    else await Promise.all([coverage.load(), this.#takeUp()])
    this.take(objectives)
    this.#stopLease = lease.onChange((isLeader) => (isLeader ? this.#lookAsLeader() : void this.follow()))
    this.#stop = clock.every(intervalMs, () => this.look())
  }

  /** Reads the alerts of the instance that leads; nothing where this one does. */
  async follow(): Promise<void> {
    const { clock, log } = this.#options
    if (this.leads || this.#closed) return
    this.#followedMs = clock.monotonicMs()
    await this.#takeUp().catch((error: unknown) =>
      log.warn({ reason: messageOf(error) }, 'alerts of the leader wait for the store')
    )
  }

  /** Reads the history of every objective anew: counts may have been missed. */
  reload(): void {
    if (!this.#closed) this.#load(true)
  }

  /** Whether alerts are this instance's to change, now. */
  get leads(): boolean {
    const { lease } = this.#options
    return this.#term !== null && lease.isLeader && lease.fencing === this.#term
  }

  /** Takes over: what those before have written is read first, then it is ours. */
  async #lead(): Promise<void> {
    const { lease, clock, coverage, book } = this.#options
    const { fencing } = lease
    this.#term = null
    await coverage.load()
    if (!(await this.#takeUp()) || !lease.isLeader || lease.fencing !== fencing) return
    for (const series of book.all) if (series.reachedMs === null) this.#burns.warmUp(series, clock.nowMs())
    this.#term = fencing
  }

  #lookAsLeader(): void {
    const { log } = this.#options
    this.#lead().then(
      () => this.look(),
      (error: unknown) => log.warn({ reason: messageOf(error) }, 'alerts wait for the store')
    )
  }

  /** @returns false when a later reading has come before this one */
  async #takeUp(): Promise<boolean> {
    const { alerts, clock } = this.#options
    const taking = ++this.#takings
    const stored = await alerts.stored(clock.nowMs() - rememberedMs)
    if (taking !== this.#takings) return false
    const memories = alerts.takeUp(stored)
    this.#burns.takeUp(
      memories.map(({ service, objective, memory }) => ({
        key: `${service}/${objective}`,
        memory,
        noticeSinceMs: alerts.noticeSince(service, objective)
      }))
    )
    return true
  }

  /** Judges by these objectives from now on; what was remembered of a promise that has changed is forgotten. */
  take(objectives: readonly ObjectiveInForce[]): void {
    const before = new Map(this.#objectives.map((objective) => [objectiveKey(objective), promiseOf(objective)]))
    const kept = objectives.filter((objective) => {
      const promise = before.get(objectiveKey(objective))
      return promise === undefined || promise === promiseOf(objective)
    })
    this.#burns.keep(new Set(kept.map(objectiveKey)))
    this.#objectives = objectives
    this.#load(false)
  }

  /** Stops looking, and writes what is not yet written. */
  async close(): Promise<void> {
    const { book, clock, alerts, coverage } = this.#options
    this.#closed = true
    this.#stop()
    this.#stopLease()
    this.#cancelRetry()
    book.close()
    await this.#settling
    if (!this.leads) return
    await alerts.flush(clock.nowMs())
    await coverage.save(clock.nowMs())
  }

  /** What the last look found about an objective; null: it was not there. */
  standingOf(series: Series): Standing | null {
    return this.#standings.of(series)
  }

  /** Which of an objective's tiers fires; null: none. */
  firing(series: Series): number | null {
    return this.#burns.memoryOf(series).firing
  }

  /** Everything the judgement of an objective is made of, now. */
  factsOf(series: Series): JudgeInput {
    const { clock, coverage } = this.#options
    const { service, origin } = series.objective
    const source = this.#signals.standing(service, origin)
    return factsOf({ series, coverage, source, alert: this.#reporter.alertOf(series), nowMs: clock.nowMs() })
  }

  /** One look at everything. An error is logged: the next look may do better. */
  look(): void {
    if (this.#closed) return
    const { clock, log, onLook, onLookFailed } = this.#options
    const startedMs = clock.monotonicMs()
    try {
      this.#look()
      onLook?.(clock.monotonicMs() - startedMs)
    } catch (error) {
      log.error({ err: error }, 'evaluation failed')
      onLookFailed?.()
    }
  }

  #look(): void {
    const pulse = this.#pulse()
    if (pulse === 'stepped') this.#load(true) // slots before and after do not belong together
    const nowMs = this.#options.clock.nowMs()
    this.#options.book.advance(nowMs)
    this.#signals.look(this.#byService, nowMs, pulse)
    this.#lookAfterAlerts(nowMs)
    for (const [service, series] of this.#byService) {
      this.#standings.look(service, series, (each) => this.factsOf(each), nowMs)
    }
    this.#lastRunMs = nowMs
    this.#looks++
    this.#settle(nowMs)
  }

  #lookAfterAlerts(nowMs: number): void {
    const { lease, clock } = this.#options
    if (this.leads) return this.#reporter.look(this.#byService, nowMs)
    if (lease.isLeader) return this.#lookAsLeader() // the store did not answer when it became so
    if (clock.monotonicMs() - this.#followedMs >= followMs) void this.follow()
  }

  /** How time has gone by since the last look; the first comes late by nature. */
  #pulse(): Pulse {
    const { clock, intervalMs, log } = this.#options
    const before = this.#beat
    this.#beat = { wallMs: clock.nowMs(), monotonicMs: clock.monotonicMs() }
    if (!before) return 'late'
    const pulse = pulseBetween(before, this.#beat, intervalMs)
    if (pulse !== 'steady') log.warn({ pulse, before, now: this.#beat }, 'evaluation was interrupted')
    return pulse
  }

  #load(forget: boolean): void {
    const { book, clock, log } = this.#options
    this.#cancelRetry()
    const loaded = book.take(this.#objectives, forget)
    const fresh = book.all.filter(({ reachedMs }) => reachedMs !== null)
    this.#byService = Map.groupBy(book.all, ({ objective }) => objective.service)
    this.#reporter.rescan()
    const warmUp = async (): Promise<void> => {
      await loaded
      for (const series of fresh) if (series.reachedMs === null) this.#burns.warmUp(series, clock.nowMs())
    }
    warmUp().catch((error: unknown) => {
      log.error({ reason: messageOf(error) }, 'history could not be read')
      this.#cancelRetry = clock.after(retryLoadMs, () => this.#load(true))
    })
  }

  #settle(nowMs: number): void {
    const { alerts, coverage, log } = this.#options
    if (!this.leads) return
    const savesCoverage = Math.abs(nowMs - this.#savedCoverageMs) >= saveCoverageMs
    if (savesCoverage) this.#savedCoverageMs = nowMs
    this.#settling = this.#settling
      .then(() => alerts.flush(nowMs))
      .then(() => (savesCoverage ? coverage.save(nowMs) : undefined))
      .catch((error: unknown) => log.warn({ reason: messageOf(error) }, 'coverage waits for the store'))
  }
}
