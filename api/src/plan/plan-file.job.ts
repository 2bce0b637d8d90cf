import type { FastifyBaseLogger } from 'fastify'
import type { PlanFault } from '../contract/plan.ts'
import type { Cancel, Clock } from '../platform/clock.ts'
import { isCodedError, messageOf } from '../platform/errors.ts'
import { parsePlan } from './parse.rules.ts'
import { PlanFileWatch, readPlanFile, type FileContent } from './plan-file.ts'
import { summaryOf, type PlanKeeper } from './plan-keeper.ts'
import type { PlanStore } from './store.ts'

/** How often the store is asked for what another instance has applied. */
const adoptMs = 5_000

export interface PlanFileJobOptions {
  readonly path: string
  readonly keeper: PlanKeeper
  readonly store: PlanStore
  readonly clock: Clock
  readonly log: FastifyBaseLogger
}

/**
 * Applies the plan file at start and whenever it changes.
 *
 * At start it is applied unless it is the very file that was applied last: what came by API since
 * then stays in force over a restart. While running, every change of its content is applied. A file
 * with an error, and one that has become empty, is remembered as refused; the plan in force stays.
 */
export class PlanFileJob {
  readonly #options: PlanFileJobOptions
  readonly #watch: PlanFileWatch
  readonly #stopAdopting: Cancel
  /** Hash of the content that was dealt with last; null: there was no file. */
  #seen: string | null = null
  #adopting: Promise<void> | null = null
  isThere = false

  constructor(options: PlanFileJobOptions) {
    this.#options = options
    const { path, clock, log, keeper } = options
    this.#watch = new PlanFileWatch({
      path,
      clock,
      onChange: () => this.#changed(),
      onError: (error) => log.warn({ file: path, reason: messageOf(error) }, 'the plan file waits for the store')
    })
    this.#stopAdopting = clock.every(adoptMs, () => {
      this.#adopting ??= keeper
        .adoptNewer()
        .catch((error: unknown) =>
          log.warn({ reason: messageOf(error) }, 'plans of other instances wait for the store')
        )
        .finally(() => (this.#adopting = null))
    })
  }

  /** Decides between file and store; resolves when a plan is in force. */
  async start(): Promise<void> {
    await this.#watch.begin()
    const content = await readPlanFile(this.#options.path)
    const { keeper, store } = this.#options
    if (keeper.current().revision > 0) this.#seen = await store.fileHash()
    await this.#consider(content)
  }

  async close(): Promise<void> {
    this.#stopAdopting()
    await this.#watch.close()
    await this.#adopting
  }

  async #changed(): Promise<void> {
    await this.#consider(await readPlanFile(this.#options.path))
  }

  async #consider(content: FileContent): Promise<void> {
    const { keeper, path } = this.#options
    this.isThere = content.kind !== 'missing'
    keeper.warnAboutFile(content.kind === 'missing' ? this.#missing() : null)
    if (content.kind === 'missing') return
    if (content.kind === 'unreadable')
      return this.#refuse([fileFault(`${path}: ${content.text}`, 'a text file that Plimsoll may read')])
    if (content.hash === this.#seen) return keeper.refuse(null)
    await this.#apply(content.bytes)
    this.#seen = content.hash
  }

  async #apply(bytes: Uint8Array): Promise<void> {
    const { keeper } = this.#options
    if (isEmpty(bytes) && keeper.current().revision > 0) {
      return this.#refuse([
        fileFault('the file has become empty; the plan in force stays', '`plan: plimsoll/v1` alone, to watch nothing')
      ])
    }
    try {
      await keeper.apply({ text: bytes, source: 'file', appliedBy: 'plan file' })
    } catch (error) {
      if (!isCodedError(error) || error.code !== 'PLIMSOLL_PLAN_INVALID') throw error
      this.#refuse(parsePlan(bytes).faults)
    }
  }

  #refuse(faults: readonly PlanFault[]): void {
    const { keeper, path, clock, log } = this.#options
    keeper.refuse({ at: new Date(clock.nowMs()).toISOString(), source: path, faults: [...faults] })
    log.warn({ file: path, faults: faults.length, first: summaryOf(faults) }, 'plan file refused')
  }

  #missing(): PlanFault {
    const { path, keeper } = this.#options
    const kept =
      keeper.current().revision === 0 ? 'Plimsoll watches itself only' : 'the plan applied last stays in force'
    return {
      ...fileFault(`there is no plan file at ${path}: ${kept}`, 'a file there, or the setting PLAN_FILE'),
      severity: 'warning'
    }
  }
}

/** Nothing but comments: what an editor leaves for a moment, or a disk that is full. */
const isEmpty = (bytes: Uint8Array): boolean =>
  new TextDecoder()
    .decode(bytes)
    .split('\n')
    .every((line) => /^\uFEFF?\s*(#.*|---|\.\.\.)?\s*$/.test(line))

const fileFault = (text: string, expected: string): PlanFault => ({
  path: '',
  line: 1,
  column: 1,
  severity: 'error',
  text,
  expected
})
