import { createHash } from 'node:crypto'
import type { Allocation, Deployment, DeploymentStatus, Evaluation, JobVersion } from './model.ts'
import type {
  WireAllocation,
  WireDeployment,
  WireDeploymentGroup,
  WireEvaluation,
  WireJob,
  WirePlacementFailure
} from './wire.ts'

const statuses = new Set<string>([
  'running',
  'paused',
  'blocked',
  'unblocking',
  'pending',
  'initializing',
  'successful',
  'failed',
  'cancelled'
])

/** Nanoseconds as Nomad writes them; a 53-bit number keeps them to about 0.3 µs. Null when absent or zero. */
const nanosToMs = (nanos: number | null | undefined): number | null => (nanos ? Math.round(nanos / 1e6) : null)

/** A deployment of any version of Nomad. */
export const readDeployment = (wire: WireDeployment): Deployment => ({
  id: wire.ID,
  job: wire.JobID,
  namespace: wire.Namespace ?? 'default',
  jobVersion: wire.JobVersion ?? 0,
  jobModifyIndex: wire.JobModifyIndex ?? 0,
  status: statuses.has(wire.Status ?? '') ? (wire.Status as DeploymentStatus) : 'unknown',
  description: wire.StatusDescription ?? '',
  createIndex: wire.CreateIndex ?? 0,
  modifyIndex: wire.ModifyIndex ?? 0,
  createdMs: nanosToMs(wire.CreateTime),
  groups: Object.entries(wire.TaskGroups ?? {}).map(([name, group]) => readGroup(name, group))
})

const readGroup = (name: string, group: WireDeploymentGroup): Deployment['groups'][number] => ({
  name,
  autoRevert: group.AutoRevert ?? false,
  autoPromote: group.AutoPromote ?? false,
  canariesWanted: group.DesiredCanaries ?? 0,
  canaries: group.PlacedCanaries ?? [],
  wanted: group.DesiredTotal ?? 0,
  placed: group.PlacedAllocs ?? 0,
  healthy: group.HealthyAllocs ?? 0,
  unhealthy: group.UnhealthyAllocs ?? 0,
  promoted: group.Promoted ?? false
})

/** One version of a job. */
export const readJob = (wire: WireJob): JobVersion => ({
  id: wire.ID,
  version: wire.Version ?? 0,
  stable: wire.Stable ?? false,
  stopped: wire.Stop ?? false,
  modifyIndex: wire.JobModifyIndex ?? 0,
  submittedMs: nanosToMs(wire.SubmitTime),
  submittedBy: wire.NomadTokenID || null,
  images: imagesOf(wire),
  release: wire.Meta?.['release'] || wire.Meta?.['version'] || null,
  fingerprint: fingerprintOf(wire)
})

/** Nomad writes the keys of a map in any order. */
const sorted = (_: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    : value

const fingerprintOf = ({ Type, Datacenters, Meta, TaskGroups }: WireJob): string =>
  createHash('sha256')
    .update(JSON.stringify([Type, Datacenters, Meta, TaskGroups], sorted))
    .digest('hex')
    .slice(0, 16)

/** The images a job runs, in order, each once; tasks of other drivers have none. */
export const imagesOf = (job: WireJob): string[] => {
  const images = (job.TaskGroups ?? []).flatMap(({ Tasks }) => (Tasks ?? []).map(({ Config }) => Config?.['image']))
  return [...new Set(images.filter((image): image is string => typeof image === 'string' && image !== ''))]
}

/** An allocation, with what happened to its tasks in order of time. */
export const readAllocation = (wire: WireAllocation): Allocation => {
  const tasks = Object.entries(wire.TaskStates ?? {})
  return {
    id: wire.ID,
    jobVersion: wire.JobVersion ?? 0,
    group: wire.TaskGroup ?? '',
    node: wire.NodeName || (wire.NodeID ?? ''),
    clientStatus: wire.ClientStatus ?? 'unknown',
    desiredStatus: wire.DesiredStatus ?? 'unknown',
    canary: wire.DeploymentStatus?.Canary ?? false,
    healthy: wire.DeploymentStatus?.Healthy ?? null,
    createdMs: nanosToMs(wire.CreateTime),
    restarts: tasks.reduce((sum, [, state]) => sum + (state.Restarts ?? 0), 0),
    happenings: tasks
      .flatMap(([task, state]) =>
        (state.Events ?? []).map((event) => ({
          task,
          atMs: nanosToMs(event.Time) ?? 0,
          type: event.Type ?? '',
          text: event.DisplayMessage || event.Message || event.Type || ''
        }))
      )
      .toSorted((a, b) => a.atMs - b.atMs)
  }
}

export const readEvaluation = (wire: WireEvaluation): Evaluation => ({
  id: wire.ID,
  createIndex: wire.CreateIndex ?? 0,
  jobModifyIndex: wire.JobModifyIndex ?? 0,
  status: wire.Status ?? 'unknown',
  description: wire.StatusDescription ?? '',
  deployment: wire.DeploymentID || null,
  placementFailures: readPlacementFailures(wire.FailedTGAllocs)
})

/** Why allocations find no node, in words, by task group. */
export const readPlacementFailures = (
  failures: Readonly<Record<string, WirePlacementFailure>> | null | undefined
): Evaluation['placementFailures'] =>
  Object.entries(failures ?? {}).map(([group, failure]) => ({ group, reasons: placementReasons(failure) }))

const placementReasons = (failure: WirePlacementFailure): string[] => {
  const counted = (counts: Readonly<Record<string, number>> | null | undefined, say: (what: string) => string) =>
    Object.entries(counts ?? {}).map(([what, nodes]) => `${say(what)} on ${nodes} ${nodes === 1 ? 'node' : 'nodes'}`)
  const reasons = [
    ...counted(failure.ConstraintFiltered, (constraint) => `constraint ${constraint} is not met`),
    ...counted(failure.ClassFiltered, (nodeClass) => `node class ${nodeClass} is excluded`),
    ...counted(failure.DimensionExhausted, (dimension) => `not enough ${dimension}`)
  ]
  if (reasons.length > 0) return reasons
  return (failure.NodesEvaluated ?? 0) === 0
    ? ['no node is in the datacenters and node pool of the job']
    : ['no node can take it']
}
