import type { Nomad } from '../../../api/src/platform/nomad/client.ts'
import { isError, nomadDeploymentEnded, nomadNotHealthyYet } from '../../../api/src/platform/nomad/errors.ts'
import { groupLines, phaseOf, troubleLines, type Phase } from '../../../api/src/platform/nomad/deployment.rules.ts'
import type { Deployment } from '../../../api/src/platform/nomad/model.ts'
import { Failure } from '../cli/failure.ts'

export interface Followed {
  readonly phase: Exclude<Phase, 'rolling'>
  readonly deployment: Deployment
  /** Why allocations were not well, each thing once. */
  readonly troubles: readonly string[]
}

export interface FollowOrder {
  /** Promote the canaries as soon as they are healthy. */
  readonly promote: boolean
  readonly say: (line: string) => void
  readonly signal: AbortSignal
  /** Longest time to follow, ms. */
  readonly timeoutMs: number
}

/**
 * Follows a deployment through the API until it ends, waits for a promotion that was not ordered, or
 * is paused. Says every change once. Leaving changes nothing: whoever follows again sees the same.
 *
 * @throws Failure PLIMSOLL_INTERRUPTED on Ctrl-C, PLIMSOLL_DEPLOY_TIMEOUT after `timeoutMs`
 */
export async function followDeployment(nomad: Nomad, id: string, order: FollowOrder): Promise<Followed> {
  const timeout = AbortSignal.timeout(order.timeoutMs)
  const signal = AbortSignal.any([order.signal, timeout])
  const told = new Set<string>()
  const troubles: string[] = []
  const tellOnce = (line: string): void => {
    if (told.has(line)) return
    told.add(line)
    order.say(line)
  }
  const lookForTroubles = async (): Promise<void> => {
    for (const line of troubleLines(await nomad.deploymentAllocations(id, { signal }))) {
      if (!troubles.includes(line)) troubles.push(line)
      tellOnce(`  ${line}`)
    }
  }

  for await (const { value: deployment } of nomad.watchDeployment(id, signal)) {
    for (const line of groupLines(deployment)) tellOnce(`  ${line}`)
    if (deployment.groups.some(({ unhealthy }) => unhealthy > 0)) await lookForTroubles()
    const phase = phaseOf(deployment)
    if (phase === 'rolling') continue
    if (phase === 'waiting_for_promotion' && order.promote) {
      tellOnce('promoting')
      await promote(nomad, id)
      continue
    }
    if (phase === 'failed') await lookForTroubles()
    return { phase, deployment, troubles }
  }
  if (order.signal.aborted) {
    throw new Failure('PLIMSOLL_INTERRUPTED', 'stopped following; the deployment goes on', {
      hint: 'the same command follows it again'
    })
  }
  throw new Failure('PLIMSOLL_DEPLOY_TIMEOUT', `not decided after ${duration(order.timeoutMs)}`, {
    hint: 'the deployment goes on; the same command follows it again'
  })
}

/** A race with its end or with a canary that fell ill is no error: the next state tells. */
const promote = async (nomad: Nomad, id: string): Promise<void> => {
  try {
    await nomad.promote(id)
  } catch (error) {
    if (!isError(error, nomadDeploymentEnded) && !isError(error, nomadNotHealthyYet)) throw error
  }
}

const duration = (ms: number): string =>
  ms < 120_000 ? `${Math.round(ms / 1_000)} s` : `${Math.round(ms / 60_000)} min`
