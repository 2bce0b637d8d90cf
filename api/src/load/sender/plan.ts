/** What the sender process is told, and what it tells: plain data that crosses a process boundary. */

/** One kind of request of a mix. */
export interface PlannedRequest {
  readonly method: string
  /** Path and query. */
  readonly path: string
  /** Share among all, relative to the other weights, above 0. */
  readonly weight: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
}

export interface PlannedTarget {
  /** Scheme, host and port. */
  readonly origin: string
  /** The address all connections go to; it was looked up once, and checked. */
  readonly address: string
  readonly verifyTls: boolean
}

interface SendPlan {
  readonly target: PlannedTarget
  readonly requests: readonly PlannedRequest[]
  readonly durationMs: number
  /** Load before the counted duration, milliseconds. */
  readonly warmUpMs: number
  /** No reply by then, counted from the intended start: the request has failed. */
  readonly timeoutMs: number
  /** Slower than this is slow. */
  readonly thresholdMs: number
  /** Most connections at a time. */
  readonly connections: number
}

/** Open loop: requests leave when they are due, whatever the answers do. */
export interface PacedPlan extends SendPlan {
  readonly kind: 'paced'
  readonly ratePerS: number
  readonly arrivals: 'constant' | 'poisson'
  /** How far a constant arrival may be moved, as a share of the gap between two, ratio in [0, 1]. */
  readonly jitterRatio: number
  readonly seed: number
}

/** Closed loop: every connection sends again as soon as it has its answer. */
export interface SaturationPlan extends SendPlan {
  readonly kind: 'saturation'
  readonly pipelining: number
}

export type Plan = PacedPlan | SaturationPlan

/** Counts of one second; sent when nothing of it is outstanding. */
export interface SecondCounts {
  /** Second of the counted duration, from 0. */
  readonly second: number
  readonly total: number
  readonly slow: number
  readonly statuses: Readonly<Record<string, number>>
  /** Requests without a reply, by reason. */
  readonly failures: Readonly<Record<string, number>>
  /** Encoded histogram. */
  readonly latency: Uint8Array
  readonly maxUs: number
}

/** Where a run stands. */
export interface Progress {
  /** Time since the counted duration began, milliseconds; negative during the warm-up. */
  readonly elapsedMs: number
  readonly sent: number
  readonly settled: number
  readonly bad: number
  readonly slow: number
  readonly outstanding: number
  /** Of the requests settled since the last message; null: none was. */
  readonly p95Ms: number | null
}

/** What only the sender knows. */
export interface SenderFacts {
  /** Length of the counted part, milliseconds. */
  readonly countedMs: number
  /** Requests that were due in it, and that went out; count. */
  readonly due: number
  readonly sent: number
  readonly lagP99Ms: number | null
  readonly lagMaxMs: number | null
  /** Share of the requests that left later than {@link lateMs} after they were due. */
  readonly lateRatio: number
  readonly connectionsOpened: number
  readonly connectionsPeak: number
  readonly waitedForConnection: number
  /** Gave up waiting for a connection: they count as timeouts. */
  readonly neverSent: number
  /** Still outstanding when the run was stopped, and not yet slow: they are not counted. */
  readonly unfinished: number
  readonly cpuUsPerRequest: number | null
  readonly stopped: boolean
}

/** A request that leaves this much after it was due makes the sender late, milliseconds. */
export const lateMs = 20

export type ToSender = { readonly kind: 'run'; readonly plan: Plan } | { readonly kind: 'stop' }

export type FromSender =
  | { readonly kind: 'ready' }
  | ({ readonly kind: 'second' } & SecondCounts)
  | ({ readonly kind: 'progress' } & Progress)
  | { readonly kind: 'done'; readonly facts: SenderFacts }
  | { readonly kind: 'crashed' }
