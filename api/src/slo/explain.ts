import type { Explanation } from '../contract/index.ts'
import type { Counts, Stream } from '../signals/slice.ts'
import type { SliceStore } from '../signals/store.ts'
import { budgetOf } from './budget.rules.ts'
import { budgetRatioOf } from './burn.rules.ts'
import type { JudgeInput } from './judge.rules.ts'
import { nounsOf } from './nouns.rules.ts'
import { judgeSlice, judgeable, selects } from './selection.rules.ts'
import type { Series } from './series/series.ts'
import { cleanRequestsNeeded } from './statistics/evidence.rules.ts'
import { tierRemarks } from './tiers.rules.ts'
import { nominalMs } from './window.rules.ts'
import { countText, instant, numberText, percentText, windowName } from './words.rules.ts'

export interface ExplainInput {
  readonly series: Series
  readonly facts: JudgeInput
  readonly coverageRatio: number | null
  readonly store: Pick<SliceStore, 'sum'>
}

/** What a budget was made of: formula, every input and where it comes from, and what was left out. */
export const explain = async ({ series, facts, coverageRatio, store }: ExplainInput): Promise<Explanation> => {
  const { objective, bank } = series
  const { fromMs, toMs } = bank.span
  const groups = await store.sum({
    service: objective.service,
    fromMs,
    toMs: Math.min(toMs, facts.nowMs),
    groupBy: (stream) => exclusionOf(series, stream) ?? counted
  })
  return {
    formula: formulaOf(series),
    inputs: inputsOf(series, facts, coverageRatio, groups.get(counted)),
    window: { fromAt: instant(fromMs), toAt: instant(toMs) },
    exclusions: exclusionsFrom(series, groups),
    freshAt: series.newestMs === null ? null : instant(series.newestMs),
    revision: objective.revision,
    see: [
      'Site Reliability Workbook, chapter 2 "Implementing SLOs" and chapter 5 "Alerting on SLOs"',
      ...tierRemarks(nominalMs(objective.window), objective.targetRatio)
    ]
  }
}

const counted = ''

const formulaOf = ({ objective }: Series): string => {
  const { indicator, thresholdMs, budgeting } = objective
  const bad =
    indicator === 'latency' ? `slower than ${thresholdMs} ms or failed` : 'status 5xx, timed out or not connected'
  const event = budgeting.kind === 'requests' ? `bad = ${bad}` : sliceFormula(budgeting, bad)
  return `${event}; allowed = total × (1 − target); remainingRatio = 1 − bad / allowed; burn = (bad / total) / (1 − target)`
}

const sliceFormula = (budgeting: { sliceMs: number; sliceTargetRatio: number }, bad: string): string =>
  `total = slices of ${windowName(budgeting.sliceMs)} with events; ` +
  `bad = slices with less than ${percentText(budgeting.sliceTargetRatio)} good events (bad event = ${bad})`

const inputsOf = (
  { objective, bank, tiers }: Series,
  { tally }: JudgeInput,
  coverageRatio: number | null,
  stored: Counts | undefined
): Explanation['inputs'] => {
  const { budget, windows, rings } = bank.layout
  const slot = windowName(rings[windows[budget]!.ring]!.widthMs)
  const memory =
    objective.window.kind === 'rolling'
      ? `running sums over slots of ${slot}: the window reaches back its length less up to one slot`
      : 'sums since the window began, exact to the minute'
  const { allowed, remaining } = budgetOf(tally, objective.targetRatio)
  const again = stored && judgeSlice(objective, judgeable(stored))
  return [
    { name: 'target', value: percentText(objective.targetRatio), source: `plan, revision ${objective.revision}` },
    { name: 'total', value: countText(tally.total), source: memory },
    { name: 'bad', value: countText(tally.bad), source: memory },
    { name: 'allowed', value: numberText(allowed), source: 'total × (1 − target)' },
    { name: 'remaining', value: numberText(remaining), source: 'allowed − bad' },
    ...(again && objective.budgeting.kind === 'requests'
      ? [
          {
            name: 'counted again',
            value: `${countText(again.bad)} of ${countText(again.total)}`,
            source: 'slices in the store'
          }
        ]
      : []),
    {
      name: 'enough evidence',
      value: nounsOf(objective).events(cleanRequestsNeeded(budgetRatioOf(objective.targetRatio), 0.05, 1)),
      source: '95 % confidence without a failure, readable at any time (e-process)'
    },
    {
      name: 'coverage',
      value: coverageRatio === null ? 'never watched' : percentText(coverageRatio),
      source: 'time in which a source was alive, or a log speaks for'
    },
    ...tiers.map(({ name, factor, longMs, shortMs, evidenceNeeded }) => ({
      name,
      value: `burn above ${numberText(factor)} over ${windowName(longMs)} and ${windowName(shortMs)}`,
      source: `and an e-value of at least ${countText(evidenceNeeded)}`
    }))
  ]
}

/** Why an objective leaves out a stream of its service; null: it counts it. */
const exclusionOf = ({ objective }: Series, stream: Stream): string | null => {
  if (selects(objective, stream)) return null
  if (stream.origin !== objective.origin)
    return stream.origin === 'probes' ? 'probes, judged apart' : 'requests, judged apart'
  if (!objective.classes.includes(stream.trafficClass)) return `${stream.origin} of class ${stream.trafficClass}`
  return `${stream.origin} of paths other than ${objective.path}`
}

const exclusionsFrom = ({ objective }: Series, groups: ReadonlyMap<string, Counts>): Explanation['exclusions'] => {
  const aborted = groups.get(counted)?.aborted ?? 0
  const others = [...groups]
    .filter(([text, { total }]) => text !== counted && total > 0)
    .map(([text, counts]) => ({
      text,
      ...pick(judgeSlice({ indicator: 'errors', thresholdMs: null }, judgeable(counts)))
    }))
    .toSorted((a, b) => b.total - a.total)
  if (aborted === 0) return others
  const event = objective.origin === 'probes' ? 'probes' : 'requests'
  return [
    { text: `${event} whose client went away (status 0): neither good nor bad`, total: aborted, bad: 0 },
    ...others
  ]
}

const pick = ({ total, bad }: { total: number; bad: number }) => ({ total, bad })
