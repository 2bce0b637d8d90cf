import type { Kysely } from 'kysely'
import type { Clock } from '../../platform/clock.ts'
import type { Tables } from '../../platform/database/tables.ts'
import type { Batch, CommitOutcome } from '../slice.ts'
import type { LogLines, Tallies } from './log-lines.ts'
import { countedWith, fingerprintOf, RangesMoved, readCounted, storeCounted, type CountedBytes } from './log-ranges.ts'
import type { LogSegment } from './log-segment.ts'
import { headHash, type Stretch } from './log-trail.ts'
import { formatPosition, parsePosition, type LogPosition } from './position.rules.ts'
import { firstGap } from './ranges.rules.ts'

/** The part of the slice store that sources need. */
export interface CommitTarget {
  commit(batch: Batch): Promise<CommitOutcome>
  readCursor(source: string): Promise<string | null>
}

export interface CheckpointOptions {
  /** Stable name of the source: its cursor. */
  readonly source: string
  /** Who counts; this source and instance alone. */
  readonly writer: string
  readonly file: string
  /** Where to begin in a file that was never read: its beginning, or what is written from now on. */
  readonly startAt: 'beginning' | 'end'
  readonly store: CommitTarget
  readonly db: Kysely<Tables>
  readonly clock: Clock
  readonly flushIntervalMs?: number
}

/**
 * `reread`: somebody else has counted some of it, and reading goes on from what is stored;
 * `superseded`: another process has read on, and this one must stop.
 */
export type StoreOutcome = 'stored' | 'reread' | 'superseded'

/** A batch that is being stored: repeated as it is until the store answers. */
interface Pending {
  readonly batch: Batch
  readonly position: LogPosition
  readonly counted: readonly CountedBytes[]
}

/** Slices and bytes after which counts are stored before their time: bounds memory while catching up. */
const maxOpenSlots = 5_000
const maxUnstoredBytes = 64 * 1_024 * 1_024

/** Keeps what was counted and how far a log was read together: both are stored in one transaction, or neither. */
export class Checkpoint {
  readonly #options: CheckpointOptions
  readonly #lines: LogLines
  /** The cursor as the store has it. */
  #cursor: string | null = null
  #segment: LogSegment | null = null
  /** What the file at hand has been counted of, by service; null before its first line is known. */
  #counted: readonly CountedBytes[] | null = null
  /** Of the file at hand, stored. */
  #offset = 0
  #pending: Pending | null = null
  #tallies: Tallies
  #storedMs = 0

  constructor(options: CheckpointOptions, lines: LogLines) {
    this.#options = options
    this.#lines = lines
    this.#tallies = lines.tallies()
  }

  /** Reads where the last process stopped; null when there was none. */
  async load(): Promise<LogPosition | null> {
    const { store, source } = this.#options
    this.#cursor = await store.readCursor(source)
    return this.#cursor === null ? null : parsePosition(this.#cursor)
  }

  /** Whether it is time to store what was counted. */
  get isDue(): boolean {
    const { clock, flushIntervalMs = 1_000 } = this.#options
    const slots = this.#lines.counters.reduce((sum, { accumulator }) => sum + accumulator.openSlots, 0)
    return (
      slots >= maxOpenSlots ||
      this.#lines.offset - this.#offset >= maxUnstoredBytes ||
      clock.monotonicMs() - this.#storedMs >= flushIntervalMs
    )
  }

  /** Whether the store has not taken what was given to it last: {@link store} tries again. */
  get isRefused(): boolean {
    return this.#pending !== null
  }

  /** Turns to a file, or to none; what was read of the one before must be stored. */
  async turnTo(stretch: Pick<Stretch, 'segment' | 'offset'> | null): Promise<void> {
    this.#segment = stretch?.segment ?? null
    this.#offset = stretch?.offset ?? 0
    this.#counted = null
    this.#lines.seek(this.#offset)
    if (stretch?.segment.head) await this.learn()
  }

  /** Learns which bytes of the file at hand were counted before, by us or by an import, and goes to where reading goes on. */
  async learn(): Promise<void> {
    const { db, startAt } = this.#options
    const segment = this.#segment!
    const counted: CountedBytes[] = []
    for (const { service } of this.#lines.counters) {
      counted.push(await readCounted(db, { service, fingerprint: fingerprintOf(service, segment.head!) }))
    }
    // A service that was added later has the beginning still before it.
    const gap = Math.min(...counted.map(({ ranges }) => firstGap(ranges)))
    if (startAt === 'beginning') this.#offset = Math.min(gap, this.#offset)
    await segment.seek(this.#offset)
    const ranges = counted.map((bytes) => bytes.ranges)
    this.#lines.seek(this.#offset, ranges)
    this.#counted = counted
  }

  /** Forgets what was read since the last time it was stored, and goes back there. */
  async rewind(): Promise<void> {
    this.#lines.forgetSince(this.#tallies)
    await this.learn()
  }

  /** Stores where reading begins, before anything is read: a restart must find the same beginning. */
  begin(): Promise<StoreOutcome> {
    return this.#commit(this.#batch(this.#segment, [], []))
  }

  /** Stores what was counted since the last time; with nothing read since, does nothing. */
  async store(): Promise<StoreOutcome> {
    if (this.#pending) {
      const outcome = await this.#commit(this.#pending)
      if (outcome !== 'stored') return outcome
    }
    this.#storedMs = this.#options.clock.monotonicMs()
    const { offset } = this.#lines
    const before = this.#counted
    if (before === null || offset === this.#offset) return 'stored'
    const after = before.map((bytes) => countedWith(bytes, [this.#offset, offset]))
    return this.#commit(this.#batch(this.#segment, before, after))
  }

  #batch(segment: LogSegment | null, before: readonly CountedBytes[], after: readonly CountedBytes[]): Pending {
    const { source, writer, clock, file } = this.#options
    const nowMs = clock.nowMs()
    const position: LogPosition = {
      identity: segment?.identity ?? '',
      head: headHash(segment?.head ?? null),
      offset: before.length > 0 ? this.#lines.offset : this.#offset,
      firstMs: segment?.firstMs ?? null,
      atMs: nowMs
    }
    const batch: Batch = {
      writer,
      deltas: this.#lines.counters.flatMap(({ accumulator }) => accumulator.drain()),
      cursor: { source, expected: this.#cursor, position: formatPosition(position) },
      async also(transaction) {
        for (const [i, bytes] of after.entries()) {
          await storeCounted(transaction, { before: before[i]!, after: bytes, path: file, nowMs })
        }
      }
    }
    return { batch, position, counted: after }
  }

  async #commit(pending: Pending): Promise<StoreOutcome> {
    this.#pending = pending
    const { batch, position, counted } = pending
    try {
      const outcome = await this.#options.store.commit(batch)
      this.#pending = null
      if (outcome.kind === 'superseded') return 'superseded'
    } catch (error) {
      if (!(error instanceof RangesMoved)) throw error
      this.#pending = null
      await this.rewind()
      return 'reread'
    }
    this.#cursor = batch.cursor!.position
    this.#offset = position.offset
    if (counted.length > 0) this.#counted = counted
    this.#tallies = this.#lines.tallies()
    return 'stored'
  }
}
