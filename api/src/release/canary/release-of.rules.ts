import type { ReleaseState } from '../../contract/releases.ts'
import { groupLines, phaseOf, troubleLines } from '../../platform/nomad/deployment.rules.ts'
import type { Allocation, Deployment, JobVersion } from '../../platform/nomad/model.ts'
import type { Happening } from './record.ts'

/** What Nomad says of a job at one moment. */
export interface JobFacts {
  readonly deployment: Deployment
  /** Of the deployment. */
  readonly allocations: readonly Allocation[]
  /** That Nomad still keeps, latest first. */
  readonly versions: readonly JobVersion[]
  readonly nowMs: number
}

/** A release as Nomad knows it. */
export interface SeenRelease {
  readonly version: string
  readonly previousVersion: string | null
  readonly state: ReleaseState
  readonly text: string
  readonly startedMs: number
  readonly ended: boolean
  readonly happenings: readonly Happening[]
}

/** How a version is called in the access log: by the release in its meta, else by its image's digest. */
export function nameOfVersion({ release, images, version }: JobVersion): string {
  const digest = /@sha256:([0-9a-f]{12})/.exec(images[0] ?? '')?.[1]
  return release ?? digest ?? `version-${version}`
}

/**
 * The version that serves while another one comes: the latest stable one before it that runs
 * something else; null: there is none.
 */
function servingBefore(version: JobVersion, versions: readonly JobVersion[]): JobVersion | null {
  const older = versions.filter((each) => each.version < version.version && each.fingerprint !== version.fingerprint)
  return older.find(({ stable }) => stable) ?? null
}

/**
 * Whether a version goes back: it runs what an older stable version ran, with something else between
 * them. Nomad makes such versions when a deployment fails, people when they roll back. It is no
 * release of its own.
 */
export function goesBack(version: JobVersion, versions: readonly JobVersion[]): boolean {
  const older = versions.filter((each) => each.version < version.version)
  const left = older.findIndex(({ fingerprint }) => fingerprint !== version.fingerprint)
  return (
    left >= 0 && older.slice(left + 1).some(({ stable, fingerprint }) => stable && fingerprint === version.fingerprint)
  )
}

/** The release that a deployment is; null: it goes back, or Nomad has forgotten its version. */
export function releaseOf(facts: JobFacts): SeenRelease | null {
  const { deployment, versions, nowMs } = facts
  const version = versions.find((each) => each.version === deployment.jobVersion)
  if (!version || goesBack(version, versions)) return null
  const state = stateOf(deployment)
  const previous = servingBefore(version, versions)
  const startedMs = deployment.createdMs ?? version.submittedMs ?? nowMs
  return {
    version: nameOfVersion(version),
    previousVersion: previous && nameOfVersion(previous),
    state,
    text: textOf(deployment),
    startedMs,
    ended: endedBy(deployment),
    happenings: happeningsOf(facts, state, startedMs)
  }
}

const endedBy = (deployment: Deployment): boolean =>
  ['successful', 'failed', 'superseded'].includes(phaseOf(deployment))

const stateOf = (deployment: Deployment): ReleaseState => {
  switch (phaseOf(deployment)) {
    case 'successful':
      return 'promoted'
    case 'failed':
      return 'failed'
    case 'superseded':
      return 'superseded'
    case 'waiting_for_promotion':
      return 'canary'
    case 'paused':
      return deployment.groups.some(waits) ? 'canary' : 'rolling_out'
    case 'rolling':
      return deployment.groups.some(({ promoted }) => promoted) ? 'promoting' : 'rolling_out'
  }
}

const waits = ({ canariesWanted, promoted, healthy }: Deployment['groups'][number]): boolean =>
  canariesWanted > 0 && !promoted && healthy >= canariesWanted

const textOf = (deployment: Deployment): string => `${deployment.description}; ${groupLines(deployment).join('; ')}`

/** What happened so far. Keys are of the thing itself, so telling it again adds nothing. */
function happeningsOf(
  { deployment, allocations, nowMs }: JobFacts,
  state: ReleaseState,
  startedMs: number
): Happening[] {
  const short = (id: string): string => id.slice(0, 8)
  const placed = allocations.map(({ id, group, node, canary, createdMs }): Happening => ({
    key: `allocation-${id}`,
    atMs: createdMs ?? nowMs,
    kind: 'allocation',
    text: `${canary ? 'canary' : 'allocation'} ${short(id)} of ${group} placed on ${node}`
  }))
  const healthy = allocations
    .filter(({ canary, healthy }) => canary && healthy === true)
    .map(({ id }): Happening => ({
      key: `healthy-${id}`,
      atMs: nowMs,
      kind: 'canary_healthy',
      text: `canary ${short(id)} is healthy`
    }))
  const troubles = troubleLines(allocations).map((text): Happening => ({
    key: `trouble-${text}`,
    atMs: nowMs,
    kind: 'note',
    text
  }))
  const ends: Partial<Record<ReleaseState, Happening['kind']>> = {
    promoted: 'promoted',
    failed: 'failed',
    superseded: 'superseded'
  }
  const end = ends[state]
  return [
    { key: 'seen', atMs: startedMs, kind: 'evaluation', text: `Nomad began deployment ${short(deployment.id)}` },
    ...placed,
    ...healthy,
    ...troubles,
    ...(end ? [{ key: 'end', atMs: nowMs, kind: end, text: deployment.description }] : [])
  ]
}
