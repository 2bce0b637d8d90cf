import { Type, type Static } from 'typebox'
import { Count, DurationMs, Instant, Name, Nullable, NumberColumn, Ratio, Reason, State } from './primitives.ts'

export const RatePerS = Type.Number({ minimum: 0, description: 'per second' })

/** Latency at five shares of the requests, counted from the intended start. Null: nothing was measured. */
export const LatencyMs = Type.Object(
  {
    p50: Nullable(DurationMs),
    p90: Nullable(DurationMs),
    p95: Nullable(DurationMs),
    p99: Nullable(DurationMs),
    max: Nullable(DurationMs)
  },
  { $id: 'LatencyMs' }
)
export type LatencyMs = Static<typeof LatencyMs>

const Interval = Nullable(
  Type.Tuple([DurationMs, Nullable(DurationMs)], { description: '95 % interval; no upper end: too few requests' })
)

/** A machine, so that only runs of like machines are compared. */
export const Machine = Type.Object(
  {
    fingerprint: Type.String({ description: 'equal for machines that may be compared' }),
    cpu: Type.String(),
    cores: Type.Integer({ minimum: 1 }),
    memoryGiB: Type.Number({ minimum: 0 }),
    platform: Type.String({ description: 'operating system and architecture' }),
    node: Type.String()
  },
  { $id: 'Machine' }
)
export type Machine = Static<typeof Machine>

/** What a run is judged by. */
export const PromisedLoad = Type.Object({
  thresholdMs: DurationMs,
  slowRatio: Type.Number({ minimum: 0, maximum: 1, description: 'share of slow or failed requests still promised' }),
  errorRatio: Ratio
})

/** One load test, whoever ran it. */
export const LoadRun = Type.Object(
  {
    id: Type.String({ maxLength: 64 }),
    kind: Type.Union([Type.Literal('paced'), Type.Literal('saturation'), Type.Literal('imported')]),
    tool: Type.Union(
      [
        Type.Literal('plimsoll'),
        Type.Literal('autocannon'),
        Type.Literal('k6'),
        Type.Literal('vegeta'),
        Type.Literal('oha')
      ],
      { description: 'who sent the load' }
    ),
    service: Nullable(Name),
    release: Nullable(Type.String({ maxLength: 256 })),
    target: Type.String({ description: 'URL, without user, password and query' }),
    startedAt: Instant,
    durationMs: DurationMs,
    partial: Type.Boolean({ description: 'ended before its time: never a baseline' }),
    asked: Type.Object({
      ratePerS: Nullable(RatePerS),
      arrivals: Nullable(Type.Union([Type.Literal('constant'), Type.Literal('poisson')])),
      connections: Nullable(Count),
      durationMs: Nullable(DurationMs),
      warmUpMs: DurationMs,
      timeoutMs: Nullable(DurationMs)
    }),
    offeredPerS: Nullable(RatePerS),
    achievedPerS: RatePerS,
    total: Count,
    bad: Type.Integer({ minimum: 0, description: 'failed: 5xx, timeouts, connections that broke' }),
    slow: Nullable(
      Type.Integer({ minimum: 0, description: 'slower than promised, or failed; null: the tool did not say' })
    ),
    latencyMs: LatencyMs,
    intervalsMs: Type.Object({ p50: Interval, p90: Interval, p95: Interval, p99: Interval }),
    statuses: Type.Record(Type.String(), Count, { description: 'replies by status' }),
    failures: Type.Record(Type.String(), Count, { description: 'requests without a reply, by reason' }),
    histogram: Type.Array(Type.Tuple([Type.Integer(), Count]), {
      description: 'lower edge of each bucket in microseconds and its count; buckets are at most 1/64 wide'
    }),
    seconds: Type.Object(
      {
        total: NumberColumn,
        bad: NumberColumn,
        slow: NumberColumn,
        p50Ms: NumberColumn,
        p95Ms: NumberColumn,
        p99Ms: NumberColumn
      },
      { description: 'one value a second, by intended start (paced) or by reply (saturation)' }
    ),
    sender: Nullable(
      Type.Object({
        limited: Type.Boolean({ description: 'the sender could not keep up: nothing is said of the server' }),
        lagP99Ms: Nullable(DurationMs),
        lagMaxMs: Nullable(DurationMs),
        lateRatio: Ratio,
        connectionsOpened: Count,
        connectionsPeak: Count,
        waitedForConnection: Count,
        neverSent: Count,
        unfinished: Count,
        cpuUsPerRequest: Nullable(Type.Number({ minimum: 0 }))
      })
    ),
    promised: PromisedLoad,
    machine: Nullable(Machine),
    version: Type.String({ description: "the tool's version" }),
    commit: Nullable(Type.String({ description: 'git commit of the working directory; -dirty when it was changed' })),
    state: State,
    reasons: Type.Array(Reason)
  },
  { $id: 'LoadRun' }
)
export type LoadRun = Static<typeof LoadRun>

