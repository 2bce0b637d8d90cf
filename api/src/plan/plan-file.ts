import { hash } from 'node:crypto'
import { watch, type FSWatcher } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import type { Cancel, Clock } from '../platform/clock.ts'
import { maxTextBytes } from './yaml/decode.rules.ts'

/** What a look at the file has found. */
export type FileContent =
  | { readonly kind: 'text'; readonly bytes: Uint8Array; readonly hash: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unreadable'; readonly text: string }

export async function readPlanFile(path: string): Promise<FileContent> {
  try {
    const { size, isFile } = await statOf(path)
    if (!isFile) return { kind: 'unreadable', text: 'it is not a file' }
    if (size > maxTextBytes)
      return { kind: 'unreadable', text: `it has ${size} bytes, and at most ${maxTextBytes} are read` }
    const bytes = await readFile(path)
    return { kind: 'text', bytes, hash: hashOf(bytes) }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    return code === 'ENOENT' || code === 'ENOTDIR'
      ? { kind: 'missing' }
      : { kind: 'unreadable', text: `it cannot be read (${code})` }
  }
}

export const hashOf = (text: string | Uint8Array): string => hash('sha256', text)

const statOf = async (path: string) => {
  const stats = await stat(path, { bigint: true })
  return {
    size: Number(stats.size),
    isFile: stats.isFile(),
    signature: [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(':')
  }
}

/** How long a file has to stay as it is before it is read: editors write in several steps. */
const settleMs = 250
/** Catches what the file system does not report: network drives, renamed directories, swapped links. */
const pollMs = 2_000

export interface WatchOptions {
  readonly path: string
  readonly clock: Clock
  /** Called when the file has changed and come to rest, never twice at once; again at the next look when it rejects. */
  readonly onChange: () => Promise<void>
  readonly onError: (error: unknown) => void
}

/** Follows one file through every way of saving it: written in place, renamed over, removed and made again. */
export class PlanFileWatch {
  readonly #options: WatchOptions
  readonly #stopPolling: Cancel
  #watcher: FSWatcher | null = null
  #settling: Cancel | null = null
  #known: string | null = null
  #looking: Promise<void> | null = null
  #closed = false

  constructor(options: WatchOptions) {
    this.#options = options
    this.#stopPolling = options.clock.every(pollMs, () => this.#look())
    this.#watch()
  }

  /** Takes the file as it is now for known. */
  async begin(): Promise<void> {
    this.#known = await this.#signature()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#stopPolling()
    this.#settling?.()
    this.#watcher?.close()
    await this.#looking
  }

  /** The directory is watched, not the file: a file that is renamed over takes its watch with it. */
  #watch(): void {
    const name = basename(this.#options.path)
    try {
      this.#watcher = watch(dirname(this.#options.path), { persistent: false }, (_event, changed) => {
        if (changed === null || changed === name) this.#look()
      })
      this.#watcher.on('error', () => {
        this.#watcher?.close() // the directory is gone; the poll goes on
        this.#watcher = null
      })
    } catch {
      this.#watcher = null // no such directory, or no watches left: the poll sees it
    }
  }

  #look(): void {
    if (this.#closed || this.#looking) return
    this.#looking = this.#compare().finally(() => (this.#looking = null))
  }

  async #compare(): Promise<void> {
    const signature = await this.#signature()
    if (signature !== this.#known) this.#settle(signature)
  }

  /** Reads the file once it looks the same twice in a row. */
  #settle(signature: string | null): void {
    if (this.#settling || this.#closed) return
    this.#settling = this.#options.clock.after(settleMs, () => {
      this.#settling = null
      if (this.#closed || this.#looking) return
      this.#looking = this.#take(signature).finally(() => (this.#looking = null))
    })
  }

  async #take(settled: string | null): Promise<void> {
    const signature = await this.#signature()
    if (signature !== settled) return this.#settle(signature)
    try {
      await this.#options.onChange()
      this.#known = signature
    } catch (error) {
      this.#options.onError(error) // still unknown, so the next look tries again
    }
  }

  /** Null: there is no file. */
  #signature(): Promise<string | null> {
    return statOf(this.#options.path).then(
      ({ signature }) => signature,
      () => null
    )
  }
}
