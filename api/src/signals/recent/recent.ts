import type { Clock } from '../../platform/clock.ts'
import { Histogram } from '../histogram.ts'
import type { Counts, SliceDelta, Stream } from '../slice.ts'
import { floorTo } from '../store/widths.rules.ts'
import { LatencyRing } from './latency-ring.ts'
import { noSums, SlotRing, type SlotSums } from './slot-ring.ts'

const secondMs = 1_000
export const tenSecondsMs = 10_000

/** Seconds are kept for 15 minutes, 10-second slots for an hour, their latencies for 15 minutes. */
const seconds = 900
const tens = 360
const latencies = 90

/** Counts of one service, release, class and origin; routes are not told apart here. */
interface Lane {
  readonly stream: Pick<Stream, 'release' | 'trafficClass' | 'origin'>
  readonly seconds: SlotRing
  readonly tens: SlotRing
  readonly latency: LatencyRing
  lastMs: number
}

/** Which lanes of a service to look at; absent: all. */
export type LaneFilter = (stream: Pick<Stream, 'release' | 'trafficClass' | 'origin'>) => boolean

export interface RecentOptions {
  readonly clock: Clock
  /** The promised latency of a service, ms: what counts as slow here; null when there is none. */
  readonly thresholdOf: (service: string) => number | null
}

/** The last hour in memory, so that pages, live views and canaries ask no database. Fed by what was committed. */
export class Recent {
  #options: RecentOptions
  #services = new Map<string, Map<string, Lane>>()
  /** Services that are being filled from the store, and up to when; see `restoreRecent`. */
  #reached = new Map<string, number>()

  constructor(options: RecentOptions) {
    this.#options = options
  }

  /** Adds committed counts; what is older than an hour is ignored. */
  add(deltas: readonly SliceDelta[]): void {
    for (const { stream, startMs, widthMs, counts } of deltas) {
      const lane = this.#laneOf(stream, startMs)
      if (!lane) continue
      const sums = this.#sumsOf(stream.service, counts)
      if (widthMs === secondMs) lane.seconds.add(startMs, sums)
      if (startMs >= (this.#reached.get(stream.service) ?? Infinity)) continue // the store will tell
      const slotMs = floorTo(startMs, tenSecondsMs)
      lane.tens.add(slotMs, sums)
      if (counts.total > 0) lane.latency.add(slotMs, counts.latency)
    }
  }

  /** Forgets everything, to be filled anew. */
  clear(): void {
    this.#services.clear()
  }

  /** Up to when the past of a service was read from the store; null: all of it was. */
  setReached(service: string, reachedMs: number | null): void {
    if (reachedMs === null) this.#reached.delete(service)
    else this.#reached.set(service, reachedMs)
  }

  /** Adds a stored slice of 10 seconds, to go on after a restart where the last process ended. */
  restore(stream: Stream, startMs: number, counts: Counts): void {
    const lane = this.#laneOf(stream, startMs)
    if (!lane) return
    lane.tens.add(startMs, this.#sumsOf(stream.service, counts))
    if (counts.total > 0) lane.latency.add(startMs, counts.latency)
  }

  /** Sums of [fromMs, toMs); `widthMs` is 1,000 (kept 15 minutes) or 10,000 (kept an hour). */
  sums(
    service: string,
    filter: LaneFilter,
    fromMs: number,
    toMs: number,
    widthMs: 1_000 | 10_000 = tenSecondsMs
  ): SlotSums {
    const sums = noSums()
    for (const lane of this.#lanes(service, filter)) {
      const ring = widthMs === secondMs ? lane.seconds : lane.tens
      ring.addTo(sums, fromMs, toMs)
    }
    return sums
  }

  /** Latencies of the 10-second slots that begin in [fromMs, toMs); kept 15 minutes. */
  latency(service: string, filter: LaneFilter, fromMs: number, toMs: number): Histogram {
    const sum = new Histogram()
    for (const lane of this.#lanes(service, filter)) lane.latency.addTo(sum, fromMs, toMs)
    return sum
  }

  /** Services with events in the last hour. */
  services(): string[] {
    return [...this.#services.keys()]
  }

  /** Forgets lanes that have been silent for an hour; call it now and then. */
  sweep(): void {
    const oldestMs = this.#options.clock.nowMs() - tens * tenSecondsMs
    for (const [service, lanes] of this.#services) {
      for (const [key, lane] of lanes) if (lane.lastMs < oldestMs) lanes.delete(key)
      if (lanes.size === 0) this.#services.delete(service)
    }
  }

  #lanes(service: string, filter: LaneFilter): Lane[] {
    return [...(this.#services.get(service)?.values() ?? [])].filter(({ stream }) => filter(stream))
  }

  #laneOf(stream: Stream, startMs: number): Lane | null {
    if (startMs < this.#options.clock.nowMs() - tens * tenSecondsMs) return null
    let lanes = this.#services.get(stream.service)
    if (!lanes) this.#services.set(stream.service, (lanes = new Map()))
    const key = `${stream.trafficClass}\0${stream.origin}\0${stream.release}`
    let lane = lanes.get(key)
    if (!lane) lanes.set(key, (lane = newLane(stream)))
    lane.lastMs = Math.max(lane.lastMs, startMs)
    return lane
  }

  #sumsOf(service: string, { total, status5xx, aborted, slow }: Counts): SlotSums {
    const thresholdMs = this.#options.thresholdOf(service)
    return { total, status5xx, aborted, slow: thresholdMs === null ? 0 : (slow.get(thresholdMs) ?? 0) }
  }
}

const newLane = ({ release, trafficClass, origin }: Stream): Lane => ({
  stream: { release, trafficClass, origin },
  seconds: new SlotRing(secondMs, seconds),
  tens: new SlotRing(tenSecondsMs, tens),
  latency: new LatencyRing(tenSecondsMs, latencies),
  lastMs: -Infinity
})
