import { sql } from 'kysely'
import type { Batch, CommitOutcome, CommitTransaction, SliceDelta } from '../slice.ts'
import { moveCursor } from './cursors.ts'
import { foldRow, portionsOf } from './fold.ts'
import { rowKey, type OpenRows } from './open-rows.ts'
import type { SliceKey, SliceRow, SliceWriter } from './slice-rows.ts'
import type { KnownStream } from './stream-dictionary.ts'
import type { Retention } from './widths.rules.ts'
import type { Yielder } from './yielder.ts'

/** What a batch has come to inside the transaction. */
export type Result =
  | { readonly outcome: CommitOutcome; readonly rows: readonly SliceRow[]; readonly keys: readonly SliceKey[] }
  | { readonly error: unknown }

export interface GroupOptions {
  readonly streams: ReadonlyMap<string, KnownStream>
  readonly nowMs: number
  readonly retention: Retention
  readonly open: OpenRows
  readonly writer: SliceWriter
  readonly pause: Yielder
}

/** Batches that share one transaction; each sees what those before it wrote. */
export class CommitGroup {
  #options: GroupOptions
  #written = new Map<string, SliceRow>()
  #touched: SliceKey[] = []

  constructor(options: GroupOptions) {
    this.#options = options
  }

  /** Every key that was, or may have been, written. */
  get touched(): readonly SliceKey[] {
    return this.#touched
  }

  /** Writes one batch; when it fails, those before and after it do not. */
  async addApart(transaction: CommitTransaction, batch: Batch, deltas: readonly SliceDelta[]): Promise<Result> {
    await sql`savepoint batch`.execute(transaction)
    try {
      const result = await this.add(transaction, batch, deltas)
      await sql`release savepoint batch`.execute(transaction)
      return result
    } catch (error) {
      await sql`rollback to savepoint batch`.execute(transaction)
      return { error }
    }
  }

  async add(transaction: CommitTransaction, batch: Batch, deltas: readonly SliceDelta[]): Promise<Result> {
    const { streams, nowMs, retention, open, writer, pause } = this.#options
    const portions = portionsOf(deltas, streams, batch.writer, nowMs, retention)
    const keys = [...portions.values()].map((portion) => portion.key)
    const outcome = batch.cursor ? await moveCursor(transaction, batch.cursor, nowMs) : ({ kind: 'committed' } as const)
    if (outcome.kind !== 'committed') {
      if (outcome.kind === 'already_committed') this.#touched.push(...keys)
      return { outcome, rows: [], keys }
    }
    this.#touched.push(...keys)
    const bases = await open.load(transaction, keys, this.#written)
    const rows: SliceRow[] = []
    for (const portion of portions.values()) {
      rows.push(foldRow(portion, bases.get(rowKey(portion.key))))
      await pause()
    }
    await writer.write(transaction, rows, pause)
    await batch.also?.(transaction)
    for (const [at, key] of keys.entries()) this.#written.set(rowKey(key), rows[at]!)
    return { outcome, rows, keys }
  }
}
