import type { State } from '../contract/index.ts'
import type { Cancel, Clock } from '../platform/clock.ts'
import { messageOf } from '../platform/errors.ts'
import type { LiveHub } from '../platform/live.ts'
import type { AlertBook } from './alerting/alert-book.ts'
import type { AlertRecord } from './alerting/alert-store.ts'
import { BurnWatch } from './alerting/burn-watch.ts'
import { burnConditions, certificateCondition, silenceCondition, type Speaking } from './alerting/conditions.ts'
import type { CauseKind } from './alerting/cause.rules.ts'
import type { Condition } from './alerting/condition.ts'
import { budgetOf } from './budget.rules.ts'
import type { CoverageBook } from './coverage-book.ts'
import { factsOf, recentBurn } from './facts.ts'
import { stateOf, type JudgeInput } from './judge.rules.ts'
import { objectiveKey, promiseOf, type ObjectiveInForce } from './objective-in-force.ts'
import { pulseBetween, type Beat } from './pulse.rules.ts'
import type { Series, SeriesBook } from './series/book.ts'
import { scansOf, type BurnScan } from './series/scan.ts'
import { SignalWatch, type SourcesOf } from './signal-watch.ts'
import { worstOf } from './states.rules.ts'

export interface EvaluatorOptions {
  readonly clock: Clock
  readonly book: SeriesBook
  readonly coverage: CoverageBook
  readonly alerts: AlertBook
  readonly live: Pick<LiveHub, 'publish'>
  readonly sourcesOf: SourcesOf
  readonly log: Pick<import('fastify').FastifyBaseLogger, 'info' | 'warn' | 'error'>
  readonly intervalMs: number
  /** Told how long each look took, milliseconds. */
  readonly onLook?: (durationMs: number) => void
  /** Told that a look ended with an error; the next is made all the same. */
  readonly onLookFailed?: () => void
}

/** What a look found about an objective. */
export interface Standing {
  readonly state: State
  readonly remainingRatio: number | null
  readonly burnRate: number | null
}

/** Coverage is written this often; a crash loses at most so much of it, and a log on disk bridges even that. */
const saveCoverageMs = 5 * 60_000
const tickMs = 60_000
/** Numbers that moved are published this often, states at once. */
const publishNumbersMs = 15_000

const burnCauses: readonly CauseKind[] = ['failures', 'latency']
const sourceCauses: readonly CauseKind[] = ['no_signal', 'certificate']
const origins = ['requests', 'probes'] as const

/** Judges every objective every few seconds, by the clock it is given. */
export class Evaluator {
  readonly #options: EvaluatorOptions
  readonly #signals: SignalWatch
  readonly #burns = new BurnWatch()
  #stop: Cancel = () => {}
  #beat: Beat | null = null
  #scans: BurnScan[] = []
  #byService = new Map<string, Series[]>()
  #objectives: readonly ObjectiveInForce[] = []
  #standings = new WeakMap<Series, Standing>()
  /** When a service was last published, and whether its numbers have moved since. */
  #published = new Map<string, { readonly atMs: number; isOwing: boolean }>()
  #lastTickMs = 0
  #savedCoverageMs = 0
  #settling: Promise<void> = Promise.resolve()
  #lastRunMs: number | null = null

  constructor(options: EvaluatorOptions) {
    this.#options = options
    this.#signals = new SignalWatch(options.sourcesOf, options.coverage)
  }

  get lastRunMs(): number | null {
    return this.#lastRunMs
  }

  /** Takes up alerts and coverage from before the restart, then looks every few seconds. */
  async start(objectives: readonly ObjectiveInForce[]): Promise<void> {
    const { clock, alerts, coverage, intervalMs } = this.#options
    await coverage.load()
    const remembered = await alerts.load(clock.nowMs() - rememberedMs)
    for (const { service, objective, memory } of remembered) {
      const notice = burnCauses.map((cause) => alerts.of(service, cause)).find((alert) => isNoticeOf(alert, objective))
      this.#burns.remember(`${service}/${objective}`, memory, notice ? Date.parse(notice.openedAt) : null)
    }
    this.take(objectives)
    this.#stop = clock.every(intervalMs, () => this.look())
  }

