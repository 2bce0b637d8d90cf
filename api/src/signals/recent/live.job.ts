import type { LiveSlices } from '../../contract/index.ts'
import type { Cancel, Clock } from '../../platform/clock.ts'
import type { LiveHub } from '../../platform/live.ts'
import type { SliceDelta } from '../slice.ts'
import type { Recent } from './recent.ts'
import { laneOf, liveOf, type TrafficSubject } from './traffic.ts'

export interface LiveJobOptions {
  readonly clock: Clock
  readonly live: Pick<LiveHub, 'publish'>
  readonly recent: Recent
  /** Null: a service that is not told of. */
  readonly subjectOf: (service: string) => TrafficSubject | null
}

const publishMs = 1_000

/** Numbers fall to nothing when requests stop: they are told this often, without seconds. */
const quietMs = 5_000

/** A source that catches up tells of many seconds at once; those are history, not live. */
const maxSeconds = 120

type Second = LiveSlices['services'][string]['seconds'][number]

/** Tells the live stream once a second what was counted since the last time. */
export class LiveJob {
  #options: LiveJobOptions
  #pending = new Map<string, Map<number, Second>>()
  #spokeMs = -Infinity
  #stop: Cancel

  constructor(options: LiveJobOptions) {
    this.#options = options
    this.#stop = options.clock.every(publishMs, () => this.publish())
  }

  /** Takes note of committed counts. */
  add(deltas: readonly SliceDelta[]): void {
    for (const { stream, startMs, widthMs, counts } of deltas) {
      const subject = this.#options.subjectOf(stream.service)
      if (!subject || widthMs !== 1_000 || !laneOf(subject)(stream)) continue
      let seconds = this.#pending.get(stream.service)
      if (!seconds) this.#pending.set(stream.service, (seconds = new Map()))
      const [, total, status5xx, slow] = seconds.get(startMs) ?? [startMs, 0, 0, 0]
      const slower = subject.promisedMs === null ? 0 : (counts.slow.get(subject.promisedMs) ?? 0)
      seconds.set(startMs, [startMs, total + counts.total, status5xx + counts.status5xx, slow + slower])
    }
  }

  publish(): void {
    const { clock, live, recent, subjectOf } = this.#options
    const nowMs = clock.monotonicMs()
    const isQuiet = this.#pending.size === 0
    if (isQuiet && nowMs - this.#spokeMs < quietMs) return
    this.#spokeMs = nowMs
    const services: LiveSlices['services'] = {}
    let atMs = 0
    for (const service of isQuiet ? recent.services() : this.#pending.keys()) {
      const subject = subjectOf(service)
      if (!subject) continue
      const seconds = [...(this.#pending.get(service)?.values() ?? [])].toSorted(([a], [b]) => a - b).slice(-maxSeconds)
      atMs = Math.max(atMs, seconds.at(-1)?.[0] ?? 0)
      services[service] = liveOf(recent, subject, seconds, clock.nowMs())
    }
    this.#pending.clear()
    if (Object.keys(services).length === 0) return
    live.publish('slices', { atMs: atMs || Math.floor(clock.nowMs() / 1_000) * 1_000 - 1_000, services })
  }

  close(): void {
    this.#stop()
  }
}
