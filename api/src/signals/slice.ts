import type { Histogram } from './histogram.ts'

/** Whose traffic an event is: load tests and probes never count as users'. */
export type TrafficClass = 'user' | 'synthetic' | 'load'

export const trafficClasses: readonly TrafficClass[] = ['user', 'synthetic', 'load']

/**
 * What slices are counted by. Two events of one stream differ in time, status and latency only.
 */
export interface Stream {
  readonly service: string
  /** From the `X-Release` response header; empty when none was given. */
  readonly release: string
  readonly trafficClass: TrafficClass
  /** Route group shown to people, e.g. `/api/items/*`; `other` past the cardinality cap. */
  readonly route: string
  /**
   * The objective path patterns of the plan that this request matched, sorted and joined by a
   * space (empty when none did). Objectives with a path select streams by it, so their counts are
   * exact whatever the route groups are.
   */
  readonly scope: string
  /** The names of the plan's signals differ in trust and meaning: `requests` are counted one by one, `probes` are ours. */
  readonly origin: 'requests' | 'probes'
}

/**
 * Counts of one stream in one interval. Counts, never ratios: they add over time, instances and
 * streams.
 */
export interface Counts {
  /** Events judged: every status but 0. Events, count. */
  total: number
  status1xx: number
  status2xx: number
  status3xx: number
  status4xx: number
  /** Failed events: 5xx, timeouts and connection errors. */
  status5xx: number
  /** Part of `status5xx` that ended in a timeout. */
  timeouts: number
  /** Status 0: the client went away. Neither good nor bad; not part of `total`. */
  aborted: number
  /**
   * Per latency threshold in force (milliseconds): events slower than it, failed ones included
   * whatever they took. Exact; a threshold that was not in force then is absent.
   */
  slow: Map<number, number>
  /** Latency of the events in `total`, microseconds. */
  latency: Histogram
}

/** What a source has counted since its last commit: to be added to what the store holds. */
export interface SliceDelta {
  readonly stream: Stream
  /** Start of the interval, Unix time in milliseconds, a multiple of `widthMs`. */
  readonly startMs: number
  /** 1,000 for events of the last minutes (kept in memory for the live view), 60,000 for older ones. */
  readonly widthMs: 1_000 | 60_000
  readonly counts: Counts
}

/** Where a source has read to, committed together with the slices that came of it. */
export interface Cursor {
  /** Stable name of the source, e.g. `caddyLog:shop-api:0`. */
  readonly source: string
  /** What the store must hold now (null: nothing yet); anything else means another writer has moved on. */
  readonly expected: string | null
  /** New position, JSON. */
  readonly position: string
}

/** One transaction of a source: all of it happens, or none. */
export interface Batch {
  /** Who counts: one writer per source and instance, so that no two ever touch one row. */
  readonly writer: string
  readonly deltas: readonly SliceDelta[]
  readonly cursor?: Cursor
  /** Further work for the same transaction, e.g. an idempotency key or the ranges an import has read. */
  readonly also?: (transaction: CommitTransaction) => Promise<void>
}

/** The part of a Kysely transaction that sources may use. */
export type CommitTransaction = import('kysely').Transaction<import('../platform/database/tables.ts').Tables>

export type CommitOutcome =
  | { readonly kind: 'committed' }
  /** The cursor had already moved to this very position: a retry of a commit that had succeeded. */
  | { readonly kind: 'already_committed' }
  /** The cursor stands elsewhere: another process reads this source. Nothing was written. */
  | { readonly kind: 'superseded'; readonly position: string | null }
