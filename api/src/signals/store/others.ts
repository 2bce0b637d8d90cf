import type { Kysely, Transaction } from 'kysely'
import type { Cancel, Clock } from '../../platform/clock.ts'
import { JournalReader, JournalWriter } from '../../platform/database/journal.ts'
import type { Tables } from '../../platform/database/tables.ts'
import type { Notices } from '../../platform/notices.ts'
import type { CommitTransaction, SliceDelta } from '../slice.ts'
import { decodeDeltas, encodeDeltas } from './wire.ts'

const kind = 'slices'

/** What was told while nothing could be heard is looked for this often, ms. */
const lookMs = 5_000

export interface OthersOptions {
  readonly db: Kysely<Tables>
  readonly clock: Clock
  readonly notices: Pick<Notices, 'on'>
  /** This process; see `Lease.holder`. */
  readonly holder: string
  /** How long what was told can be read, ms. */
  readonly readableMs?: number
}

export interface OthersListeners {
  readonly onDeltas: (deltas: readonly SliceDelta[]) => void
  /** So long was nothing heard that counts may be missing. */
  readonly onReset: () => void
}

/**
 * The counts of other instances on the same database. Each commit leaves a copy in the journal, which
 * the others read in the order of that instance's commits: those that judge and those that show have
 * every count exactly once, whoever stored it.
 */
export class OtherInstances {
  readonly #options: OthersOptions
  readonly #writer: JournalWriter
  readonly #reader: JournalReader
  #listeners: OthersListeners = { onDeltas: () => {}, onReset: () => {} }

  constructor(options: OthersOptions) {
    this.#options = options
    this.#writer = new JournalWriter(kind, options.holder)
    this.#reader = new JournalReader(kind, options.holder, options.readableMs)
  }

  listen(listeners: OthersListeners): void {
    this.#listeners = listeners
  }

  /** Lets others know, when the transaction commits, what it has counted. */
  tell(transaction: CommitTransaction, deltas: readonly SliceDelta[]): Promise<void> {
    return this.#writer.append(transaction, encodeDeltas(deltas))
  }

  /**
   * Reads, and says to listeners, what was told since the last time.
   *
   * @param db - a transaction that sees one moment: what is read in it afterwards holds exactly what was told
   */
  async hear(db: Kysely<Tables> | Transaction<Tables> = this.#options.db): Promise<void> {
    const { bodies, isWhole } = await this.#reader.read(db)
    if (!isWhole) this.#listeners.onReset()
    for (const body of bodies) this.#listeners.onDeltas(decodeDeltas(body))
  }

  /** Runs a reading of the store in one moment of it, after what was told up to then has been heard. */
  inOneMoment<T>(task: (transaction: Transaction<Tables>) => Promise<T>): Promise<T> {
    return this.#options.db
      .transaction()
      .setIsolationLevel('repeatable read')
      .setAccessMode('read only')
      .execute(async (transaction) => {
        await this.hear(transaction)
        return task(transaction)
      })
  }

  /** Calls `look` whenever there is, or may be, something to hear. */
  watch(look: () => void): Cancel {
    const { notices, clock } = this.#options
    const stops = [notices.on(kind, look), clock.every(lookMs, look)]
    return () => stops.forEach((stop) => stop())
  }
}
