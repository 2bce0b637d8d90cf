import type { Alert } from '../../contract/index.ts'
import { budgetRatioOf, burnRate, type Tally } from '../burn.rules.ts'
import { objectiveKey } from '../objective-in-force.ts'
import type { Series } from '../series/series.ts'
import { ExcessEvidence } from '../statistics/evidence.rules.ts'
import { SlowBurnDetector, detectorStateSize } from '../statistics/detector.rules.ts'
import { lookAtTiers, quiet, type BurnMemory, type TierReading } from './burn-alert.rules.ts'
import type { BurnFacts } from './texts.rules.ts'

/** One minute: the tick of the slow-burn detector. */
const tickMs = 60_000

/** Mean time between false notices while a promise is just kept: 90 days of ticks. */
const ticksBetweenFalseNotices = (90 * 86_400_000) / tickMs

/** A slow burn that was noticed and has not ended. */
interface Notice {
  readonly sinceMs: number
}

/** What an objective says now: nothing, that it burns, or that it burns slowly. */
export type BurnReport =
  | { readonly kind: 'burn'; readonly severity: Alert['severity']; readonly facts: BurnFacts }
  | { readonly kind: 'notice'; readonly sinceMs: number; readonly tally: Tally; readonly windowMs: number }

/** Follows the burn of every objective from look to look. */
export class BurnWatch {
  #memories = new Map<string, BurnMemory>()
  #notices = new Map<string, Notice>()
  #detectors = new Map<number, SlowBurnDetector>()
  #evidence = new Map<number, ExcessEvidence>()
  #states = new Map<string, Float64Array>()

  /** Remembers what alerts say, and nothing else: those of before a restart, or of another instance. */
  takeUp(
    alerts: readonly { readonly key: string; readonly memory: BurnMemory; readonly noticeSinceMs: number | null }[]
  ): void {
    this.#memories.clear()
    this.#notices.clear()
    for (const { key, memory, noticeSinceMs } of alerts) {
      this.#memories.set(key, memory)
      if (noticeSinceMs !== null) this.#notices.set(key, { sinceMs: noticeSinceMs })
    }
  }

