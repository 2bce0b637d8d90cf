import { sleep, type Clock } from '../clock.ts'
import type { Nomad } from './client.ts'
import { mayPass } from './errors.ts'
import type { EventBatch, EventTopics } from './event-stream.ts'

/** `connected`: from here on nothing is missed, so read the state now; `lost`: until the next `connected` nothing is told. */
export type Followed =
  | { readonly kind: 'connected' }
  | { readonly kind: 'events'; readonly batch: EventBatch }
  | { readonly kind: 'lost'; readonly error: unknown }

const backoffFromMs = 500
const backoffToMs = 30_000

/**
 * Events for as long as the caller wants: checks the token before each connection, resumes after the
 * last index, waits out what may pass, and starts over when the servers count from lower again.
 * A refusal of the token is told as `lost` too and tried again, since tokens are renewed.
 */
export async function* followEvents(
  nomad: Nomad,
  clock: Clock,
  { topics, signal }: { topics: EventTopics; signal: AbortSignal }
): AsyncGenerator<Followed> {
  let index = 0
  let listIndex = 0
  let backoffMs = backoffFromMs
  while (!signal.aborted) {
    try {
      const now = await nomad.checkToken({ signal })
      if (now < listIndex) index = 0
      listIndex = now
      const batches = nomad.events({ topics, fromIndex: index, signal })
      yield { kind: 'connected' }
      for await (const batch of batches) {
        index = batch.index
        backoffMs = backoffFromMs
        yield { kind: 'events', batch }
      }
    } catch (error) {
      if (signal.aborted) return
      yield { kind: 'lost', error }
      await sleep(clock, mayPass(error) ? backoffMs : backoffToMs, signal)
      backoffMs = Math.min(backoffMs * 2, backoffToMs)
    }
  }
}
