import { Histogram } from './histogram.ts'
import type { Counts, SliceDelta, Stream } from './slice.ts'

/** Events of the last 15 minutes are counted per second, older ones per minute. */
export const recentMs = 15 * 60_000

/** How far an event may lie ahead of this machine's clock, milliseconds: clocks of a fleet differ by less. */
export const defaultFutureToleranceMs = 60_000

/** Status 0 is neither good nor bad, and 504 is what proxies say when they waited in vain. */
const gatewayTimeout = 504

export interface AccumulatorOptions {
  /** Latency thresholds in force, milliseconds: each gets an exact counter. */
  readonly thresholdsMs: readonly number[]
  /** Start of the oldest slice that is kept, Unix time in milliseconds; asked at each {@link Accumulator.setTime}. */
  readonly oldestKeptMs?: () => number
  readonly futureToleranceMs?: number
}

/** What became of an event; `late`: counted, though more than 15 minutes old. */
export type Recorded = 'counted' | 'late' | 'from_future' | 'too_old'

/** Where the events of one stream are counted; given out by {@link Accumulator.stream}. */
export class StreamSlots {
  readonly stream: Stream
  readonly open = new Map<number, OpenSlot>()
  last: OpenSlot | null = null

  constructor(stream: Stream) {
    this.stream = stream
  }
}

class OpenSlot {
  readonly startMs: number
  readonly endMs: number
  readonly isMinute: boolean
  readonly slow: number[]
  readonly latency = new Histogram()
  total = 0
  status1xx = 0
  status2xx = 0
  status3xx = 0
  status4xx = 0
  status5xx = 0
  timeouts = 0
  aborted = 0

  constructor(startMs: number, isMinute: boolean, thresholds: number) {
    this.startMs = startMs
    this.endMs = startMs + (isMinute ? 60_000 : 1_000)
    this.isMinute = isMinute
    this.slow = Array.from({ length: thresholds }, () => 0)
  }
}

/**
 * Counts events into slices until they are drained. Belongs to one source and one service; two
 * accumulators never share a slice row, because each source writes as a writer of its own.
 */
export class Accumulator {
  readonly thresholdsMs: readonly number[]
  readonly #thresholdsUs: readonly number[]
  readonly #options: AccumulatorOptions
  #streams = new Map<string, StreamSlots>()
  #touched = new Set<StreamSlots>()
  #futureMs = 0
  #recentMs = 0
  #oldestMs = 0
  #openSlots = 0

  constructor(options: AccumulatorOptions) {
    this.#options = options
    this.thresholdsMs = [...new Set(options.thresholdsMs)].toSorted((a, b) => a - b)
    this.#thresholdsUs = this.thresholdsMs.map((ms) => ms * 1_000)
  }

  /** Slices that the next {@link drain} will give, count: what the memory in use grows with. */
  get openSlots(): number {
    return this.#openSlots
  }

  /** Says what time it is; to be called before each burst of events. */
  setTime(nowMs: number): void {
    this.#futureMs = nowMs + (this.#options.futureToleranceMs ?? defaultFutureToleranceMs)
    this.#recentMs = nowMs - recentMs
    this.#oldestMs = this.#options.oldestKeptMs?.() ?? 0
  }

  stream(stream: Stream): StreamSlots {
    const { service, release, trafficClass, route, scope, origin } = stream
    const key = [service, release, trafficClass, route, scope, origin].join('\n')
    const known = this.#streams.get(key)
    if (known) return known
    const slots = new StreamSlots(stream)
    this.#streams.set(key, slots)
    return slots
  }

  /**
   * Counts one event.
   *
   * @param atMs - when it happened, Unix time in milliseconds
   * @param durationUs - how long it took, integer microseconds rounded up
   * @param status - HTTP status; 0: the client went away; anything outside 100–599 counts as a
   *   server error (RFC 9110 §15)
   * @param timedOut - it failed because nothing came in time; a 504 says so by itself
   * @param count - that many equal events
   */
  record(at: StreamSlots, atMs: number, durationUs: number, status: number, timedOut = false, count = 1): Recorded {
    if (atMs > this.#futureMs) return 'from_future'
    const late = atMs < this.#recentMs
    if (late && atMs < this.#oldestMs) return 'too_old'
    let slot = at.last
    if (slot === null || atMs < slot.startMs || atMs >= slot.endMs || slot.isMinute !== late) {
      slot = this.#slot(at, atMs, late)
    }
    if (status === 0) slot.aborted += count
    else this.#judge(slot, durationUs, status, timedOut, count)
    return late ? 'late' : 'counted'
  }

  /** What was counted since the last call. */
  drain(): SliceDelta[] {
    const deltas: SliceDelta[] = []
    for (const slots of this.#touched) {
      for (const slot of slots.open.values()) {
        const widthMs = slot.isMinute ? 60_000 : 1_000
        deltas.push({ stream: slots.stream, startMs: slot.startMs, widthMs, counts: this.#countsOf(slot) })
      }
      slots.open.clear()
      slots.last = null
    }
    this.#touched.clear()
    this.#openSlots = 0
    return deltas
  }

  #judge(slot: OpenSlot, durationUs: number, status: number, timedOut: boolean, count: number): void {
    slot.total += count
    const failed = status >= 500 || status < 100
    if (failed) {
      slot.status5xx += count
      if (timedOut || status === gatewayTimeout) slot.timeouts += count
    } else if (status < 300) {
      if (status >= 200) slot.status2xx += count
      else slot.status1xx += count
    } else if (status < 400) slot.status3xx += count
    else slot.status4xx += count
    const thresholdsUs = this.#thresholdsUs
    // Fast errors must not improve latency: a failed event is slow whatever it took.
    for (let i = 0; i < thresholdsUs.length; i++) {
      if (failed || durationUs > thresholdsUs[i]!) slot.slow[i]! += count
      else break
    }
    if (count === 1) slot.latency.record(durationUs)
    else slot.latency.recordMany(durationUs, count)
  }

  #slot(at: StreamSlots, atMs: number, isMinute: boolean): OpenSlot {
    const widthMs = isMinute ? 60_000 : 1_000
    const startMs = Math.floor(atMs / widthMs) * widthMs
    const key = isMinute ? -startMs : startMs
    let slot = at.open.get(key)
    if (slot === undefined) {
      slot = new OpenSlot(startMs, isMinute, this.thresholdsMs.length)
      at.open.set(key, slot)
      this.#touched.add(at)
      this.#openSlots++
    }
    at.last = slot
    return slot
  }

  #countsOf(slot: OpenSlot): Counts {
    const { total, status1xx, status2xx, status3xx, status4xx, status5xx, timeouts, aborted, latency } = slot
    const slow = new Map(this.thresholdsMs.map((thresholdMs, i) => [thresholdMs, slot.slow[i]!]))
    return { total, status1xx, status2xx, status3xx, status4xx, status5xx, timeouts, aborted, slow, latency }
  }
}