  /** Stops looking, and writes what is not yet written. */
  async close(): Promise<void> {
    this.#stop()
    this.#options.book.close()
    await this.#settling
    const nowMs = this.#options.clock.nowMs()
    await this.#options.alerts.flush(nowMs)
    await this.#options.coverage.save(nowMs)
  }

  /** Resolves when what the last look found is written. */
  get settled(): Promise<void> {
    return this.#settling
  }

  /** Judges by these objectives from now on. */
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

  #load(forget: boolean): void {
    const { book, clock, log } = this.#options
    const loaded = book.take(this.#objectives, forget)
    const fresh = book.all.filter(({ reachedMs }) => reachedMs !== null)
    loaded
      .then(() => {
        for (const series of fresh) if (series.reachedMs === null) this.#burns.warmUp(series, clock.nowMs())
      })
      .catch((error: unknown) => log.error({ reason: messageOf(error) }, 'history could not be read'))
    this.#byService = Map.groupBy(book.all, ({ objective }) => objective.service)
    this.#scans = scansOf(book.banks, book.all)
  }

  /** What the last look found about an objective; null: it was not there. */
  standingOf(series: Series): Standing | null {
    return this.#standings.get(series) ?? null
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
    return factsOf({ series, coverage, source, alert: this.#alertOf(series), nowMs: clock.nowMs() })
  }

  /** One look at everything. An error is logged: the next look may do better. */
  look(): void {
    try {
      this.#look()
    } catch (error) {
      this.#options.log.error({ err: error }, 'evaluation failed')
      this.#options.onLookFailed?.()
    }
  }

  #look(): void {
    const { clock, book, intervalMs, log, onLook } = this.#options
    const beat = { wallMs: clock.nowMs(), monotonicMs: clock.monotonicMs() }
    const pulse = this.#beat ? pulseBetween(this.#beat, beat, intervalMs) : 'late'
    if (this.#beat && pulse !== 'steady')
      log.warn({ pulse, before: this.#beat, now: beat }, 'evaluation was interrupted')
    const wasStepped = this.#beat !== null && pulse === 'stepped'
    this.#beat = beat
    if (wasStepped) this.#load(true)
    const nowMs = beat.wallMs
    book.advance(nowMs)
    this.#signals.look(this.#byService, nowMs, pulse)
    this.#reportBurns(nowMs)
    this.#reportSources(nowMs)
    this.#judge(nowMs)
    this.#lastRunMs = nowMs
    this.#settle(nowMs)
    onLook?.(clock.monotonicMs() - beat.monotonicMs)
  }

  #reportBurns(nowMs: number): void {
    const { book, alerts } = this.#options
    const ready = book.all.filter(({ reachedMs }) => reachedMs === null)
    const wanted = new Set(this.#scans.flatMap((scan) => scan.burning()))
    if (nowMs - this.#lastTickMs >= tickMs || nowMs < this.#lastTickMs) {
      this.#lastTickMs = nowMs
      for (const series of ready) if (this.#burns.tick(series, nowMs)) wanted.add(series)
    }
    for (const series of ready) if (this.#burns.isOpen(series)) wanted.add(series)
    const speaking: Speaking[] = []
    for (const series of wanted) {
      if (series.reachedMs !== null) continue
      const report = this.#burns.look(series, nowMs)
      if (report) speaking.push({ series, report, memory: this.#burns.memoryOf(series) })
    }
    const found = new Set<string>()
    for (const [service, members] of Map.groupBy(speaking, ({ series }) => series.objective.service)) {
      for (const condition of burnConditions(members, book.of(service), nowMs)) {
        if (condition.kind === 'slow_burn_notice' && alerts.of(service, condition.cause)?.kind === 'burn') {
          // raised by the incident that ends here: no news of its own
          for (const { series } of members) this.#burns.dropNotice(series, nowMs)
          continue
        }
        found.add(`${service}/${condition.cause}`)
        alerts.report(condition, nowMs)
      }
    }
    for (const { service } of alerts.open) {
      for (const cause of burnCauses) {
        if (!found.has(`${service}/${cause}`)) this.#endBurn(service, cause, nowMs)
      }
    }
  }

  /** Ends an alert whose objectives are calm, unless the history that would say so is still being read. */
  #endBurn(service: string, cause: CauseKind, nowMs: number): void {
    const { alerts, book } = this.#options
    const alert = alerts.of(service, cause)
    if (!alert || book.of(service).some(({ reachedMs }) => reachedMs !== null)) return
    const members = book.of(service).filter(({ objective }) => alert.objectives.includes(objective.name))
    const memory = Object.fromEntries(members.map((series) => [series.objective.name, this.#burns.memoryOf(series)]))
    alerts.end(service, cause, memory, nowMs)
  }

  #reportSources(nowMs: number): void {
    const { alerts } = this.#options
    for (const [service, series] of this.#byService) {
      const standings = origins.map((origin) => ({ origin, standing: this.#signals.standing(service, origin) }))
      const judged = standings.filter(({ origin }) => series.some(({ objective }) => objective.origin === origin))
      this.#reconcile(service, 'no_signal', silenceCondition(service, judged, series), nowMs)
      this.#reconcile(
        service,
        'certificate',
        certificateCondition(service, this.#signals.sources(service), nowMs),
        nowMs
      )
    }
    for (const { service } of alerts.open) {
      if (this.#byService.has(service)) continue // else the plan has it no more
      for (const cause of sourceCauses) alerts.end(service, cause, {}, nowMs)
    }
  }

  #reconcile(service: string, cause: CauseKind, condition: Condition | null, nowMs: number): void {
    if (condition) this.#options.alerts.report(condition, nowMs)
    else this.#options.alerts.end(service, cause, {}, nowMs)
  }

  #judge(nowMs: number): void {
    for (const [service, series] of this.#byService) {
      let news: 'none' | 'numbers' | 'states' = 'none'
      for (const each of series) {
        const before = this.#standings.get(each)
        const now = this.#stand(each)
        this.#standings.set(each, now)
        if (before?.state !== now.state) news = 'states'
        else if (before.remainingRatio !== now.remainingRatio || before.burnRate !== now.burnRate) {
          if (news === 'none') news = 'numbers'
        }
      }
      this.#publish(service, series, news, nowMs)
    }
  }

  #stand(series: Series): Standing {
    const facts = this.factsOf(series)
    return {
      state: series.reachedMs === null ? stateOf(facts) : 'could_not_measure',
      remainingRatio: budgetOf(facts.tally, series.objective.targetRatio).remainingRatio,
      burnRate: recentBurn(series)
    }
  }

  #publish(service: string, series: readonly Series[], news: 'none' | 'numbers' | 'states', nowMs: number): void {
    const before = this.#published.get(service)
    const isOwing = before?.isOwing === true || news === 'numbers'
    if (news !== 'states' && !(isOwing && nowMs - (before?.atMs ?? 0) >= publishNumbersMs)) {
      if (before) before.isOwing = isOwing
      return
    }
    this.#published.set(service, { atMs: nowMs, isOwing: false })
    const objectives = series.map((each) => ({ name: each.objective.name, ...this.#standings.get(each)! }))
    const left = objectives.map(({ remainingRatio }) => remainingRatio).filter((ratio) => ratio !== null)
    this.#options.live.publish('state', {
      service,
      state: worstOf(objectives.map(({ state }) => state)),
      remainingRatio: left.length === 0 ? null : Math.min(...left),
      objectives
    })
  }

  #settle(nowMs: number): void {
    const { alerts, coverage, log } = this.#options
    const savesCoverage = Math.abs(nowMs - this.#savedCoverageMs) >= saveCoverageMs
    if (savesCoverage) this.#savedCoverageMs = nowMs
    this.#settling = this.#settling
      .then(() => alerts.flush(nowMs))
      .then(() => (savesCoverage ? coverage.save(nowMs) : undefined))
      .catch((error: unknown) => log.warn({ reason: messageOf(error) }, 'coverage waits for the store'))
  }

  /** The worst open alert that says something about an objective's budget. */
  #alertOf({ objective }: Series): AlertRecord | null {
    const { alerts } = this.#options
    const open = burnCauses
      .map((cause) => alerts.of(objective.service, cause))
      .filter((alert) => alert?.objectives.includes(objective.name))
    return open.find((alert) => alert?.kind === 'burn') ?? open[0] ?? null
  }
}

/** Alerts that ended longer ago than this explain nothing a tier still sees: the longest tier of a quarter. */
const rememberedMs = 10 * 86_400_000

const isNoticeOf = (alert: AlertRecord | null, objective: string): boolean =>
  alert?.kind === 'slow_burn_notice' && alert.objectives.includes(objective)
