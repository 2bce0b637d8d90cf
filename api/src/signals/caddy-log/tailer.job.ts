import { createHash } from 'node:crypto'
import { watch, type FSWatcher } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import type { Kysely } from 'kysely'
import type { Cancel, Clock } from '../../platform/clock.ts'
import type { Tables } from '../../platform/database/tables.ts'
import type { Batch, CommitOutcome } from '../slice.ts'
import { LogLines, type Tallies } from './log-lines.ts'
import { countedWith, fingerprintOf, RangesMoved, readCounted, storeCounted, type CountedBytes } from './log-ranges.ts'
import { identityOf, openSegment, type LogSegment } from './log-segment.ts'
import type { LogReading } from './options.ts'
import { formatPosition, parsePosition, type LogPosition } from './position.rules.ts'
import { firstGap } from './ranges.rules.ts'
import { findRenamed, findSuccessors } from './siblings.ts'
import { idleAfterMs, sourceError, type SourceError, type SourceStatus } from './source-status.ts'
import { readInto } from './reading.ts'

/** The part of the slice store that sources need. */
export interface CommitTarget {
  commit(batch: Batch): Promise<CommitOutcome>
  readCursor(source: string): Promise<string | null>
}

export interface FileTailerOptions extends LogReading {
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
  readonly pollIntervalMs?: number
  /** How long a renamed file is still read, for a writer that goes on in it. */
  readonly rotationGraceMs?: number
  /** Whether the file system is asked to tell of changes; polling finds them too, only later. Default true. */
  readonly hints?: boolean
  readonly maxLineBytes?: number
  readonly onError?: (error: SourceError) => void
}

/** A batch that is being stored: repeated as it is until the store answers. */
interface Pending {
  readonly batch: Batch
  readonly position: LogPosition
  readonly counted: readonly CountedBytes[]
}

/** Slices and bytes after which counts are stored before their time: bounds memory while catching up. */
const maxOpenSlots = 5_000
const maxUnstoredBytes = 64 * 1_024 * 1_024

/** Many writes make one look. */
const hintDelayMs = 50

/** Files remembered as read; what is forgotten is known by the bytes that were counted. */
const maxDone = 1_000

/** How often a packed file that cannot be unpacked is tried before the rest of it is given up. */
const maxPackedTries = 5

/**
 * Follows an access log for the services that share it, across restarts and rotations. What was
 * read and what was counted are stored in one transaction: killed at any moment, it goes on where
 * the counts end.
 */
export class FileTailer {
  readonly #options: FileTailerOptions
  readonly #lines: LogLines
  #segment: LogSegment | null = null
  /** The file was rotated away before the one that is written now: it only has to be read to its end. */
  #isBacklog = false
  #backlog: string[] = []
  /** As the store has it. */
  #stored: { text: string | null; position: LogPosition | null } = { text: null, position: null }
  #resumed = false
  /** What the file at hand has been counted of; null before its first line is known. */
  #counted: readonly CountedBytes[] | null = null
  /** Of the file at hand, stored. */
  #storedOffset = 0
  #pending: Pending | null = null
  #tallies: Tallies
  #rotatedMs: number | null = null
  /** The file read before the one at hand: those that follow it begin later. */
  #after = { firstMs: null as number | null, seenMs: 0 }
  /** Device and inode of files that were read to their end and whose first line has no time to tell them by. */
  readonly #done = new Set<string>()
  #packedTries = 0
  #flushedMs = 0
  #running: Promise<void> | null = null
  #timers: Cancel[] = []
  #hint: Cancel | null = null
  #watcher: FSWatcher | null = null
  #closing = false
  #stopped = false
  #isWaiting = false
  #failing = false
  #lastError: SourceError | null = null
  #lastReadMs: number | null = null
  #behindBytes: number | null = null

  constructor(options: FileTailerOptions) {
    this.#options = options
    this.#lines = new LogLines(options, options)
    this.#tallies = this.#lines.tallies()
  }

