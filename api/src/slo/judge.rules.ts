import type { Reason, Severity, State } from '../contract/index.ts'
import type { ResolvedObjective } from '../plan/objective.ts'
import { budgetOf } from './budget.rules.ts'
import { budgetRatioOf, type Tally } from './burn.rules.ts'
import type { Forecast } from './forecast.rules.ts'
import type { DetectableOutage } from './low-traffic.rules.ts'
import { nounsOf, outcomeText } from './nouns.rules.ts'
import { anytimeUpper, cleanRequestsNeeded } from './statistics/evidence.rules.ts'
import { poissonLower, poissonTail, poissonUpper } from './statistics/poisson.rules.ts'
import { nominalMs } from './window.rules.ts'
import { aboutDuration, countText, instant, numberText, percentText } from './words.rules.ts'

/** Whether the sources of an objective tell what happens: see `signal-watch.rules.ts`. */
export interface SourceStanding {
  /** `absent`: the plan names none; `lost`: silent for longer than the promise bears. */
  readonly state: 'alive' | 'lost' | 'absent'
  readonly reasons: readonly Reason[]
  /** When the newest event was counted, Unix time in milliseconds. */
  readonly freshMs: number | null
}

export interface JudgeInput {
  readonly objective: ResolvedObjective
  /** Counts of the whole window. */
  readonly tally: Tally
  /** How reasons name the window: `30d`, `2026-11`. */
  readonly window: string
  /** Events per minute nowadays; null when nothing came for a day. */
  readonly perMinute: number | null
  /** Share of the time since somebody first looked in which we could know, ratio; null when that is too short to say. */
  readonly knownRatio: number | null
  readonly source: SourceStanding
  /** The open alert about this objective. */
  readonly alert: { readonly severity: Severity; readonly title: string } | null
  readonly forecast: () => Forecast
  /** Set when traffic is so low that an outage stays unseen for minutes. */
  readonly lowTraffic: { readonly perMinute: number; readonly outage: DetectableOutage | null } | null
  readonly nowMs: number
}

export interface Judgement {
  readonly state: State
  /** The first says why the state is what it is; the others what else to know. */
  readonly reasons: readonly Reason[]
}

/** Confidence of statements about a promise: 95 %. */
const alpha = 0.05
/** So improbable must a few failures be within the promise before they count as broken. */
const luckAlpha = 0.01
/** Less than this share of the budget is worth a warning: the default gate stops there, too. */
const lowBudgetRatio = 0.1
/** Budgets that would be gone within this share of the window are worth a warning. */
const soonShareOfWindow = 0.1
const coverageNeededRatio = 0.9

/**
 * Where the counts alone put a promise.
 *
 * `unmeasured`: no events. `thin`: fewer events than 95 % confidence asks for even without failures
 * (4,891 for 99.9 %), and no failures that luck cannot explain. `broken`: more failures than
 * allowed. `kept`: the rest.
 */
export const standingOf = ({ total, bad }: Tally, targetRatio: number): 'unmeasured' | 'thin' | 'broken' | 'kept' => {
  if (total <= 0) return 'unmeasured'
  const budgetRatio = budgetRatioOf(targetRatio)
  const allowed = total * budgetRatio
  if (total >= cleanRequestsNeeded(budgetRatio, alpha, 1)) return bad > allowed ? 'broken' : 'kept'
  return bad > allowed && poissonTail(bad, allowed) <= luckAlpha ? 'broken' : 'thin'
}

/** The state of an objective. Nothing measured is neither success nor failure. */
export const stateOf = (input: JudgeInput): State => {
  const standing = standingOf(input.tally, input.objective.targetRatio)
  if (standing === 'unmeasured') return 'could_not_measure'
  if (standing === 'broken') return 'fail'
  if (input.source.state === 'lost') return 'could_not_measure'
  if (standing === 'thin') return 'not_enough_evidence'
  return warningsOf(input).next().done ? 'pass' : 'warn'
}

/** The state of an objective and why. */
export const judge = (input: JudgeInput): Judgement => {
  const state = stateOf(input)
  return { state, reasons: [...mainReasons(input, state), ...input.source.reasons, ...context(input)] }
}

const mainReasons = (input: JudgeInput, state: State): Reason[] => {
  if (input.tally.total <= 0) return [nothing(input)]
  if (state === 'fail') return [overspent(input)]
  if (state === 'not_enough_evidence') return [tooFew(input)]
  return [...warningsOf(input), soFar(input)]
}

const measured = ({ objective, tally, window, source }: JudgeInput): Omit<Reason, 'code' | 'text'> => ({
  rule: 'error_budget',
  limit: budgetRatioOf(objective.targetRatio),
  value: tally.bad / tally.total,
  interval: [
    poissonLower(tally.bad, alpha / 2) / tally.total,
    Math.min(1, poissonUpper(tally.bad, alpha / 2) / tally.total)
  ],
  unit: 'ratio',
  samples: tally.total,
  window,
  source: `${objective.origin} of class ${objective.classes.join(', ')}`,
  ...fresh(source)
})

