import type { LoadRun } from '../../contract/load.ts'
import { bucketLowerUs } from '../../signals/histogram.rules.ts'
import { Histogram } from '../../signals/histogram.ts'
import type { Promised } from '../line/hold.rules.ts'
import type { Plan, SecondCounts } from '../sender/plan.ts'
import type { Sent } from '../sender/sender.ts'
import { judgeRun } from './judge.rules.ts'
import { designEffect, percentileInterval } from './percentile.rules.ts'

/** Where a run was made and of what. */
export type RunIdentity = Pick<LoadRun, 'id' | 'service' | 'release' | 'target' | 'machine' | 'version' | 'commit'>

/** When more than this share of the requests left late, the latencies are the sender's. */
const lateAtMost = 0.02
/** A smaller share of the due requests went out, and not for want of connections. */
const sentAtLeast = 0.98

/** One result from what a sender told, second by second. */
export const resultOf = (plan: Plan, sent: Sent, promised: Promised, identity: RunIdentity): LoadRun => {
  const { facts, seconds, startedAtMs } = sent
  const lastSecond = seconds.reduce((last, { second }) => Math.max(last, second), -1)
  const durationMs = facts?.countedMs ?? (lastSecond + 1) * 1_000
  const partial = facts === null || facts.stopped
  const limited = facts !== null && (isLimited(facts) || seconds.some(({ failures }) => (failures['sender'] ?? 0) > 0))
  const perS = (count: number): number => (durationMs === 0 ? 0 : (count / durationMs) * 1_000)
  const measured = measure(seconds, promised, { durationMs, partial, senderLimited: limited })
  return {
    ...identity,
    ...measured,
    kind: plan.kind,
    tool: plan.kind === 'paced' ? 'plimsoll' : 'autocannon',
    startedAt: new Date(startedAtMs).toISOString(),
    asked: {
      ratePerS: plan.kind === 'paced' ? plan.ratePerS : null,
      arrivals: plan.kind === 'paced' ? plan.arrivals : null,
      connections: plan.connections,
      durationMs: plan.durationMs,
      warmUpMs: plan.warmUpMs,
      timeoutMs: plan.timeoutMs
    },
    offeredPerS: plan.kind === 'saturation' || facts === null ? null : perS(facts.due),
    achievedPerS: perS(facts?.sent ?? measured.total),
    sender: facts && {
      limited,
      lagP99Ms: facts.lagP99Ms,
      lagMaxMs: facts.lagMaxMs,
      lateRatio: facts.lateRatio,
      connectionsOpened: facts.connectionsOpened,
      connectionsPeak: facts.connectionsPeak,
      waitedForConnection: facts.waitedForConnection,
      neverSent: facts.neverSent,
      unfinished: facts.unfinished,
      cpuUsPerRequest: facts.cpuUsPerRequest
    },
    reasons: [...measured.reasons, ...notes(plan, sent)]
  }
}

/** What seconds of requests come to, whoever sent them. */
type Measured = Pick<
  LoadRun,
  | 'durationMs'
  | 'partial'
  | 'total'
  | 'bad'
  | 'slow'
  | 'latencyMs'
  | 'intervalsMs'
  | 'statuses'
  | 'failures'
  | 'histogram'
  | 'seconds'
  | 'promised'
  | 'state'
  | 'reasons'
>

/** Counts, percentiles, the course over time and the verdict of a run. */
export const measure = (
  given: readonly SecondCounts[],
  promised: Promised,
  { durationMs, partial, senderLimited }: { durationMs: number; partial: boolean; senderLimited: boolean }
): Measured => {
  const seconds = given.toSorted((a, b) => a.second - b.second)
  const all = new Histogram()
  for (const { latency } of seconds) all.mergeEncoded(latency)
  const totals = totalsOf(seconds)
  const judged = judgeRun(
    {
      ...totals,
      slowPerSecond: perSecond(seconds, durationMs, ({ slow }) => slow),
      badPerSecond: perSecond(seconds, durationMs, badOf),
      p95Ms: latencyOf(all, maxOf(seconds)).p95,
      partial,
      senderLimited
    },
    promised
  )
  return {
    durationMs,
    partial,
    total: totals.total,
    bad: totals.bad,
    slow: totals.slow,
    latencyMs: latencyOf(all, maxOf(seconds)),
    intervalsMs: intervalsOf(all, seconds),
    statuses: sumOf(seconds.map(({ statuses }) => statuses)),
    failures: sumOf(seconds.map(({ failures }) => failures)),
    histogram: bucketsOf(all),
    seconds: columnsOf(seconds, durationMs),
    promised: { ...promised },
    state: judged.state,
    reasons: [...judged.reasons]
  }
}

