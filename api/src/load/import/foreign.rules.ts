import type { LoadRun } from '../../contract/load.ts'
import type { Promised } from '../line/hold.rules.ts'
import { measure, type RunIdentity } from '../run/result.rules.ts'
import { Tally } from '../sender/tally.ts'

/** What another tool's file says of a run; what it does not say is null. */
export interface ForeignRun {
  readonly tool: Exclude<LoadRun['tool'], 'plimsoll'>
  /** Every request, when the file holds them: the run is then judged like our own. */
  readonly samples: readonly ForeignSample[] | null
  /** What a summary says instead. */
  readonly summary: ForeignSummary | null
}

export interface ForeignSample {
  /** Unix time, milliseconds. */
  readonly atMs: number
  readonly latencyMs: number
  /** 0: no reply. */
  readonly status: number
  readonly timedOut: boolean
}

export interface ForeignSummary {
  readonly startedAtMs: number | null
  readonly durationMs: number
  readonly total: number
  readonly bad: number
  readonly latencyMs: LoadRun['latencyMs']
  readonly statuses: Readonly<Record<string, number>>
  readonly failures: Readonly<Record<string, number>>
}

interface Given {
  readonly promised: Promised
  readonly identity: RunIdentity
  /** When the file was read, Unix time in milliseconds: the start of a run whose file names none. */
  readonly readAtMs: number
}

/** Another tool's run in our shape. A summary alone bounds no percentile, so it never passes. */
export const importRun = ({ tool, samples, summary }: ForeignRun, given: Given): LoadRun =>
  samples ? fromSamples(tool, samples, given) : fromSummary(tool, summary ?? emptySummary, given)

const emptySummary: ForeignSummary = {
  startedAtMs: null,
  durationMs: 0,
  total: 0,
  bad: 0,
  latencyMs: { p50: null, p90: null, p95: null, p99: null, max: null },
  statuses: {},
  failures: {}
}

const unasked: LoadRun['asked'] = {
  ratePerS: null,
  arrivals: null,
  connections: null,
  durationMs: null,
  warmUpMs: 0,
  timeoutMs: null
}

const noIntervals: LoadRun['intervalsMs'] = { p50: null, p90: null, p95: null, p99: null }
const noSeconds: LoadRun['seconds'] = { total: [], bad: [], slow: [], p50Ms: [], p95Ms: [], p99Ms: [] }

const fromSamples = (
  tool: ForeignRun['tool'],
  samples: readonly ForeignSample[],
  { promised, identity, readAtMs }: Given
): LoadRun => {
  const startedAtMs = samples.reduce((first, { atMs }) => Math.min(first, atMs), Infinity)
  const tally = new Tally(promised.thresholdMs)
  let seconds = 0
  for (const { atMs, latencyMs, status, timedOut } of samples) {
    const second = Math.floor((atMs - startedAtMs) / 1_000)
    seconds = Math.max(seconds, second + 1)
    tally.begin(second)
    if (status === 0) tally.failed(second, timedOut ? 'timeout' : 'other')
    else tally.answered(second, status, Math.round(latencyMs * 1_000))
  }
  const durationMs = seconds * 1_000
  return {
    ...identity,
    ...measure([...tally.takeFinal(Infinity)], promised, { durationMs, partial: false, senderLimited: false }),
    kind: 'imported',
    tool,
    startedAt: new Date(samples.length === 0 ? readAtMs : startedAtMs).toISOString(),
    asked: unasked,
    offeredPerS: null,
    achievedPerS: seconds === 0 ? 0 : samples.length / seconds,
    sender: null
  }
}

const fromSummary = (
  tool: ForeignRun['tool'],
  summary: ForeignSummary,
  { promised, identity, readAtMs }: Given
): LoadRun => {
  const { durationMs, total, bad, latencyMs } = summary
  const judged = judgeSummary(summary, promised)
  return {
    ...identity,
    kind: 'imported',
    tool,
    startedAt: new Date(summary.startedAtMs ?? readAtMs).toISOString(),
    durationMs,
    partial: false,
    asked: unasked,
    offeredPerS: null,
    achievedPerS: durationMs === 0 ? 0 : (total / durationMs) * 1_000,
    total,
    bad,
    slow: null,
    latencyMs,
    intervalsMs: noIntervals,
    statuses: { ...summary.statuses },
    failures: { ...summary.failures },
    histogram: [],
    seconds: noSeconds,
    sender: null,
    promised: { ...promised },
    state: judged.state,
    reasons: [judged.reason]
  }
}

/**
 * A summary shows that a promise is broken, never that it held: it says neither how its requests
 * clustered nor which of them counted.
 */
const judgeSummary = (
  { total, bad, latencyMs: { p95 } }: ForeignSummary,
  { thresholdMs, errorRatio }: Promised
): { state: LoadRun['state']; reason: LoadRun['reasons'][number] } => {
  if (total === 0) {
    return { state: 'could_not_measure', reason: { code: 'no_samples', text: 'the file holds no request' } }
  }
  if (bad > 10 && bad / total > 2 * errorRatio) {
    const text = `${bad} of ${total} requests failed`
    return { state: 'fail', reason: { code: 'errors', text, limit: errorRatio, value: bad / total, samples: total } }
  }
  if (p95 !== null && p95 > thresholdMs) {
    const text = `p95 ${p95} ms, ${thresholdMs} ms are promised`
    return {
      state: 'fail',
      reason: { code: 'latency', text, limit: thresholdMs, value: p95, unit: 'ms', samples: total }
    }
  }
  const missing = p95 === null ? 'the file has no p95' : 'a summary has no interval'
  return {
    state: 'not_enough_evidence',
    reason: {
      code: 'summary_only',
      text: `${missing}: nothing broken is seen, and nothing is shown to hold`,
      samples: total,
      next: 'import the tool’s samples (k6 --out json, vegeta encode), or run plimsoll load run'
    }
  }
}
