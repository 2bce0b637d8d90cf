import type { Kysely } from 'kysely'
import type { Cancel, Clock } from '../platform/clock.ts'
import type { Tables } from '../platform/database/tables.ts'
import { leadsAlone, type Leadership } from '../platform/lease.ts'
import type { Batch, CommitOutcome, Counts, SliceDelta } from './slice.ts'
import { Committer, type TransactionReport } from './store/committer.ts'
import { readCursor } from './store/cursors.ts'
import type { OtherInstances } from './store/others.ts'
import { prune, type Pruned } from './store/prune.ts'
import { releasesOf, routesOf, type ReleaseSeen } from './store/seen.ts'
import { scan, type SliceRange, type StoredSlice } from './store/scan.ts'
import { eachStep, sum, type SeriesQuery, type SumQuery } from './store/series.ts'
import { defaultRetention, oldestKeptMs, type Retention, type SliceWidthMs } from './store/widths.rules.ts'

export interface SliceStoreOptions {
  readonly db: Kysely<Tables>
  readonly clock: Clock
  readonly retention?: Retention
  /** Who deletes for all instances; whoever runs alone does. */
  readonly lease?: Pick<Leadership, 'act'>
  /** Instances that share the database; absent where there is but one. */
  readonly others?: OtherInstances
  /** Called after every transaction, for metrics. */
  readonly onTransaction?: (report: TransactionReport) => void
  /** What other instances have stored could not be heard; it is tried again. */
  readonly onHearingError?: (error: unknown) => void
  /** A listener threw; the others were still told. */
  readonly onListenerError?: (error: unknown) => void
}

/** Told of deltas after they are durable. The counts belong to the source: read them, or copy them. */
export type CommitListener = (deltas: readonly SliceDelta[]) => void

/** Where counts are kept. All sources write through it, everything that judges reads from it. */
export interface SliceStore {
  /**
   * Adds what a source has counted, and moves its cursor, in one transaction: all of it or nothing.
   * Resolves when it is durable and listeners have been told.
   *
   * A batch that carries a cursor, or a key that `also` checks, may be repeated as it is for as long
   * as it takes: it is never counted twice. `also` may run again when a transaction is repeated.
   * Batches of one moment share a transaction; one that fails does not harm the others.
   *
   * @throws PLIMSOLL_STORE_UNAVAILABLE with a hint (disk full, locked, connection lost), or what
   *   `also` threw; nothing of the batch counts then
   */
  commit(batch: Batch): Promise<CommitOutcome>

  /** Where a source has read to, as its last commit said; null when it never committed. */
  readCursor(source: string): Promise<string | null>

  /**
   * Told of what this instance has stored, and any other.
   *
   * @returns ends the subscription
   */
  onCommitted(listener: CommitListener): () => void

  /**
   * Told when commits of other instances may have been missed: whoever goes on with
   * {@link SliceStore.onCommitted} reads anew.
   *
   * @returns ends the subscription
   */
  onReset(listener: () => void): () => void

  /**
   * Hears of commits of other instances from now on. Who follows has to have begun before.
   *
   * @returns hears of none any more
   */
  hearOthers(): Cancel

  /** Visits every slice of a range at one width, without blocking the event loop. */
  scan(range: SliceRange, visit: (slice: StoredSlice) => void): Promise<void>

  /**
   * As {@link scan}, for those who go on with {@link onCommitted}: `onReached` says that all slices
   * before a time have been visited, and no commit is told of between the reading of a piece and
   * that call. Whoever ignores told deltas from the time reached on, and adds those before it, has
   * every event exactly once.
   */
  follow(range: SliceRange, visit: (slice: StoredSlice) => void, onReached: (reachedMs: number) => void): Promise<void>

  /** Counts per step, in order of time; steps without counts are left out. See {@link SeriesQuery}. */
  eachStep(query: SeriesQuery, onStep: (startMs: number, counts: Counts) => void): Promise<void>

  /** Counts of a whole range by group. */
  sum(query: SumQuery): Promise<Map<string, Counts>>

