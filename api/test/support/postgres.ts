import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, existsSync, globSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface TestPostgres {
  /** Its database `postgres`, where others are made from. */
  readonly url: string
  /** A new, empty database in the cluster, as a URL. */
  createDatabase(): Promise<string>
  /** Ends every connection as a crash does, and starts it again. */
  restart(): void
  stop(): void
}

/** Where Debian, Homebrew and a plain PATH keep `initdb` and `pg_ctl`. */
const binaries = (): string | null => {
  const dirs = [
    ...globSync('/usr/lib/postgresql/*/bin').toSorted().toReversed(),
    ...(process.env['PATH'] ?? '').split(':')
  ]
  return dirs.find((dir) => existsSync(join(dir, 'initdb')) && existsSync(join(dir, 'pg_ctl'))) ?? null
}

/** Why the tests on PostgreSQL do not run here; null when they do. */
export const postgresMissing = (): string | null =>
  binaries() ? null : 'no PostgreSQL here (on Debian as root: make deps)'

/**
 * A PostgreSQL of this test's own, in a temporary directory and on a free port of 127.0.0.1. It
 * refuses to run as root, so root runs it as the user `postgres` or `nobody`.
 */
export async function startPostgres(): Promise<TestPostgres> {
  const bin = binaries()
  if (!bin) throw new Error('ask postgresMissing() first')
  const dir = mkdtempSync(join(tmpdir(), 'plimsoll-pg-'))
  const user = process.getuid?.() === 0 ? unprivileged() : null
  if (user) chownSync(dir, user.uid, user.gid)
  chmodSync(dir, 0o700)
  const data = join(dir, 'data')
  const port = await freePort()
  const run = (program: string, ...args: string[]): void => {
    const path = join(bin, program)
    const [command, rest] = user ? ['runuser', ['-u', user.name, '--', path, ...args]] : [path, args]
    const { status, stderr, error } = spawnSync(command, rest, {
      encoding: 'utf8',
      cwd: dir,
      stdio: ['ignore', 'ignore', 'pipe']
    })
    if (status !== 0) throw new Error(`${program} failed: ${error?.message ?? stderr}`)
  }
  run('initdb', '-D', data, '-U', 'plimsoll', '--auth=trust', '--encoding=UTF8', '--no-sync')
  const options = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=${dir} -c fsync=off -c max_connections=60`
  run('pg_ctl', '-D', data, '-l', join(dir, 'log'), '-w', '-o', options, 'start')
  const url = `postgres://plimsoll@127.0.0.1:${port}/postgres`
  return {
    url,
    createDatabase: () => createDatabaseIn(url),
    restart() {
      run('pg_ctl', '-D', data, '-l', join(dir, 'log'), '-m', 'immediate', '-w', '-o', options, 'restart')
    },
    stop() {
      run('pg_ctl', '-D', data, '-m', 'immediate', '-w', 'stop')
      rmSync(dir, { recursive: true, force: true })
    }
  }
}

/** A new, empty database beside that of a URL. */
export async function createDatabaseIn(url: string): Promise<string> {
  const { default: pg } = await import('pg')
  const name = `test_${randomBytes(6).toString('hex')}`
  const client = new pg.Client(url)
  await client.connect()
  await client.query(`create database ${name}`)
  await client.end()
  return url.replace(/[^/]*$/, name)
}

const unprivileged = (): { name: string; uid: number; gid: number } => {
  for (const name of ['postgres', 'nobody']) {
    const { status, stdout } = spawnSync('getent', ['passwd', name], { encoding: 'utf8' })
    if (status !== 0) continue
    const [, , uid, gid] = stdout.split(':')
    return { name, uid: Number(uid), gid: Number(gid) }
  }
  throw new Error('PostgreSQL does not run as root, and there is no user postgres or nobody')
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
