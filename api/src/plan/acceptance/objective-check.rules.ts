import type { ObjectiveCheck } from '../model.ts'
import type { ObjectiveStatePort } from '../service.ts'
import { outcome, type Outcome } from './outcome.ts'

/**
 * Whether an objective is in one of the states that are accepted. One that could not be measured,
 * or lacks evidence, shows neither success nor failure, unless the plan accepts just that.
 */
export function judgeObjective(
  { service, objective, states }: ObjectiveCheck,
  port: ObjectiveStatePort | null
): Outcome {
  const name = `${service}/${objective}`
  const judged = port?.(service, objective) ?? null
  if (judged === null)
    return outcome(
      'could_not_measure',
      'not_judged',
      `${name} is not being judged yet`,
      'it is judged soon after the start'
    )
  const { state, reasons } = judged
  const accepted = states.some((one) => one === state)
  const open = state === 'could_not_measure' || state === 'not_enough_evidence'
  const text = `${name} is ${state}${accepted ? '' : `, not ${states.join(' or ')}`}`
  return {
    state: accepted ? 'pass' : open ? state : 'fail',
    reasons: [{ code: accepted ? 'as_expected' : 'unexpected_state', text }, ...reasons.slice(0, 3)]
  }
}
