import type { Kysely, Selectable } from 'kysely'
import type { StreamsTable, Tables } from '../../platform/database/tables.ts'
import type { CommitTransaction, Stream, TrafficClass } from '../slice.ts'
import { floorTo, hourMs } from './widths.rules.ts'

/** A stream as the store knows it. */
export interface KnownStream {
  readonly id: number
  readonly stream: Stream
  /** Starts of the first and of the last hour it has counts in, Unix ms. */
  readonly firstMs: number
  readonly lastMs: number
}

/** Streams that one statement looks up or adds; keeps the number of parameters far below either database's limit. */
const streamsPerStatement = 100

/** More are looked up again when needed; each takes about 300 bytes. */
const maxKnown = 50_000

/** The numbers of streams, so that a row of `slices` names its stream in eight bytes. Rows are added on first sight. */
export class StreamDictionary {
  #db: Kysely<Tables>
  #known = new Map<string, KnownStream>()

  constructor(db: Kysely<Tables>) {
    this.#db = db
  }

  /**
   * Finds these streams, adding those that are new. A row stays when the counts that wanted it are
   * then refused: a name without counts is harmless, and is pruned.
   *
   * @returns by {@link streamKey}
   */
  async learn(
    events: Iterable<{ readonly stream: Stream; readonly startMs: number }>
  ): Promise<Map<string, KnownStream>> {
    const found = new Map<string, KnownStream>()
    const missing = new Map<string, { stream: Stream; startMs: number }>()
    for (const event of events) {
      const key = streamKey(event.stream)
      const known = this.#known.get(key)
      if (known) found.set(key, known)
      else if (!missing.has(key)) missing.set(key, event)
    }
    // Sorted, so that two instances that add the same streams take their locks in one order.
    const wanted = [...missing].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, event]) => event)
    for (let at = 0; at < wanted.length; at += streamsPerStatement) {
      for (const known of await this.#add(wanted.slice(at, at + streamsPerStatement))) {
        found.set(streamKey(known.stream), known)
        this.#keep(known)
      }
    }
    return found
  }

  /** Takes note of counts outside the hours a stream was known to have; call it after their commit. */
  widen(reached: Iterable<Reach>): void {
    for (const { known, firstMs, lastMs } of reached) {
      this.#keep({ ...known, firstMs: Math.min(known.firstMs, firstMs), lastMs: Math.max(known.lastMs, lastMs) })
    }
  }

  /** Drops all that is remembered, e.g. because a stream was pruned by another instance. */
  forget(): void {
    this.#known.clear()
  }

  async #add(wanted: { stream: Stream; startMs: number }[]): Promise<KnownStream[]> {
    const names = wanted.map(({ stream }) => toNames(stream))
    const rows = wanted.map(({ startMs }, at) => {
      const hour = floorTo(startMs, hourMs)
      return { ...names[at]!, first_ms: hour, last_ms: hour }
    })
    await this.#db
      .insertInto('streams')
      .values(rows)
      .onConflict((conflict) => conflict.doNothing())
      .execute()
    const found = await this.#db
      .selectFrom('streams')
      .selectAll()
      .where((eb) => eb.or(names.map((name) => eb.and(name))))
      .execute()
    return found.map(toKnown)
  }

  #keep(known: KnownStream): void {
    const key = streamKey(known.stream)
    this.#known.delete(key) // set again below, so that the map is in order of use
    const oldest = this.#known.keys().next().value
    if (this.#known.size >= maxKnown && oldest !== undefined) this.#known.delete(oldest)
    this.#known.set(key, known)
  }
}

/** Hours of counts of a stream that lie outside those the store knew of. */
export interface Reach {
  readonly known: KnownStream
  readonly firstMs: number
  readonly lastMs: number
}

/** Stores how far streams reach now; false when one of them is gone. */
export async function storeReach(transaction: CommitTransaction, reached: Iterable<Reach>): Promise<boolean> {
  for (const { known, firstMs, lastMs } of reached) {
    const { numUpdatedRows } = await transaction
      .updateTable('streams')
      .set((eb) => ({
        first_ms: eb.case().when('first_ms', '>', firstMs).then(firstMs).else(eb.ref('first_ms')).end(),
        last_ms: eb.case().when('last_ms', '<', lastMs).then(lastMs).else(eb.ref('last_ms')).end()
      }))
      .where('id', '=', known.id)
      .executeTakeFirst()
    if (numUpdatedRows === 0n) return false
  }
  return true
}

/** One string per stream. */
export const streamKey = ({ service, release, trafficClass, route, scope, origin }: Stream): string =>
  `${service}\0${trafficClass}\0${origin}\0${release}\0${route}\0${scope}`

const toNames = (stream: Stream) => ({
  service: stream.service,
  release: stream.release,
  traffic_class: stream.trafficClass as string,
  route: stream.route,
  scope: stream.scope,
  origin: stream.origin as string
})

export const toKnown = (row: Selectable<StreamsTable>): KnownStream => ({
  id: row.id,
  stream: {
    service: row.service,
    release: row.release,
    trafficClass: row.traffic_class as TrafficClass,
    route: row.route,
    scope: row.scope,
    origin: row.origin as Stream['origin']
  },
  firstMs: row.first_ms,
  lastMs: row.last_ms
})
