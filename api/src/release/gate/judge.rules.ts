import type { GateEffect, GateRule, Override, Verdict } from '../../contract/gate.ts'
import type { State } from '../../contract/primitives.ts'
import type { GatePolicy, ResolvedGate } from '../../plan/model.ts'
import { effectOf } from './effect.rules.ts'
import type { GateFacts } from './facts.ts'
import { worst, type Rule } from './rule.ts'
import { dependencies } from './rules/dependencies.rules.ts'
import { errorBudget } from './rules/error-budget.rules.ts'
import { externalEvidence } from './rules/external-evidence.rules.ts'
import { freeze } from './rules/freeze.rules.ts'
import { loadLine } from './rules/load-line.rules.ts'
import { loadRun } from './rules/load-run.rules.ts'
import { milestones } from './rules/milestones.rules.ts'
import { pageAlerts } from './rules/page-alerts.rules.ts'
import { previousRelease } from './rules/previous-release.rules.ts'
import { risks } from './rules/risks.rules.ts'

/** Every rule, in the order in which a verdict lists them. */
const rules: readonly Rule[] = [
  errorBudget,
  pageAlerts,
  loadRun,
  loadLine,
  previousRelease,
  risks,
  milestones,
  freeze,
  dependencies,
  externalEvidence
]

/** The policy that holds in an environment. */
export const policyFor = (
  { environments, ...base }: Omit<ResolvedGate, 'repository'>,
  environment: string
): GatePolicy => {
  const policy = environments[environment] ?? base
  return { ...policy, unmeasured: policy.unmeasured ?? (environment === 'production' ? 'block' : 'warn') }
}

export type Judgement = Pick<Verdict, 'state' | 'mayShip' | 'text' | 'rules'>

/**
 * May it ship? Nothing that could not be measured counts as good: it blocks or warns, as the policy says.
 *
 * @param policy - of the environment, `unmeasured` decided
 * @param overrides - in force now, for this service, environment and version
 */
export const judgeGate = (
  facts: GateFacts,
  policy: GatePolicy,
  overrides: readonly Pick<Override, 'id' | 'rules'>[]
): Judgement => {
  const judged = rules.map((rule) => present(rule, facts, policy, overrides))
  const state = worst(judged.map(effectOf))
  return { state, mayShip: state === 'pass' || state === 'warn', text: summary(judged, state, facts), rules: judged }
}

const present = (
  { name, title, judge }: Rule,
  facts: GateFacts,
  policy: GatePolicy,
  overrides: readonly Pick<Override, 'id' | 'rules'>[]
): GateRule => {
  const answer = judge(facts, policy)
  const onFail: GateEffect = answer ? policy.rules[name] : 'off'
  return {
    rule: name,
    title,
    onFail,
    onUnmeasured: onFail === 'off' ? 'off' : unmeasured(name, onFail, policy),
    limit: null,
    value: null,
    unit: null,
    interval: null,
    samples: null,
    window: null,
    source: null,
    freshAt: null,
    next: null,
    parts: [],
    ...(answer ?? { state: 'pass', text: 'the plan asks nothing of this kind' }),
    overriddenBy: overrides.find((override) => override.rules.includes(name))?.id ?? null
  }
}

/** A rule that only warns when it fails cannot block for not being measured; a required run blocks everywhere. */
const unmeasured = (name: GateRule['rule'], onFail: GateEffect, policy: GatePolicy): GateEffect => {
  if (onFail === 'warn') return 'warn'
  const isLoad = name === 'load_run' || name === 'load_line'
  if (isLoad) return policy.requireRun ? 'block' : 'warn'
  return policy.unmeasured ?? 'block'
}

const summary = (judged: readonly GateRule[], state: State, { service, version, environment }: GateFacts): string => {
  const deciding = judged.filter((rule) => effectOf(rule) === state)
  const what = `${service} ${version}`
  if (state === 'pass') return `${what} may ship to ${environment}`
  const because = deciding
    .map((rule) => (rule.overriddenBy === null ? rule.text : `${rule.text} (overridden)`))
    .join('; ')
  if (state === 'warn') return `${what} may ship to ${environment}, with a warning: ${because}`
  if (state === 'fail') return `${what} may not ship to ${environment}: ${because}`
  return `whether ${what} may ship to ${environment} is not known: ${because}`
}
