import type { Kysely } from 'kysely'
import type { Clock } from '../../platform/clock.ts'
import { explainStoreError } from '../../platform/database/faults.ts'
import type { Tables } from '../../platform/database/tables.ts'
import { storeUnavailable } from '../../platform/errors.ts'
import type { Batch, CommitOutcome } from '../slice.ts'
import { CommitGroup, type Result } from './commit-group.ts'
import { reachOf } from './fold.ts'
import { OpenRows } from './open-rows.ts'
import type { OtherInstances } from './others.ts'
import { SliceWriter } from './slice-rows.ts'
import { storeReach, StreamDictionary } from './stream-dictionary.ts'
import { hourMs, oldestKeptMs, type Retention } from './widths.rules.ts'
import { yielder } from './yielder.ts'

export interface CommitterOptions {
  readonly db: Kysely<Tables>
  readonly clock: Clock
  readonly retention: () => Retention
  /** Who else wants to hear what is counted here; absent where there is but one instance. */
  readonly others?: OtherInstances | undefined
  /** Called for every batch that has been stored, in order, before its `commit` resolves. */
  readonly onCommitted: (batch: Batch) => void
  /** Called after every transaction, for metrics and readiness. */
  readonly onTransaction: (report: TransactionReport) => void
}

export interface TransactionReport {
  readonly durationMs: number
  readonly batches: number
  readonly rows: number
  /** Null when it was committed. */
  readonly error: unknown
}

interface Job {
  readonly batch: Batch
  readonly resolve: (outcome: CommitOutcome) => void
  readonly reject: (error: unknown) => void
}

type Waiting =
  { readonly kind: 'batch'; readonly job: Job } | { readonly kind: 'task'; readonly run: () => Promise<void> }

/** A hundred sources flush each second and every transaction costs an fsync: so many batches share one. */
const maxBatches = 64

/** A stream was pruned while its number was still remembered. */
class StreamGone extends Error {}

/** The one place that writes slices: batches that wait are written together, each whole or not at all. */
export class Committer {
  #options: CommitterOptions
  #streams: StreamDictionary
  #open = new OpenRows()
  #writer: SliceWriter
  #waiting: Waiting[] = []
  #draining: Promise<void> | null = null

  constructor(options: CommitterOptions) {
    this.#options = options
    this.#streams = new StreamDictionary(options.db)
    this.#writer = new SliceWriter(options.db)
  }

  commit(batch: Batch): Promise<CommitOutcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ kind: 'batch', job: { batch, resolve, reject } })
      this.#start()
    })
  }

  /** Runs `task` in turn with the commits: none is under way, and listeners have heard of all before it. */
  alone<T>(task: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ kind: 'task', run: () => task().then(resolve, reject) })
      this.#start()
    })
  }

  /** Resolves when nothing is left to write. */
  async settled(): Promise<void> {
    while (this.#draining) await this.#draining
  }

  #start(): void {
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = null
      if (this.#waiting.length > 0) this.#start()
    })
  }

  async #drain(): Promise<void> {
    await Promise.resolve() // all that flush in this turn share a transaction
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      if (next.kind === 'batch') {
        await this.#commitGroup(this.#takeBatches())
      } else {
        this.#waiting.shift()
        await next.run()
      }
    }
  }

  #takeBatches(): Job[] {
    const jobs: Job[] = []
    for (let next = this.#waiting[0]; next?.kind === 'batch' && jobs.length < maxBatches; next = this.#waiting[0]) {
      jobs.push(next.job)
      this.#waiting.shift()
    }
    return jobs
  }

  async #commitGroup(jobs: readonly Job[]): Promise<void> {
    const startedMs = this.#options.clock.monotonicMs()
    const report = (rows: number, error: unknown): void => {
      const durationMs = this.#options.clock.monotonicMs() - startedMs
      this.#options.onTransaction({ durationMs, batches: jobs.length, rows, error })
    }
    try {
      const results = await this.#write(jobs).catch((error: unknown) => {
        if (!(error instanceof StreamGone)) throw error
        this.#streams.forget()
        return this.#write(jobs)
      })
      report(
        results.reduce((rows, result) => rows + ('rows' in result ? result.rows.length : 0), 0),
        null
      )
      for (const [at, job] of jobs.entries()) this.#settle(job, results[at]!)
    } catch (error) {
      report(0, error)
      for (const job of jobs) job.reject(toStoreError(error))
    }
  }

  async #write(jobs: readonly Job[]): Promise<Result[]> {
    const { db, clock } = this.#options
    const nowMs = clock.nowMs()
    const retention = this.#options.retention()
    const oldestMs = oldestKeptMs(hourMs, nowMs, retention)
    const kept = jobs.map(({ batch }) => batch.deltas.filter(({ startMs }) => startMs >= oldestMs))
    const streams = await this.#streams.learn(kept.flat())
    const reached = reachOf(kept.flat(), streams)
    const parts = { streams, nowMs, retention, open: this.#open, writer: this.#writer, pause: yielder(clock) }
    const group = new CommitGroup(parts)
    try {
      const results = await db.transaction().execute(async (transaction) => {
        const results: Result[] = []
        for (const [at, { batch }] of jobs.entries()) {
          const deltas = kept[at]!
          results.push(
            jobs.length > 1
              ? await group.addApart(transaction, batch, deltas)
              : await group.add(transaction, batch, deltas)
          )
        }
        if (!(await storeReach(transaction, reached))) throw new StreamGone()
        const counted = results.flatMap((result, at) => (isStoredNow(result) ? kept[at]! : []))
        await this.#options.others?.tell(transaction, counted)
        return results
      })
      this.#streams.widen(reached)
      for (const result of results) this.#remember(result)
      return results
    } catch (error) {
      this.#open.forget(group.touched) // whether it was stored after all is read when it matters
      throw error
    }
  }

  #remember(result: Result): void {
    if ('error' in result) return
    if (result.outcome.kind === 'already_committed') this.#open.forget(result.keys)
    else this.#open.keep(result.rows)
  }

  #settle({ batch, resolve, reject }: Job, result: Result): void {
    if ('error' in result) return reject(toStoreError(result.error))
    // Found stored already: a commit whose end was not heard of, so that nobody was told of it then.
    if (result.outcome.kind !== 'superseded') this.#options.onCommitted(batch)
    resolve(result.outcome)
  }
}

/** Not one that failed, and none that an earlier transaction has stored: that one has told of it. */
const isStoredNow = (result: Result): boolean => 'outcome' in result && result.outcome.kind === 'committed'

const toStoreError = (error: unknown): unknown => {
  const fault = explainStoreError(error)
  return fault ? storeUnavailable(fault.text, { hint: fault.hint, cause: error }) : error
}