/** The sender itself was late: more than a timer is, and not because every connection was busy. */
export const isLimited = ({ lateRatio, sent, due, waitedForConnection }: NonNullable<Sent['facts']>): boolean =>
  lateRatio > lateAtMost || (waitedForConnection === 0 && sent < sentAtLeast * due)

/** What a reader should know beside the verdict. */
const notes = (plan: Plan, { facts }: Sent): LoadRun['reasons'] => {
  if (facts === null) {
    return [{ code: 'sender_died', text: 'the process that sent the load ended early; what it had told is kept' }]
  }
  if (facts.waitedForConnection === 0) return []
  return [
    {
      code: 'connections_exhausted',
      text:
        `${facts.waitedForConnection} of ${facts.due} requests waited for one of ${plan.connections} connections, ` +
        `${facts.neverSent} in vain; their latency counts from when they were due`,
      limit: plan.connections,
      value: facts.waitedForConnection,
      samples: facts.due,
      next: 'allow more connections: rate × 2 s is enough for a server that answers within 2 s'
    }
  ]
}

const failuresOf = ({ failures }: SecondCounts): number => Object.values(failures).reduce((a, b) => a + b, 0)

const statusesFrom = ({ statuses }: SecondCounts, from: number, to: number): number =>
  Object.entries(statuses).reduce(
    (sum, [status, n]) => (Number(status) >= from && Number(status) < to ? sum + n : sum),
    0
  )

/** Failed requests: 5xx, and those without a reply. */
const badOf = (second: SecondCounts): number => failuresOf(second) + statusesFrom(second, 500, 600)

const totalsOf = (seconds: readonly SecondCounts[]) => ({
  total: seconds.reduce((sum, { total }) => sum + total, 0),
  slow: seconds.reduce((sum, { slow }) => sum + slow, 0),
  bad: seconds.reduce((sum, second) => sum + badOf(second), 0),
  redirects: seconds.reduce((sum, second) => sum + statusesFrom(second, 300, 400) - (second.statuses[304] ?? 0), 0),
  clientErrors: seconds.reduce((sum, second) => sum + statusesFrom(second, 400, 500), 0)
})

/** One value a second; a second without requests counts 0. */
export const perSecond = (
  seconds: readonly SecondCounts[],
  countedMs: number,
  value: (second: SecondCounts) => number
): number[] => {
  const values = new Array<number>(Math.ceil(countedMs / 1_000)).fill(0)
  for (const second of seconds) if (second.second < values.length) values[second.second] = value(second)
  return values
}

const maxOf = (seconds: readonly SecondCounts[]): number => seconds.reduce((max, { maxUs }) => Math.max(max, maxUs), 0)

const toMs = (us: number | null): number | null => (us === null ? null : us / 1_000)

const latencyOf = (all: Histogram, maxUs: number): LoadRun['latencyMs'] => {
  // inside the last bucket a percentile may be interpolated beyond what was seen
  const at = (q: number): number | null => {
    const us = all.quantileUs(q)
    return us === null ? null : Math.min(us, maxUs) / 1_000
  }
  return { p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99), max: all.total === 0 ? null : maxUs / 1_000 }
}

const intervalsOf = (all: Histogram, seconds: readonly SecondCounts[]): LoadRun['intervalsMs'] => {
  const each = seconds.map(({ latency }) => Histogram.decode(latency))
  const at = (q: number): [number, number | null] | null => {
    const us = all.quantileUs(q)
    if (us === null) return null
    const interval = percentileInterval(all, q, designEffect(each, us, q))
    return interval && [interval[0] / 1_000, toMs(interval[1])]
  }
  return { p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99) }
}

const bucketsOf = (all: Histogram): LoadRun['histogram'] => {
  const buckets: [number, number][] = []
  all.forEachBucket((index, count) => buckets.push([bucketLowerUs(index), count]))
  return buckets
}

const columnsOf = (seconds: readonly SecondCounts[], countedMs: number): LoadRun['seconds'] => {
  const rows: (SecondCounts | undefined)[] = new Array<undefined>(Math.ceil(countedMs / 1_000)).fill(undefined)
  for (const second of seconds) if (second.second < rows.length) rows[second.second] = second
  const column = (value: (second: SecondCounts) => number | null): (number | null)[] =>
    rows.map((row) => (row === undefined ? null : value(row)))
  const quantile = (q: number) => column(({ latency }) => toMs(Histogram.decode(latency).quantileUs(q)))
  return {
    total: column(({ total }) => total),
    bad: column(badOf),
    slow: column(({ slow }) => slow),
    p50Ms: quantile(0.5),
    p95Ms: quantile(0.95),
    p99Ms: quantile(0.99)
  }
}

const sumOf = (counts: readonly Readonly<Record<string, number>>[]): Record<string, number> => {
  const sum: Record<string, number> = {}
  for (const each of counts) for (const [key, n] of Object.entries(each)) sum[key] = (sum[key] ?? 0) + n
  return sum
}