const fresh = ({ freshMs }: SourceStanding): Pick<Reason, 'freshAt'> =>
  freshMs === null ? {} : { freshAt: instant(freshMs) }

/** `456 of 1,234,567 requests failed; the promise allows 1,234`. */
const spentText = ({ objective, tally }: JudgeInput): string => {
  const { allowed } = budgetOf(tally, objective.targetRatio)
  return `${outcomeText(objective, tally)}; the promise allows ${numberText(allowed)}`
}

const soFar = (input: JudgeInput): Reason => {
  const { remainingRatio } = budgetOf(input.tally, input.objective.targetRatio)
  const left = percentText(Math.max(0, remainingRatio ?? 0))
  return { code: 'budget_left', text: `${spentText(input)}: ${left} of the budget is left`, ...measured(input) }
}

const overspent = (input: JudgeInput): Reason => ({
  code: 'budget_overspent',
  text: `${spentText(input)}: the budget is overspent`,
  ...measured(input),
  next:
    input.objective.window.kind === 'rolling'
      ? 'hold risky changes until these failures have left the window'
      : 'hold risky changes until the window begins anew'
})

const tooFew = (input: JudgeInput): Reason => {
  const { objective, tally, perMinute } = input
  const budgetRatio = budgetRatioOf(objective.targetRatio)
  const more = cleanRequestsNeeded(budgetRatio, alpha, 1) - tally.total
  const proven = anytimeUpper({ ...tally, clustering: 1 }, alpha)
  const pace = perMinute ? `, about ${aboutDuration((more / perMinute) * 60_000)} at today's traffic` : ''
  return {
    code: 'too_few_events',
    text: `${outcomeText(objective, tally)}, which proves fewer than ${percentText(proven)}; the promise is ${percentText(budgetRatio)}`,
    ...measured(input),
    next: `${nounsOf(objective).events(more)} more${pace}`
  }
}

const nothing = ({ objective, window, source }: JudgeInput): Reason => {
  const events = objective.origin === 'probes' ? 'probes' : 'requests'
  const facts = { rule: 'something_measured', samples: 0, window, ...fresh(source) }
  if (source.state === 'absent') {
    const text = `the plan names no source that counts ${events} of this service`
    const next =
      objective.origin === 'probes' ? 'add a probe to the plan' : 'add a caddyLog, push or self signal to the plan'
    return { code: 'no_source', text, ...facts, next }
  }
  const text = `no ${events} of class ${objective.classes.join(', ')} were counted in ${window}${objective.path ? ` on ${objective.path}` : ''}`
  return {
    code: 'nothing_measured',
    text,
    ...facts,
    next: 'send traffic, or add a probe to the plan: silence is no success'
  }
}

function* warningsOf(input: JudgeInput): Generator<Reason> {
  const { objective, tally, alert, knownRatio, nowMs } = input
  const forecast = input.forecast()
  if (alert) {
    yield {
      code: 'alert_open',
      text: alert.title,
      rule: 'burn_rate_alert',
      window: input.window,
      next: 'see the alert'
    }
  }
  const left = budgetOf(tally, objective.targetRatio).remainingRatio ?? 0
  if (left < lowBudgetRatio) {
    yield {
      code: 'budget_low',
      text: `only ${percentText(left)} of the budget is left`,
      rule: 'budget_reserve',
      limit: lowBudgetRatio,
      value: left,
      unit: 'ratio',
      samples: tally.total,
      window: input.window,
      next: forecast.text
    }
  }
  const soonMs = soonShareOfWindow * nominalMs(objective.window)
  if (forecast.exhaustedAtMs !== null && forecast.exhaustedAtMs - nowMs < soonMs) {
    yield { code: 'exhaustion_ahead', text: forecast.text, rule: 'forecast', window: input.window }
  }
  if (knownRatio !== null && knownRatio < coverageNeededRatio) {
    yield {
      code: 'coverage_low',
      text: `for ${percentText(1 - knownRatio)} of the time since the first look nobody could know`,
      rule: 'coverage',
      limit: coverageNeededRatio,
      value: knownRatio,
      unit: 'ratio',
      window: input.window,
      next: 'see the sources of the service'
    }
  }
}

/** What is worth knowing in every state. */
function* context({ objective, lowTraffic, window }: JudgeInput): Generator<Reason> {
  if (!lowTraffic) return
  const { perMinute, outage } = lowTraffic
  const detectable = outage
    ? `detectable outage: ${countText(outage.failures)} failures, about ${aboutDuration(outage.durationMs)} at this traffic`
    : 'an outage cannot be told from bad luck within an hour'
  yield {
    code: 'low_traffic',
    text: `${numberText(perMinute)} ${objective.origin} a minute; ${detectable}`,
    rule: 'low_traffic',
    value: perMinute,
    limit: 3,
    unit: '1/min',
    window,
    ...(objective.origin === 'requests' && { next: 'add a probe every 10 s as a second source of availability' })
  }
}
