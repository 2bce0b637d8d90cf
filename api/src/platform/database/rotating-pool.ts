import { once } from 'node:events'
import type { PostgresPool, PostgresPoolClient } from 'kysely'
import { openPool, type Pool, type PostgresLimits } from './postgres.ts'

/**
 * A pool whose login can change while it works: Kysely and all above it see one pool. A connection in
 * use stays until its transaction has ended; the next one is made with the new login.
 */
export class RotatingPool implements PostgresPool {
  readonly #onError: (error: Error) => void
  readonly #limits: PostgresLimits
  #current: Pool
  /** Replaced pools that still have connections in use. */
  readonly #draining = new Set<Pool>()
  #url: string

  constructor(url: string, onError: (error: Error) => void, limits: PostgresLimits) {
    this.#url = url
    this.#onError = onError
    this.#limits = limits
    this.#current = openPool(url, onError, limits)
  }

  /** The address new connections are made with. */
  get url(): string {
    return this.#url
  }

  /** For Kysely, which makes a connection of its own to cancel a statement. */
  get Client() {
    return (this.#current.pool as unknown as PostgresPool).Client!
  }

  get options() {
    return this.#current.pool.options
  }

  async connect(): Promise<PostgresPoolClient> {
    try {
      return await this.#current.pool.connect()
    } catch (error) {
      // Kysely tells of statements alone; that no connection was free says nothing of the server
      if (error instanceof Error && !/timeout exceeded/.test(error.message)) this.#onError(error)
      throw error
    }
  }

  /**
   * Uses another login from now on, once it was seen to work.
   *
   * @throws what the database says of it; then nothing has changed
   */
  async rotate(url: string): Promise<void> {
    if (url === this.#url) return
    const next = openPool(url, this.#onError, this.#limits)
    try {
      const client = await next.pool.connect()
      client.release()
    } catch (error) {
      await next.pool.end().catch(() => {})
      throw error
    }
    const before = this.#current
    this.#current = next
    this.#url = url
    this.#draining.add(before)
    // nobody needs to wait for its last transaction
    void drain(before)
      .catch(this.#onError)
      .finally(() => this.#draining.delete(before))
  }

  /** Ends every connection at once, answered or not. */
  cut(): void {
    for (const pool of [this.#current, ...this.#draining]) pool.cut()
  }

  async end(): Promise<void> {
    if (!this.#current.pool.ended) await this.#current.pool.end()
  }
}

/** Ends a pool when nobody waits for one of its connections any more: its own `end` would leave them waiting. */
const drain = async ({ pool }: Pool): Promise<void> => {
  while (pool.waitingCount > 0) await once(pool, 'release')
  await pool.end()
}
