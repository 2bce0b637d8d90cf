import { watch, type FSWatcher } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { Cancel, Clock } from '../../platform/clock.ts'

/** Many writes make one hint. */
const delayMs = 50

/**
 * Has the file system tell when a file may have changed. Hints only: some file systems give none,
 * and a folder that is not there yet gives none either, so whoever relies on them must poll as well.
 */
export class FileHints {
  readonly #file: string
  readonly #clock: Clock
  readonly #onHint: () => void
  #watcher: FSWatcher | null = null
  #pending: Cancel | null = null

  constructor(file: string, clock: Clock, onHint: () => void) {
    this.#file = file
    this.#clock = clock
    this.#onHint = onHint
  }

  /** Begins to listen, if it does not and can; to be repeated. */
  listen(): void {
    if (this.#watcher) return
    try {
      this.#watcher = watch(dirname(this.#file), { persistent: false }, (_event, name) => {
        if (name === null || name === basename(this.#file)) this.#hint()
      })
      this.#watcher.on('error', () => this.close())
    } catch {
      this.#watcher = null // no folder, or no more watches to be had
    }
  }

  close(): void {
    this.#pending?.()
    this.#pending = null
    this.#watcher?.close()
    this.#watcher = null
  }

  #hint(): void {
    this.#pending ??= this.#clock.after(delayMs, () => {
      this.#pending = null
      this.#onHint()
    })
  }
}
