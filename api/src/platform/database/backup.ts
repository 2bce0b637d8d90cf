import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync
} from 'node:fs'
import { dirname, join } from 'node:path'
import { backup, DatabaseSync } from 'node:sqlite'
import { takeLocks } from '../data-dir.ts'
import { codedError, isCodedError, messageOf } from '../errors.ts'
import { schemaNewer, schemaVersion } from './migrate.ts'
import { isPostgres, sqlitePath } from './open.ts'
import { applicationId } from './sqlite.ts'

export const backupElsewhere = codedError({
  code: 'PLIMSOLL_BACKUP_ELSEWHERE',
  status: 500,
  title: 'PostgreSQL is backed up by its own tools',
  hint: [
    'back up: pg_dump --format=custom --no-owner --file=plimsoll.dump "$DATABASE_URL"',
    'restore, with Plimsoll stopped: pg_restore --clean --if-exists --no-owner --dbname="$DATABASE_URL" plimsoll.dump'
  ].join('; ')
})

export const backupFailed = codedError({
  code: 'PLIMSOLL_BACKUP_FAILED',
  status: 500,
  title: 'The backup was not made',
  hint: 'check the space and the rights in the backup directory; earlier backups are untouched'
})

export const restoreFailed = codedError({
  code: 'PLIMSOLL_RESTORE_FAILED',
  status: 500,
  title: 'Nothing was restored',
  hint: 'the store is as it was; choose another backup'
})

export interface BackupReport {
  readonly path: string
  readonly sizeBytes: number
  readonly schemaVersion: number
  /** Rows by table: equal in the store at that moment and in the copy. */
  readonly rows: Readonly<Record<string, number>>
  /** Older backups that were removed. */
  readonly removed: readonly string[]
}

export interface BackupOptions {
  /** `DATABASE_URL`. */
  readonly url: string
  readonly dir: string
  /** Backups kept, this one included, count. */
  readonly keep: number
  readonly nowMs: number
}

/** `20261122T210904270Z`: sorts by time. */
const stampOf = (nowMs: number): string => new Date(nowMs).toISOString().replaceAll(/[-:.]/g, '')

const namePattern = /^plimsoll-\d{8}T\d{9}Z\.sqlite$/

/** Pages copied between two looks at the event loop: about 4 MB. */
const pagesPerStep = 1_000

/**
 * Copies the store of a running (or stopped) server: one moment of it, checked page by page and row
 * count by row count, under its final name only when it is whole.
 *
 * @throws PLIMSOLL_BACKUP_FAILED, PLIMSOLL_BACKUP_ELSEWHERE
 */
export async function createBackup({ url, dir, keep, nowMs }: BackupOptions): Promise<BackupReport> {
  if (isPostgres(url)) throw backupElsewhere('This store is on PostgreSQL')
  const source = sqlitePath(url)
  const path = join(dir, `plimsoll-${stampOf(nowMs)}.sqlite`)
  const partial = `${path}.partial`
  try {
    if (!existsSync(source)) throw new Error(`there is no store at ${source}`)
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    rmSync(partial, { force: true })
    const rows = await copy(source, partial)
    const checked = inspect(partial)
    assertEqualRows(rows, checked.rows)
    syncFile(partial)
    renameSync(partial, path)
    syncFile(dir)
    return { path, sizeBytes: statSync(path).size, ...checked, removed: removeOldest(dir, keep) }
  } catch (error) {
    discard(partial)
    throw backupFailed(messageOf(error), { cause: error })
  }
}

/** Copies inside one read transaction, so that rows counted and pages copied are of the same moment. */
async function copy(source: string, target: string): Promise<Record<string, number>> {
  const from = new DatabaseSync(source, { timeout: 5_000 })
  try {
    from.exec('begin')
    const rows = countRows(from)
    await backup(from, target, { rate: pagesPerStep })
    from.exec('commit')
    const to = new DatabaseSync(target)
    to.exec('pragma journal_mode = delete') // one file, nothing beside it
    to.close()
    return rows
  } finally {
    from.close()
  }
}

/**
 * Checks that a file is a whole store of Plimsoll.
 *
 * @returns its schema and rows by table
 * @throws Error saying what is wrong with it; PLIMSOLL_SCHEMA_NEWER
 */
