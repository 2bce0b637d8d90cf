import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sql } from 'kysely'
import t, { type Test } from 'tap'
import { takeDataDir } from '../src/platform/data-dir.ts'
import { moveStore, type MoveReport } from '../src/platform/database/move.ts'
import { migrateStore, openDatabase, type Database } from '../src/platform/database/open.ts'
import type { Tables } from '../src/platform/database/tables.ts'
import { postgresMissing, startPostgres } from './support/postgres.ts'

const tables = async ({ db }: Database): Promise<(keyof Tables)[]> => {
  const { rows } = await sql<{ name: keyof Tables }>`
    select name from sqlite_schema where type = 'table' and name not like 'sqlite%'`.execute(db)
  return rows.map(({ name }) => name).filter((name) => (name as string) !== 'schema_migrations')
}

/** Texts that databases disagree about first. */
const texts = ['', 'plain', "it's", 'ä€𝄞', '{"a":[1,2]}', 'tab\tline\nend', '\\x00', "'; drop table meta; --"]

/** A store with rows in every table, whatever tables there are. */
async function aStore(t: Test, dir = t.testdir()) {
  const path = join(dir, 'plimsoll.sqlite')
  const store = await openDatabase(`sqlite:${path}`)
  const names = await tables(store)
  await store.close()
  const raw = new DatabaseSync(path)
  const expected: Record<string, number> = {}
  for (const name of names) {
    const columns = raw.prepare('select name, type, "notnull" as required, pk from pragma_table_info(?)').all(name)
    const count = name === 'slices' ? 2_500 : 17
    const insert = raw.prepare(`insert into ${name} values (${columns.map(() => '?').join(', ')})`)
    raw.exec('begin')
    for (let row = 1; row <= count; row++) {
      insert.run(
        ...columns.map(({ type, required, pk }, column) => {
          if (Number(pk) === 0 && Number(required) === 0 && row % 3 === 0) return null
          if (type === 'INTEGER')
            return Number(pk) === 1 ? BigInt(row) : row % 5 === 0 ? 2n ** 52n + BigInt(row) : BigInt(row * column)
          if (type === 'BLOB') return new Uint8Array([0, 255, row % 256, 92, 120])
          return `${texts[(row + column) % texts.length]}#${row}`
        })
      )
    }
    raw.exec('commit')
    expected[name] = count
  }
  raw.exec('delete from plans where revision > 10') // numbers that were given and are gone
  expected['plans'] = 10
  raw.close()
  return { dir, path, from: `sqlite:${path}`, expected }
}

const rowsOf = ({ tables }: MoveReport): Record<string, number> =>
  Object.fromEntries(tables.map(({ name, rows }) => [name, rows]))

