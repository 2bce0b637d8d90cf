import pg from 'pg'
import type { Cancel, Clock } from '../clock.ts'
import { messageOf } from '../errors.ts'

export interface LineOptions {
  /** Asked for every new connection: a rotated password is used by the next. */
  readonly config: () => pg.ClientConfig
  /** The server is silent: connections of the pool may hang on the same network, unheard. */
  readonly onSilence: () => void
}

export interface LineListeners {
  readonly clock: Clock
  /** Somebody told something; the text is `kind holder`. */
  readonly onNotice: (text: string) => void
  /** The line stands, for the first time or again: what was told meanwhile was not heard. */
  readonly onConnected: () => void
  readonly onError: (reason: string) => void
}

/** The one channel of Plimsoll's instances in a database. */
export const channel = 'plimsoll'

const reconnectMs = 500

/**
 * A connection to PostgreSQL beside the pool, for what must not wait behind other work: the lease,
 * and hearing what other instances tell (LISTEN). It is made anew whenever it breaks.
 */
export class Line {
  readonly #options: LineOptions
  #listeners: LineListeners | null = null
  #client: Promise<pg.Client> | null = null
  #cancelRetry: Cancel = () => {}
  #closed = false
  readonly #replaced = new WeakSet<pg.Client>()

  constructor(options: LineOptions) {
    this.#options = options
  }

  /** Connects and stays connected until closed. */
  open(listeners: LineListeners): void {
    this.#listeners = listeners
    void this.#connected().catch(() => {}) // it has been told, and is tried again
  }

  /**
   * Runs a statement. One that takes longer than `timeoutMs` fails, and the connection with it:
   * nobody can know whether it ran.
   */
  async query<Row extends pg.QueryResultRow>(
    text: string,
    values: readonly unknown[],
    timeoutMs: number
  ): Promise<Row[]> {
    const clock = this.#listeners?.clock
    if (!clock) throw new Error('the line is not open')
    let expire = (): void => {}
    let client: pg.Client | null = null
    const expired = new Promise<never>((_, reject) => {
      expire = clock.after(timeoutMs, () => {
        if (client) this.#cut(client)
        this.#options.onSilence()
        reject(new Error(`the database server was silent for ${timeoutMs} ms`))
      })
    })
    const answer = this.#connected().then((connected) => {
      client = connected
      return connected.query<Row>(text, [...values])
    })
    answer.catch(() => {}) // when it comes after its time
    try {
      return (await Promise.race([answer, expired])).rows
    } finally {
      expire()
    }
  }

  /** Connects anew, with the login of now. The connection before ends when the new one stands and all it was asked is answered. */
  async renew(): Promise<void> {
    const before = await this.#client?.catch(() => null)
    if (!before) return // the next one is made so anyway
    this.#replaced.add(before)
    this.#client = null
    await this.#connected().catch(() => {}) // it has been told, and is tried again
    void before
      .query('select 1') // answered after all that waits before it
      .catch(() => {})
      .then(() => before.end())
      .catch(() => {})
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#cancelRetry()
    const client = await this.#client?.catch(() => null)
    await client?.end().catch(() => {})
  }

  #connected(): Promise<pg.Client> {
    if (this.#closed) return Promise.reject(new Error('the line is closed'))
    this.#client ??= this.#connect().catch((error: unknown) => {
      this.#lost(messageOf(error))
      throw error
    })
    return this.#client
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client(this.#options.config())
    client.on('notification', ({ payload }) => this.#listeners?.onNotice(payload ?? ''))
    let isUp = false
    client.on('error', () => {}) // its end is what counts
    client.on('end', () => {
      if (isUp && !this.#replaced.has(client)) this.#lost('the connection ended')
    })
    try {
      await client.connect()
      await client.query(`listen ${channel}`)
    } catch (error) {
      this.#cut(client)
      throw error
    }
    isUp = true
    queueMicrotask(() => this.#listeners?.onConnected())
    return client
  }

  #lost(reason: string): void {
    this.#client = null
    if (this.#closed || !this.#listeners) return
    const { clock, onError } = this.#listeners
    onError(reason)
    this.#cancelRetry()
    this.#cancelRetry = clock.after(reconnectMs, () => void this.#connected().catch(() => {}))
  }

  /** Ends a connection whose other side may not answer. */
  #cut(client: pg.Client): void {
    void client.end().catch(() => {})
    socketOf(client)?.destroy()
  }
}

/** The socket below a client; `pg` ends it only after the server has answered. */
export const socketOf = (client: pg.ClientBase): { destroy(): void } | undefined =>
  (client as unknown as { connection?: { stream?: { destroy(): void } } }).connection?.stream
