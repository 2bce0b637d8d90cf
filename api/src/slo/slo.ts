import type { Alert, Marks, Objective, ObjectiveBrief, Reason, ServiceSummary, State } from '../contract/index.ts'
import type { Kysely } from 'kysely'
import type { Clock } from '../platform/clock.ts'
import type { Tables } from '../platform/database/tables.ts'
import type { Leadership } from '../platform/lease.ts'
import type { LiveHub } from '../platform/live.ts'
import type { MaintenanceBand } from '../plan/model.ts'
import type { ResolvedObjective } from '../plan/objective.ts'
import type { SliceStore } from '../signals/store.ts'
import { AlertBook, type AlertBookOptions } from './alerting/alert-book.ts'
import { CoverageBook } from './coverage-book.ts'
import { Evaluator, type EvaluatorOptions } from './evaluator.job.ts'
import { explain } from './explain.ts'
import { maintenanceOf } from './maintenance.ts'
import { mutedBy } from './maintenance.rules.ts'
import { presentBrief, presentObjective, presentState } from './present.ts'
import { marksOf, type MarksQuery } from './marks.ts'
import type { ObjectiveInForce } from './objective-in-force.ts'
import { putInForce } from './revisions.ts'
import { SeriesBook } from './series/book.ts'
import type { Series } from './series/series.ts'
import { rankOfState, worstOf } from './states.rules.ts'

export interface SloOptions extends Pick<
  EvaluatorOptions,
  'sourcesOf' | 'log' | 'intervalMs' | 'onLook' | 'onLookFailed'
> {
  readonly db: Kysely<Tables>
  readonly clock: Clock
  readonly store: SliceStore
  readonly lease: Leadership
  readonly live: Pick<LiveHub, 'publish' | 'share'>
  readonly notifier: AlertBookOptions['notifier']
  /** The plan in force: what it promises and when it is forgiven. */
  readonly maintenance: () => readonly MaintenanceBand[]
}

export interface ServiceJudgement {
  readonly state: State
  /** Of the objectives that make the state, each with its name in front. */
  readonly reasons: Reason[]
  /** Least share of a budget left; null when none could be measured. */
  readonly remainingRatio: number | null
}

export interface ObjectiveQuery {
  readonly explain: boolean
}

/** How much a service carries, and how much of that is free at a traffic of so many requests per second. */
export type LoadLinePort = (
  service: string,
  trafficPerS: number | null
) => Pick<ServiceSummary, 'loadLine' | 'headroomRatio'>

/** Whether promises hold: what other rooms and routes ask. */
export class Slo {
  readonly #options: SloOptions
  readonly #book: SeriesBook
  readonly #coverage: CoverageBook
  readonly #alerts: AlertBook
  readonly #evaluator: Evaluator
  #taking: Promise<void> = Promise.resolve()
  #stopResets = (): void => {}
  #loadLine: LoadLinePort = () => ({ loadLine: null, headroomRatio: null })
  /** What services came to at a look: lists ask for all of them at once, and often. */
  #judgements = { look: -1, byService: new Map<string, ServiceJudgement>() }

