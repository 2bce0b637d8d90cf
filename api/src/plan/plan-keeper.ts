import type { FastifyBaseLogger } from 'fastify'
import type { PlanChange, PlanFault, PlanStatus } from '../contract/plan.ts'
import type { Clock } from '../platform/clock.ts'
import { defaultPlanText } from './default-plan.ts'
import { diffPlans } from './diff/diff.rules.ts'
import { planChanged, planInvalid } from './errors.ts'
import { locatePlan, type Location } from './located.rules.ts'
import type { ResolvedPlan } from './model.ts'
import { parsePlan, type ParsedPlan } from './parse.rules.ts'
import { hashOf } from './plan-file.ts'
import { toDocument } from './resolve/document.rules.ts'
import type { PlanDraft, PlanInForce, PlanListener, PlanPreview, PlanSource } from './service.ts'
import type { PlanStore, StoredPlan } from './store.ts'

export interface PlanKeeperOptions {
  readonly store: PlanStore
  readonly clock: Clock
  readonly log: FastifyBaseLogger
  readonly location: Location
}

type Refusal = NonNullable<PlanStatus['refused']>

/** A plan and all that is said about it. */
interface Held {
  /** As the plan has it; listeners get it located. */
  readonly plan: ResolvedPlan
  readonly text: string
  readonly faults: readonly PlanFault[]
  readonly inForce: PlanInForce
}

/**
 * Keeps the plan in force. What is applied last wins, wherever it comes from; a plan with an error
 * changes nothing. The newest row of `plans` is the truth that instances share.
 */
export class PlanKeeper {
  readonly #options: PlanKeeperOptions
  readonly #listeners = new Set<PlanListener>()
  #location: Location
  #held: Held
  /** Newest revision of the store, even when it cannot be read. */
  #newestKnown = 0
  #refused: Refusal | null = null
  #fileWarning: PlanFault | null = null
  /** One change at a time. */
  #queue: Promise<unknown> = Promise.resolve()

  constructor(options: PlanKeeperOptions) {
    this.#options = options
    this.#location = options.location
    this.#held = this.#hold(defaultRow, parsePlan(defaultPlanText))
  }

  /** Takes the newest plan of the store, if it can still be read. */
  async open(): Promise<void> {
    const row = await this.#options.store.newest()
    if (row) this.#adopt(row)
  }

  current(): PlanInForce {
    return this.#held.inForce
  }

  given(): ResolvedPlan {
    return this.#held.plan
  }

  get hasRefused(): boolean {
    return this.#refused !== null
  }

