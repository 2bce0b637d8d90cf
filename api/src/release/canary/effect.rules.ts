import type { CanaryAction } from '../../contract/releases.ts'
import { phaseOf } from '../../platform/nomad/deployment.rules.ts'
import type { Deployment } from '../../platform/nomad/model.ts'

/** What became of an action: seen in Nomad, still to be done, not to be done yet, or overtaken by something else. */
export type Effect =
  | { readonly state: 'done'; readonly text: string }
  | { readonly state: 'superseded'; readonly text: string }
  | { readonly state: 'needed' }
  | { readonly state: 'waits' }

/**
 * Whether an action has had its effect, read from the deployment alone: whoever did it, and whether
 * Plimsoll was restarted between deciding and acting.
 *
 * @param unasked - decided by Plimsoll: it leaves alone what a person has promoted, and waits while
 *   a person has paused the deployment in Nomad
 */
export function effectOf(action: CanaryAction, deployment: Deployment, unasked: boolean): Effect {
  const { description } = deployment
  const phase = phaseOf(deployment)
  const promoted = deployment.groups.some(({ canariesWanted, promoted }) => canariesWanted > 0 && promoted)
  const over: Effect = { state: 'superseded', text: description }
  if (unasked && phase === 'paused') return { state: 'waits' }
  switch (action) {
    case 'promote':
      if (promoted || phase === 'successful') return { state: 'done', text: `promoted: ${description}` }
      return phase === 'failed' || phase === 'superseded' ? over : { state: 'needed' }
    case 'fail':
      if (phase === 'failed') return { state: 'done', text: `failed: ${description}` }
      if (unasked && promoted) return { state: 'superseded', text: `somebody promoted it meanwhile: ${description}` }
      return phase === 'successful' || phase === 'superseded' ? over : { state: 'needed' }
    case 'hold':
      if (phase === 'paused') return { state: 'done', text: 'paused until somebody promotes or fails it' }
      return phase === 'failed' || phase === 'successful' || phase === 'superseded' ? over : { state: 'needed' }
  }
}
