import type { LiveEvents } from '@plimsoll/api/contract'
import { retryDelayMs } from '#lib/retry.ts'
import { clock } from '#lib/time/clock.svelte.ts'
import { eventParser } from './event-stream.ts'
import { Listeners } from './listeners.ts'

type LiveStatus = 'connecting' | 'live' | 'reconnecting'

/** Without a word (a heartbeat is one) for this long the connection counts as lost: three heartbeats. */
const SILENT_MS = 45_000

/**
 * The live stream of the API: one connection for the page, resumed by the last id after a loss.
 * What it says of itself (status, since when, when it tries again) is shown in the page's bar.
 */
export class Live {
  status: LiveStatus = $state('connecting')
  /** When the connection was lost, or first tried; Unix time in ms. */
  sinceMs = $state(clock.nowMs)
  /** When anything came last, a heartbeat included. */
  heardMs: number | null = $state(null)
  /** When the next attempt is made; null while one is under way or none is needed. */
  retryAtMs: number | null = $state(null)

  readonly #listeners = new Listeners<LiveEvents>()
  #lastId = ''
  #attempts = 0
  #closed = false
  #connection: AbortController | null = null
  #wake: (() => void) | null = null

  on<Name extends keyof LiveEvents>(name: Name, listener: (data: LiveEvents[Name]) => void): () => void {
    return this.#listeners.on(name, listener)
  }

  /** Connects, and stays connected until the returned function is called. */
  open(): () => void {
    this.#closed = false
    void this.#stay()
    return () => {
      this.#closed = true
      this.#connection?.abort()
      this.#wake?.()
    }
  }

  /** Tries at once instead of waiting for the next attempt. */
  readonly retryNow = (): void => this.#wake?.()

  async #stay(): Promise<void> {
    while (!this.#closed) {
      this.retryAtMs = null
      try {
        await this.#connect()
      } catch {
        // Whatever the cause, the answer is the same: say so, and try again.
      }
      if (this.#closed) return
      if (this.status === 'live') this.sinceMs = clock.nowMs
      this.status = 'reconnecting'
      await this.#pause(retryDelayMs(++this.#attempts, Math.random()))
    }
  }

  async #connect(): Promise<void> {
    const connection = new AbortController()
    this.#connection = connection
    const silence = watchdog(SILENT_MS, () => connection.abort())
    try {
      const response = await fetch('/api/v1/live', {
        headers: { accept: 'text/event-stream', ...(this.#lastId && { 'last-event-id': this.#lastId }) },
        cache: 'no-store',
        signal: connection.signal
      })
      if (!response.ok || !response.body) return
      this.#heard()
      const parse = eventParser()
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
        silence.feed()
        this.#heard()
        for (const event of parse(piece.value)) {
          if (event.id) this.#lastId = event.id
          this.#listeners.tell(event.type, event.data)
        }
      }
    } finally {
      silence.stop()
      connection.abort()
    }
  }

  #heard(): void {
    this.heardMs = clock.nowMs
    this.#attempts = 0
    this.status = 'live'
  }

  #pause(ms: number): Promise<void> {
    this.retryAtMs = clock.nowMs + ms
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        removeEventListener('online', done)
        document.removeEventListener('visibilitychange', seen)
        this.#wake = null
        resolve()
      }
      // A laptop that wakes up or finds its network again should not sit out the wait.
      const seen = (): void => void (document.visibilityState === 'visible' && done())
      const timer = setTimeout(done, ms)
      addEventListener('online', done)
      document.addEventListener('visibilitychange', seen)
      this.#wake = done
    })
  }
}

const watchdog = (ms: number, bark: () => void) => {
  let timer = setTimeout(bark, ms)
  return {
    feed: (): void => {
      clearTimeout(timer)
      timer = setTimeout(bark, ms)
    },
    stop: (): void => clearTimeout(timer)
  }
}

export const live = new Live()
