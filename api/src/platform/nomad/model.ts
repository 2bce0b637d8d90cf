/** What Plimsoll knows of Nomad, the same for every version of it. */

export type DeploymentStatus =
  | 'running'
  | 'paused'
  | 'blocked'
  | 'unblocking'
  | 'pending'
  | 'initializing'
  | 'successful'
  | 'failed'
  | 'cancelled'
  | 'unknown'

export interface DeploymentGroup {
  readonly name: string
  readonly autoRevert: boolean
  readonly autoPromote: boolean
  readonly canariesWanted: number
  /** Ids of the canary allocations that were placed. */
  readonly canaries: readonly string[]
  readonly wanted: number
  readonly placed: number
  readonly healthy: number
  readonly unhealthy: number
  readonly promoted: boolean
}

export interface Deployment {
  readonly id: string
  readonly job: string
  readonly namespace: string
  readonly jobVersion: number
  readonly jobModifyIndex: number
  readonly status: DeploymentStatus
  /** In Nomad's words. */
  readonly description: string
  readonly createIndex: number
  readonly modifyIndex: number
  /** Unix time, ms; null before Nomad 1.9. */
  readonly createdMs: number | null
  readonly groups: readonly DeploymentGroup[]
}

export interface JobVersion {
  readonly id: string
  readonly version: number
  readonly stable: boolean
  readonly stopped: boolean
  readonly modifyIndex: number
  /** Unix time, ms; an automatic revert keeps that of the version it returns to. */
  readonly submittedMs: number | null
  /** Accessor of the token that submitted it; null when Nomad does not say. */
  readonly submittedBy: string | null
  /** Images of its tasks, in order, each once. */
  readonly images: readonly string[]
  /** `release`, else `version`, of its meta; null without either. */
  readonly release: string | null
  /** The same for versions that run the same: a revert makes a new version of an old job. */
  readonly fingerprint: string
}

export interface TaskHappening {
  readonly task: string
  readonly atMs: number
  readonly type: string
  readonly text: string
}

export interface Allocation {
  readonly id: string
  readonly jobVersion: number
  readonly group: string
  readonly node: string
  readonly clientStatus: string
  readonly desiredStatus: string
  readonly canary: boolean
  /** Null: not judged yet. */
  readonly healthy: boolean | null
  readonly createdMs: number | null
  readonly restarts: number
  readonly happenings: readonly TaskHappening[]
}

export interface Evaluation {
  readonly id: string
  readonly createIndex: number
  readonly jobModifyIndex: number
  readonly status: string
  readonly description: string
  readonly deployment: string | null
  /** By task group: why its allocations could not be placed. */
  readonly placementFailures: readonly { readonly group: string; readonly reasons: readonly string[] }[]
}
