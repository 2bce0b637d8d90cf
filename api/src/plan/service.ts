import type { Milestone, PlanChange, PlanFault, PlanStatus } from '../contract/plan.ts'
import type { Reason, State } from '../contract/primitives.ts'
import type { ResolvedPlan } from './model.ts'

export type PlanSource = PlanStatus['source']

/** The plan in force and where it came from. */
export interface PlanInForce extends ResolvedPlan {
  /** 0: nothing was ever applied, Plimsoll watches itself only. */
  readonly revision: number
  /** SHA-256 of the text as given (hex). */
  readonly hash: string
  readonly source: PlanSource
  readonly appliedBy: string
  readonly appliedAtMs: number | null
}

/** Called after the new plan is in force; an exception is logged and keeps nobody else from hearing. */
export type PlanListener = (now: PlanInForce, before: PlanInForce) => void

/** What an objective's state is, for acceptance checks; null: no such objective is being judged. */
export type ObjectiveStatePort = (
  service: string,
  objective: string
) => { readonly state: State; readonly reasons: readonly Reason[] } | null

export interface PlanDraft {
  readonly text: string | Uint8Array
  readonly source: Exclude<PlanSource, 'none'>
  readonly appliedBy: string
  /** ETag of the plan that was edited; absent: whatever is in force is replaced. */
  readonly ifMatch?: string | undefined
}

export interface PlanPreview {
  readonly changes: readonly PlanChange[]
  readonly faults: readonly PlanFault[]
}

/** Decorated as `app.plan`. */
export interface PlanService {
  /** With whole paths and URLs, as this instance uses them. */
  current(): PlanInForce
  /** As written: paths relative to the plan, `self:` for Plimsoll's own address. */
  given(): ResolvedPlan
  /** @returns ends the subscription */
  onChange(listener: PlanListener): () => void
  /** As the API gives it. */
  status(): PlanStatus
  /** Names text, warnings, and refusals: `If-Match` compares only the part that names the plan. */
  etag(): string
  /** What applying this text would change; nothing is applied. */
  preview(text: string | Uint8Array): PlanPreview
  /**
   * Puts a plan in force, wholly or not at all; text equal to that in force makes no new revision.
   *
   * @throws PLIMSOLL_PLAN_INVALID with every fault; PLIMSOLL_PLAN_CHANGED when `ifMatch` is stale
   */
  apply(draft: PlanDraft): Promise<{ readonly status: PlanStatus; readonly changes: readonly PlanChange[] }>
  /** Milestones with the evidence of their acceptance checks. */
  milestones(): Promise<Milestone[]>
  /** Who answers acceptance checks about objectives; the room that judges them calls this at start. */
  provideObjectiveState(port: ObjectiveStatePort): void
}
