import type { Kysely } from 'kysely'
import type { Clock } from '../../platform/clock.ts'
import type { Tables } from '../../platform/database/tables.ts'
import type { CommitTarget } from './checkpoint.ts'
import { LogLines, type Tallies } from './log-lines.ts'
import {
  countedWith,
  fingerprintOf,
  maxHeadBytes,
  RangesMoved,
  readCounted,
  storeCounted,
  type CountedBytes
} from './log-ranges.ts'
import { headOf } from './log-segment.ts'
import type { LoggedService, LogReading } from './options.ts'
import { feed } from './reading.ts'
import { unpack } from './unpack.ts'

export interface ImportOptions extends Omit<LogReading, 'services'> {
  readonly service: LoggedService
  /** What the file is called, for people. */
  readonly name: string
  /** Who counts; this instance's imports alone. */
  readonly writer: string
  readonly store: CommitTarget
  readonly db: Kysely<Tables>
  readonly clock: Clock
  readonly maxLineBytes?: number
  /** Told how many bytes of the input, packed as they came, have been dealt with. */
  readonly onProgress?: (inputBytes: number) => void
}

/** What has become of the lines of an import. */
export interface ImportReport {
  readonly lines: number
  readonly counted: number
  /** Of other hosts, paths or methods. */
  readonly filtered: number
  /** Counted before, by an import or while the file was followed. */
  readonly alreadyCounted: number
  readonly skipped: Readonly<Record<string, number>>
  /** Unpacked. */
  readonly bytes: number
  /** Time of the oldest and of the newest request counted, Unix milliseconds. */
  readonly fromMs: number | null
  readonly toMs: number | null
}

/** Slices and bytes after which counts are stored: bounds memory, and what is read again when another reader interferes. */
const maxOpenSlots = 5_000
const maxUnstoredBytes = 32 * 1_024 * 1_024

/**
 * Counts a whole log, plain or packed. Which bytes were counted is stored with the counts: the same
 * log again, or one that is or was followed, counts nothing twice, and an interrupted import goes on
 * where it ended.
 *
 * @throws PLIMSOLL_LOG_DAMAGED, PLIMSOLL_STORE_UNAVAILABLE, or what the input threw; what was read
 *   before then is counted if the store takes it
 */
export async function importLog(input: AsyncIterable<Uint8Array>, options: ImportOptions): Promise<ImportReport> {
  const job = new Import(options)
  let inputBytes = 0
  const took = (sizeBytes: number): void => {
    inputBytes += sizeBytes
    options.onProgress?.(inputBytes)
  }
  try {
    for await (const piece of unpack(input, took)) await job.take(piece)
  } catch (error) {
    await job.store().catch(() => false) // what is not stored counts with the next import
    throw error
  }
  await job.finish()
  return job.report()
}

class Import {
  readonly #options: ImportOptions
  readonly #lines: LogLines
  /** Null until the first line is there. */
  #counted: CountedBytes | null = null
  /** Pieces not stored yet, to be read again when somebody else counts the same bytes; the first begins at `#keptFrom`. */
  #kept: Uint8Array[] = []
  #keptFrom = 0
  #storedOffset = 0
  /** The store did not take a batch: its counts are gone, so its bytes must not be stored as counted. */
  #refused = false
  #stored: Tallies

  constructor(options: ImportOptions) {
    this.#options = options
    this.#lines = new LogLines({ ...options, services: [options.service] }, options)
    this.#stored = this.#lines.tallies()
  }

  async take(piece: Uint8Array): Promise<void> {
    this.#kept.push(piece)
    if (this.#counted === null) return this.#begin(false)
    await this.#feed(piece)
  }

  async finish(): Promise<void> {
    if (this.#counted === null) await this.#begin(true)
    do this.#lines.finish()
    while (!(await this.store()))
  }

  report(): ImportReport {
    const [counter] = this.#lines.counters
    const { read, counted, filtered, skipped, bytes } = this.#lines.countsOf(counter!)
    const { alreadyCounted } = counter!.tally
    const { firstEventMs: fromMs, lastEventMs: toMs } = counter!
    return { lines: read, counted, filtered, alreadyCounted, skipped, bytes, fromMs, toMs }
  }

  /**
   * Stores what was counted.
   *
   * @returns false when somebody else had counted some of it: it has been read again since
   */
  async store(): Promise<boolean> {
    const { store, writer, clock, name } = this.#options
    const before = this.#counted
    const from = this.#storedOffset
    const to = this.#lines.offset
    if (before === null || to === from || this.#refused) return true
    const after = countedWith(before, [from, to])
    const nowMs = clock.nowMs()
    try {
      await store.commit({
        writer,
        deltas: this.#lines.counters[0]!.accumulator.drain(),
        also: (transaction) => storeCounted(transaction, { before, after, path: name, nowMs })
      })
    } catch (error) {
      if (error instanceof RangesMoved) {
        await this.#again()
        return false
      }
      this.#refused = true
      throw error
    }
    this.#counted = after
    this.#advance(to)
    return true
  }

  /** Learns what was counted before, as soon as the first line is known. */
  async #begin(complete: boolean): Promise<void> {
    const start = Buffer.concat(this.#kept)
    const head = headOf(start) ?? (complete && start.length > 0 ? start.subarray(0, maxHeadBytes) : null)
    if (head === null) return
    this.#kept = [start]
    const { service } = this.#options.service
    this.#counted = await readCounted(this.#options.db, { service, fingerprint: fingerprintOf(service, head) })
    this.#lines.seek(0, [this.#counted.ranges])
    await this.#feed(start)
  }

  async #feed(piece: Uint8Array): Promise<void> {
    await feed(this.#lines, piece, this.#options.clock)
    const { openSlots } = this.#lines.counters[0]!.accumulator
    if (openSlots >= maxOpenSlots || this.#lines.offset - this.#storedOffset >= maxUnstoredBytes) await this.store()
  }

  #advance(to: number): void {
    this.#storedOffset = to
    this.#stored = this.#lines.tallies()
    while (this.#kept.length > 0 && this.#keptFrom + this.#kept[0]!.length <= to) {
      this.#keptFrom += this.#kept.shift()!.length
    }
  }

  /** Reads what is not stored once more, leaving out what somebody else has counted meanwhile. */
  async #again(): Promise<void> {
    const { db, clock } = this.#options
    this.#lines.forgetSince(this.#stored)
    this.#counted = await readCounted(db, this.#counted!)
    this.#lines.seek(this.#storedOffset, [this.#counted.ranges])
    let at = this.#keptFrom
    for (const piece of this.#kept) {
      await feed(this.#lines, piece.subarray(Math.max(0, this.#storedOffset - at)), clock)
      at += piece.length
    }
  }
}
