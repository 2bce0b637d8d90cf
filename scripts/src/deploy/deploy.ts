import type { Nomad } from '../../../api/src/platform/nomad/client.ts'
import { hasEnded, phaseOf } from '../../../api/src/platform/nomad/deployment.rules.ts'
import { isError, nomadConflict, nomadNotFound } from '../../../api/src/platform/nomad/errors.ts'
import type { Deployment, JobVersion } from '../../../api/src/platform/nomad/model.ts'
import { readJob } from '../../../api/src/platform/nomad/read.rules.ts'
import type { WireJob, WirePlan } from '../../../api/src/platform/nomad/wire.ts'
import type { Context } from '../cli/command.ts'
import { Failure } from '../cli/failure.ts'
import { exitOf } from '../cli/verdict.rules.ts'
import { deploymentOf } from './deployment-of.ts'
import { followDeployment, type Followed, type FollowOrder } from './follow.ts'
import { announce, askGate, gateLines, type GateAnswer } from './gate.ts'
import type { JobFile } from './job-file.ts'
import { submittedBy, versionName } from './outcome.rules.ts'
import { planChanges, planLines } from './plan-lines.rules.ts'

export interface DeployOrder {
  readonly jobFile: JobFile
  /** What every task of the job must say that runs it: the image by digest. */
  readonly image: string
  readonly release: string
  readonly environment: string
  /** The service of the plan that the gate judges. */
  readonly service: string
  readonly promote: boolean
  /** Take the place of another deployment that is under way. */
  readonly replace: boolean
  /** Ask and show, change nothing. */
  readonly dryRun: boolean
  readonly timeoutMs: number
}

/** How a deploy ended. `unchanged`: it ran already; `planned`: a dry run. */
export type Deployed =
  | {
      readonly outcome: 'planned' | 'unchanged' | 'registered'
      readonly version: JobVersion | null
      readonly gate: GateAnswer | null
    }
  | ({ readonly outcome: 'followed'; readonly version: JobVersion; readonly gate: GateAnswer | null } & Followed)

interface World {
  readonly nomad: Nomad
  readonly context: Context
}

/**
 * Brings a version into an environment: asks the gate, shows the plan, hands the job in unless
 * somebody changed it meanwhile, and follows the deployment until it ends or waits for a promotion.
 * The same order again changes nothing more: what runs is said to run, what is under way is followed.
 */
export async function deploy(order: DeployOrder, world: World): Promise<Deployed> {
  const { nomad, context } = world
  const { job } = order.jobFile
  const { signal } = context
  const now = await jobNow(nomad, job.ID, signal)
  const plan = await nomad.plan(job, { signal })
  const current = now === null ? null : readJob(now)

  if (current && now && says(now, order.image) && !current.stopped && !planChanges(plan)) {
    return resume(order, current, world)
  }
  await refuseToDisturb(order, current, nomad, signal)
  const gate = await passGate(order, context)
  context.output.note(`plan of ${job.ID} in ${order.environment}, handed in through ${order.jobFile.through}:`)
  const planDiff = planLines(plan)
  for (const line of planDiff) context.output.note(`  ${line}`)
  if (order.dryRun) return { outcome: 'planned', version: current, gate }

  const { service, release, environment } = order
  const missed = await announce({ service, version: release, environment, planDiff }, context)
  if (missed !== null) context.output.note(missed)
  const version = await register(order, plan, nomad)
  context.output.note(`${versionName(version)} is handed in`)
  const deployment = await deploymentOf(nomad, version, { say: (line) => context.output.note(line), signal })
  if (deployment === null) return { outcome: 'registered', version, gate }
  return {
    outcome: 'followed',
    version,
    gate,
    ...(await followDeployment(nomad, deployment.id, followOrder(order, context)))
  }
}

const followOrder = ({ promote, timeoutMs }: DeployOrder, { output, signal }: Context): FollowOrder => ({
  promote,
  timeoutMs,
  signal,
  say: (line) => output.note(line)
})

const says = (job: WireJob, image: string): boolean => JSON.stringify(job).includes(image)

const jobNow = async (nomad: Nomad, job: string, signal: AbortSignal): Promise<WireJob | null> => {
  try {
    return await nomad.wireJob(job, { signal })
  } catch (error) {
    if (isError(error, nomadNotFound)) return null
    throw error
  }
}

/** What was ordered is there already: says so, or follows what is under way. */
async function resume(order: DeployOrder, current: JobVersion, { nomad, context }: World): Promise<Deployed> {
  const { output, signal } = context
  const latest = await nomad.latestDeployment(current.id, { signal })
  const own = latest?.jobVersion === current.version ? latest : null
  const phase = own === null ? 'successful' : phaseOf(own)
  if (own === null || phase === 'successful') {
    output.note(`${versionName(current)} runs already`)
    return { outcome: 'unchanged', version: current, gate: null }
  }
  output.note(`${versionName(current)} is handed in already: following its deployment ${own.id.slice(0, 8)}`)
  if (order.dryRun) return { outcome: 'planned', version: current, gate: null }
  const gate = order.promote && !hasEnded(phase) ? await passGate(order, context) : null
  return {
    outcome: 'followed',
    version: current,
    gate,
    ...(await followDeployment(nomad, own.id, followOrder(order, context)))
  }
}

/** A job that is handed in cancels the deployment under way: not without being told to. */
async function refuseToDisturb(
  { replace, dryRun }: DeployOrder,
  current: JobVersion | null,
  nomad: Nomad,
  signal: AbortSignal
): Promise<void> {
  if (current === null || current.stopped || replace || dryRun) return
  const latest: Deployment | null = await nomad.latestDeployment(current.id, { signal })
  if (latest === null || hasEnded(phaseOf(latest)) || latest.jobVersion !== current.version) return
  throw new Failure(
    'PLIMSOLL_DEPLOY_UNDER_WAY',
    `${versionName(current)} is being deployed: ${latest.description} (${submittedBy(current)})`,
    { hint: 'promote it or roll it back first; --replace takes its place', exit: 1 }
  )
}

async function passGate(order: DeployOrder, context: Context): Promise<GateAnswer> {
  const { service, release, environment, dryRun } = order
  const gate = await askGate({ service, version: release, environment, dryRun }, context)
  const lines = gate.kind === 'none' ? [gate.text] : gateLines(gate, (tone, text) => context.output.tone(tone, text))
  for (const line of lines) context.output.note(line)
  if (gate.kind === 'none' || gate.verdict.mayShip || dryRun) return gate
  const { state, id } = gate.verdict
  throw new Failure('PLIMSOLL_DEPLOY_GATE', `the gate does not let ${release} into ${environment}`, {
    hint: `verdict ${id}; who may, can take the blame for named rules until a time (an override)`,
    exit: exitOf([state]) === 1 ? 1 : 2
  })
}

/** Hands the job in, and reads from the API what became of that: the same image of somebody else is as good. */
async function register({ jobFile, image }: DeployOrder, plan: WirePlan, nomad: Nomad): Promise<JobVersion> {
  try {
    await jobFile.register(plan.JobModifyIndex ?? 0)
  } catch (error) {
    if (!isError(error, nomadConflict)) throw error
  }
  const job = await nomad.wireJob(jobFile.job.ID)
  const version = readJob(job)
  if (says(job, image)) return version
  throw new Failure(nomadConflict.spec.code, `somebody was faster: ${versionName(version)}, ${submittedBy(version)}`, {
    hint: 'nothing of yours was changed; look at it, then decide again',
    exit: 1
  })
}
