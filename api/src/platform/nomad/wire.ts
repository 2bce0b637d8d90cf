/** What is read of Nomad's answers, as it is written there. Every field may be missing in some version. */

export interface WireJob {
  readonly ID: string
  readonly Name?: string
  readonly Type?: string
  readonly Namespace?: string
  readonly Version?: number
  readonly Stable?: boolean
  readonly Stop?: boolean
  readonly Status?: string
  readonly JobModifyIndex?: number
  /** Nanoseconds; an automatic revert keeps that of the version it returns to. */
  readonly SubmitTime?: number | null
  readonly NomadTokenID?: string | null
  readonly Meta?: Readonly<Record<string, string>> | null
  readonly TaskGroups?: readonly WireTaskGroup[] | null
  readonly [other: string]: unknown
}

export interface WireTaskGroup {
  readonly Name: string
  readonly Count?: number
  readonly Tasks?: readonly WireTask[] | null
  readonly [other: string]: unknown
}

export interface WireTask {
  readonly Name: string
  readonly Driver?: string
  readonly Config?: Readonly<Record<string, unknown>> | null
  readonly Env?: Readonly<Record<string, string>> | null
  readonly [other: string]: unknown
}

export interface WireDeployment {
  readonly ID: string
  readonly JobID: string
  readonly JobVersion?: number
  readonly JobModifyIndex?: number
  readonly Namespace?: string
  readonly Status?: string
  readonly StatusDescription?: string
  readonly CreateIndex?: number
  readonly ModifyIndex?: number
  /** Nanoseconds, from 1.9 on. */
  readonly CreateTime?: number
  readonly TaskGroups?: Readonly<Record<string, WireDeploymentGroup>> | null
}

export interface WireDeploymentGroup {
  readonly AutoRevert?: boolean
  readonly AutoPromote?: boolean
  readonly DesiredCanaries?: number
  readonly DesiredTotal?: number
  readonly PlacedAllocs?: number
  readonly HealthyAllocs?: number
  readonly UnhealthyAllocs?: number
  readonly Promoted?: boolean
  readonly PlacedCanaries?: readonly string[] | null
}

export interface WireAllocation {
  readonly ID: string
  readonly JobVersion?: number
  readonly TaskGroup?: string
  readonly NodeID?: string
  readonly NodeName?: string
  readonly ClientStatus?: string
  readonly ClientDescription?: string
  readonly DesiredStatus?: string
  readonly DesiredDescription?: string
  readonly CreateTime?: number
  readonly ModifyTime?: number
  readonly DeploymentStatus?: { readonly Canary?: boolean; readonly Healthy?: boolean | null } | null
  readonly TaskStates?: Readonly<Record<string, WireTaskState>> | null
}

export interface WireTaskState {
  readonly State?: string
  readonly Failed?: boolean
  readonly Restarts?: number
  readonly Events?: readonly WireTaskEvent[] | null
}

export interface WireTaskEvent {
  readonly Type?: string
  readonly Time?: number
  readonly DisplayMessage?: string
  readonly Message?: string
}

export interface WireEvaluation {
  readonly ID: string
  readonly CreateIndex?: number
  readonly JobModifyIndex?: number
  readonly Status?: string
  readonly StatusDescription?: string
  readonly DeploymentID?: string
  readonly BlockedEval?: string
  readonly FailedTGAllocs?: Readonly<Record<string, WirePlacementFailure>> | null
}

export interface WirePlacementFailure {
  readonly NodesEvaluated?: number
  readonly NodesFiltered?: number
  readonly NodesExhausted?: number
  readonly ConstraintFiltered?: Readonly<Record<string, number>> | null
  readonly ClassFiltered?: Readonly<Record<string, number>> | null
  readonly DimensionExhausted?: Readonly<Record<string, number>> | null
  readonly NodesAvailable?: Readonly<Record<string, number>> | null
}

export interface WirePlan {
  readonly JobModifyIndex?: number
  readonly Warnings?: string
  readonly Diff?: WireJobDiff | null
  readonly FailedTGAllocs?: Readonly<Record<string, WirePlacementFailure>> | null
  readonly Annotations?: {
    readonly DesiredTGUpdates?: Readonly<Record<string, Readonly<Record<string, number>>>> | null
  } | null
}

export interface WireDiff {
  readonly Type?: string
  readonly Name?: string
  readonly Annotations?: readonly string[] | null
  readonly Fields?: readonly WireFieldDiff[] | null
  readonly Objects?: readonly WireDiff[] | null
}

export interface WireFieldDiff {
  readonly Type?: string
  readonly Name?: string
  readonly Old?: string
  readonly New?: string
  readonly Annotations?: readonly string[] | null
}

export interface WireJobDiff extends WireDiff {
  readonly ID?: string
  readonly TaskGroups?: readonly (WireDiff & {
    readonly Updates?: Readonly<Record<string, number>> | null
    readonly Tasks?: readonly WireDiff[] | null
  })[]
}
