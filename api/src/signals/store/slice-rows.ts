import { CompiledQuery, sql, type Kysely, type Selectable } from 'kysely'
import type { SlicesTable, Tables } from '../../platform/database/tables.ts'
import type { CommitTransaction, Counts } from '../slice.ts'
import type { SliceWidthMs } from './widths.rules.ts'
import type { Yielder } from './yielder.ts'

export type SliceRow = Selectable<SlicesTable>

/** Which row: one writer's counts of one stream in one interval. */
export interface SliceKey {
  readonly widthMs: SliceWidthMs
  readonly streamId: number
  readonly startMs: number
  readonly writer: string
}

/** The counting part of a row; `latency` is left out by readers that need no percentiles. */
export type CountsRow = Omit<SliceRow, 'width_ms' | 'stream_id' | 'start_ms' | 'writer' | 'latency'> & {
  readonly latency?: Uint8Array | null
}

export const countColumns = [
  'total',
  'status_1xx',
  'status_2xx',
  'status_3xx',
  'status_4xx',
  'status_5xx',
  'timeouts',
  'aborted',
  'slow'
] as const

const keyColumns = ['width_ms', 'stream_id', 'start_ms', 'writer'] as const
const valueColumns = [...countColumns, 'latency'] as const
const columns = [...keyColumns, ...valueColumns]

export const toRow = (key: SliceKey, counts: Counts): SliceRow => ({
  width_ms: key.widthMs,
  stream_id: key.streamId,
  start_ms: key.startMs,
  writer: key.writer,
  total: counts.total,
  status_1xx: counts.status1xx,
  status_2xx: counts.status2xx,
  status_3xx: counts.status3xx,
  status_4xx: counts.status4xx,
  status_5xx: counts.status5xx,
  timeouts: counts.timeouts,
  aborted: counts.aborted,
  slow: counts.slow.size === 0 ? '{}' : JSON.stringify(Object.fromEntries(counts.slow)),
  latency: counts.total === 0 ? null : counts.latency.encode()
})

/** Adds what a row holds to `counts`. */
export function addRow(counts: Counts, row: CountsRow): void {
  counts.total += row.total
  counts.status1xx += row.status_1xx
  counts.status2xx += row.status_2xx
  counts.status3xx += row.status_3xx
  counts.status4xx += row.status_4xx
  counts.status5xx += row.status_5xx
  counts.timeouts += row.timeouts
  counts.aborted += row.aborted
  if (row.slow !== '{}') {
    for (const [thresholdMs, slower] of Object.entries(JSON.parse(row.slow) as Record<string, number>)) {
      counts.slow.set(Number(thresholdMs), (counts.slow.get(Number(thresholdMs)) ?? 0) + slower)
    }
  }
  if (row.latency) counts.latency.mergeEncoded(row.latency)
}

/** Events of a row that were slower than a threshold; null when that threshold was not in force. */
export const slowerThan = (row: CountsRow, thresholdMs: number): number | null =>
  row.slow === '{}' ? null : ((JSON.parse(row.slow) as Record<string, number>)[thresholdMs] ?? null)

/** Rows a statement writes: few sizes, so that each is prepared once and then only bound. */
const rowsPerStatement = [64, 8, 1] as const

/** Writes rows whole, replacing what stood under their keys. No two rows of one call may share a key. */
export class SliceWriter {
  #statements: { readonly size: number; readonly sql: string }[]

  constructor(db: Kysely<Tables>) {
    this.#statements = rowsPerStatement.map((size) => ({ size, sql: upsertStatement(db, size) }))
  }

  async write(transaction: CommitTransaction, rows: readonly SliceRow[], pause: Yielder): Promise<void> {
    let at = 0
    for (const { size, sql } of this.#statements) {
      for (; at + size <= rows.length; at += size) {
        const values = rows.slice(at, at + size).flatMap((row) => columns.map((column) => row[column]))
        await transaction.executeQuery(CompiledQuery.raw(sql, values))
        await pause()
      }
    }
  }
}

/** Kysely compiles it once for the database at hand; compiling a thousand values anew for every flush costs more than writing them. */
const upsertStatement = (db: Kysely<Tables>, size: number): string => {
  const blank = Object.fromEntries(columns.map((column) => [column, 0])) as unknown as SliceRow
  return db
    .insertInto('slices')
    .columns(columns)
    .values(Array.from({ length: size }, () => blank))
    .onConflict((conflict) =>
      conflict
        .columns(keyColumns)
        .doUpdateSet((eb) => Object.fromEntries(valueColumns.map((column) => [column, eb.ref(`excluded.${column}`)])))
    )
    .compile().sql
}

/** Rows that one statement looks for. */
const keysPerStatement = 100

/** Which of these keys have rows, and what they hold. All keys are of one writer. */
export async function readRows(transaction: CommitTransaction, keys: readonly SliceKey[]): Promise<SliceRow[]> {
  const rows: SliceRow[] = []
  for (let at = 0; at < keys.length; at += keysPerStatement) {
    const wanted = keys.slice(at, at + keysPerStatement)
    const found = await transaction
      .selectFrom('slices')
      .selectAll()
      .where((eb) =>
        eb.or(
          wanted.map((key) =>
            eb.and({ width_ms: key.widthMs, stream_id: key.streamId, start_ms: key.startMs, writer: key.writer })
          )
        )
      )
      .execute()
    rows.push(...found)
  }
  return rows
}

/** The last interval that a writer has a row in, by stream, looking no further back than `fromMs`. */
export async function lastStarts(
  transaction: CommitTransaction,
  writer: string,
  widthMs: SliceWidthMs,
  streamIds: readonly number[],
  fromMs: number
): Promise<Map<number, number>> {
  const rows = await transaction
    .selectFrom('slices')
    .select(['stream_id', sql<number>`max(start_ms)`.as('last_ms')])
    .where('width_ms', '=', widthMs)
    .where('stream_id', 'in', streamIds)
    .where('start_ms', '>=', fromMs)
    .where('writer', '=', writer)
    .groupBy('stream_id')
    .execute()
  return new Map(rows.map((row) => [row.stream_id, row.last_ms]))
}
