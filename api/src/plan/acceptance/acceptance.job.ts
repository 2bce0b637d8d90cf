import type { FastifyBaseLogger } from 'fastify'
import type { Milestone } from '../../contract/plan.ts'
import type { Cancel, Clock } from '../../platform/clock.ts'
import { messageOf } from '../../platform/errors.ts'
import type { Leadership } from '../../platform/lease.ts'
import { milestoneUnknown } from '../errors.ts'
import type { ResolvedCheck, ResolvedMilestone, ResolvedPlan } from '../model.ts'
import type { ObjectiveStatePort } from '../service.ts'
import type { AddressGuard } from '../../platform/guard/address-guard.ts'
import { runCommandCheck } from './command-check.ts'
import { evidenceKey, type Evidence, type EvidenceStore } from './evidence-store.ts'
import { runFileCheck } from './file-check.ts'
import { runHttpCheck } from './http-check.ts'
import { presentCheck, presentMilestone } from './milestone.rules.ts'
import { judgeObjective } from './objective-check.rules.ts'
import type { Outcome } from './outcome.ts'
import { dueAt } from './schedule.rules.ts'

export interface AcceptanceOptions {
  readonly store: EvidenceStore
  /** The leader runs what is due for all instances; whoever is asked runs at once. */
  readonly lease: Pick<Leadership, 'isLeader' | 'onChange'>
  readonly clock: Clock
  readonly log: FastifyBaseLogger
  /** The plan in force, located. */
  readonly plan: () => ResolvedPlan
  readonly directory: string
  readonly allowedCommands: readonly (readonly string[])[]
  readonly guard: AddressGuard
  readonly random?: () => number
}

interface Scheduled {
  readonly milestone: string
  readonly check: ResolvedCheck
  dueMs: number
}

const tickMs = 1_000
/** Checks that run at once; the rest waits. */
const maxRunning = 4

/** Runs the acceptance checks of all milestones on their schedules, and keeps what they show. */
export class AcceptanceJob {
  readonly #options: Required<AcceptanceOptions>
  readonly #stopTicking: Cancel
  readonly #stopLease: Cancel
  readonly #stop = new AbortController()
  /** Runs that are under way, by {@link evidenceKey}: asking twice gives the same run. */
  readonly #running = new Map<string, Promise<Evidence | null>>()
  #schedule = new Map<string, Scheduled>()
  #objectiveState: ObjectiveStatePort | null = null

  constructor(options: AcceptanceOptions) {
    this.#options = { random: Math.random, ...options }
    this.#stopTicking = options.clock.every(tickMs, () => this.#tick())
    this.#stopLease = options.lease.onChange((isLeader) => {
      if (isLeader) void this.#takeOver()
    })
  }

  provideObjectiveState(port: ObjectiveStatePort): void {
    this.#objectiveState = port
  }

  /** Takes up the checks of the plan in force; what is still checked keeps its time. */
  async reschedule(): Promise<void> {
    const { plan, clock, random, store } = this.#options
    const known = await store.latest()
    const next = new Map<string, Scheduled>()
    for (const { id, acceptance } of plan().milestones) {
      for (const check of acceptance) {
        const key = evidenceKey(id, check.key)
        const dueMs = dueAt(known.get(key) ?? null, check.everyMs, clock.nowMs(), random())
        next.set(key, { milestone: id, check, dueMs })
      }
    }
    this.#schedule = next
  }

  /** What the leader before has run is not run again at once. */
  async #takeOver(): Promise<void> {
    await this.reschedule().catch((error: unknown) =>
      this.#options.log.warn({ reason: messageOf(error) }, 'checks wait for the store')
    )
  }

  async milestones(): Promise<Milestone[]> {
    const evidence = await this.#options.store.latest()
    return this.#options.plan().milestones.map((milestone) => this.#present(milestone, evidence))
  }

  /**
   * Runs the checks of one milestone now.
   *
   * @throws PLIMSOLL_MILESTONE_UNKNOWN
   */
  async runNow(id: string): Promise<Milestone> {
    const { milestones } = this.#options.plan()
    const milestone = milestones.find((one) => one.id === id)
    if (!milestone) {
      const known = milestones.map((one) => one.id).join(', ')
      throw milestoneUnknown(`The plan has no milestone "${id}"`, {
        hint: known ? `it has ${known}` : 'it has no milestones'
      })
    }
    const waiting = [...milestone.acceptance]
    const work = async (): Promise<void> => {
      for (let check = waiting.shift(); check; check = waiting.shift()) await this.#run(id, check)
    }
    await Promise.all(Array.from({ length: maxRunning }, work))
    return this.#present(milestone, await this.#options.store.latest())
  }

  async close(): Promise<void> {
    this.#stopTicking()
    this.#stopLease()
    this.#stop.abort()
    await Promise.allSettled(this.#running.values())
  }

  #present(milestone: ResolvedMilestone, evidence: ReadonlyMap<string, Evidence>): Milestone {
    const nowMs = this.#options.clock.nowMs()
    const checks = milestone.acceptance.map((check) =>
      presentCheck(check, evidence.get(evidenceKey(milestone.id, check.key)) ?? null, nowMs)
    )
    return presentMilestone(milestone, checks, nowMs)
  }

  #tick(): void {
    if (!this.#options.lease.isLeader) return
    const nowMs = this.#options.clock.nowMs()
    const due = [...this.#schedule.values()].filter(
      ({ milestone, check, dueMs }) => dueMs <= nowMs && !this.#running.has(evidenceKey(milestone, check.key))
    )
    const places = Math.max(0, maxRunning - this.#running.size)
    for (const { milestone, check } of due.toSorted((a, b) => a.dueMs - b.dueMs).slice(0, places)) {
      this.#run(milestone, check).catch((error: unknown) =>
        this.#options.log.warn(
          { milestone, check: check.key, reason: messageOf(error) },
          'evidence waits for the store'
        )
      )
    }
  }

  #run(milestone: string, check: ResolvedCheck): Promise<Evidence | null> {
    const key = evidenceKey(milestone, check.key)
    const running = this.#running.get(key)
    if (running) return running
    const run = this.#measure(milestone, check).finally(() => this.#running.delete(key))
    this.#running.set(key, run)
    return run
  }

  async #measure(milestone: string, check: ResolvedCheck): Promise<Evidence | null> {
    const { clock, random, store } = this.#options
    const scheduled = this.#schedule.get(evidenceKey(milestone, check.key))
    if (scheduled) scheduled.dueMs = clock.nowMs() + check.everyMs // while it runs, and when the store fails
    const atMs = clock.nowMs()
    const startedMs = clock.monotonicMs()
    const { state, reasons } = await this.#outcomeOf(check)
    if (this.#stop.signal.aborted) return null // cut short by us: it shows nothing
    const evidence = { atMs, state, reasons, durationMs: clock.monotonicMs() - startedMs }
    await store.add(milestone, check.key, evidence)
    if (scheduled) scheduled.dueMs = dueAt(evidence, check.everyMs, clock.nowMs(), random())
    return evidence
  }

  #outcomeOf(check: ResolvedCheck): Outcome | Promise<Outcome> {
    const { clock, directory, guard, allowedCommands: allowed } = this.#options
    switch (check.kind) {
      case 'http':
        return runHttpCheck(check, { clock, guard }, this.#stop.signal)
      case 'file':
        return runFileCheck(check, directory)
      case 'command':
        return runCommandCheck(check, { clock, allowed, directory }, this.#stop.signal)
      case 'objective':
        return judgeObjective(check, this.#objectiveState)
    }
  }
}
