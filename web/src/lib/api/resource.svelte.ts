import { retryDelayMs } from '#lib/retry.ts'
import { clock } from '#lib/time/clock.svelte.ts'
import { faultOf, mayPass, type Fault } from './fault.ts'

type Read<T> = (signal: AbortSignal) => Promise<T>

/**
 * Something read from the API, with the four states a panel shows: loading, data, empty (the panel's
 * own judgement) and failed. What was read stays while it is read again, and when that fails; a failure
 * that may pass (nothing answered, busy) is tried again by itself, less and less often.
 */
export class Resource<T> {
  data: T | null = $state.raw(null)
  fault: Fault | null = $state.raw(null)
  busy = $state(false)
  loadedAtMs: number | null = $state(null)
  /** Readings that failed one after the other. */
  failures = $state(0)
  #read: Read<T> | null = null
  #running: AbortController | null = null
  #retry: ReturnType<typeof setTimeout> | undefined

  /** Reads with `read` from now on; whatever was under way is dropped. */
  async start(read: Read<T>): Promise<void> {
    this.#read = read
    this.stop()
    const running = new AbortController()
    this.#running = running
    this.busy = true
    try {
      const data = await read(running.signal)
      if (running.signal.aborted) return
      this.data = data
      this.fault = null
      this.failures = 0
      this.loadedAtMs = clock.nowMs
    } catch (error) {
      if (running.signal.aborted) return
      this.fault = faultOf(error)
      this.failures++
      if (mayPass(this.fault)) this.#retry = setTimeout(this.reload, retryDelayMs(this.failures, Math.random()))
    }
    this.busy = false
  }

  /** Reads again what was read last; one that is still under way is left to finish. */
  readonly reload = (): void => {
    if (this.#read && !this.busy) void this.start(this.#read)
  }

  /** Reads again even when a reading is under way: its answer would be older than what is known to have changed. */
  readonly renew = (): void => {
    if (this.#read) void this.start(this.#read)
  }

  /** Folds news into what was read, without reading. */
  update(fold: (data: T) => T): void {
    if (this.data !== null) this.data = fold(this.data)
  }

  stop(): void {
    this.#running?.abort()
    clearTimeout(this.#retry)
    this.busy = false
  }
}

/**
 * A resource that is read when the component appears and again when what `prepare` looks at changes.
 * `prepare` returns null while there is nothing to read yet.
 */
export const resource = <T>(prepare: () => Read<T> | null): Resource<T> => {
  const own = new Resource<T>()
  // Reading is an effect of its inputs: an address, a range, a filter.
  $effect(() => {
    const read = prepare()
    if (read) void own.start(read)
    return () => own.stop()
  })
  return own
}
