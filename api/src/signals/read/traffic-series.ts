import type { TrafficSeries } from '../../contract/index.ts'
import { emptyCounts } from '../counts.ts'
import type { Histogram } from '../histogram.ts'
import type { SteppedRange } from '../range.rules.ts'
import type { Stream } from '../slice.ts'
import type { SliceStore } from '../store.ts'

/** Which streams of a service are shown over which range. */
export interface SeriesSubject extends SteppedRange {
  readonly service: string
  readonly streams: (stream: Stream) => boolean
}

const columns = ['total', 'status1xx', 'status2xx', 'status3xx', 'status4xx', 'status5xx', 'aborted'] as const

const quantileMs = (latency: Histogram, q: number): number | null => {
  const us = latency.quantileUs(q)
  return us === null ? null : us / 1_000
}

/** Requests and latency per step. Steps without requests count 0 and have no percentiles. */
export async function readTraffic(store: Pick<SliceStore, 'eachStep'>, subject: SeriesSubject): Promise<TrafficSeries> {
  const { fromMs, toMs, stepMs } = subject
  const points = (toMs - fromMs) / stepMs
  const zeros = (): number[] => Array.from({ length: points }, () => 0)
  const nulls = (): (number | null)[] => Array.from({ length: points }, () => null)
  const counts = Object.fromEntries(columns.map((column) => [column, zeros()])) as Record<
    (typeof columns)[number],
    number[]
  >
  const latency = { p50Ms: nulls(), p95Ms: nulls(), p99Ms: nulls() }
  const whole = emptyCounts()
  await store.eachStep({ ...subject, latency: true }, (startMs, step) => {
    const at = (startMs - fromMs) / stepMs
    for (const column of columns) counts[column][at] = step[column]
    latency.p50Ms[at] = quantileMs(step.latency, 0.5)
    latency.p95Ms[at] = quantileMs(step.latency, 0.95)
    latency.p99Ms[at] = quantileMs(step.latency, 0.99)
    whole.total += step.total
    whole.status5xx += step.status5xx
    whole.aborted += step.aborted
    whole.latency.merge(step.latency)
  })
  const { maxUs } = whole.latency
  return {
    fromAt: new Date(fromMs).toISOString(),
    toAt: new Date(toMs).toISOString(),
    stepMs,
    ...counts,
    ...latency,
    whole: {
      total: whole.total,
      status5xx: whole.status5xx,
      aborted: whole.aborted,
      p50Ms: quantileMs(whole.latency, 0.5),
      p95Ms: quantileMs(whole.latency, 0.95),
      p99Ms: quantileMs(whole.latency, 0.99),
      maxMs: maxUs === null ? null : maxUs / 1_000
    }
  }
}
