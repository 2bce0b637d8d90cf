import { Histogram } from '../../signals/histogram.ts'
import { maxLatencyUs } from '../../signals/histogram.rules.ts'
import type { SecondCounts } from './plan.ts'

/** Why a request got no reply. */
export type FailureKind =
  'timeout' | 'refused' | 'reset' | 'dns' | 'tls' | 'protocol' | 'too_large' | 'sender' | 'other'

interface Second {
  /** Requests counted in it that are not settled. */
  outstanding: number
  total: number
  slow: number
  statuses: Map<number, number>
  failures: Map<FailureKind, number>
  latency: Histogram
  maxUs: number
}

/** Counts requests by the second they belong to, and hands a second out once nothing of it is outstanding. */
export class Tally {
  readonly #thresholdUs: number
  readonly #seconds = new Map<number, Second>()
  #settled = 0
  #bad = 0
  #slow = 0
  #recent = new Histogram()

  constructor(thresholdMs: number) {
    this.#thresholdUs = thresholdMs * 1_000
  }

  get totals(): { readonly settled: number; readonly bad: number; readonly slow: number } {
    return { settled: this.#settled, bad: this.#bad, slow: this.#slow }
  }

  /** A request of this second is on its way. */
  begin(second: number): void {
    this.#second(second).outstanding++
  }

  /** It was answered. A 5xx is bad, and slow whatever it took: fast errors must not improve the latency. */
  answered(second: number, status: number, latencyUs: number): void {
    const counts = this.#settle(second)
    counts.statuses.set(status, (counts.statuses.get(status) ?? 0) + 1)
    this.#record(counts, latencyUs, status >= 500)
  }

  /** It got no reply: slower than any limit, whatever it took to fail. */
  failed(second: number, kind: FailureKind): void {
    const counts = this.#settle(second)
    counts.failures.set(kind, (counts.failures.get(kind) ?? 0) + 1)
    this.#record(counts, maxLatencyUs, true)
  }

  /**
   * The run was stopped before it was settled. What has already taken longer than the limit is slow
   * now, and counts with the time it has taken; the rest is not known, and does not count.
   *
   * @returns whether it counted
   */
  cut(second: number, ageUs: number): boolean {
    if (ageUs <= this.#thresholdUs) {
      this.#second(second).outstanding--
      return false
    }
    this.#record(this.#settle(second), ageUs, false)
    return true
  }

  /** p95 of what was settled since the last call, microseconds. */
  takeRecentP95Us(): number | null {
    const p95 = this.#recent.quantileUs(0.95)
    this.#recent = new Histogram()
    return p95
  }

  /** Seconds before `before` of which nothing is outstanding; each is handed out once. */
  *takeFinal(before: number): Generator<SecondCounts> {
    for (const [second, counts] of this.#seconds) {
      if (second >= before || counts.outstanding > 0) continue
      this.#seconds.delete(second)
      if (counts.total === 0) continue
      yield {
        second,
        total: counts.total,
        slow: counts.slow,
        statuses: Object.fromEntries(counts.statuses),
        failures: Object.fromEntries(counts.failures),
        latency: counts.latency.encode(),
        maxUs: counts.maxUs
      }
    }
  }

  #second(second: number): Second {
    let counts = this.#seconds.get(second)
    if (!counts) {
      counts = {
        outstanding: 0,
        total: 0,
        slow: 0,
        statuses: new Map(),
        failures: new Map(),
        latency: new Histogram(),
        maxUs: 0
      }
      this.#seconds.set(second, counts)
    }
    return counts
  }

  #settle(second: number): Second {
    const counts = this.#second(second)
    counts.outstanding--
    return counts
  }

  #record(counts: Second, latencyUs: number, bad: boolean): void {
    counts.total++
    counts.latency.record(latencyUs)
    this.#recent.record(latencyUs)
    if (latencyUs > counts.maxUs) counts.maxUs = latencyUs
    this.#settled++
    if (bad) this.#bad++
    if (bad || latencyUs > this.#thresholdUs) {
      counts.slow++
      this.#slow++
    }
  }
}
