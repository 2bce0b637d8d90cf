/**
 * Time as an argument. Nothing else in Plimsoll reads the wall clock or sets a timer, so a
 * simulated month runs in seconds and a test never sleeps.
 */

/** Ends a timer; calling it twice, or after the timer has fired, does nothing. */
export type Cancel = () => void

export interface Clock {
  /** Unix time, milliseconds. May step backwards when the machine's clock is set. */
  nowMs(): number
  /** Milliseconds from an arbitrary start that never step backwards: for durations and intervals. */
  monotonicMs(): number
  /** Calls `task` once after `delayMs` milliseconds (0 or more). Never keeps the process alive. */
  after(delayMs: number, task: () => void): Cancel
  /** Calls `task` every `intervalMs` milliseconds (1 or more) until cancelled. Never keeps the process alive. */
  every(intervalMs: number, task: () => void): Cancel
}

/** Node's timers take at most this delay; a longer one would fire at once. */
const maxDelayMs = 2 ** 31 - 1

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, task) {
    let timer: NodeJS.Timeout
    const arm = (leftMs: number): void => {
      timer = setTimeout(() => (leftMs > maxDelayMs ? arm(leftMs - maxDelayMs) : task()), Math.min(leftMs, maxDelayMs))
      timer.unref()
    }
    arm(Math.max(0, delayMs))
    return () => clearTimeout(timer)
  },
  every(intervalMs, task) {
    const timer = setInterval(task, Math.min(intervalMs, maxDelayMs))
    timer.unref()
    return () => clearInterval(timer)
  }
}

/** Promise form of {@link Clock.after}; resolves early when `signal` aborts. */
export const sleep = (clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const done = (): void => {
      cancel()
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const cancel = clock.after(delayMs, done)
    signal?.addEventListener('abort', done)
  })

interface Timer {
  dueMs: number
  everyMs: number | null
  task: () => void
}

/** A clock that moves only when told to: `advance` fires every timer due on the way, in order of time. */
export class ManualClock implements Clock {
  #nowMs: number
  #elapsedMs = 0
  #timers = new Set<Timer>()

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs
  }

  nowMs(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#elapsedMs
  }

  after(delayMs: number, task: () => void): Cancel {
    return this.#add({ dueMs: this.#elapsedMs + Math.max(0, delayMs), everyMs: null, task })
  }

  every(intervalMs: number, task: () => void): Cancel {
    const everyMs = Math.max(1, intervalMs)
    return this.#add({ dueMs: this.#elapsedMs + everyMs, everyMs, task })
  }

  /** Moves both clocks forward by `byMs`, firing what falls due. */
  advance(byMs: number): void {
    const endMs = this.#elapsedMs + byMs
    for (let next = this.#next(endMs); next; next = this.#next(endMs)) {
      this.#moveTo(next.dueMs)
      if (next.everyMs === null) this.#timers.delete(next)
      else next.dueMs += next.everyMs
      next.task()
    }
    this.#moveTo(endMs)
  }

  /** As {@link advance}, letting promises settle after every timer. */
  async advanceAsync(byMs: number, stepMs = byMs): Promise<void> {
    for (let leftMs = byMs; leftMs > 0; leftMs -= stepMs) {
      this.advance(Math.min(stepMs, leftMs))
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
  }

  /** Sets the wall clock as an operator or NTP would, without firing timers. */
  setWallClock(nowMs: number): void {
    this.#nowMs = nowMs
  }

  #add(timer: Timer): Cancel {
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  #next(endMs: number): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.dueMs <= endMs && (next === undefined || timer.dueMs < next.dueMs)) next = timer
    }
    return next
  }

  #moveTo(elapsedMs: number): void {
    this.#nowMs += elapsedMs - this.#elapsedMs
    this.#elapsedMs = elapsedMs
  }
}
