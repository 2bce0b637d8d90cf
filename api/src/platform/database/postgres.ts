import { PostgresDialect } from 'kysely'
import pg from 'pg'

/** Object ids of PostgreSQL's types whose text form we read differently from `pg`. */
const int8 = 20
const numeric = 1700
const bytea = 17

/** Sums of 64-bit counts come as `numeric`: read as numbers, like SQLite's. Beyond 2^53 a count would be inexact: an error. */
const readNumber = (text: string): number => {
  const value = Number(text)
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) throw new RangeError(`${text} is beyond 2^53`)
  return value
}

const readBytes = (text: string): Uint8Array => {
  const bytes = pg.types.getTypeParser(bytea)(text) as unknown as Buffer
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

const types = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (format !== 'binary') {
      if (oid === int8 || oid === numeric) return readNumber
      if (oid === bytea) return readBytes
    }
    return pg.types.getTypeParser(oid, format)
  }
}

/**
 * A pool of connections to PostgreSQL.
 *
 * @param url - `postgres://user:password@host:port/database`
 * @param onError - told of connections that broke; the pool replaces them
 */
export function openPool(url: string, onError: (error: Error) => void): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'plimsoll',
    max: 10,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    statement_timeout: 30_000,
    idle_in_transaction_session_timeout: 30_000,
    types
  })
  pool.on('error', onError)
  // a connection in use reports its end to its query and once more to itself: unheard, that would end the process
  pool.on('connect', (client) => client.on('error', onError))
  return pool
}

export const postgresDialect = (pool: pg.Pool): PostgresDialect => new PostgresDialect({ pool })
