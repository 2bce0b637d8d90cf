import { PostgresDialect, type PostgresPool } from 'kysely'
import pg from 'pg'
import type { Settings } from '../settings.ts'
import { socketOf } from './line.ts'

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

/** How much of a PostgreSQL server Plimsoll takes. */
export interface PostgresLimits {
  /** Connections of this instance at most; one more listens and holds the lease. */
  readonly connections: number
  /** How long a statement may take before the server ends it, ms. */
  readonly statementTimeoutMs: number
  /** How long making a connection, or waiting for a free one, may take, ms. */
  readonly connectTimeoutMs: number
}

export const defaultLimits: PostgresLimits = {
  connections: 10,
  statementTimeoutMs: 30_000,
  connectTimeoutMs: 5_000
}

export const postgresLimits = (
  settings: Pick<Settings, 'DATABASE_CONNECTIONS' | 'DATABASE_STATEMENT_TIMEOUT_MS' | 'DATABASE_CONNECT_TIMEOUT_MS'>
): PostgresLimits => ({
  connections: settings.DATABASE_CONNECTIONS,
  statementTimeoutMs: settings.DATABASE_STATEMENT_TIMEOUT_MS,
  connectTimeoutMs: settings.DATABASE_CONNECT_TIMEOUT_MS
})

/** What every connection is made with. */
export const connectionConfig = (url: string, limits: PostgresLimits): pg.ClientConfig => ({
  connectionString: url,
  application_name: 'plimsoll',
  connectionTimeoutMillis: limits.connectTimeoutMs,
  keepAlive: true,
  keepAliveInitialDelayMillis: 10_000,
  statement_timeout: limits.statementTimeoutMs,
  types
})

export interface Pool {
  readonly pool: pg.Pool
  /** Ends every connection at once, answered or not: what waits on them fails and is tried again. */
  cut(): void
}

/**
 * A pool of connections to PostgreSQL.
 *
 * @param url - `postgres://user:password@host:port/database`
 * @param onError - told of connections that broke; the pool replaces them
 */
export function openPool(url: string, onError: (error: Error) => void, limits = defaultLimits): Pool {
  const pool = new pg.Pool({
    ...connectionConfig(url, limits),
    max: limits.connections,
    idleTimeoutMillis: 30_000,
    // a transaction whose instance is frozen lets go of what it holds
    idle_in_transaction_session_timeout: limits.statementTimeoutMs
  })
  const clients = new Set<pg.PoolClient>()
  pool.on('error', onError)
  pool.on('connect', (client) => {
    // a connection in use reports its end to its query and once more to itself: unheard, that would end the process
    client.on('error', onError)
    clients.add(client)
  })
  pool.on('remove', (client) => clients.delete(client))
  return {
    pool,
    cut() {
      for (const client of clients) socketOf(client)?.destroy()
    }
  }
}

export const postgresDialect = (pool: PostgresPool): PostgresDialect => new PostgresDialect({ pool })
