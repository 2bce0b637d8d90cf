import type { LiveSlices, Traffic } from '../../contract/index.ts'
import { floorTo, hourMs } from '../store/widths.rules.ts'
import { tenSecondsMs, type LaneFilter, type Recent } from './recent.ts'

const minuteMs = 60_000
const latencyMs = 5 * minuteMs
const sparklineMs = 15 * minuteMs

/** What is shown of a service now. */
export interface TrafficSubject {
  readonly service: string
  /** What its users' experience is read from: their requests, or our probes where nothing else tells. */
  readonly origin: 'requests' | 'probes'
  /** Whether that source tells now: without it there is no rate, not even zero. */
  readonly isMeasured: () => boolean
  readonly promisedMs: number | null
}

/** Users' requests, or the probes that stand in for them. */
export const laneOf = ({ origin }: Pick<TrafficSubject, 'origin'>): LaneFilter =>
  origin === 'requests'
    ? (stream) => stream.origin === 'requests' && stream.trafficClass === 'user'
    : (stream) => stream.origin === 'probes'

/** Rate and errors of the last minute, p95 of the last five. */
function paceNow(
  recent: Recent,
  subject: TrafficSubject,
  nowMs: number
): Pick<Traffic, 'ratePerS' | 'errorRatio' | 'p95Ms'> {
  const lane = laneOf(subject)
  const endMs = floorTo(nowMs, tenSecondsMs) + tenSecondsMs
  const fromMs = endMs - minuteMs
  const { total, status5xx } = recent.sums(subject.service, lane, fromMs, endMs)
  const p95Us = recent.latency(subject.service, lane, endMs - latencyMs, endMs).quantileUs(0.95) // of no events: null
  const countsRequests = subject.origin === 'requests' && (total > 0 || subject.isMeasured())
  return {
    ratePerS: countsRequests ? (total * 1_000) / Math.max(1, nowMs - fromMs) : null,
    errorRatio: total === 0 ? null : status5xx / total,
    p95Ms: p95Us === null ? null : p95Us / 1_000
  }
}

/** What a service is doing now, as the API gives it. */
export function trafficNow(recent: Recent, subject: TrafficSubject, nowMs: number): Traffic {
  const { service, promisedMs } = subject
  const lane = laneOf(subject)
  const endMs = floorTo(nowMs, tenSecondsMs) + tenSecondsMs
  const hour = recent.sums(service, lane, endMs - hourMs, endMs)
  const starts = Array.from({ length: sparklineMs / tenSecondsMs }, (_, i) => endMs - sparklineMs + i * tenSecondsMs)
  const steps = starts.map((startMs) => recent.sums(service, lane, startMs, startMs + tenSecondsMs))
  return {
    ...paceNow(recent, subject, nowMs),
    p95LimitMs: promisedMs,
    lastHour: { total: hour.total, status5xx: hour.status5xx, aborted: hour.aborted },
    recent: {
      fromAt: new Date(endMs - sparklineMs).toISOString(),
      toAt: new Date(endMs).toISOString(),
      stepMs: tenSecondsMs,
      total: steps.map(({ total }) => total),
      status5xx: steps.map(({ status5xx }) => status5xx)
    }
  }
}

/** One service in a live message. */
export const liveOf = (
  recent: Recent,
  subject: TrafficSubject,
  seconds: LiveSlices['services'][string]['seconds'],
  nowMs: number
): LiveSlices['services'][string] => {
  const { ratePerS, errorRatio, p95Ms } = paceNow(recent, subject, nowMs)
  return { seconds, ratePerS: ratePerS ?? 0, errorRatio, p95Ms }
}
