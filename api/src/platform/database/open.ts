import { mkdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { Kysely, sql } from 'kysely'
import { codedError, isCodedError, messageOf } from '../errors.ts'
import { explainStoreError } from './faults.ts'
import { Line } from './line.ts'
import { migrate, schemaVersion } from './migrate.ts'
import { connectionConfig, defaultLimits, postgresDialect, type PostgresLimits } from './postgres.ts'
import { RotatingPool } from './rotating-pool.ts'
import { applicationId, NodeSqliteDatabase, NodeSqliteDialect } from './sqlite.ts'
import type { Tables } from './tables.ts'
import { StoreWatch } from './watch.ts'

export type Dialect = 'sqlite' | 'postgres'

/** The store, open and at this program's schema. */
export interface Database {
  readonly db: Kysely<Tables>
  readonly dialect: Dialect
  /** The file of SQLite; null in memory and on PostgreSQL. */
  readonly path: string | null
  readonly schemaVersion: number
  /** What the statements show of the store's health. */
  readonly watch: StoreWatch
  /** A connection of its own for what instances tell each other; null where there is but one instance. */
  readonly line: Line | null
  /**
   * Logs in otherwise from now on; statements under way end as they began. Nothing on SQLite.
   *
   * @param url - the same database with another user or password
   * @throws what the database says of the new login; the one before stays in use
   */
  rotate(url: string): Promise<void>
  /** Size of what is stored, bytes. */
  sizeBytes(): Promise<number>
  close(): Promise<void>
}

export interface OpenOptions {
  /** Unix time for the history of migrations, ms. */
  readonly nowMs?: number
  /** On PostgreSQL. */
  readonly limits?: PostgresLimits
}

export const storeOpenFailed = codedError({
  code: 'PLIMSOLL_STORE_OPEN_FAILED',
  status: 500,
  title: 'The store could not be opened'
})

/**
 * Opens the store, creates it when it is not there, and brings it to this program's schema.
 *
 * @param url - `postgres://…`, `sqlite:PATH`, `sqlite::memory:`, or a path
 * @throws PLIMSOLL_STORE_OPEN_FAILED, PLIMSOLL_SCHEMA_NEWER
 */
export async function openDatabase(url: string, options: OpenOptions = {}): Promise<Database> {
  const { database } = await openAndMigrate(url, options)
  return database
}

/**
 * Brings a store to this program's schema, and leaves it.
 *
 * @returns the version before and after
 * @throws as {@link openDatabase}
 */
export async function migrateStore(url: string, options: OpenOptions = {}): Promise<{ from: number; to: number }> {
  const { database, from, to } = await openAndMigrate(url, options)
  await database.close()
  return { from, to }
}

async function openAndMigrate(
  url: string,
  options: OpenOptions
): Promise<{ database: Database; from: number; to: number }> {
  const database = isPostgres(url) ? openPostgres(url, options.limits) : openSqlite(sqlitePath(url))
  try {
    return { database, ...(await migrate(database.db, database.dialect, options.nowMs ?? 0)) }
  } catch (error) {
    await database.close()
    if (isCodedError(error)) throw error
    throw openError(describeUrl(url), error)
  }
}

export const isPostgres = (url: string): boolean => /^postgres(ql)?:/.test(url)

/** The file that a URL means: `sqlite:PATH`, or the path itself. */
export const sqlitePath = (url: string): string => {
  const path = url.replace(/^sqlite:(\/\/(?=\/))?/, '')
  return path === ':memory:' ? path : resolve(path)
}

/** The URL without its password, for messages. */
export const describeUrl = (url: string): string =>
  isPostgres(url)
    ? url.replace(/\/\/([^/@:]*):[^@]*@/, '//$1:***@').replace(/([?&]password=)[^&]*/, '$1***')
    : sqlitePath(url)

function openSqlite(path: string): Database {
  const inMemory = path === ':memory:'
  let file: NodeSqliteDatabase | undefined
  try {
    if (!inMemory) mkdirSync(dirname(path), { recursive: true })
    file = new NodeSqliteDatabase(path)
    claim(file)
  } catch (error) {
    file?.close()
    throw isCodedError(error) ? error : openError(path, error)
  }
  const { raw } = file
  const watch = new StoreWatch()
  const db = new Kysely<Tables>({ dialect: new NodeSqliteDialect(file), log: watch.log })
  return {
    db,
    dialect: 'sqlite',
    path: inMemory ? null : path,
    schemaVersion,
    watch,
    line: null,
    rotate: async () => {},
    async sizeBytes() {
      if (!inMemory) return fileSize(path) + fileSize(`${path}-wal`)
      const row = raw.prepare('select page_count * page_size as bytes from pragma_page_count, pragma_page_size').get()
      return Number(row?.['bytes'])
    },
    async close() {
      await db.destroy()
      if (raw.isOpen) raw.close() // Kysely closes only what it has used
    }
  }
}

/** Refuses a SQLite file that is another program's, and marks a new one as ours. */
const claim = ({ raw }: NodeSqliteDatabase): void => {
  const id = Number(raw.prepare('pragma application_id').get()?.['application_id'])
  if (id === applicationId) return
  const tables = Number(raw.prepare('select count(*) as n from sqlite_schema').get()?.['n'])
  if (tables > 0) throw new Error("it is an SQLite database, but not Plimsoll's")
  raw.exec(`pragma application_id = ${applicationId}`)
}

function openPostgres(url: string, limits = defaultLimits): Database {
  const watch = new StoreWatch()
  const pool = new RotatingPool(url, (error) => watch.failed(error), limits)
  const line = new Line({ config: () => connectionConfig(pool.url, limits), onSilence: () => pool.cut() })
  const db = new Kysely<Tables>({ dialect: postgresDialect(pool), log: watch.log })
  return {
    db,
    dialect: 'postgres',
    path: null,
    schemaVersion,
    watch,
    line,
    async rotate(next) {
      if (next === pool.url) return
      await pool.rotate(next)
      await line.renew()
    },
    async sizeBytes() {
      const { rows } = await sql<{ bytes: number }>`select pg_database_size(current_database()) as bytes`.execute(db)
      return rows[0]?.bytes ?? 0
    },
    async close() {
      await line.close()
      await db.destroy()
      await pool.end()
    }
  }
}

const fileSize = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0

const openError = (where: string, error: unknown): Error => {
  const { text, hint } = explainStoreError(error) ?? { text: messageOf(error), hint: 'check DATABASE_URL and DATA_DIR' }
  return storeOpenFailed(`${where}: ${text}`, { hint, cause: error })
}
