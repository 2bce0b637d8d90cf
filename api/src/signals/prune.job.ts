import type { FastifyBaseLogger } from 'fastify'
import type { Clock } from '../platform/clock.ts'
import { messageOf } from '../platform/errors.ts'
import type { Leadership } from '../platform/lease.ts'
import type { SliceStore } from './store.ts'

export interface PruneJobOptions {
  readonly store: Pick<SliceStore, 'prune'>
  readonly lease: Pick<Leadership, 'isLeader'>
  readonly clock: Clock
  readonly log: Pick<FastifyBaseLogger, 'debug' | 'warn'>
}

/** Often, so that little is deleted at a time. */
const everyMs = 10 * 60_000

/** Deletes counts that are past their retention, every ten minutes, for all instances. */
export function pruneJob({ store, lease, clock, log }: PruneJobOptions): { close(): Promise<void> } {
  let running: Promise<void> | null = null
  const stop = clock.every(everyMs, () => {
    if (!lease.isLeader) return
    running ??= store
      .prune()
      .then((pruned) => log.debug(pruned, 'old counts deleted'))
      .catch((error: unknown) => log.warn({ reason: messageOf(error) }, 'old counts wait for the store'))
      .finally(() => (running = null))
  })
  return {
    async close() {
      stop()
      await running
    }
  }
}
