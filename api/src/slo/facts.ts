import type { Alert } from '../contract/index.ts'
import { budgetRatioOf, burnRate } from './burn.rules.ts'
import type { CoverageBook } from './coverage-book.ts'
import { forecastExhaustion, type Forecast } from './forecast.rules.ts'
import type { JudgeInput, SourceStanding } from './judge.rules.ts'
import { detectableOutage, lowTrafficPerMinute } from './low-traffic.rules.ts'
import { budgetOf } from './budget.rules.ts'
import type { Series } from './series/series.ts'
import { nominalMs } from './window.rules.ts'

export interface FactsInput {
  readonly series: Series
  readonly coverage: CoverageBook
  readonly source: SourceStanding
  readonly alert: Pick<Alert, 'severity' | 'title'> | null
  readonly nowMs: number
}

/** Everything a judgement of one objective is made of. */
export const factsOf = ({ series, coverage, source, alert, nowMs }: FactsInput): JudgeInput => {
  const { objective, bank, column } = series
  const perMinute = perMinuteOf(series, nowMs)
  return {
    objective,
    tally: bank.tally(bank.layout.budget, column),
    window: bank.label,
    perMinute,
    knownRatio: knownRatio(series, coverage, nowMs),
    source,
    alert,
    forecast: () => forecastOf(series, nowMs),
    lowTraffic: lowTrafficOf(series, perMinute),
    nowMs
  }
}

/** Burn over the window of the fastest tier; null when nothing happened in it. */
export const recentBurn = ({ bank, column, objective }: Series): number | null => {
  const tier = bank.layout.tiers[0]
  return burnRate(bank.tally(tier ? tier.long : bank.layout.budget, column), objective.targetRatio)
}

export const forecastOf = (series: Series, nowMs: number): Forecast => {
  const { objective, bank, column } = series
  const windows = [...new Set(bank.layout.tiers.map(({ long }) => long))]
  const { remainingRatio } = budgetOf(bank.tally(bank.layout.budget, column), objective.targetRatio)
  const { window } = objective
  return forecastExhaustion({
    nowMs,
    targetRatio: objective.targetRatio,
    remainingRatio,
    windowMs: nominalMs(window),
    renewsAtMs: window.kind === 'calendar' ? bank.span.toMs : null,
    paces: windows.map((at) => ({ durationMs: bank.layout.windows[at]!.durationMs, tally: bank.tally(at, column) })),
    timeZone: window.kind === 'calendar' ? window.timeZone : 'UTC'
  })
}

/** Events a minute, over the tier's window that comes closest to a day, or what is known of it. */
const perMinuteOf = ({ bank, column, firstMs }: Series, nowMs: number): number | null => {
  const { tiers, windows, budget } = bank.layout
  const longs = tiers.map(({ long }) => long)
  const day = longs.findLast((at) => windows[at]!.durationMs <= 86_400_000) ?? longs[0] ?? budget
  const { total } = bank.tally(day, column)
  if (total === 0 || firstMs === null) return null
  const knownMs = Math.min(windows[day]!.durationMs, nowMs - firstMs)
  return total / Math.max(1, knownMs / 60_000)
}

const lowTrafficOf = ({ objective, tiers }: Series, perMinute: number | null): JudgeInput['lowTraffic'] => {
  const fastest = tiers[0]
  if (perMinute === null || perMinute >= lowTrafficPerMinute || !fastest) return null
  if (objective.indicator === 'latency' || objective.budgeting.kind !== 'requests') return null
  return { perMinute, outage: detectableOutage(perMinute, budgetRatioOf(objective.targetRatio), fastest) }
}

/** A gap in less time than this is a start, not blindness. */
const knownEnoughMs = 3_600_000

/** Share of the time in which we could know, counted from when somebody first looked; null in the first hour. */
const knownRatio = ({ objective, bank }: Series, coverage: CoverageBook, nowMs: number): number | null => {
  const reach = coverage.reach(objective.service, objective.origin)
  if (!reach || nowMs - reach.fromMs < knownEnoughMs) return null
  return coverage.ratio(objective.service, objective.origin, Math.max(reach.fromMs, bank.span.fromMs), nowMs)
}
