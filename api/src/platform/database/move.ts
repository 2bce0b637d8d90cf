import { createHash, type Hash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import { takeStore } from '../data-dir.ts'
import { codedError, isCodedError, messageOf } from '../errors.ts'
import { inspect } from './backup.ts'
import { explainStoreError } from './faults.ts'
import { advisoryLock, schemaVersion } from './migrate.ts'
import { describeUrl, isPostgres, openDatabase, sqlitePath } from './open.ts'
import { connectionConfig, defaultLimits } from './postgres.ts'

export const moveFailed = codedError({
  code: 'PLIMSOLL_MOVE_FAILED',
  status: 500,
  title: 'Nothing was moved',
  hint: 'both stores are as they were'
})

export interface MoveOptions {
  /** `sqlite:PATH`. */
  readonly from: string
  /** `postgres://…`, a database without counts, plans or anything else. */
  readonly to: string
  /** `DATA_DIR` of the server that used the store: it has to be stopped. */
  readonly dataDir: string
  readonly nowMs: number
  /** Told of each table when it has been copied. */
  readonly onTable?: (table: MovedTable) => void
}

export interface MovedTable {
  readonly name: string
  readonly rows: number
  /** SHA-256 over all rows in the order of their key (hex): the same in both stores. */
  readonly sha256: string
}

export interface MoveReport {
  readonly from: string
  readonly to: string
  readonly schemaVersion: number
  readonly tables: readonly MovedTable[]
}

interface Table {
  readonly name: string
  readonly columns: readonly string[]
  readonly key: readonly string[]
}

/** Values of one statement at most; PostgreSQL takes 65,535. */
const valuesPerStatement = 10_000

const rowsPerFetch = 2_000

/** Kept by each database for itself. */
const ownTable = 'schema_migrations'

/**
 * Copies a store from SQLite into PostgreSQL: every row of every table, numbers given out included,
 * in one transaction that ends only when what is read back is the same, row by row.
 *
 * @throws PLIMSOLL_MOVE_FAILED, PLIMSOLL_ALREADY_RUNNING, PLIMSOLL_STORE_OPEN_FAILED, PLIMSOLL_SCHEMA_NEWER
 */
export async function moveStore(options: MoveOptions): Promise<MoveReport> {
  const { from, to, dataDir, nowMs } = options
  if (isPostgres(from) || !isPostgres(to)) {
    throw moveFailed('A store is moved from SQLite to PostgreSQL', { hint: '--from sqlite:PATH --to postgres://…' })
  }
  const path = sqlitePath(from)
  if (!existsSync(path)) throw moveFailed(`There is no store at ${path}`)
  const release = takeStore(path, dataDir)
  try {
    checkSource(path)
    await (await openDatabase(to, { nowMs })).close() // with the tables of this program
    const tables = await copyAll(path, options)
    return { from: path, to: describeUrl(to), schemaVersion, tables }
  } catch (error) {
    if (isCodedError(error)) throw error
    throw moveFailed(explainStoreError(error)?.text ?? messageOf(error), { cause: error })
  } finally {
    release()
  }
}

const checkSource = (path: string): void => {
  const { schemaVersion: found } = inspect(path)
  if (found === schemaVersion) return
  throw moveFailed(`${path} has schema ${found}, this program writes ${schemaVersion}`, {
    hint: `bring it to this program's schema first: DATABASE_URL=sqlite:${path} npx plimsoll migrate`
  })
}

async function copyAll(path: string, { to, onTable }: MoveOptions): Promise<MovedTable[]> {
  const source = new DatabaseSync(path, { readOnly: true })
  const target = new pg.Client({
    ...connectionConfig(to, { ...defaultLimits, statementTimeoutMs: 0 }),
    types: { getTypeParser: exactly }
  })
  target.on('error', () => {}) // the statement under way says so, too
  try {
    source.exec('begin') // one moment of it
    await target.connect()
    await target.query('begin')
    await target.query('select pg_advisory_xact_lock($1)', [advisoryLock])
    const tables = tablesOf(source)
    await target.query(`lock table ${tables.map(({ name }) => quote(name)).join(', ')} in access exclusive mode`)
    await assertEmpty(target, tables)
    const moved: MovedTable[] = []
    for (const table of tables) {
      const copied = await copy(source, target, table)
      await assertSame(target, table, copied)
      moved.push(copied)
      onTable?.(copied)
    }
    await continueNumbers(source, target, tables)
    await target.query('commit')
    return moved
  } finally {
    await target.end().catch(() => {}) // what was not committed is not there
    source.close()
  }
}

const tablesOf = (source: DatabaseSync): Table[] =>
  source
    .prepare(
      "select name from sqlite_schema where type = 'table' and name not like 'sqlite\\_%' escape '\\' order by name"
    )
    .all()
    .map(({ name }) => String(name))
    .filter((name) => name !== ownTable)
    .map((name) => {
      const columns = source.prepare('select name, pk from pragma_table_info(?) order by cid').all(name)
      const keys = columns.filter(({ pk }) => Number(pk) > 0).toSorted((a, b) => Number(a['pk']) - Number(b['pk']))
      return {
        name,
        columns: columns.map((column) => String(column['name'])),
        key: keys.map((key) => String(key['name']))
      }
    })

const assertEmpty = async (target: pg.Client, tables: readonly Table[]): Promise<void> => {
  const used: string[] = []
  for (const { name } of tables) {
    const { rows } = await target.query<{ some: boolean }>(`select exists (select 1 from ${quote(name)}) as some`)
    if (String(rows[0]?.some) === 't') used.push(name)
  }
  if (used.length === 0) return
  throw moveFailed(`The target is in use: there are rows in ${used.join(', ')}`, {
    hint: 'name a database that no Plimsoll has used: createdb plimsoll'
  })
}

/** Copies the rows of a table in the order of its key. */
async function copy(source: DatabaseSync, target: pg.Client, { name, columns, key }: Table): Promise<MovedTable> {
  const hash = createHash('sha256')
  const select = source.prepare(`select ${list(columns)} from ${quote(name)} order by ${list(key)}`)
  select.setReadBigInts(true)
  const perStatement = Math.floor(valuesPerStatement / columns.length)
  let rows = 0
  let batch: Value[] = []
  const write = async (): Promise<void> => {
    if (batch.length === 0) return
    const count = batch.length / columns.length
    await target.query(insertStatement(name, columns, count), batch.map(parameter))
    batch = []
  }
  for (const row of select.iterate()) {
    const values = columns.map((column) => row[column] as Value)
    addRow(hash, values)
    batch.push(...values)
    if (++rows % perStatement === 0) await write()
  }
  await write()
  return { name, rows, sha256: hash.digest('hex') }
}

/** Reads back what was written and compares. */
async function assertSame(target: pg.Client, { name, columns, key }: Table, copied: MovedTable): Promise<void> {
  const hash = createHash('sha256')
  let count = 0
  await target.query(
    `declare moved no scroll cursor for select ${list(columns)} from ${quote(name)} order by ${list(key)}`
  )
  for (let found = rowsPerFetch; found === rowsPerFetch;) {
    const { rows } = await target.query<Value[]>({ text: `fetch ${rowsPerFetch} from moved`, rowMode: 'array' })
    for (const row of rows) addRow(hash, row)
    count += rows.length
    found = rows.length
  }
  await target.query('close moved')
  const sha256 = hash.digest('hex')
  if (count === copied.rows && sha256 === copied.sha256) return
  throw moveFailed(`${name} reads back as ${count} rows (${sha256}), it was ${copied.rows} (${copied.sha256})`)
}

/** Numbers that were given once are not given again, not even those of rows that are deleted. */
async function continueNumbers(source: DatabaseSync, target: pg.Client, tables: readonly Table[]): Promise<void> {
  for (const { name, seq } of source.prepare('select name, seq from sqlite_sequence').all()) {
    const table = tables.find((one) => one.name === name)
    if (!table || Number(seq) === 0) continue
    await target.query('select setval(pg_get_serial_sequence($1, $2), $3)', [table.name, table.key[0], seq])
  }
}

/** Object ids of PostgreSQL's types. */
const [bytea, int8, int4, float8] = [17, 20, 23, 701]

type Value = null | bigint | number | string | Uint8Array

/** Whole numbers as such, whatever their size; bytes as bytes; everything else as its text. */
const exactly = (oid: number): ((text: string) => Value) => {
  if (oid === int8 || oid === int4) return BigInt
  if (oid === float8) return Number
  if (oid === bytea) return (text) => Buffer.from(text.slice(2), 'hex') // \x0a1b…
  return String
}

const parameter = (value: Value): unknown => {
  if (typeof value === 'bigint') return String(value)
  return value instanceof Uint8Array ? Buffer.from(value) : value
}

/** Each value with its kind and length, so that no two rows come to the same bytes. */
const addRow = (hash: Hash, row: readonly Value[]): void => {
  for (const value of row) {
    if (value === null) hash.update('n;')
    else if (typeof value === 'bigint') hash.update(`i${value};`)
    else if (typeof value === 'number') hash.update(`d${value};`)
    else if (typeof value === 'string') hash.update(`s${value.length}:${value};`)
    else hash.update(`b${value.length}:`).update(value)
  }
  hash.update('\n')
}

const quote = (name: string): string => `"${name}"`
const list = (names: readonly string[]): string => names.map(quote).join(', ')

const insertStatement = (table: string, columns: readonly string[], rows: number): string => {
  const tuples = Array.from({ length: rows }, (_, row) => {
    const places = columns.map((_, column) => `$${row * columns.length + column + 1}`)
    return `(${places.join(', ')})`
  })
  return `insert into ${quote(table)} (${list(columns)}) values ${tuples.join(', ')}`
}