t.test('moving a store to postgresql', { skip: postgresMissing() ?? false, timeout: 60_000 }, async (t) => {
  const server = await startPostgres()
  t.teardown(() => server.stop())

  t.test('every row of every table arrives as it was, and numbers go on', async (t) => {
    const { dir, from, expected } = await aStore(t)
    const to = await server.createDatabase()
    const told: string[] = []
    const report = await moveStore({ from, to, dataDir: dir, nowMs: 1, onTable: ({ name }) => told.push(name) })
    t.strictSame(rowsOf(report), expected)
    t.strictSame(told, Object.keys(expected).toSorted())
    t.match(report, { to: /\/test_\w+$/, tables: [{ sha256: /^[0-9a-f]{64}$/ }] })

    const [there, here] = await Promise.all([openDatabase(to), openDatabase(from)])
    t.teardown(() => Promise.all([there.close(), here.close()]))
    for (const name of ['alerts', 'cursors', 'probe_results', 'meta'] as const) {
      const read = async ({ db }: Database) =>
        (
          await db
            .selectFrom(name)
            .selectAll()
            .orderBy(sql`1`)
            .execute()
        ).map((row) => Object.entries(row))
      t.strictSame(await read(there), await read(here), name)
    }
    const latency = async ({ db }: Database) =>
      (await db.selectFrom('slices').select('latency').orderBy('width_ms').limit(50).execute()).map((row) => [
        ...(row.latency ?? [])
      ])
    t.strictSame(await latency(there), await latency(here))
    const plan = { hash: 'h', yaml: '', source: 'file', applied_by: 'x', applied_ms: 1 }
    const { revision } = await there.db.insertInto('plans').values(plan).returning('revision').executeTakeFirstOrThrow()
    t.equal(revision, 18, 'revisions 11 to 17 were deleted and are not given again')
  })

  t.test('a target that holds anything is refused, and stays as it is', async (t) => {
    const { dir, from } = await aStore(t)
    const to = await server.createDatabase()
    const target = await openDatabase(to)
    t.teardown(() => target.close())
    await target.db.insertInto('meta').values({ key: 'mine', value: 'kept' }).execute()
    await t.rejects(moveStore({ from, to, dataDir: dir, nowMs: 1 }), {
      code: 'PLIMSOLL_MOVE_FAILED',
      message: /in use.*rows in meta/,
      hint: /createdb/
    })
    t.strictSame(await target.db.selectFrom('meta').selectAll().execute(), [{ key: 'mine', value: 'kept' }])
    t.same(await target.db.selectFrom('streams').selectAll().execute(), [])
  })

  t.test('when a table cannot be copied nothing is, and it may be tried again', async (t) => {
    const { dir, path, from, expected } = await aStore(t)
    const raw = new DatabaseSync(path)
    raw.prepare('insert into streams values (99, ?, ?, ?, ?, ?, ?, 0, 0)').run('a\0b', '', '', '', '', '')
    const to = await server.createDatabase()
    await t.rejects(moveStore({ from, to, dataDir: dir, nowMs: 1 }), {
      code: 'PLIMSOLL_MOVE_FAILED',
      message: /0x00/
    })
    raw.exec('delete from streams where id = 99')
    raw.close()
    t.strictSame(rowsOf(await moveStore({ from, to, dataDir: dir, nowMs: 1 })), expected)
  })

  t.test('killed in the middle, nothing is there and it may be tried again', async (t) => {
    const { dir, from, expected } = await aStore(t)
    const to = await server.createDatabase()
    const program = `
      import { moveStore } from ${JSON.stringify(join(import.meta.dirname, '../src/platform/database/move.ts'))}
      const [from, to, dataDir] = process.argv.slice(1)
      await moveStore({ from, to, dataDir, nowMs: 1, onTable: ({ name }) => {
        if (name === 'slices') process.kill(process.pid, 'SIGKILL')
      } })`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program, from, to, dir], {
      stdio: 'inherit'
    })
    const [, signal] = (await once(child, 'exit')) as [number | null, string | null]
    t.equal(signal, 'SIGKILL')
    t.strictSame(rowsOf(await moveStore({ from, to, dataDir: dir, nowMs: 1 })), expected)
  })

  t.test('a store in use, of another schema, or that is none of ours is not moved', async (t) => {
    const { dir, path, from } = await aStore(t)
    const to = await server.createDatabase()
    const taken = takeDataDir(dir, from)
    await t.rejects(moveStore({ from, to, dataDir: dir, nowMs: 1 }), { code: 'PLIMSOLL_ALREADY_RUNNING' })
    taken.release()
    const elsewhere = takeDataDir(join(dir, 'elsewhere'), from) // a server whose DATA_DIR is another
    await t.rejects(moveStore({ from, to, dataDir: dir, nowMs: 1 }), { code: 'PLIMSOLL_ALREADY_RUNNING' })
    elsewhere.release()

    await t.rejects(moveStore({ from: to, to, dataDir: dir, nowMs: 1 }), { code: 'PLIMSOLL_MOVE_FAILED' })
    await t.rejects(moveStore({ from: `sqlite:${dir}/none`, to, dataDir: dir, nowMs: 1 }), {
      code: 'PLIMSOLL_MOVE_FAILED'
    })
    await t.rejects(moveStore({ from, to: 'postgres://plimsoll:hunter2@127.0.0.1:1/x', dataDir: dir, nowMs: 1 }), {
      code: 'PLIMSOLL_STORE_OPEN_FAILED',
      message: /^(?!.*hunter2)/
    })
    const raw = new DatabaseSync(path)
    raw.exec('delete from schema_migrations where version > 2')
    raw.close()
    await t.rejects(moveStore({ from, to, dataDir: dir, nowMs: 1 }), {
      message: /has schema 2/,
      hint: /plimsoll migrate/
    })
  })

  t.test('migrating says what it did, twice', async (t) => {
    const to = await server.createDatabase()
    const first = await migrateStore(to, { nowMs: 1 })
    t.equal(first.from, 0)
    t.ok(first.to >= 3)
    t.strictSame(await migrateStore(to), { from: first.to, to: first.to })
  })
})
