import type { Cancel } from '../../platform/clock.ts'
import { Checkpoint, type CheckpointOptions } from './checkpoint.ts'
import { FileHints } from './file-hints.ts'
import { LogLines } from './log-lines.ts'
import type { LogSegment } from './log-segment.ts'
import { LogTrail, type Stretch } from './log-trail.ts'
import type { LogReading } from './options.ts'
import { endOfLines, readInto } from './reading.ts'
import { idleAfterMs, sourceError, type SourceError, type SourceState, type SourceStatus } from './source-status.ts'

export interface FileTailerOptions extends LogReading, CheckpointOptions {
  readonly pollIntervalMs?: number
  /** How long a renamed file is still read, for a writer that goes on in it. */
  readonly rotationGraceMs?: number
  /** Whether the file system is asked to tell of changes; polling finds them too, only later. Default true. */
  readonly hints?: boolean
  readonly maxLineBytes?: number
  readonly onError?: (error: SourceError) => void
}

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
  readonly #checkpoint: Checkpoint
  readonly #trail: LogTrail
  readonly #hints: FileHints
  #hasResumed = false
  /** The file at hand. */
  #at: Stretch | null = null
  #rotatedMs: number | null = null
  #packedTries = 0
  #running: Promise<void> | null = null
  #timers: Cancel[] = []
  #closing = false
  #stopped = false
  #isWaiting = false
  #failing = false
  #lastError: SourceError | null = null
  #lastReadMs: number | null = null
  #behindBytes: number | null = null

  constructor(options: FileTailerOptions) {
    const { file, clock } = options
    this.#options = options
    this.#lines = new LogLines(options, options)
    this.#checkpoint = new Checkpoint(options, this.#lines)
    this.#trail = new LogTrail(file, clock.nowMs())
    this.#hints = new FileHints(file, clock, () => void this.poll())
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
    this.#running ??= this.#attempt(() => this.#run()).finally(() => {
      this.#running = null
    })
    return this.#running
  }

  /** Stores what was read, and lets go of the file. */
  async close(): Promise<void> {
    this.#closing = true
    this.#silence()
    await this.#running
    if (!this.#stopped) await this.#attempt(() => this.#store())
    this.#stopped = true
    await this.#at?.segment.close()
    this.#at = null
  }

  status(service: string): SourceStatus {
    const { clock, source } = this.#options
    const counter = this.#lines.counters.find((counter) => counter.service === service)
    if (!counter) throw new RangeError(`${source} does not count for ${service}`)
    const state = this.#state()
    const { lastEventMs } = counter
    const isUpToDate = this.#behindBytes === 0 && state !== 'broken'
    return {
      state,
      delivery: 'exactly_once',
      silentBecause: state === 'broken' ? 'broken' : state === 'reading' ? null : 'idle',
      lagMs: lastEventMs === null ? null : isUpToDate ? 0 : Math.max(0, clock.nowMs() - lastEventMs),
      behindBytes: this.#behindBytes,
      lastEventMs,
      lastReadMs: this.#lastReadMs,
      counts: this.#lines.countsOf(counter),
      lastError: this.#lastError
    }
  }

  #state(): SourceState {
    if (this.#failing || this.#stopped) return 'broken'
    if (this.#isWaiting) return 'waiting_for_file'
    const isRecent = this.#lastReadMs !== null && this.#options.clock.nowMs() - this.#lastReadMs < idleAfterMs
    return isRecent || (this.#behindBytes ?? 0) > 0 ? 'reading' : 'idle'
  }

  async #run(): Promise<void> {
    if (this.#options.hints ?? true) this.#hints.listen()
    if (!this.#hasResumed) await this.#resume()
    if (this.#checkpoint.isRefused) await this.#store()
    await this.#readOn()
    if (this.#checkpoint.isDue) await this.#store()
  }

  /** Finds the place where the last process stopped, or a place to begin. */
  async #resume(): Promise<void> {
    const { file, startAt } = this.#options
    const position = await this.#checkpoint.load()
    const found = position ? await this.#trail.resume(position) : await this.#trail.next()
    if (position === null) {
      const offset = found && startAt === 'end' ? await endOfLines(found.segment) : 0
      await this.#turnTo(found && { ...found, offset })
      this.#heed(await this.#checkpoint.begin())
    } else if (found) await this.#turnTo(found)
    else if (position.head !== null) {
      const text = `${file} was rotated while nobody read it, and its former file is gone: lines may be missing`
      this.#say({ code: 'log_rotated_away', text, hint: 'keep more rotated files: `roll_keep`' })
    }
    this.#hasResumed = true
  }

  async #readOn(): Promise<void> {
    while (!this.#closing && !this.#stopped) {
      const at = this.#at ?? (await this.#next())
      if (at === null) return
      const { segment } = at
      // Before reading on: behind the place where we are there may be other content by now.
      if (!at.isComplete && (await segment.wasReplaced())) await this.#leaveReplaced(at)
      else if (segment.head === null && !at.isComplete && (await hasBegun(segment))) await this.#lookAgain(segment)
      else {
        await this.#readToEnd(at)
        if (!(await this.#isDone(at))) return
        await this.#finish(at)
      }
    }
  }

  async #next(): Promise<Stretch | null> {
    const next = await this.#trail.next()
    if (next) await this.#turnTo(next)
    else this.#wait()
    return next
  }

  async #turnTo(stretch: Stretch | null): Promise<void> {
    this.#at = stretch
    this.#behindBytes = null
    this.#rotatedMs = null
    this.#packedTries = 0
    this.#isWaiting = stretch === null
    await this.#checkpoint.turnTo(stretch)
  }

  async #readToEnd(at: Stretch): Promise<void> {
    while (at.segment.head !== null) {
      const sizeBytes = await this.#read(at.segment)
      if (sizeBytes === 0 || this.#closing || this.#stopped) break
      this.#lastReadMs = this.#options.clock.nowMs()
      if (!this.#checkpoint.isDue) continue
      await this.#lookBehind(at)
      await this.#store()
    }
    await this.#lookBehind(at)
  }

  async #read(segment: LogSegment): Promise<number> {
    try {
      return await readInto(this.#lines, segment, this.#options.clock)
    } catch (error) {
      if (!segment.packed) throw error
      if (++this.#packedTries < maxPackedTries) {
        await this.#store()
        await this.#checkpoint.rewind()
        throw error
      }
      this.#fail(error)
      return 0
    }
  }

  /** Only of the file that is written now can be told how much is left. */
  async #lookBehind({ segment, isComplete }: Stretch): Promise<void> {
    const isOld = isComplete || this.#rotatedMs !== null
    const sizeBytes = isOld ? null : await segment.sizeBytes()
    const readBytes = this.#lines.offset + this.#lines.pendingBytes
    this.#behindBytes = sizeBytes === null ? null : Math.max(0, sizeBytes - readBytes)
  }

  /** Whether nothing more will come of a file that was read to its end. */
  async #isDone({ segment, isComplete }: Stretch): Promise<boolean> {
    if (this.#closing || this.#stopped) return false
    if (isComplete) return true
    const { clock, rotationGraceMs = 1_000 } = this.#options
    const place = await this.#trail.whereIs(segment)
    if (place === 'gone') this.#wait()
    else this.#isWaiting = false
    if (place !== 'rotated') {
      this.#rotatedMs = null
      return false
    }
    this.#rotatedMs ??= clock.monotonicMs()
    this.#behindBytes = null
    return clock.monotonicMs() - this.#rotatedMs >= rotationGraceMs
  }

  /** Takes leave of a file to which nothing will be added, its last line whole or not. */
  async #finish(at: Stretch): Promise<void> {
    if (at.segment.head === null) {
      await at.segment.findHead(true)
      if (at.segment.head !== null) await this.#checkpoint.learn()
    }
    await this.#readToEnd(at)
    this.#lines.finish()
    if ((await this.#store()) === 'stored') await this.#leave(at)
  }

  /** The file was truncated: what had not been read may stand in the copy that was made of it. */
  async #leaveReplaced(at: Stretch): Promise<void> {
    if ((await this.#store()) === 'superseded') return
    const copy = await this.#trail.copyOf(at.segment)
    const { offset } = this.#lines
    await this.#leave(at)
    if (copy) await this.#turnTo({ segment: copy, offset, isComplete: true })
  }

  /**
   * A file that was empty has a first line now. Perhaps it had others before, and was emptied again:
   * whatever was rotated since we looked last comes first.
   */
  async #lookAgain(segment: LogSegment): Promise<void> {
    await this.#turnTo(null)
    await segment.close()
  }

  async #leave({ segment }: Stretch): Promise<void> {
    this.#trail.left(segment)
    await this.#turnTo(null)
    await segment.close()
  }

  async #store(): Promise<'stored' | 'reread' | 'superseded'> {
    return this.#heed(await this.#checkpoint.store())
  }

  /** Another process reads this log: two would count everything twice. */
  #heed<T>(outcome: T): T {
    if (outcome !== 'superseded') return outcome
    this.#stopped = true
    this.#silence()
    const text = `another process has read on in ${this.#options.file}; this one has stopped`
    this.#say({ code: 'superseded', text, hint: 'stop the other one, then restart this one: one process reads a log' })
    return outcome
  }

  #wait(): void {
    this.#behindBytes = null
    if (this.#isWaiting && this.#lastError?.code === 'log_missing') return
    this.#isWaiting = true
    const missing = Object.assign(new Error(`${this.#options.file} is not there`), { code: 'ENOENT' })
    this.#lastError = sourceError(missing, this.#options.clock.nowMs())
  }

  async #attempt(work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
      this.#failing = false
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    const said = sourceError(error, this.#options.clock.nowMs())
    const isNew = !this.#failing || said.text !== this.#lastError?.text
    this.#failing = true
    this.#lastError = said
    if (isNew) this.#options.onError?.(said)
  }

  #say(error: Omit<SourceError, 'atMs'>): void {
    this.#lastError = { atMs: this.#options.clock.nowMs(), ...error }
    this.#options.onError?.(this.#lastError)
  }

  #silence(): void {
    for (const cancel of this.#timers) cancel()
    this.#hints.close()
  }
}

const hasBegun = async (segment: LogSegment): Promise<boolean> => {
  await segment.findHead(false)
  return segment.head !== null
}