  onChange(listener: PlanListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  status(file: string | null): PlanStatus {
    const { plan, text, faults, inForce } = this.#held
    return {
      revision: inForce.revision,
      hash: inForce.hash,
      source: inForce.source,
      file,
      appliedBy: inForce.appliedBy,
      appliedAt: inForce.appliedAtMs === null ? null : isoOf(inForce.appliedAtMs),
      yaml: text,
      plan: { ...toDocument(plan) },
      warnings: [...(this.#fileWarning ? [this.#fileWarning] : []), ...faults],
      refused: this.#refused
    }
  }

  /** The plan before the dot, what is said about it after: `"7-0a1b2c3d4e5f.9f8e7d6c"`. */
  etag(): string {
    const about = hashOf(JSON.stringify([this.#refused, this.#fileWarning])).slice(0, 8)
    return `"${this.#name()}.${about}"`
  }

  preview(text: string | Uint8Array): PlanPreview {
    const { plan, faults } = parsePlan(text)
    return { changes: plan ? diffPlans(this.#held.plan, plan) : [], faults }
  }

  apply(draft: PlanDraft): Promise<readonly PlanChange[]> {
    return this.#inTurn(() => this.#apply(draft))
  }

  /** Follows what another instance has put in force. */
  adoptNewer(): Promise<void> {
    return this.#inTurn(() => this.#adoptNewer())
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(task)
    this.#queue = done.catch(() => {})
    return done
  }

  /** Remembers a file that was refused, until a plan is applied or the file is as it was; null forgets it. */
  refuse(refusal: Refusal | null): void {
    this.#refused = refusal
  }

  /** What is odd about the file itself: that it is not there. */
  warnAboutFile(warning: PlanFault | null): void {
    this.#fileWarning = warning
  }

  /** The address is known only once the server listens. */
  relocate(ownUrl: string): void {
    if (ownUrl === this.#location.ownUrl) return
    this.#location = { ...this.#location, ownUrl }
    const { revision, hash, source, appliedBy, appliedAtMs } = this.#held.inForce
    const origin = { revision, hash, source, appliedBy, appliedAtMs }
    this.#swap({ ...this.#held, inForce: { ...locatePlan(this.#held.plan, this.#location), ...origin } })
  }

  async #adoptNewer(): Promise<void> {
    const revision = await this.#options.store.newestRevision()
    if (revision <= this.#newestKnown) return
    const row = await this.#options.store.newest()
    if (row) this.#adopt(row)
  }

  async #apply({ text, source, appliedBy, ifMatch }: PlanDraft): Promise<readonly PlanChange[]> {
    const { store, clock, log } = this.#options
    const yaml = (typeof text === 'string' ? text : new TextDecoder().decode(text)).replace(/^\uFEFF/, '')
    const parsed = parsePlan(text)
    if (parsed.plan === null) {
      throw planInvalid(summaryOf(parsed.faults), {
        errors: parsed.faults.filter(({ severity }) => severity === 'error')
      })
    }
    const draft = { hash: hashOf(text), yaml, source, appliedBy, appliedMs: clock.nowMs() }
    for (;;) {
      if (ifMatch !== undefined && !names(ifMatch, this.#name())) {
        throw planChanged(`In force is revision ${this.#held.inForce.revision}, which is not the one that was edited`, {
          headers: { etag: this.etag() }
        })
      }
      const before = this.#held.plan
      const row = await store.add(draft, this.#newestKnown)
      if (row === 'moved') {
        await this.#adoptNewer() // another instance was faster: what it did is looked at first
        continue
      }
      this.#refused = null
      if (row.revision === this.#held.inForce.revision) return []
      const changes = diffPlans(before, parsed.plan)
      log.info({ revision: row.revision, source, appliedBy, changes: changes.length }, 'plan applied')
      this.#adopt(row, parsed)
      return changes
    }
  }

  #adopt(row: StoredPlan, parsed = parsePlan(row.yaml)): void {
    const { clock, log } = this.#options
    this.#newestKnown = row.revision
    if (parsed.plan !== null) return this.#swap(this.#hold(row, parsed))
    // written by another version of Plimsoll: what is in force stays, and it is said why
    log.error({ revision: row.revision, reason: summaryOf(parsed.faults) }, 'stored plan cannot be read')
    const source = `revision ${row.revision} in the store`
    this.#refused = { at: isoOf(clock.nowMs()), source, faults: [...parsed.faults] }
  }

  #hold(row: StoredPlan, { plan, faults }: ParsedPlan): Held {
    if (plan === null) throw new TypeError(summaryOf(faults))
    const origin = {
      revision: row.revision,
      hash: row.hash,
      source: row.source as PlanSource,
      appliedBy: row.applied_by,
      appliedAtMs: row.revision === 0 ? null : row.applied_ms
    }
    return { plan, text: row.yaml, faults, inForce: { ...locatePlan(plan, this.#location), ...origin } }
  }

  #swap(next: Held): void {
    const before = this.#held.inForce
    this.#held = next
    for (const listener of this.#listeners) {
      try {
        listener(next.inForce, before)
      } catch (error) {
        this.#options.log.error({ err: error, revision: next.inForce.revision }, 'a room could not follow the plan')
      }
    }
  }

  #name(): string {
    const { revision, hash } = this.#held.inForce
    return `${revision}-${hash.slice(0, 12)}`
  }
}

const defaultRow: StoredPlan = {
  revision: 0,
  hash: hashOf(defaultPlanText),
  yaml: defaultPlanText,
  source: 'none',
  applied_by: 'nobody',
  applied_ms: 0
}

const isoOf = (ms: number): string => new Date(ms).toISOString()

/** Whether an If-Match names a plan: `*`, or an ETag whose part before the dot is its name. */
const names = (ifMatch: string, name: string): boolean =>
  ifMatch.trim() === '*' ||
  ifMatch.split(',').some((etag) => etag.trim().replace(/^W\//, '').replaceAll('"', '').split('.')[0] === name)

/** `line 4, column 9: … (and 3 more)` */
export function summaryOf(faults: readonly PlanFault[]): string {
  const errors = faults.filter(({ severity }) => severity === 'error')
  const [first] = errors
  if (!first) return 'The plan cannot be read'
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
  return `Line ${first.line}, column ${first.column}: ${first.text}${more}`
}
