import { randomBytes } from 'node:crypto'
import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { isPostgres, sqlitePath } from './database/open.ts'
import { codedError, isCodedError, messageOf } from './errors.ts'

export const dataDirUnusable = codedError({
  code: 'PLIMSOLL_DATA_DIR_UNUSABLE',
  status: 500,
  title: 'The data directory cannot be used',
  hint: 'make it writable for this user, or point DATA_DIR elsewhere'
})

export const alreadyRunning = codedError({
  code: 'PLIMSOLL_ALREADY_RUNNING',
  status: 500,
  title: 'Another Plimsoll runs on this data',
  hint: 'stop the other one, or give this one a DATA_DIR of its own'
})

export interface DataDir {
  /** Stable name of this instance; part of what it writes, so two instances never touch one row. */
  readonly instanceId: string
  /** Lets another process use the directory. */
  release(): void
}

/**
 * Makes the data directory and takes it, and the store in it, for this process alone.
 *
 * @param dir - DATA_DIR
 * @param url - DATABASE_URL
 * @throws PLIMSOLL_DATA_DIR_UNUSABLE, PLIMSOLL_ALREADY_RUNNING
 */
export function takeDataDir(dir: string, url: string): DataDir {
  let release = (): void => {}
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK)
    release = takeLocks(dir, url)
    return { instanceId: readInstanceId(join(dir, 'instance')), release }
  } catch (error) {
    release()
    throw isCodedError(error) ? error : dataDirUnusable(`${dir}: ${messageOf(error)}`, { cause: error })
  }
}

/**
 * Takes what whoever uses a store must hold: the lock of its data directory, and one beside its
 * file when that lies elsewhere.
 *
 * @returns a function that lets go of all of it
 * @throws PLIMSOLL_ALREADY_RUNNING
 */
export function takeLocks(dir: string, url: string): () => void {
  const paths = [join(dir, 'server')]
  const store = isPostgres(url) ? null : sqlitePath(url)
  if (store !== null && store !== ':memory:' && dirname(store) !== dir) {
    paths.push(store)
  }
  return takeAll(paths)
}

/**
 * Takes whatever a server that uses an SQLite store may hold, wherever its data directory is.
 *
 * @param path - the file of the store
 * @param dataDir - the data directory such a server would have by the settings
 * @returns a function that lets go of all of it
 * @throws PLIMSOLL_ALREADY_RUNNING
 */
export const takeStore = (path: string, dataDir: string): (() => void) =>
  takeAll([...new Set([join(dirname(path), 'server'), path, join(resolve(dataDir), 'server')])])

const takeAll = (paths: readonly string[]): (() => void) => {
  const held: (() => void)[] = []
  const release = (): void => held.forEach((letGo) => letGo())
  try {
    for (const path of paths) {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
      held.push(takeLock(path))
    }
    return release
  } catch (error) {
    release()
    throw error
  }
}

/**
 * Takes a lock that the kernel drops when this process ends, however it ends: an exclusive
 * transaction on an empty SQLite file. Beside it, the id of the process that holds it, for people.
 *
 * @param path - `path.lock` and `path.pid` are written
 * @returns a function that lets go of it
 * @throws PLIMSOLL_ALREADY_RUNNING
 */
function takeLock(path: string): () => void {
  const lock = new DatabaseSync(`${path}.lock`, { timeout: 0 })
  try {
    lock.exec('begin exclusive')
  } catch (error) {
    lock.close()
    const pid = readIfThere(`${path}.pid`)?.trim()
    throw alreadyRunning(`${dirname(path)} is used by ${pid ? `process ${pid}` : 'another process'}`, { cause: error })
  }
  writeFileSync(`${path}.pid`, `${process.pid}\n`)
  return () => {
    if (lock.isOpen) lock.close()
  }
}

const readInstanceId = (path: string): string => {
  const known = readIfThere(path)?.trim()
  if (known && /^[a-z0-9]{8,32}$/.test(known)) return known
  const id = randomBytes(6).toString('hex')
  writeFileSync(path, `${id}\n`)
  return id
}

const readIfThere = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
