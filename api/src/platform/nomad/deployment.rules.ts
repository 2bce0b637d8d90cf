import type { Allocation, Deployment, DeploymentGroup } from './model.ts'

/** Where a deployment stands. `superseded`: a newer version of the job took its place. */
export type Phase = 'rolling' | 'waiting_for_promotion' | 'paused' | 'successful' | 'failed' | 'superseded'

/**
 * Where a deployment stands, from its own words and counts.
 *
 * It waits for promotion when each group with canaries has as many healthy ones as it wants and is
 * not promoted. While it waits nothing presses: the progress deadline does not fail it.
 */
export function phaseOf(deployment: Deployment): Phase {
  const { status, groups } = deployment
  if (status === 'successful' || status === 'failed') return status
  if (status === 'cancelled') return 'superseded'
  if (status === 'paused') return 'paused'
  const held = groups.filter(holdsForPromotion)
  return held.length > 0 && held.every(({ healthy, canariesWanted }) => healthy >= canariesWanted)
    ? 'waiting_for_promotion'
    : 'rolling'
}

/** It has ended, one way or another. */
export const hasEnded = (phase: Phase): boolean =>
  phase === 'successful' || phase === 'failed' || phase === 'superseded'

const holdsForPromotion = ({ canariesWanted, promoted, autoPromote }: DeploymentGroup): boolean =>
  canariesWanted > 0 && !promoted && !autoPromote

/** One line about each group: `api: 1 of 1 canaries healthy`. */
export const groupLines = ({ groups }: Deployment): string[] => groups.map(groupLine)

const groupLine = (group: DeploymentGroup): string => {
  const canarying = group.canariesWanted > 0 && !group.promoted
  const wanted = canarying ? group.canariesWanted : group.wanted
  const what = canarying ? (wanted === 1 ? 'canary' : 'canaries') : wanted === 1 ? 'allocation' : 'allocations'
  const sick = group.unhealthy > 0 ? `, ${group.unhealthy} unhealthy` : ''
  return `${group.name}: ${group.healthy} of ${wanted} ${what} healthy${sick}`
}

/** Happenings of a task that say why it does not live. */
const telling = new Set([
  'Alloc Unhealthy',
  'Driver Failure',
  'Failed Artifact Download',
  'Failed Validation',
  'Not Restarting',
  'Restart Signaled',
  'Setup Failure',
  'Sibling Task Failed',
  'Task hook failed',
  'Template failed'
])

const failedExit = /^Exit Code: (?!0\b)|OOM|Signal: (?!0\b)/

/**
 * Why allocations of a deployment are not well, in Nomad's own words, each thing once.
 *
 * @param allocations - of this deployment
 * @returns lines such as `api on node-3: healthcheck: check "healthz" unhealthy`
 */
export function troubleLines(allocations: readonly Allocation[]): string[] {
  const sick = allocations.filter(({ clientStatus, healthy }) => /failed|lost/.test(clientStatus) || healthy === false)
  const lines = sick.flatMap(({ id, group, node, clientStatus, happenings }) => {
    const said = happenings
      .filter(({ type, text }) => telling.has(type) || (type === 'Terminated' && failedExit.test(text)))
      .map(({ task, text }) => `${group}/${task} on ${node} (${id.slice(0, 8)}): ${text}`)
    return said.length > 0 ? said : [`${group} on ${node} (${id.slice(0, 8)}): ${clientStatus}`]
  })
  return [...new Set(lines)]
}
