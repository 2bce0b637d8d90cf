import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { identityOf, openSegment, type LogSegment } from './log-segment.ts'
import type { LogPosition } from './position.rules.ts'
import { findRenamed, findSuccessors } from './siblings.ts'

/** A file to read next. */
export interface Stretch {
  readonly segment: LogSegment
  /** Where to begin in its content. */
  readonly offset: number
  /** Rotated away before the file that is written now: nothing will be added to it. */
  readonly isComplete: boolean
}

/** Files remembered as read; what is forgotten is known by the bytes that were counted. */
const maxDone = 1_000

/** A name for a first line; null for none. */
export const headHash = (head: Buffer | null): string | null => head && createHash('sha256').update(head).digest('hex')

/** Finds the files that make up a log, in the order they were written, however it is rotated. */
export class LogTrail {
  readonly #file: string
  /** Rotated files that come before the one that is written now. */
  #backlog: string[] = []
  /** First line of the file read last, and, while there is none, when we began: what follows begins later. */
  #after: { readonly firstMs: number | null; readonly seenMs: number }
  /** Device and inode of files that were read, and whose first line has no time to tell them by. */
  readonly #done = new Set<string>()

  /** @param nowMs - nothing was read before; what is rotated from now on is looked for */
  constructor(file: string, nowMs: number) {
    this.#file = file
    this.#after = { firstMs: null, seenMs: nowMs }
  }

  /**
   * The place where reading stopped, in whatever the file is called now.
   *
   * @returns null when that file is gone, or nothing had been read of it: {@link next} leads on
   */
  async resume(position: LogPosition): Promise<Stretch | null> {
    this.#after = { firstMs: position.firstMs, seenMs: position.atMs }
    // Of a file that was empty then nothing was read: all that was written since is looked for.
    if (position.head === null) return null
    const isSame = ({ head }: LogSegment): boolean => headHash(head) === position.head
    const live = await this.#live()
    if (live && isSame(live) && ((await live.sizeBytes()) ?? Infinity) >= position.offset) {
      return { segment: live, offset: position.offset, isComplete: false }
    }
    await live?.close()
    const renamed = await findRenamed(this.#file, position.identity, isSame)
    // A writer may still be at it: it is complete once the new file has been there for a while.
    return renamed && { segment: renamed, offset: position.offset, isComplete: false }
  }

  /** The file to read after the last; null while there is none. */
  async next(): Promise<Stretch | null> {
    for (let path = this.#backlog.shift(); path !== undefined; path = this.#backlog.shift()) {
      const rotated = path
      // It may have been packed since it was found.
      const segment = await openSegment(rotated).catch(() => openSegment(`${rotated}.gz`).catch(() => null))
      if (segment) return { segment, offset: 0, isComplete: true }
    }
    const live = await this.#live()
    if (live === null) return null
    // Now that we hold the live file, whatever was rotated before it lies beside it.
    const except = new Set([...this.#done, live.identity])
    this.#backlog = await findSuccessors(this.#file, { ...this.#after, except })
    if (this.#backlog.length === 0) return { segment: live, offset: 0, isComplete: false }
    await live.close()
    return this.next()
  }

  /** Says that a file has been read to its end. */
  left({ head, firstMs, identity }: LogSegment): void {
    if (this.#done.size > maxDone) this.#done.clear()
    if (head !== null && firstMs === null) this.#done.add(identity)
    if (firstMs !== null) this.#after = { ...this.#after, firstMs }
  }

  /** The copy that was made of a file before it was truncated. */
  copyOf({ head, identity }: LogSegment): Promise<LogSegment | null> {
    if (head === null) return Promise.resolve(null)
    return findRenamed(this.#file, identity, (other) => other.identity !== identity && !!other.head?.equals(head))
  }

  /** Whether the path leads to this file, to another, or nowhere. */
  async whereIs(segment: LogSegment): Promise<'here' | 'rotated' | 'gone'> {
    try {
      return identityOf(await stat(this.#file, { bigint: true })) === segment.identity ? 'here' : 'rotated'
    } catch (error) {
      if (isMissing(error)) return 'gone'
      throw error
    }
  }

  async #live(): Promise<LogSegment | null> {
    try {
      return await openSegment(this.#file)
    } catch (error) {
      if (isMissing(error)) return null
      throw error
    }
  }
}

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT'