export function inspect(path: string): { schemaVersion: number; rows: Record<string, number> } {
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    const id = Number(db.prepare('pragma application_id').get()?.['application_id'])
    if (id !== applicationId) throw new Error(`${path} is not a store of Plimsoll`)
    const verdict = String(db.prepare('pragma integrity_check(1)').get()?.['integrity_check'])
    if (verdict !== 'ok') throw new Error(`${path} is damaged: ${verdict}`)
    const version = Number(db.prepare('select max(version) as version from schema_migrations').get()?.['version'])
    if (version > schemaVersion) throw schemaNewer(`${path} has schema ${version}, this program knows ${schemaVersion}`)
    return { schemaVersion: version, rows: countRows(db) }
  } finally {
    db.close()
  }
}

const countRows = (db: DatabaseSync): Record<string, number> => {
  const tables = db
    .prepare(
      "select name from sqlite_schema where type = 'table' and name not like 'sqlite\\_%' escape '\\' order by name"
    )
    .all()
    .map(({ name }) => String(name))
  return Object.fromEntries(
    tables.map((name) => [name, Number(db.prepare(`select count(*) as n from "${name}"`).get()?.['n'])])
  )
}

const assertEqualRows = (wanted: Record<string, number>, found: Record<string, number>): void => {
  for (const [table, count] of Object.entries(wanted)) {
    if (found[table] !== count) throw new Error(`the copy has ${found[table]} rows in ${table}, the store ${count}`)
  }
}

/** Backups in a directory, newest first. */
export const listBackups = (dir: string): string[] =>
  existsSync(dir)
    ? readdirSync(dir)
        .filter((name) => namePattern.test(name))
        .toSorted()
        .toReversed()
        .map((name) => join(dir, name))
    : []

const removeOldest = (dir: string, keep: number): string[] => {
  const removed = listBackups(dir).slice(keep)
  for (const path of removed) rmSync(path)
  return removed
}

export interface RestoreReport {
  /** The store that is in force now. */
  readonly path: string
  /** Where the store before it lies; null when there was none. */
  readonly keptAside: string | null
  readonly schemaVersion: number
  readonly rows: Readonly<Record<string, number>>
}

export interface RestoreOptions {
  readonly backupPath: string
  readonly url: string
  readonly dataDir: string
  readonly nowMs: number
}

/**
 * Puts a backup in the place of the store. The server must be stopped; the old store is kept aside.
 *
 * @throws PLIMSOLL_ALREADY_RUNNING while a server uses the store, PLIMSOLL_RESTORE_FAILED, PLIMSOLL_BACKUP_ELSEWHERE
 */
export function restoreBackup({ backupPath, url, dataDir, nowMs }: RestoreOptions): RestoreReport {
  if (isPostgres(url)) throw backupElsewhere('This store is on PostgreSQL')
  const path = sqlitePath(url)
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const release = takeLocks(dataDir, url)
  const fresh = `${path}.restoring`
  try {
    if (!existsSync(backupPath)) throw new Error(`there is no file ${backupPath}`)
    copyFileSync(backupPath, fresh)
    const checked = inspect(fresh)
    syncFile(fresh)
    const keptAside = existsSync(path) ? keepAside(path, nowMs) : null
    renameSync(fresh, path)
    syncFile(dirname(path))
    return { path, keptAside, ...checked }
  } catch (error) {
    discard(fresh)
    throw isCodedError(error) ? error : restoreFailed(messageOf(error), { cause: error })
  } finally {
    release()
  }
}

/**
 * Keeps the old store under another name. Its write-ahead log, which may hold the last commits, is
 * folded in first; a damaged store that cannot be opened takes its log along.
 */
const keepAside = (path: string, nowMs: number): string => {
  const aside = `${path}.before-${stampOf(nowMs)}`
  try {
    const db = new DatabaseSync(path)
    db.exec('pragma wal_checkpoint(truncate)')
    db.close()
  } catch {
    // not readable: it is kept as it is
  }
  for (const suffix of ['-wal', '-shm']) if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix)
  linkSync(path, aside) // the name itself is replaced in one step, so there is never no store
  return aside
}

/** Removes what was begun; that something went wrong is already being told. */
const discard = (path: string): void => {
  try {
    rmSync(path, { force: true })
  } catch {
    // its directory is no directory: there is nothing to remove
  }
}

/** Makes what was written to a file, or the names in a directory, survive a power cut. */
const syncFile = (path: string): void => {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
