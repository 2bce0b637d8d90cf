import type { Clock } from '../../platform/clock.ts'

/** Longest stretch of work between two turns of the event loop, milliseconds: requests wait no longer than this for us. */
const maxStretchMs = 8

/** Await it between the pieces of a long piece of work; it lets other work in when enough time has passed. */
export type Yielder = () => Promise<void> | undefined

export function yielder(clock: Clock): Yielder {
  let sinceMs = clock.monotonicMs()
  return () => {
    if (clock.monotonicMs() - sinceMs < maxStretchMs) return undefined
    return new Promise((resolve) =>
      setImmediate(() => {
        sinceMs = clock.monotonicMs()
        resolve()
      })
    )
  }
}
