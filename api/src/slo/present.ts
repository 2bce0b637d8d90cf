import type { Budget, Burn, Objective, ObjectiveBrief, Reason } from '../contract/index.ts'
import type { MaintenanceBand } from '../plan/model.ts'
import { burnRate, type Tally } from './burn.rules.ts'
import { budgetOf } from './budget.rules.ts'
import { recentBurn } from './facts.ts'
import { judge, type JudgeInput } from './judge.rules.ts'
import { outcomeText } from './nouns.rules.ts'
import type { Series } from './series/series.ts'
import { nameOfWindow } from './window.rules.ts'
import { countText, instant, windowName } from './words.rules.ts'

/** What a judgement needs besides the counts. */
export interface PresentInput {
  readonly series: Series
  readonly facts: JudgeInput
  /** The tier that fires; null: none. */
  readonly firing: number | null
  readonly coverageRatio: number | null
  /** Bands of maintenance inside the window, and what was counted in them; empty: none. */
  readonly maintenance: readonly { readonly band: MaintenanceBand; readonly tally: Tally }[]
  readonly evaluatedMs: number
}

/** An objective as the API gives it. */
export const presentObjective = (input: PresentInput): Omit<Objective, 'explain'> => {
  const { series, facts, coverageRatio, evaluatedMs } = input
  const { objective } = series
  const { total, bad } = facts.tally
  const forecast = facts.forecast()
  return {
    name: objective.name,
    title: objective.title,
    description: objective.description,
    indicator: objective.indicator,
    classes: [...objective.classes],
    origin: objective.origin,
    path: objective.path,
    thresholdMs: objective.thresholdMs,
    targetRatio: objective.targetRatio,
    budgeting: objective.budgeting.kind,
    window: presentWindow(series),
    total,
    bad,
    budget: budgetOf(facts.tally, objective.targetRatio),
    budgetWithoutMaintenance: budgetWithout(input),
    burn: presentBurn(input),
    coverageRatio,
    ...presentState(input),
    forecast: {
      exhaustedAt: forecast.exhaustedAtMs === null ? null : instant(forecast.exhaustedAtMs),
      text: forecast.text
    },
    revision: { number: objective.revision, sinceAt: instant(objective.sinceMs) },
    evaluatedAt: instant(evaluatedMs),
    freshAt: series.newestMs === null ? null : instant(series.newestMs)
  }
}

/** The few numbers that lists show. */
export const presentBrief = (series: Series, state: Objective['state']): ObjectiveBrief => {
  const { objective, bank, column } = series
  const { name, title, indicator, targetRatio, thresholdMs } = objective
  const { remainingRatio } = budgetOf(bank.tally(bank.layout.budget, column), targetRatio)
  return { name, title, indicator, targetRatio, thresholdMs, state, remainingRatio, burnRate: recentBurn(series) }
}

const presentWindow = ({ objective, bank }: Series): Objective['window'] => {
  const { window } = objective
  const { fromMs, toMs } = bank.span
  return {
    kind: window.kind,
    name: nameOfWindow(window),
    durationMs: window.kind === 'rolling' ? window.durationMs : toMs - fromMs,
    timeZone: window.kind === 'calendar' ? window.timeZone : null,
    fromAt: instant(fromMs),
    toAt: instant(toMs)
  }
}

/** State and reasons; while history is read there is nothing to judge by. */
export const presentState = ({
  series,
  facts,
  maintenance
}: Pick<PresentInput, 'series' | 'facts' | 'maintenance'>) => {
  if (series.reachedMs !== null) {
    return { state: 'could_not_measure' as const, reasons: [loadingReason] }
  }
  const { state, reasons } = judge(facts)
  return { state, reasons: [...reasons, ...estimateReason(series), ...maintenanceReasons(series, maintenance)] }
}

const loadingReason: Reason = {
  code: 'history_loading',
  text: 'the counts of the window are being read from the store',
  rule: 'something_measured',
  next: 'a few seconds'
}

const estimateReason = ({ objective, bank, estimated }: Series): Reason[] => {
  if (estimated === 0 || objective.thresholdSinceMs <= bank.span.fromMs) return []
  const sinceAt = instant(objective.thresholdSinceMs)
  return [
    {
      code: 'threshold_younger_than_window',
      text: `${countText(estimated)} events from before ${sinceAt} are judged by their histogram: within 1.6 % of the threshold, failures taken as slow`,
      rule: 'latency_threshold',
      samples: estimated
    }
  ]
}

const maintenanceReasons = ({ objective }: Series, maintenance: PresentInput['maintenance']): Reason[] =>
  maintenance.map(({ band, tally }) => ({
    code: 'maintenance',
    text: `maintenance (${band.reason}): ${outcomeText(objective, tally)}; the budget is shown with and without`,
    rule: 'maintenance',
    samples: tally.total,
    window: `${instant(band.fromMs)} to ${instant(band.toMs)}`
  }))

const budgetWithout = ({ facts, maintenance }: PresentInput): Budget | null => {
  if (maintenance.length === 0) return null
  const excluded = maintenance.reduce(
    (sum, { tally }) => ({ total: sum.total + tally.total, bad: sum.bad + tally.bad }),
    {
      total: 0,
      bad: 0
    }
  )
  const total = Math.max(0, facts.tally.total - excluded.total)
  const bad = Math.min(total, Math.max(0, facts.tally.bad - excluded.bad)) // the edges of slots may differ
  return budgetOf({ total, bad }, facts.objective.targetRatio)
}

const presentBurn = ({ series, firing }: PresentInput): Burn[] => {
  const { bank, column, objective, tiers } = series
  const { windows, tiers: placed, budget } = bank.layout
  const burns = windows.flatMap(({ durationMs }, at): Burn[] => {
    if (at === budget) return []
    const tally = bank.tally(at, column)
    const tier = placed.findIndex(({ long }) => long === at)
    return [
      {
        window: windowName(durationMs),
        windowMs: durationMs,
        ...tally,
        rate: burnRate(tally, objective.targetRatio),
        limit: tiers[tier]?.factor ?? null,
        firing: tier >= 0 && tier === firing
      }
    ]
  })
  return burns.toSorted((a, b) => a.windowMs - b.windowMs)
}