  constructor(options: SloOptions) {
    const { db, clock, store, lease, live, notifier, log, maintenance } = options
    this.#options = options
    this.#coverage = new CoverageBook(db, lease)
    this.#book = new SeriesBook({ clock, store, onEvents: (deltas) => this.#coverage.markEvents(deltas) })
    this.#alerts = new AlertBook({
      db,
      lease,
      live,
      notifier,
      log,
      mutedBy: (service, nowMs) => mutedBy(maintenance(), service, nowMs)
    })
    this.#evaluator = new Evaluator({ ...options, book: this.#book, coverage: this.#coverage, alerts: this.#alerts })
  }

  /** Takes up the state of before, begins to read history, and looks from now on. */
  start(objectives: readonly ResolvedObjective[]): Promise<void> {
    this.#taking = this.#inForce(objectives).then((inForce) => this.#evaluator.start(inForce))
    this.#stopResets = this.#options.store.onReset(() => this.#evaluator.reload())
    return this.#taking
  }

  /** Judges by another plan from now on; changed promises open new revisions. Plans are taken one after the other. */
  take(objectives: readonly ResolvedObjective[]): Promise<void> {
    this.#taking = this.#taking
      .catch(() => {}) // whoever asked for the plan before has heard of it
      .then(() => this.#takeNow(objectives))
    return this.#taking
  }

  async #takeNow(objectives: readonly ResolvedObjective[]): Promise<void> {
    this.#evaluator.take(await this.#inForce(objectives))
    this.#book.loaded.then(
      () => this.look(),
      () => {} // the evaluator says why, and tries again
    )
  }

  #inForce(objectives: readonly ResolvedObjective[]): Promise<ObjectiveInForce[]> {
    const { db, clock } = this.#options
    return putInForce(db, objectives, clock.nowMs())
  }

  /** Looks now, out of turn. */
  look(): void {
    this.#evaluator.look()
  }

  /** Reads the alerts that another instance has written, if one leads. */
  follow(): Promise<void> {
    return this.#evaluator.follow()
  }

  /** Resolves when the plan of now is taken and the history of its objectives has been read. */
  get loaded(): Promise<void> {
    return this.#taking.then(() => this.#book.loaded)
  }

  /** Resolves when what the last look found is written. */
  get settled(): Promise<void> {
    return this.#evaluator.settled
  }

  async close(): Promise<void> {
    this.#stopResets()
    await this.#taking.catch(() => {})
    await this.#evaluator.close()
  }

  /** Who measures how much services carry calls this at start. */
  provideLoadLine(port: LoadLinePort): void {
    this.#loadLine = port
  }

  /** How much a service carries; nothing is known until somebody measures it. */
  loadLineOf(...asked: Parameters<LoadLinePort>): ReturnType<LoadLinePort> {
    return this.#loadLine(...asked)
  }

  /** When the evaluator last looked, and at how many objectives. */
  get evaluator(): { readonly lastRunMs: number | null; readonly objectives: number } {
    return { lastRunMs: this.#evaluator.lastRunMs, objectives: this.#book.all.length }
  }

  /** What a service comes to, at the last look. */
  stateOf(service: string): ServiceJudgement {
    const { looks } = this.#evaluator
    if (this.#judgements.look !== looks) this.#judgements = { look: looks, byService: new Map() }
    const { byService } = this.#judgements
    const judgement = byService.get(service) ?? this.#judge(service)
    byService.set(service, judgement)
    return judgement
  }

  #judge(service: string): ServiceJudgement {
    const judged = this.#book.of(service).map((series) => ({ series, state: this.#stateOf(series) }))
    if (judged.length === 0) return { state: 'could_not_measure', reasons: [noObjectives], remainingRatio: null }
    const state = worstOf(judged.map(({ state }) => state))
    const reasons = judged
      .filter((each) => each.state === state)
      .flatMap(({ series }) => {
        const [reason] = presentState({ series, facts: this.#evaluator.factsOf(series), maintenance: [] }).reasons
        return reason ? [{ ...reason, text: `${series.objective.name}: ${reason.text}` }] : []
      })
    const left = this.objectivesOf(service).flatMap(({ remainingRatio }) =>
      remainingRatio === null ? [] : [remainingRatio]
    )
    return { state, reasons, remainingRatio: left.length === 0 ? null : Math.min(...left) }
  }

  /** The objectives of a service in a few numbers each, the worst first. */
  objectivesOf(service: string): ObjectiveBrief[] {
    return this.#book
      .of(service)
      .map((series) => presentBrief(series, this.#stateOf(series)))
      .toSorted((a, b) => rankOfState(a.state) - rankOfState(b.state))
  }

  /** The state of one objective and why; null: there is none of this name. */
  objectiveState(service: string, name: string): { readonly state: State; readonly reasons: readonly Reason[] } | null {
    const series = this.#book.find(service, name)
    return series ? presentState({ series, facts: this.#evaluator.factsOf(series), maintenance: [] }) : null
  }

  openAlerts(service: string): Record<Alert['severity'], number> {
    const counts = { page: 0, ticket: 0, notice: 0 }
    for (const alert of this.#alerts.open) if (alert.service === service) counts[alert.severity]++
    return counts
  }

  /** Open alerts of all services by severity. */
  allOpenAlerts(): Record<Alert['severity'], number> {
    const counts = { page: 0, ticket: 0, notice: 0 }
    for (const { severity } of this.#alerts.open) counts[severity]++
    return counts
  }

  /** Share of the longest window of a service in which its sources could tell; null without objectives. */
  coverageRatio(service: string): number | null {
    const nowMs = this.#options.clock.nowMs()
    const ratios = this.#book.of(service).map(({ objective, bank }) => ({
      fromMs: bank.span.fromMs,
      ratio: this.#coverage.ratio(service, objective.origin, bank.span.fromMs, nowMs) ?? 0
    }))
    return ratios.length === 0 ? null : ratios.toSorted((a, b) => a.fromMs - b.fromMs || a.ratio - b.ratio)[0]!.ratio
  }

  /** What happened to a service in a range, for charts. */
  marks(query: MarksQuery): Promise<Marks['marks']> {
    const { db, store, maintenance } = this.#options
    return marksOf(query, { db, store, maintenance: maintenance() })
  }

  /** The objectives of a service as the API gives them. */
  async objectives(service: string, query: ObjectiveQuery): Promise<Objective[]> {
    return Promise.all(this.#book.of(service).map((series) => this.#present(series, query)))
  }

  /** One objective as the API gives it; null: there is none of this name. */
  async objective(service: string, name: string, query: ObjectiveQuery): Promise<Objective | null> {
    const series = this.#book.find(service, name)
    return series ? this.#present(series, query) : null
  }

  async #present(series: Series, query: ObjectiveQuery): Promise<Objective> {
    const { clock, store, maintenance } = this.#options
    const { objective, bank } = series
    const nowMs = clock.nowMs()
    const facts = this.#evaluator.factsOf(series)
    const coverageRatio = this.#coverage.ratio(objective.service, objective.origin, bank.span.fromMs, nowMs)
    const presented = presentObjective({
      series,
      facts,
      firing: this.#evaluator.firing(series),
      coverageRatio,
      maintenance: await maintenanceOf(series, maintenance(), store, nowMs),
      evaluatedMs: this.#evaluator.lastRunMs ?? nowMs
    })
    return query.explain ? { ...presented, explain: await explain({ series, facts, coverageRatio, store }) } : presented
  }

  #stateOf(series: Series): State {
    return this.#evaluator.standingOf(series)?.state ?? 'could_not_measure'
  }
}

const noObjectives: Reason = {
  code: 'no_objectives',
  text: 'the plan promises nothing for this service',
  rule: 'something_promised',
  next: 'add a promise to the plan: availability, p95, errors'
}
