import { randomBytes } from 'node:crypto'
import type { Cancel, Clock } from '../platform/clock.ts'
import { Accumulator, type Recorded } from './accumulator.ts'
import type { Batch, SliceDelta, Stream } from './slice.ts'
import type { SliceStore } from './store.ts'
import { hourMs } from './store/widths.rules.ts'

export interface RecorderOptions {
  readonly store: Pick<SliceStore, 'commit' | 'readCursor' | 'oldestKeptMs'>
  readonly clock: Clock
  /** Who counts: `self@<instance>`. Stable, so that a restart goes on with its rows. */
  readonly writer: string
  readonly flushIntervalMs: number
  /** Latency thresholds in force for a service, ms. */
  readonly thresholdsOf: (service: string) => readonly number[]
  readonly onError: (error: unknown) => void
}

/** One or more equal events. */
export interface Occurrence {
  /** When, Unix ms. */
  readonly atMs: number
  /** HTTP status; 0: the client went away. */
  readonly status: number
  readonly durationUs: number
  readonly timedOut?: boolean
  /** Default 1. */
  readonly count?: number
}

/** What waits while the store takes nothing: about 1 kB each. An hour of fifteen busy streams. */
const maxSlots = 50_000

/**
 * Counts events of this process in memory and stores them every second. While the store fails,
 * counts are kept and written when it is back; a batch whose end was not heard of is repeated as it
 * was, so nothing is counted twice. A kill loses what was not yet flushed.
 */
export class Recorder {
  #options: RecorderOptions
  #writer: string
  /** Makes each position one of its kind, so that a batch is recognised when it is repeated. */
  #process = randomBytes(8).toString('hex')
  #flushes = 0
  #accumulators = new Map<string, Accumulator>()
  /** Drained because thresholds changed, not yet in a batch. */
  #drained: SliceDelta[] = []
  /** The batch that is being stored, or was not stored yet. */
  #batch: Batch | null = null
  /** Where the cursor stands; undefined before it was read. */
  #position: string | null | undefined
  #flushing: Promise<void> | null = null
  #stopTimer: Cancel
  /** Events lost because the store has failed for too long, count since start. */
  dropped = 0

  constructor(options: RecorderOptions) {
    this.#options = options
    this.#writer = options.writer
    this.#stopTimer = options.clock.every(options.flushIntervalMs, () => void this.flush())
  }

  record(stream: Stream, { atMs, status, durationUs, timedOut = false, count = 1 }: Occurrence): Recorded | 'dropped' {
    const accumulator = this.#accumulatorOf(stream.service)
    if (this.#waitingSlots() >= maxSlots) {
      this.dropped += count
      return 'dropped'
    }
    accumulator.setTime(this.#options.clock.nowMs())
    return accumulator.record(accumulator.stream(stream), atMs, durationUs, status, timedOut, count)
  }

  /** The thresholds of services may have changed: events from now on are counted by those in force. */
  refresh(): void {
    for (const accumulator of this.#accumulators.values()) this.#drained.push(...accumulator.drain())
    this.#accumulators.clear()
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
    const deltas = [...this.#drained, ...[...this.#accumulators.values()].flatMap((accumulator) => accumulator.drain())]
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

  #accumulatorOf(service: string): Accumulator {
    const known = this.#accumulators.get(service)
    if (known) return known
    const { store, thresholdsOf } = this.#options
    const accumulator = new Accumulator({
      thresholdsMs: thresholdsOf(service),
      oldestKeptMs: () => store.oldestKeptMs(hourMs)
    })
    this.#accumulators.set(service, accumulator)
    return accumulator
  }

  #waitingSlots(): number {
    if (!this.#batch) return 0
    let slots = this.#batch.deltas.length + this.#drained.length
    for (const { openSlots } of this.#accumulators.values()) slots += openSlots
    return slots
  }
}
