import type { ResolvedRelease, ResolvedService } from '../../plan/model.ts'
import { promisedMs } from '../../signals/promise.rules.ts'
import { defaultPolicy, type CanaryPolicy } from './rules/policy.rules.ts'

type Objectives = ResolvedService['objectives']

/**
 * The policy of a service: times and tolerances from its `release`, shares from its promise. Where
 * several objectives of a kind speak of all requests, the strictest counts.
 *
 * @param clustering - how many failures come at a time in the baseline's past; see `dispersion`
 */
export const policyOf = (release: ResolvedRelease, objectives: Objectives, clustering: number): CanaryPolicy => ({
  ...defaultPolicy,
  toleratedSlowdown: 1 + release.slowdownRatio,
  withinPromise: release.slowerWithinPromise,
  soakMs: release.soakMs,
  deadlineMs: release.deadlineMs,
  errorBudget: errorBudgetOf(objectives),
  slowBudget: slowBudgetOf(objectives),
  clustering
})

/** Share of requests that may fail, as promised for all of them; what nobody promised is 0.1 %. */
const errorBudgetOf = (objectives: Objectives): number => {
  const targets = objectives
    .filter(({ indicator, path }) => path === null && indicator !== 'latency')
    .map(({ targetRatio }) => targetRatio)
  return targets.length === 0 ? defaultPolicy.errorBudget : budgetOf(Math.max(...targets))
}

/** Share that may be slower than the promised latency; null: none is promised. */
const slowBudgetOf = (objectives: Objectives): number | null => {
  const thresholdMs = promisedMs(objectives)
  const promised = objectives.find((each) => each.thresholdMs !== null && each.thresholdMs === thresholdMs)
  return promised ? budgetOf(promised.targetRatio) : null
}

/** 1 - 0.999 is 0.0010000000000000009. */
const budgetOf = (targetRatio: number): number => Number((1 - targetRatio).toPrecision(12))
