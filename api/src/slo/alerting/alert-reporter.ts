import type { Series } from '../series/series.ts'
import type { SeriesBook } from '../series/book.ts'
import { scansOf, type BurnScan } from '../series/scan.ts'
import type { SignalWatch } from '../signal-watch.ts'
import type { AlertBook } from './alert-book.ts'
import type { AlertRecord } from './alert-store.ts'
import type { BurnWatch } from './burn-watch.ts'
import type { CauseKind } from './cause.rules.ts'
import type { Condition } from './condition.ts'
import { burnConditions, certificateCondition, silenceCondition, type Speaking } from './conditions.ts'

export interface AlertReporterOptions {
  readonly book: SeriesBook
  readonly alerts: AlertBook
  readonly burns: BurnWatch
  readonly signals: SignalWatch
}

/** The tick of the slow-burn detector. */
const tickMs = 60_000

const burnCauses: readonly CauseKind[] = ['failures', 'latency']
const sourceCauses: readonly CauseKind[] = ['no_signal', 'certificate']
const origins = ['requests', 'probes'] as const

/** Tells the alert book what lasts and what has ended, look by look. */
export class AlertReporter {
  readonly #options: AlertReporterOptions
  #scans: readonly BurnScan[] = []
  #lastTickMs = 0

  constructor(options: AlertReporterOptions) {
    this.#options = options
  }

  /** The book holds other series now. */
  rescan(): void {
    const { book } = this.#options
    this.#scans = scansOf(book.banks, book.all)
  }

  look(services: ReadonlyMap<string, readonly Series[]>, nowMs: number): void {
    this.#reportBurns(nowMs)
    for (const [service, series] of services) this.#reportSources(service, series, nowMs)
    for (const { service } of this.#options.alerts.open) {
      if (services.has(service)) continue // else the plan has it no more
      for (const cause of sourceCauses) this.#reconcile(service, cause, null, nowMs)
    }
  }

  /** The worst open alert that says something about an objective's budget. */
  alertOf({ objective }: Series): AlertRecord | null {
    const open = burnCauses
      .map((cause) => this.#options.alerts.of(objective.service, cause))
      .filter((alert) => alert?.objectives.includes(objective.name))
    return open.find((alert) => alert?.kind === 'burn') ?? open[0] ?? null
  }

  #reportBurns(nowMs: number): void {
    const { book, alerts } = this.#options
    const found = new Set<string>()
    const byService = Map.groupBy(this.#speaking(nowMs), ({ series }) => series.objective.service)
    for (const [service, members] of byService) {
      for (const condition of burnConditions(members, book.of(service), nowMs)) {
        if (this.#isAftermath(condition, members, nowMs)) continue
        found.add(`${service}/${condition.cause}`)
        alerts.report(condition, nowMs)
      }
    }
    for (const { service } of alerts.open) {
      for (const cause of burnCauses) if (!found.has(`${service}/${cause}`)) this.#endBurn(service, cause, nowMs)
    }
  }

  /** Objectives that burn: found by the scan, noticed by the detector, or still open. */
  #speaking(nowMs: number): Speaking[] {
    const { book, burns } = this.#options
    const ready = book.all.filter(({ reachedMs }) => reachedMs === null)
    const wanted = new Set(this.#scans.flatMap((scan) => scan.burning()).filter(({ reachedMs }) => reachedMs === null))
    if (nowMs - this.#lastTickMs >= tickMs || nowMs < this.#lastTickMs) {
      this.#lastTickMs = nowMs
      for (const series of ready) burns.tick(series, nowMs)
    }
    for (const series of ready) if (burns.isOpen(series)) wanted.add(series)
    return [...wanted].flatMap((series) => {
      const report = burns.look(series, nowMs)
      return report ? [{ series, report, memory: burns.memoryOf(series) }] : []
    })
  }

  /** A notice that an incident raised ends with it: no news of its own. */
  #isAftermath({ kind, service, cause }: Condition, members: readonly Speaking[], nowMs: number): boolean {
    const { alerts, burns } = this.#options
    if (kind !== 'slow_burn_notice' || alerts.of(service, cause)?.kind !== 'burn') return false
    for (const { series } of members) burns.dropNotice(series, nowMs)
    return true
  }

  /** Ends an alert whose objectives are calm, unless the history that would say so is still being read. */
  #endBurn(service: string, cause: CauseKind, nowMs: number): void {
    const { alerts, book, burns } = this.#options
    const alert = alerts.of(service, cause)
    if (!alert || book.of(service).some(({ reachedMs }) => reachedMs !== null)) return
    const members = book.of(service).filter(({ objective }) => alert.objectives.includes(objective.name))
    const memory = Object.fromEntries(members.map((series) => [series.objective.name, burns.memoryOf(series)]))
    alerts.end(service, cause, memory, nowMs)
  }

  #reportSources(service: string, series: readonly Series[], nowMs: number): void {
    const { signals } = this.#options
    const judged = origins.filter((origin) => series.some(({ objective }) => objective.origin === origin))
    const standings = judged.map((origin) => ({ origin, standing: signals.standing(service, origin) }))
    this.#reconcile(service, 'no_signal', silenceCondition(service, standings, series), nowMs)
    const certificates = certificateCondition(service, signals.sources(service), nowMs)
    this.#reconcile(service, 'certificate', certificates, nowMs)
  }

  #reconcile(service: string, cause: CauseKind, condition: Condition | null, nowMs: number): void {
    if (condition) this.#options.alerts.report(condition, nowMs)
    else this.#options.alerts.end(service, cause, {}, nowMs)
  }
}
