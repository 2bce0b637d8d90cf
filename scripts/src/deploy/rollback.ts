import type { Nomad } from '../../../api/src/platform/nomad/client.ts'
import { hasEnded, phaseOf } from '../../../api/src/platform/nomad/deployment.rules.ts'
import type { JobVersion } from '../../../api/src/platform/nomad/model.ts'
import { Failure } from '../cli/failure.ts'
import { deploymentOf } from './deployment-of.ts'
import { followDeployment, type Followed } from './follow.ts'
import { rollbackTarget, versionName } from './outcome.rules.ts'

export interface RollbackOrder {
  readonly job: string
  /** Null: the latest stable version that runs something else. */
  readonly to: number | null
  readonly timeoutMs: number
  readonly say: (line: string) => void
  readonly signal: AbortSignal
}

/** How a rollback ended. `unchanged`: it was done before. */
export type RolledBack =
  | { readonly outcome: 'unchanged'; readonly version: JobVersion }
  | { readonly outcome: 'registered'; readonly version: JobVersion }
  | ({ readonly outcome: 'followed'; readonly version: JobVersion } & Followed)

/**
 * Goes back to what ran before. A release whose deployment is under way is failed, which makes Nomad
 * go back by itself where the job says auto_revert; otherwise the job is reverted. Nomad gives a
 * revert canaries of its own: these are promoted, since what they run was stable.
 */
export async function rollback(order: RollbackOrder, nomad: Nomad): Promise<RolledBack> {
  const { job, to, say, signal } = order
  const versions = await nomad.jobVersions(job, { signal })
  const current = versions[0]
  const target = to === null ? rollbackTarget(versions) : named(versions, to)
  if (!current || target.kind === 'none') {
    throw new Failure('PLIMSOLL_ROLLBACK_NOWHERE', `${job} has no older stable version that runs something else`, {
      hint: 'Nomad keeps six versions unless told otherwise; deploy the image you want',
      exit: 1
    })
  }
  const latest = await nomad.latestDeployment(job, { signal })
  const own = latest?.jobVersion === current.version ? latest : null
  const underWay = own !== null && !hasEnded(phaseOf(own))
  if (target.kind !== 'version' && underWay) {
    say(`going back is under way: following ${versionName(current)}`)
    return followTo(current, own.id)
  }
  if (target.kind === 'done') {
    say(`${versionName(current)} runs what version ${target.version.version} ran: it was rolled back already`)
    say('--to VERSION goes elsewhere')
    return { outcome: 'unchanged', version: current }
  }
  if (underWay) {
    const { revertedTo } = await nomad.fail(own.id)
    say(`the deployment of ${versionName(current)} is failed`)
    if (revertedTo !== null && (to === null || to === revertedTo)) {
      say(`Nomad goes back to version ${revertedTo} by itself`)
      return follow(await nomad.job(job, { signal }))
    }
  }
  const from = (await nomad.job(job, { signal })).version
  if (from !== current.version && !underWay) {
    throw new Failure('PLIMSOLL_ROLLBACK_RACE', `${job} got version ${from} meanwhile`, {
      hint: 'look, then call again',
      exit: 1
    })
  }
  await nomad.revert(job, target.version.version, from)
  say(`going back from ${versionName(current)} to ${versionName(target.version)}`)
  return follow(await nomad.job(job, { signal }))

  async function follow(version: JobVersion): Promise<RolledBack> {
    const deployment = await deploymentOf(nomad, version, { say, signal })
    return deployment === null ? { outcome: 'registered', version } : followTo(version, deployment.id)
  }

  async function followTo(version: JobVersion, id: string): Promise<RolledBack> {
    const { timeoutMs } = order
    return {
      outcome: 'followed',
      version,
      ...(await followDeployment(nomad, id, { promote: true, say, signal, timeoutMs }))
    }
  }
}

const named = (versions: readonly JobVersion[], to: number): ReturnType<typeof rollbackTarget> => {
  const version = versions.find((each) => each.version === to)
  if (!version) {
    const kept = versions.map((each) => each.version).join(', ')
    throw new Failure('PLIMSOLL_ROLLBACK_NOWHERE', `Nomad keeps no version ${to}; it keeps ${kept}`, { exit: 1 })
  }
  return versions[0]?.version === to ? { kind: 'done', version } : { kind: 'version', version }
}