/** One probe of a search, a point of the curve of latency over rate. */
export const LoadLineProbe = Type.Object({
  phase: Type.Union([Type.Literal('bracket'), Type.Literal('refine'), Type.Literal('hold')]),
  ratePerS: RatePerS,
  achievedPerS: RatePerS,
  durationMs: DurationMs,
  total: Count,
  slow: Count,
  failed: Count,
  p50Ms: Nullable(DurationMs),
  p95Ms: Nullable(DurationMs),
  p99Ms: Nullable(DurationMs),
  senderLimited: Type.Boolean()
})

/** The most arrivals per second at which the promise holds, and how that is known. */
export const LoadLine = Type.Object(
  {
    id: Type.String({ maxLength: 64 }),
    service: Nullable(Name),
    release: Nullable(Type.String({ maxLength: 256 })),
    target: Type.String({ description: 'URL, without user, password and query' }),
    measuredAt: Instant,
    partial: Type.Boolean({ description: 'ended before its time: no line is published' }),
    ratePerS: Nullable(
      Type.Number({ minimum: 0, description: 'the published line: the lower bound, held to the end; null: none found' })
    ),
    estimatePerS: Nullable(Type.Number({ minimum: 0, description: 'where the promise most likely breaks' })),
    intervalPerS: Nullable(Type.Tuple([RatePerS, RatePerS], { description: '95 % interval of the estimate' })),
    limitedBy: Nullable(
      Type.Union([Type.Literal('latency'), Type.Literal('errors'), Type.Literal('sender'), Type.Literal('ceiling')])
    ),
    errorFloorRatio: Nullable(Type.Number({ minimum: 0, maximum: 1, description: 'failures at any rate' })),
    loadMs: Type.Number({ minimum: 0, description: 'time under load, holds apart, milliseconds' }),
    probes: Type.Array(LoadLineProbe),
    promised: PromisedLoad,
    machine: Nullable(Machine),
    version: Type.String(),
    commit: Nullable(Type.String()),
    state: State,
    reasons: Type.Array(Reason)
  },
  { $id: 'LoadLine' }
)
export type LoadLine = Static<typeof LoadLine>

/** A run in a list. */
export const LoadRunBrief = Type.Object(
  {
    id: Type.String(),
    service: Name,
    kind: LoadRun.properties.kind,
    tool: LoadRun.properties.tool,
    release: LoadRun.properties.release,
    commit: LoadRun.properties.commit,
    target: LoadRun.properties.target,
    startedAt: Instant,
    durationMs: DurationMs,
    partial: Type.Boolean(),
    achievedPerS: RatePerS,
    total: Count,
    bad: Count,
    p95Ms: Nullable(DurationMs),
    p95IntervalMs: Interval,
    fingerprint: Nullable(Type.String()),
    state: State
  },
  { $id: 'LoadRunBrief' }
)
export type LoadRunBrief = Static<typeof LoadRunBrief>

/** A load line in a list; searches that found none stand there as well. */
export const LoadLineBrief = Type.Object(
  {
    id: Type.String(),
    release: LoadLine.properties.release,
    commit: LoadLine.properties.commit,
    target: LoadLine.properties.target,
    measuredAt: Instant,
    partial: Type.Boolean(),
    ratePerS: LoadLine.properties.ratePerS,
    estimatePerS: LoadLine.properties.estimatePerS,
    intervalPerS: LoadLine.properties.intervalPerS,
    limitedBy: LoadLine.properties.limitedBy,
    fingerprint: Nullable(Type.String()),
    state: State
  },
  { $id: 'LoadLineBrief' }
)
export type LoadLineBrief = Static<typeof LoadLineBrief>