  /** Forgets objectives that the plan no longer has. */
  keep(keys: ReadonlySet<string>): void {
    for (const map of [this.#memories, this.#notices, this.#states]) {
      for (const key of map.keys()) if (!keys.has(key)) map.delete(key)
    }
  }

  memoryOf(series: Series): BurnMemory {
    return this.#memories.get(objectiveKey(series.objective)) ?? quiet
  }

  /** Whether an objective has to be looked at although nothing burns now. */
  isOpen(series: Series): boolean {
    const key = objectiveKey(series.objective)
    return this.#notices.has(key) || (this.#memories.get(key)?.firing ?? null) !== null
  }

  /** One look at an objective's tiers. */
  look(series: Series, nowMs: number): BurnReport | null {
    const { objective, tiers } = series
    const key = objectiveKey(objective)
    const readings = tiers.map((_, at) => this.#reading(series, at))
    const { memory } = lookAtTiers(readings, this.memoryOf(series), nowMs, objective.targetRatio)
    if (memory.firing === null && memory.last === null) this.#memories.delete(key)
    else this.#memories.set(key, memory)
    if (memory.firing === null) return this.#lookAtNotice(series, nowMs)
    this.#notices.delete(key)
    const { tier, long, short, logE } = readings[memory.firing]!
    const facts = { objective, tier, long, short, logE: logE(-Infinity), freshMs: series.newestMs }
    return { kind: 'burn', severity: tier.severity, facts }
  }

  /** One minute of the slow-burn detector, with the events that came in it; it may raise a notice. */
  tick(series: Series, nowMs: number): void {
    const { objective, sinceTick } = series
    const key = objectiveKey(objective)
    const tally = { ...sinceTick }
    sinceTick.total = 0
    sinceTick.bad = 0
    const alarm = this.#tickWith(series, tally)
    if (!alarm || this.isOpen(series) || this.#endedLately(series, nowMs)) return
    this.#notices.set(key, { sinceMs: nowMs })
  }

  /** The incident that a notice was part of is over, and the notice with it. */
  dropNotice({ objective, tiers }: Series, nowMs: number): void {
    const key = objectiveKey(objective)
    if (!this.#notices.delete(key)) return
    this.#memories.set(key, { ...quiet, last: { tier: tiers.length, calmSinceMs: nowMs } })
  }

  /** Lets the detector see the last hours that were read from the store, without raising anything. Begins anew. */
  warmUp(series: Series, nowMs: number): void {
    const { bank, column, sinceTick } = series
    const fine = bank.layout.rings[0]!
    sinceTick.total = 0
    sinceTick.bad = 0
    this.#states.get(objectiveKey(series.objective))?.fill(0)
    const fromMs = Math.ceil((nowMs - fine.widthMs * fine.slots) / tickMs) * tickMs
    for (let atMs = fromMs; atMs + tickMs <= nowMs; atMs += tickMs) {
      this.#tickWith(series, bank.between(column, atMs, atMs + tickMs))
    }
  }

  #tickWith({ objective }: Series, tally: Tally): boolean {
    const key = objectiveKey(objective)
    let state = this.#states.get(key)
    if (!state) this.#states.set(key, (state = new Float64Array(detectorStateSize)))
    const detector = this.#detectorFor(objective.targetRatio)
    const alarm = detector.tick(state, 0, tally)
    if (alarm) detector.reset(state, 0)
    return alarm
  }

  #lookAtNotice(series: Series, nowMs: number): BurnReport | null {
    const { bank, column, objective, tiers } = series
    const notice = this.#notices.get(objectiveKey(objective))
    if (!notice) return null
    const at = noticeWindow(series)
    const windowMs = bank.layout.windows[at]!.durationMs
    const tally = bank.tally(at, column)
    const isOver = nowMs - notice.sinceMs >= windowMs && (burnRate(tally, objective.targetRatio) ?? 0) <= 1
    if (!isOver && tiers.length > 0) return { kind: 'notice', sinceMs: notice.sinceMs, tally, windowMs }
    this.#notices.delete(objectiveKey(objective))
    return null
  }

  /** What the detector still sees of an incident that had its alert is no news. */
  #endedLately(series: Series, nowMs: number): boolean {
    const { last } = this.memoryOf(series)
    const windowMs = series.bank.layout.windows[noticeWindow(series)]!.durationMs
    return last !== null && nowMs - last.calmSinceMs < windowMs
  }

  #reading(series: Series, at: number): TierReading {
    const { bank, column, tiers, objective } = series
    const { long, short } = bank.layout.tiers[at]!
    const tier = tiers[at]!
    return {
      tier,
      long: bank.tally(long, column),
      short: bank.tally(short, column),
      logE: (sinceMs) => {
        const evidence = this.#evidenceFor(objective.targetRatio)
        evidence.reset()
        bank.vote(evidence, long, column, sinceMs)
        return evidence.logE
      },
      longSince: (sinceMs) => bank.between(column, sinceMs, Infinity)
    }
  }

  #detectorFor(targetRatio: number): SlowBurnDetector {
    let detector = this.#detectors.get(targetRatio)
    if (!detector) {
      detector = new SlowBurnDetector({
        tolerated: budgetRatioOf(targetRatio),
        ticksBetweenFalseAlarms: ticksBetweenFalseNotices
      })
      this.#detectors.set(targetRatio, detector)
    }
    return detector
  }

  #evidenceFor(targetRatio: number): ExcessEvidence {
    let evidence = this.#evidence.get(targetRatio)
    if (!evidence) this.#evidence.set(targetRatio, (evidence = new ExcessEvidence(budgetRatioOf(targetRatio))))
    return evidence
  }
}

/** The window a notice looks at: the long one of the slow page, six hours of a month. */
const noticeWindow = ({ bank, tiers }: Series): number => {
  const at = tiers.findLastIndex(({ severity }) => severity === 'page')
  return at >= 0 ? bank.layout.tiers[at]!.long : bank.layout.budget
}
