import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import {
  CompiledQuery,
  SqliteDialect,
  SqliteDriver,
  type DatabaseConnection,
  type SqliteDatabase,
  type SqliteDialectConfig,
  type SqliteStatement,
  type TransactionSettings
} from 'kysely'
import { messageOf } from '../errors.ts'

/** Marks a file as Plimsoll's store: 'PLIM'. */
export const applicationId = 0x50_4c_49_4d

/** How long a write waits for another process's lock; the event loop waits with it, so it is short. */
const busyTimeoutMs = 1_000

const maxStatements = 256

/** `node:sqlite` in the shape Kysely's own dialect asks for. Kysely prepares anew for every query, so statements are kept. */
export class NodeSqliteDatabase implements SqliteDatabase {
  readonly raw: DatabaseSync
  #statements = new Map<string, Statement>()

  constructor(path: string) {
    this.raw = new DatabaseSync(path, { timeout: busyTimeoutMs, enableForeignKeyConstraints: true })
    // WAL: readers and backups do not wait for the writer. FULL: what was acknowledged survives a power cut;
    // beside NORMAL it costs one fsync a commit, and commits come about once a second.
    this.raw.exec(`
      pragma journal_mode = wal;
      pragma synchronous = full;
      pragma journal_size_limit = 67108864;
      pragma cell_size_check = on;
      pragma trusted_schema = off;
      pragma temp_store = memory;
      pragma cache_size = -8192;
    `)
    this.raw.enableDefensive(true)
  }

  prepare(sql: string): Statement {
    const known = this.#statements.get(sql)
    if (known) return known
    const statement = new Statement(this.raw.prepare(sql))
    const oldest = this.#statements.keys().next().value
    if (this.#statements.size >= maxStatements && oldest !== undefined) this.#statements.delete(oldest)
    this.#statements.set(sql, statement)
    return statement
  }

  close(): void {
    this.#statements.clear()
    this.raw.close()
  }
}

class Statement implements SqliteStatement {
  readonly reader: boolean
  #statement: StatementSync

  constructor(statement: StatementSync) {
    this.#statement = statement
    this.reader = statement.columns().length > 0
  }

  all(parameters: readonly unknown[]): unknown[] {
    return this.#statement.all(...parameters.map(bind))
  }

  run(parameters: readonly unknown[]) {
    return this.#statement.run(...parameters.map(bind))
  }

  iterate(parameters: readonly unknown[]): IterableIterator<unknown> {
    return this.#statement.iterate(...parameters.map(bind))
  }
}

/** Whole numbers go in as integers: as doubles, `7 / 2` would be 3.5 here and 3 on PostgreSQL. */
const bind = (value: unknown): SQLInputValue => {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value
  if (typeof value === 'boolean') return value ? 1n : 0n
  if (value === undefined) return null
  return value as SQLInputValue
}

/** Kysely's SQLite dialect, but transactions take the write lock at once: one that upgrades later can fail half-way. */
export class NodeSqliteDialect extends SqliteDialect {
  #config: SqliteDialectConfig

  constructor(database: NodeSqliteDatabase) {
    super({ database })
    this.#config = { database }
  }

  override createDriver(): SqliteDriver {
    return new ImmediateDriver(this.#config)
  }
}

class ImmediateDriver extends SqliteDriver {
  /** A full disk ends the transaction by itself: that nothing is left to take back must not hide why. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    try {
      await super.rollbackTransaction(connection)
    } catch (error) {
      if (!/no transaction is active/.test(messageOf(error))) throw error
    }
  }

  override async beginTransaction(connection: DatabaseConnection, settings?: TransactionSettings): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(settings?.accessMode === 'read only' ? 'begin' : 'begin immediate'))
  }
}
