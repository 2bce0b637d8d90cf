import { Histogram } from './histogram.ts'
import type { Counts } from './slice.ts'

/** No events at all. */
export const emptyCounts = (): Counts => ({
  total: 0,
  status1xx: 0,
  status2xx: 0,
  status3xx: 0,
  status4xx: 0,
  status5xx: 0,
  timeouts: 0,
  aborted: 0,
  slow: new Map(),
  latency: new Histogram()
})

/** Adds the events of `from` to `into`. */
export function addCounts(into: Counts, from: Counts): void {
  into.total += from.total
  into.status1xx += from.status1xx
  into.status2xx += from.status2xx
  into.status3xx += from.status3xx
  into.status4xx += from.status4xx
  into.status5xx += from.status5xx
  into.timeouts += from.timeouts
  into.aborted += from.aborted
  for (const [thresholdMs, slower] of from.slow) into.slow.set(thresholdMs, (into.slow.get(thresholdMs) ?? 0) + slower)
  into.latency.merge(from.latency)
}
