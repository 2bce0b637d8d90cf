import { sleep, type Clock } from '../clock.ts'
import { mayPass } from './errors.ts'
import type { NomadHttp } from './http.ts'
import { nextIndex } from './index.rules.ts'

export interface Seen<T> {
  readonly value: T
  readonly index: number
}

export interface WatchedQuery<Wire, T> {
  readonly path: string
  readonly read: (wire: Wire) => T
  readonly signal: AbortSignal
}

/** How long Nomad may hold a question without news; it adds up to a sixteenth. */
const waitMs = 30_000

/** What bounds the rate when answers come at once. */
const pauseMs = 100

const backoffFromMs = 250
const backoffToMs = 10_000

/**
 * Asks, and asks again whenever Nomad says that something changed (blocking queries). Failures that
 * may pass (no leader, no connection) are waited out; others end it.
 */
export async function* watchQuery<Wire, T>(
  http: NomadHttp,
  clock: Clock,
  { path, read, signal }: WatchedQuery<Wire, T>
): AsyncGenerator<Seen<T>> {
  let index = 0
  let backoffMs = backoffFromMs
  while (!signal.aborted) {
    try {
      const answer = await http.ask<Wire>(path, {
        query: index > 0 ? { index, wait: `${waitMs}ms` } : {},
        timeoutMs: index > 0 ? waitMs + waitMs / 16 + 10_000 : 10_000,
        signal
      })
      const news = index === 0 || answer.index !== index
      index = nextIndex(index, answer.index)
      backoffMs = backoffFromMs
      if (news) yield { value: read(answer.body), index: answer.index }
      await sleep(clock, pauseMs, signal)
    } catch (error) {
      if (signal.aborted) return
      if (!mayPass(error)) throw error
      await sleep(clock, backoffMs, signal)
      backoffMs = Math.min(backoffMs * 2, backoffToMs)
    }
  }
}
