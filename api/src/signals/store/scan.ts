import type { Kysely } from 'kysely'
import type { Tables } from '../../platform/database/tables.ts'
import type { Counts, Stream } from '../slice.ts'
import { addRow, countColumns, slowerThan, type CountsRow } from './slice-rows.ts'
import { toKnown } from './stream-dictionary.ts'
import { ceilTo, floorTo, hourMs, type SliceWidthMs } from './widths.rules.ts'

/** Which slices of a service to read. */
export interface SliceRange {
  readonly service: string
  /** Start of the first slice, Unix ms. */
  readonly fromMs: number
  /** End of the last slice, Unix ms. */
  readonly toMs: number
  readonly widthMs: SliceWidthMs
  /** Streams to read; absent: all of the service. */
  readonly streams?: (stream: Stream) => boolean
  /** Whether histograms are read too; they are most of the bytes. Default false. */
  readonly latency?: boolean
}

/** One writer's counts of one stream in one interval. */
export class StoredSlice {
  readonly stream: Stream
  readonly startMs: number
  readonly row: CountsRow

  constructor(stream: Stream, startMs: number, row: CountsRow) {
    this.stream = stream
    this.startMs = startMs
    this.row = row
  }

  get total(): number {
    return this.row.total
  }

  get status5xx(): number {
    return this.row.status_5xx
  }

  /** Events slower than a threshold; null when that threshold was not in force then. */
  slowerThan(thresholdMs: number): number | null {
    return slowerThan(this.row, thresholdMs)
  }

  addTo(counts: Counts): void {
    addRow(counts, this.row)
  }
}

export interface ScanOptions {
  readonly visit: (slice: StoredSlice) => void
  /** Called after each piece: all slices that start before `reachedMs` have been visited. */
  readonly onReached?: (reachedMs: number) => void
  /** Runs the reading and visiting of one piece; lets a follower keep commits out meanwhile, and say where to read. */
  readonly around?: (piece: (db: Kysely<Tables>) => Promise<void>) => Promise<void>
}

/** Rows read before other work gets its turn: about 5 ms with histograms. */
const rowsPerPiece = 1_000

const streamsPerQuery = 1_000

/**
 * Visits slices in pieces of time, in rising order of pieces; the order within a piece is open.
 * Between pieces the event loop turns, so a month of a busy service holds nobody up.
 */
export async function scan(db: Kysely<Tables>, range: SliceRange, options: ScanOptions): Promise<void> {
  const { widthMs } = range
  const endMs = floorTo(range.toMs, widthMs)
  let slots = 1
  for (let atMs = ceilTo(range.fromMs, widthMs); atMs < endMs;) {
    const untilMs = Math.min(endMs, atMs + slots * widthMs)
    let rows = 0
    const piece = async (from: Kysely<Tables>): Promise<void> => {
      rows = await visitPiece(from, { ...range, fromMs: atMs, toMs: untilMs }, options.visit)
      options.onReached?.(untilMs)
    }
    await (options.around ? options.around(piece) : piece(db))
    slots = nextSlots(slots, rows)
    atMs = untilMs
    if (atMs < endMs) await turn()
  }
}

/** As many slots as would have held a full piece, growing at most fourfold: the next hours may be busier. */
const nextSlots = (slots: number, rows: number): number =>
  Math.max(1, Math.min(slots * 4, Math.floor((slots * rowsPerPiece) / Math.max(1, rows))))

/** Lets the event loop turn once. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const visitPiece = async (
  db: Kysely<Tables>,
  range: SliceRange,
  visit: (slice: StoredSlice) => void
): Promise<number> => {
  const streams = await streamsIn(db, range) // anew for every piece: one may have appeared since the last
  const ids = [...streams.keys()]
  let count = 0
  for (let at = 0; at < ids.length; at += streamsPerQuery) {
    if (at > 0) await turn()
    const rows = await db
      .selectFrom('slices')
      .select(['stream_id', 'start_ms', ...countColumns])
      .$if(range.latency === true, (query) => query.select('latency'))
      .where('width_ms', '=', range.widthMs)
      .where('stream_id', 'in', ids.slice(at, at + streamsPerQuery))
      .where('start_ms', '>=', range.fromMs)
      .where('start_ms', '<', range.toMs)
      .execute()
    for (const row of rows) visit(new StoredSlice(streams.get(row.stream_id)!, row.start_ms, row))
    count += rows.length
  }
  return count
}

/** The streams of a service that have counts in a range, by number. */
async function streamsIn(
  db: Kysely<Tables>,
  { service, fromMs, toMs, streams }: Pick<SliceRange, 'service' | 'fromMs' | 'toMs' | 'streams'>
): Promise<Map<number, Stream>> {
  const rows = await db
    .selectFrom('streams')
    .selectAll()
    .where('service', '=', service)
    .where('last_ms', '>', fromMs - hourMs)
    .where('first_ms', '<', toMs)
    .execute()
  const known = rows.map(toKnown).filter(({ stream }) => streams?.(stream) ?? true)
  return new Map(known.map(({ id, stream }) => [id, stream]))
}