  /** Begins to follow; the clock decides when, hints from the file system make it sooner. */
  start(): void {
    const { clock, pollIntervalMs = 250, flushIntervalMs = 1_000 } = this.#options
    const look = (): void => void this.poll()
    this.#timers = [clock.every(pollIntervalMs, look), clock.every(flushIntervalMs, look)]
    look()
  }

  /** Reads what there is, and stores it when it is time. Never throws; see {@link status}. */
  poll(): Promise<void> {
    if (this.#stopped) return Promise.resolve()
    this.#running ??= this.#run().finally(() => {
      this.#running = null
    })
    return this.#running
  }

  /** Stores what was read, and lets go of the file. */
  async close(): Promise<void> {
    for (const cancel of this.#timers) cancel()
    this.#hint?.()
    this.#watcher?.close()
    this.#closing = true
    await this.#running
    if (!this.#stopped) await this.#attempt(() => this.#flush())
    this.#stopped = true
    await this.#segment?.close()
    this.#segment = null
  }

  status(service: string): SourceStatus {
    const { clock } = this.#options
    const counter = this.#lines.counters.find((counter) => counter.service === service)
    if (!counter) throw new RangeError(`${this.#options.source} does not count for ${service}`)
    const nowMs = clock.nowMs()
    const isRecent = this.#lastReadMs !== null && nowMs - this.#lastReadMs < idleAfterMs
    const working = isRecent || (this.#behindBytes ?? 0) > 0 ? 'reading' : 'idle'
    const state = this.#failing || this.#stopped ? 'broken' : this.#isWaiting ? 'waiting_for_file' : working
    const { toMs } = counter.tally
    return {
      state,
      delivery: 'exactly_once',
      silentBecause: state === 'broken' ? 'broken' : state === 'reading' ? null : 'idle',
      lagMs: toMs === null ? null : this.#behindBytes === 0 && !this.#failing ? 0 : Math.max(0, nowMs - toMs),
      behindBytes: this.#behindBytes,
      lastEventMs: toMs,
      lastReadMs: this.#lastReadMs,
      counts: this.#lines.countsOf(counter),
      lastError: this.#lastError
    }
  }

  async #run(): Promise<void> {
    await this.#attempt(async () => {
      if (this.#pending) await this.#store(this.#pending)
      if (!this.#resumed) await this.#resume()
      await this.#readOn()
      const { clock, flushIntervalMs = 1_000 } = this.#options
      if (clock.monotonicMs() - this.#flushedMs >= flushIntervalMs) await this.#flush()
    })
  }

  async #attempt(work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
      if (!this.#stopped) this.#failing = false
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    const said = sourceError(error, this.#options.clock.nowMs())
    if (!this.#failing || said.text !== this.#lastError?.text) this.#options.onError?.(said)
    this.#lastError = said
    this.#failing = true
  }

  /** Finds the place where the last process stopped. */
  async #resume(): Promise<void> {
    const { store, source, file, startAt } = this.#options
    const text = await store.readCursor(source)
    const position = text === null ? null : parsePosition(text)
    const live = await this.#openLive()
    this.#stored = { text, position }
    this.#resumed = true
    this.#after = { firstMs: position?.firstMs ?? null, seenMs: position?.atMs ?? this.#options.clock.nowMs() }
    if (position === null) {
      // Where we began is stored before anything is read: a restart must find the same beginning.
      if (live === null) return this.#beginWithout()
      await this.#use(live, startAt === 'end' ? await endOfLines(live) : 0)
      await this.#flush(true)
      return
    }
    if (live && (await isAt(live, position))) return this.#use(live, position.offset)
    await live?.close()
    // Of a file that was empty then, nothing was read: all that was written since is looked for.
    if (position.head === null) return
    const renamed = await findRenamed(file, position.identity, (segment) => isSame(segment, position))
    if (renamed) return this.#use(renamed, position.offset)
    const missing = `${file} was rotated while nobody read it, and its former file is gone: lines may be missing`
    this.#say({ code: 'log_rotated_away', text: missing, hint: 'keep more rotated files: `roll_keep`' })
  }

  /** There is no file yet: whatever appears from now on is read from its beginning. */
  async #beginWithout(): Promise<void> {
    const { store, source, writer, clock } = this.#options
    const position: LogPosition = { identity: '', head: null, offset: 0, firstMs: null, atMs: clock.nowMs() }
    const text = formatPosition(position)
    const outcome = await store.commit({ writer, deltas: [], cursor: { source, expected: null, position: text } })
    if (outcome.kind === 'superseded') return this.#giveWay()
    this.#stored = { text, position }
  }

  async #openLive(): Promise<LogSegment | null> {
    const { file } = this.#options
    this.#watch()
    try {
      const segment = await openSegment(file)
      this.#isWaiting = false
      return segment
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : null
      if (code !== 'ENOENT') throw error
      if (!this.#isWaiting) this.#lastError = sourceError(error, this.#options.clock.nowMs())
      this.#isWaiting = true
      this.#behindBytes = null
      return null
    }
  }

  /** Goes on in a file from an offset of its content. */
  async #use(segment: LogSegment, offset: number, isBacklog = false): Promise<void> {
    this.#segment = segment
    this.#isBacklog = isBacklog
    this.#behindBytes = null
    this.#counted = null
    this.#storedOffset = offset
    this.#rotatedMs = null
    this.#packedTries = 0
    await segment.seek(offset)
    this.#lines.seek(offset)
    if (segment.head !== null) await this.#learnCounted()
  }

  /** Reads which bytes of the file at hand were counted before, by us or by an import. */
  async #learnCounted(): Promise<void> {
    const { db, startAt } = this.#options
    const segment = this.#segment!
    const counted: CountedBytes[] = []
    for (const { service } of this.#lines.counters) {
      counted.push(await readCounted(db, { service, fingerprint: fingerprintOf(service, segment.head!) }))
    }
    // A service that was added later has the beginning still before it.
    const gap = Math.min(...counted.map(({ ranges }) => firstGap(ranges)))
    if (startAt === 'beginning' && gap < this.#storedOffset) {
      this.#storedOffset = gap
      await segment.seek(gap)
    }
    this.#counted = counted
    this.#lines.seek(
      this.#storedOffset,
      counted.map(({ ranges }) => ranges)
    )
  }

  async #readOn(): Promise<void> {
    while (!this.#closing && !this.#stopped) {
      if (this.#segment === null && !(await this.#openNext())) return
      const segment = this.#segment!
      // Before reading on: behind the place where we are there may be other content by now.
      if (!this.#isBacklog && (await segment.wasReplaced())) {
        await this.#leaveReplaced(segment)
        continue
      }
      if (segment.head === null && (await this.#hasBegun(segment))) continue
      await this.#readToEnd(segment)
      if (!(await this.#isDone(segment))) return
      await segment.findHead(true)
      await this.#readToEnd(segment)
      this.#lines.finish()
      if (await this.#flush()) await this.#leave(segment)
    }
  }

  /**
   * A file that was empty has a first line now. Perhaps it had others before, and was emptied again:
   * whatever was rotated since we looked last comes first.
   */
  async #hasBegun(segment: LogSegment): Promise<boolean> {
    await segment.findHead(false)
    if (segment.head === null || this.#isBacklog) return false
    this.#segment = null
    await segment.close()
    return true
  }

  async #leave(segment: LogSegment): Promise<void> {
    if (this.#done.size > maxDone) this.#done.clear()
    if (segment.head !== null && segment.firstMs === null) this.#done.add(segment.identity)
    this.#after = {
      firstMs: segment.firstMs ?? this.#after.firstMs,
      seenMs: this.#stored.position?.atMs ?? this.#options.clock.nowMs()
    }
    this.#segment = null
    await segment.close()
  }

  async #openNext(): Promise<boolean> {
    const path = this.#backlog.shift()
    if (path !== undefined) {
      // It may have been packed since it was found.
      const segment = await openSegment(path).catch(() => openSegment(`${path}.gz`).catch(() => null))
      if (segment) await this.#use(segment, 0, true)
      return segment !== null || this.#openNext()
    }
    const live = await this.#openLive()
    if (live === null) return false
    // Now that we hold the live file, whatever was rotated before it lies beside it.
    const except = new Set([...this.#done, live.identity])
    this.#backlog = await findSuccessors(this.#options.file, { ...this.#after, except })
    if (this.#backlog.length === 0) {
      await this.#use(live, 0)
      return true
    }
    await live.close()
    return this.#openNext()
  }

  async #readToEnd(segment: LogSegment): Promise<void> {
    if (segment.head === null) return this.#lookBehind(segment)
    if (this.#counted === null) await this.#learnCounted()
    for (;;) {
      const sizeBytes = await this.#read(segment)
      if (sizeBytes === 0 || this.#closing || this.#stopped) break
      this.#lastReadMs = this.#options.clock.nowMs()
      if (this.#mustFlush()) {
        await this.#lookBehind(segment)
        await this.#flush()
      }
    }
    await this.#lookBehind(segment)
  }

  /** Only of the file that is written now can be told how much is left. */
  async #lookBehind(segment: LogSegment): Promise<void> {
    const sizeBytes = this.#isBacklog || this.#rotatedMs !== null ? null : await segment.sizeBytes()
    this.#behindBytes = sizeBytes === null ? null : Math.max(0, sizeBytes - this.#lines.offset - this.#lines.pendingBytes)
  }

  async #read(segment: LogSegment): Promise<number> {
    try {
      return await readInto(this.#lines, segment, this.#options.clock)
    } catch (error) {
      if (!segment.packed || ++this.#packedTries < maxPackedTries) {
        if (segment.packed) {
          await this.#flush()
          await this.#rewind()
        }
        throw error
      }
      this.#fail(error)
      return 0
    }
  }

  #mustFlush(): boolean {
    const { clock, flushIntervalMs = 1_000 } = this.#options
    const slots = this.#lines.counters.reduce((sum, { accumulator }) => sum + accumulator.openSlots, 0)
    return (
      slots >= maxOpenSlots ||
      this.#lines.offset - this.#storedOffset >= maxUnstoredBytes ||
      clock.monotonicMs() - this.#flushedMs >= flushIntervalMs
    )
  }

  /** Whether nothing more will come of a file that was read to its end. */
  async #isDone(segment: LogSegment): Promise<boolean> {
    if (this.#closing || this.#stopped) return false
    if (this.#isBacklog) return true
    const { clock, file, rotationGraceMs = 1_000 } = this.#options
    const there = await identityAt(file)
    this.#isWaiting = there === null
    if (there === null || there === segment.identity) {
      this.#rotatedMs = null
      return false
    }
    this.#rotatedMs ??= clock.monotonicMs()
    this.#behindBytes = null
    return clock.monotonicMs() - this.#rotatedMs >= rotationGraceMs
  }

  /** The file was truncated: what had not been read may stand in the copy that was made of it. */
  async #leaveReplaced(segment: LogSegment): Promise<void> {
    await this.#flush()
    const { head, identity } = segment
    const offset = this.#lines.offset
    const isCopy = (other: LogSegment): boolean =>
      other.identity !== identity && head !== null && other.head !== null && head.equals(other.head)
    const copy = head && (await findRenamed(this.#options.file, identity, isCopy))
    await this.#leave(segment)
    if (copy) await this.#use(copy, offset, true)
  }

  /**
   * Stores what was counted since the last time together with how far the file was read.
   *
   * @returns false when it has to be read again, because somebody else has counted some of it
   */
  async #flush(always = false): Promise<boolean> {
    if (this.#pending && !(await this.#store(this.#pending))) return false
    const { source, writer, clock, file } = this.#options
    const segment = this.#segment
    const offset = this.#lines.offset
    const nowMs = clock.nowMs()
    this.#flushedMs = clock.monotonicMs()
    if (this.#stopped || !segment || (!always && offset === this.#storedOffset)) return true
    const before = this.#counted ?? []
    const from = this.#storedOffset
    const counted = offset > from ? before.map((bytes) => countedWith(bytes, [from, offset])) : before
    const { identity, firstMs } = segment
    const position: LogPosition = { identity, head: segment.head && hashOf(segment.head), offset, firstMs, atMs: nowMs }
    const batch: Batch = {
      writer,
      deltas: this.#lines.counters.flatMap(({ accumulator }) => accumulator.drain()),
      cursor: { source, expected: this.#stored.text, position: formatPosition(position) },
      async also(transaction) {
        for (const [i, after] of counted.entries()) {
          if (after !== before[i]) await storeCounted(transaction, { before: before[i]!, after, path: file, nowMs })
        }
      }
    }
    this.#pending = { batch, position, counted }
    return this.#store(this.#pending)
  }

  async #store(pending: Pending): Promise<boolean> {
    const { batch, position, counted } = pending
    try {
      const outcome = await this.#options.store.commit(batch)
      this.#pending = null
      if (outcome.kind === 'superseded') {
        this.#giveWay()
        return false
      }
      this.#stored = { text: batch.cursor!.position, position }
      this.#storedOffset = position.offset
      if (this.#counted) this.#counted = counted
      this.#tallies = this.#lines.tallies()
      return true
    } catch (error) {
      if (!(error instanceof RangesMoved)) throw error
      this.#pending = null
      await this.#rewind()
      return false
    }
  }

  /** Forgets what was read since the last time it was stored, and reads it again. */
  async #rewind(): Promise<void> {
    this.#lines.forgetSince(this.#tallies)
    const segment = this.#segment!
    await segment.seek(this.#storedOffset)
    await this.#learnCounted()
  }

  /** Another process reads this log: two would count everything twice. */
  #giveWay(): void {
    this.#stopped = true
    for (const cancel of this.#timers) cancel()
    const text = `another process has read on in ${this.#options.file}; this one has stopped`
    this.#say({ code: 'superseded', text, hint: 'stop the other one, then restart this one: one process reads a log' })
  }

  #say(error: Omit<SourceError, 'atMs'>): void {
    this.#lastError = { atMs: this.#options.clock.nowMs(), ...error }
    this.#options.onError?.(this.#lastError)
  }

  /** Hints only: what they miss, polling finds. */
  #watch(): void {
    const { file, clock, hints = true } = this.#options
    if (!hints || this.#watcher || this.#closing) return
    try {
      this.#watcher = watch(dirname(file), { persistent: false }, (_event, name) => {
        if (name !== null && name !== basename(file)) return
        this.#hint ??= clock.after(hintDelayMs, () => {
          this.#hint = null
          void this.poll()
        })
      })
      this.#watcher.on('error', () => {
        this.#watcher?.close()
        this.#watcher = null
      })
    } catch {
      this.#watcher = null // a folder that is not there yet, or no more watches to be had
    }
  }
}

const hashOf = (head: Buffer): string => createHash('sha256').update(head).digest('hex')

const isSame = (segment: LogSegment, position: LogPosition): boolean =>
  position.head !== null && segment.head !== null && hashOf(segment.head) === position.head

/** Whether a file is the one a position speaks of, and still as long. */
const isAt = async (segment: LogSegment, position: LogPosition): Promise<boolean> =>
  isSame(segment, position) && ((await segment.sizeBytes()) ?? Infinity) >= position.offset

const identityAt = async (path: string): Promise<string | null> => {
  try {
    return identityOf(await stat(path, { bigint: true }))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

/** Offset behind the last complete line. */
const endOfLines = async (segment: LogSegment): Promise<number> => {
  const sizeBytes = (await segment.sizeBytes()) ?? 0
  const window = Buffer.alloc(64 * 1_024)
  for (let end = sizeBytes; end > 0; end -= window.length) {
    const from = Math.max(0, end - window.length)
    await segment.seek(from)
    const found = window.subarray(0, await segment.read(window.subarray(0, end - from))).lastIndexOf(10)
    if (found >= 0) return from + found + 1
  }
  return 0
}