  /** Releases of a service whose requests were counted in a range, newest first. */
  releases(service: string, fromMs: number, toMs: number): Promise<ReleaseSeen[]>

  /** Route groups of a service that had requests since a time, in no order. */
  routes(service: string, sinceMs: number): Promise<string[]>

  /** How long each width is kept; events older than the longest are not counted at all. */
  retention: Retention

  /** Start of the oldest slice of a width that is kept now. */
  oldestKeptMs(widthMs: SliceWidthMs): number

  /** Deletes what is past its retention. */
  prune(): Promise<Pruned>

  /** Why commits fail now; null while they succeed. */
  readonly failure: { readonly sinceMs: number; readonly error: unknown } | null

  /** Resolves when every commit that was asked for has ended. */
  settled(): Promise<void>
}

export function createSliceStore(options: SliceStoreOptions): SliceStore {
  const { db, clock } = options
  const { others } = options
  const listeners = new Set<CommitListener>()
  const resetListeners = new Set<() => void>()
  let retention = options.retention ?? defaultRetention
  let failure: SliceStore['failure'] = null

  const committer = new Committer({
    db,
    clock,
    retention: () => retention,
    others,
    onCommitted(batch) {
      if (batch.deltas.length > 0) tell(listeners, batch.deltas, options.onListenerError)
    },
    onTransaction(report) {
      failure = report.error === null ? null : { sinceMs: failure?.sinceMs ?? clock.nowMs(), error: report.error }
      options.onTransaction?.(report)
    }
  })
  others?.listen({
    onDeltas: (deltas) => tell(listeners, deltas, options.onListenerError),
    onReset: () => resetListeners.forEach((listener) => listener())
  })
  let hearing: Promise<void> | null = null
  let hearsAgain = false
  const hear = (): void => {
    hearsAgain = true
    hearing ??= (async () => {
      while (hearsAgain) {
        hearsAgain = false
        await committer.alone(() => others!.hear())
      }
    })()
      .catch(options.onHearingError ?? (() => {}))
      .finally(() => (hearing = null))
  }
  const now = () => ({ nowMs: clock.nowMs(), retention })
  const read = (range: SliceRange, visit: (slice: StoredSlice) => void, onReached?: (reachedMs: number) => void) =>
    scan(db, range, { visit, ...(onReached && { onReached }) })

  return {
    commit: (batch) => (isEmpty(batch) ? Promise.resolve({ kind: 'committed' }) : committer.commit(batch)),
    readCursor: (source) => readCursor(db, source),
    onCommitted(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    onReset(listener) {
      resetListeners.add(listener)
      return () => resetListeners.delete(listener)
    },
    hearOthers: () => others?.watch(hear) ?? (() => {}),
    scan: read,
    follow: (range, visit, onReached) =>
      scan(db, range, {
        visit,
        onReached,
        around: (piece) => committer.alone(() => (others ? others.inOneMoment(piece) : piece(db)))
      }),
    eachStep: (query, onStep) => eachStep(read, query, now(), onStep),
    sum: (query) => sum(read, query, now()),
    releases: (service, fromMs, toMs) => releasesOf(db, service, fromMs, toMs),
    routes: (service, sinceMs) => routesOf(db, service, sinceMs),
    get retention() {
      return retention
    },
    set retention(value) {
      retention = value
    },
    oldestKeptMs: (widthMs) => oldestKeptMs(widthMs, clock.nowMs(), retention),
    prune: () => prune(db, clock.nowMs(), retention, options.lease ?? leadsAlone(db)),
    get failure() {
      return failure
    },
    async settled() {
      await hearing
      await committer.settled()
    }
  }
}

const isEmpty = ({ deltas, cursor, also }: Batch): boolean => deltas.length === 0 && !cursor && !also

const tell = (
  listeners: ReadonlySet<CommitListener>,
  deltas: readonly SliceDelta[],
  onError: SliceStoreOptions['onListenerError']
): void => {
  for (const listener of listeners) {
    try {
      listener(deltas)
    } catch (error) {
      onError?.(error)
    }
  }
}
