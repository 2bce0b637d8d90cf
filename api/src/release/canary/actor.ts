import type { Nomad } from '../../platform/nomad/client.ts'
import {
  isError,
  mayPass,
  nomadDeploymentEnded,
  nomadNotFound,
  nomadNotHealthyYet
} from '../../platform/nomad/errors.ts'
import { phaseOf } from '../../platform/nomad/deployment.rules.ts'
import { isCodedError, messageOf } from '../../platform/errors.ts'
import { effectOf, type Effect } from './effect.rules.ts'
import { unaskedBy, type ActionRecord } from './record.ts'

/** What to write into the row of an action; null: not known yet, look again. */
export type Settled = Pick<ActionRecord, 'state' | 'text'> | null

/**
 * Carries out an intention in Nomad, at most once: what Nomad already shows is not done again, and
 * what was asked is looked at afterwards. It may be called again and again until it settles, also by
 * another instance after this one was killed.
 *
 * @param mayAct - asked right before acting: whether this instance still leads
 */
export async function carryOut(
  { action, by }: Pick<ActionRecord, 'action' | 'by'>,
  deploymentId: string,
  { nomad, mayAct }: { nomad: Nomad; mayAct: () => boolean }
): Promise<Settled> {
  try {
    const before = await nomad.deployment(deploymentId)
    const unasked = by === unaskedBy
    const effect = effectOf(action, before, unasked)
    if (effect.state !== 'needed') return settled(effect)
    if (!mayAct()) return null
    if (action === 'hold') await nomad.pause(deploymentId, true)
    else {
      // a promotion of a paused deployment waits for its resumption
      if (action === 'promote' && phaseOf(before) === 'paused') await nomad.pause(deploymentId, false)
      await nomad[action](deploymentId)
    }
    return settled(effectOf(action, await nomad.deployment(deploymentId), unasked))
  } catch (error) {
    if (isError(error, nomadNotFound)) return { state: 'superseded', text: 'Nomad has forgotten the deployment' }
    // a canary that was lost has a successor soon, or the deployment ends
    if ([nomadDeploymentEnded, nomadNotHealthyYet].some((kind) => isError(error, kind)) || mayPass(error)) return null
    const hint = isCodedError(error) && error.hint ? ` (${error.hint})` : ''
    return { state: 'failed', text: `${messageOf(error)}${hint}` }
  }
}

const settled = (effect: Effect): Settled => (effect.state === 'needed' || effect.state === 'waits' ? null : effect)
