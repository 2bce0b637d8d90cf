import type { Nomad } from '../../../api/src/platform/nomad/client.ts'
import type { Deployment, JobVersion } from '../../../api/src/platform/nomad/model.ts'
import { Failure } from '../cli/failure.ts'

/** How long Nomad may take to begin the deployment of what was handed in. */
const waitMs = 60_000
/** An evaluation that is complete may name its deployment a moment later. */
const settleMs = 5_000
const pollMs = 250

/**
 * The deployment of a version, as soon as Nomad has begun it. Says why allocations find no node:
 * such a deployment exists and waits for one.
 *
 * @returns null when this kind of job has none (batch, system before 1.11), or nothing changed
 * @throws Failure when it is not known within a minute
 */
export async function deploymentOf(
  nomad: Nomad,
  { id, version, modifyIndex }: JobVersion,
  { say, signal }: { say: (line: string) => void; signal: AbortSignal }
): Promise<Deployment | null> {
  const told = new Set<string>()
  const untilMs = Date.now() + waitMs
  let settledMs: number | null = null
  for (;;) {
    const latest = await nomad.latestDeployment(id, { signal })
    const mine = (await nomad.jobEvaluations(id, { signal })).filter((e) => e.jobModifyIndex === modifyIndex)
    for (const { group, reasons } of mine.flatMap(({ placementFailures }) => placementFailures)) {
      for (const reason of reasons) {
        const line = `  ${group} finds no node: ${reason}`
        if (!told.has(line)) say(line)
        told.add(line)
      }
    }
    if (latest?.jobVersion === version) return latest
    const isSettled =
      mine.length > 0 && mine.every(({ status, deployment }) => status === 'complete' && deployment === null)
    settledMs = isSettled ? (settledMs ?? Date.now()) : null
    if (settledMs !== null && Date.now() - settledMs >= settleMs) return null
    if (Date.now() > untilMs) {
      throw new Failure(
        'PLIMSOLL_DEPLOY_NO_DEPLOYMENT',
        `Nomad has begun no deployment of version ${version} within a minute`,
        {
          hint: 'it is handed in; nomad job status says what Nomad waits for, and the same command follows it'
        }
      )
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}
