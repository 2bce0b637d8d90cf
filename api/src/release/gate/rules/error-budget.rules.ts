import type { Reason, State } from '../../../contract/primitives.ts'
import type { ObjectiveFact } from '../facts.ts'
import { percent, worst, type Rule } from '../rule.ts'

/** Of every objective at least so much of its budget is left, and enough was measured to say so. */
export const errorBudget: Rule = {
  name: 'error_budget',
  title: 'Error budget left',
  judge: ({ objectives }, { minimumBudgetRatio: limit }) => {
    if (objectives.length === 0) {
      return {
        state: 'could_not_measure',
        text: 'the plan promises nothing for this service',
        limit,
        unit: 'ratio',
        next: 'add a promise to the plan: availability, p95, errors'
      }
    }
    const judged = objectives.map((objective) => ({ objective, state: stateOf(objective, limit) }))
    const state = worst(judged.map((each) => each.state))
    const deciding = judged
      .filter((each) => each.state === state)
      .map((each) => each.objective)
      .toSorted((a, b) => (a.remainingRatio ?? 2) - (b.remainingRatio ?? 2))[0]!
    return {
      state,
      text: sentence(deciding, state, limit),
      limit,
      value: deciding.remainingRatio,
      unit: 'ratio',
      samples: deciding.total,
      window: deciding.window,
      source: `objective ${deciding.name}`,
      freshAt: deciding.freshAt,
      next: state === 'pass' ? null : (deciding.reasons[0]?.next ?? nextStep[state] ?? null),
      parts: judged.map((each) => part(each.objective, each.state, limit))
    }
  }
}

const nextStep: Partial<Record<State, string>> = {
  fail: 'repair what spends the budget, or wait until the window forgives it',
  could_not_measure: 'see that requests of this service are counted',
  not_enough_evidence: 'wait for more requests, or add probes'
}

/** Too few requests to say that a budget is spent are too few to say that it is not. */
const stateOf = ({ state, remainingRatio }: ObjectiveFact, limit: number): State => {
  if (remainingRatio === null || state === 'could_not_measure') return 'could_not_measure'
  if (state === 'not_enough_evidence') return 'not_enough_evidence'
  return remainingRatio < limit ? 'fail' : 'pass'
}

const sentence = ({ name, remainingRatio, reasons }: ObjectiveFact, state: State, limit: number): string => {
  if (state === 'could_not_measure' || state === 'not_enough_evidence' || remainingRatio === null) {
    return `${name}: ${reasons[0]?.text ?? 'its budget could not be measured'}`
  }
  const left =
    remainingRatio < 0 ? `is overspent by ${percent(-remainingRatio)}` : `has ${percent(remainingRatio)} left`
  return `the budget of ${name} ${left}, ${percent(limit)} are needed`
}

const part = (objective: ObjectiveFact, state: State, limit: number): Reason => ({
  code: `objective_${state}`,
  text: sentence(objective, state, limit),
  rule: objective.name,
  limit,
  ...(objective.remainingRatio !== null && { value: objective.remainingRatio }),
  unit: 'ratio',
  samples: objective.total,
  window: objective.window,
  ...(objective.freshAt !== null && { freshAt: objective.freshAt })
})
