import { randomBytes } from 'node:crypto'
import type { Cancel, Clock } from '../platform/clock.ts'
import type { Accumulator } from './accumulator.ts'
import type { Batch, SliceDelta } from './slice.ts'
import type { SliceStore } from './store.ts'

export interface RecorderOptions {
  readonly store: Pick<SliceStore, 'commit' | 'readCursor'>
  readonly clock: Clock
  /** Who counts: `self@<instance>`. Stable, so that a restart goes on with its rows. */
  readonly writer: string
  readonly flushIntervalMs: number
  readonly onError: (error: unknown) => void
}

/** What waits while the store takes nothing: about 1 kB each. An hour of fifteen busy streams. */
const maxSlots = 50_000

/**
 * Stores every second what sources of this process have counted in memory. While the store fails,
 * counts are kept and written when it is back; a batch whose end was not heard of is repeated as it
 * was, so nothing is counted twice. A kill loses what was not yet flushed.
 */
export class Recorder {
  #options: RecorderOptions
  #writer: string
  /** Makes each position one of its kind, so that a batch is recognised when it is repeated. */
  #process = randomBytes(8).toString('hex')
  #flushes = 0
  #accumulators = new Set<Accumulator>()
  /** Of accumulators that were given up, not yet in a batch. */
  #drained: SliceDelta[] = []
  /** The batch that is being stored, or was not stored yet. */
  #batch: Batch | null = null
  /** Where the cursor stands; undefined before it was read. */
  #position: string | null | undefined
  #flushing: Promise<void> | null = null
  #stopTimer: Cancel

  constructor(options: RecorderOptions) {
    this.#options = options
    this.#writer = options.writer
    this.#stopTimer = options.clock.every(options.flushIntervalMs, () => void this.flush())
  }

  /**
   * Stores what is counted in an accumulator from now on.
   *
   * @returns gives it up; what it holds is still stored
   */
  adopt(accumulator: Accumulator): () => void {
    this.#accumulators.add(accumulator)
    return () => {
      if (this.#accumulators.delete(accumulator)) this.#drained.push(...accumulator.drain())
    }
  }

  /** The store has failed for so long that there is no room for more: do not count, say so. */
  get isFull(): boolean {
    if (!this.#batch) return false
    let slots = this.#batch.deltas.length + this.#drained.length
    for (const { openSlots } of this.#accumulators) slots += openSlots
    return slots >= maxSlots
  }

  /** Stores what was counted; never rejects. Counts that could not be stored stay. */
  flush(): Promise<void> {
    this.#flushing ??= this.#flush()
      .catch(this.#options.onError)
      .finally(() => (this.#flushing = null))
    return this.#flushing
  }

  /** Stores what is left and ends. */
  async close(): Promise<void> {
    this.#stopTimer()
    await this.flush() // one under way may have begun before the last event
    await this.flush()
  }

  async #flush(): Promise<void> {
    this.#position ??= await this.#options.store.readCursor(this.#writer)
    if (this.#batch) await this.#store(this.#batch)
    this.#batch = this.#nextBatch()
    if (this.#batch) await this.#store(this.#batch)
  }

  async #store(batch: Batch): Promise<void> {
    const outcome = await this.#options.store.commit(batch)
    if (outcome.kind === 'superseded') return this.#stepAside(batch)
    this.#position = batch.cursor!.position
    this.#batch = null
  }

  /** Another process writes under our name: two of one instance. Both go on under names of their own. */
  async #stepAside(batch: Batch): Promise<void> {
    this.#writer = `${this.#options.writer}+${randomBytes(4).toString('hex')}`
    this.#position = null
    this.#batch = this.#batchOf(batch.deltas)
    await this.#store(this.#batch)
  }

  #nextBatch(): Batch | null {
    const deltas = [...this.#drained, ...[...this.#accumulators].flatMap((accumulator) => accumulator.drain())]
    this.#drained = []
    return deltas.length === 0 ? null : this.#batchOf(deltas)
  }

  #batchOf(deltas: readonly SliceDelta[]): Batch {
    const position = JSON.stringify({ process: this.#process, flush: ++this.#flushes })
    return {
      writer: this.#writer,
      deltas,
      cursor: { source: this.#writer, expected: this.#position ?? null, position }
    }
  }
}
