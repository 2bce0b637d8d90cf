import { emptyCounts } from '../counts.ts'
import type { SliceStore } from '../store.ts'
import { floorTo, hourMs } from '../store/widths.rules.ts'
import { tenSecondsMs, type Recent } from './recent.ts'

/**
 * Fills the last hour of services from the store, one after the other, while commits go on. Until a
 * service is filled, `Recent` takes of it only what the store has been read up to.
 */
export async function restoreRecent(
  store: Pick<SliceStore, 'follow'>,
  recent: Recent,
  services: readonly string[],
  nowMs: number
): Promise<void> {
  const fromMs = floorTo(nowMs - hourMs, tenSecondsMs)
  for (const service of services) recent.setReached(service, fromMs)
  for (const service of services) {
    const range = { service, fromMs, toMs: nowMs + hourMs, widthMs: tenSecondsMs, latency: true } as const
    try {
      await store.follow(
        range,
        (slice) => {
          const counts = emptyCounts()
          slice.addTo(counts)
          recent.restore(slice.stream, slice.startMs, counts)
        },
        (reachedMs) => recent.setReached(service, reachedMs)
      )
    } finally {
      recent.setReached(service, null)
    }
  }
}
