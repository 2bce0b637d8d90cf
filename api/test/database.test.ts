import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sql } from 'kysely'
import t from 'tap'
import { takeDataDir } from '../src/platform/data-dir.ts'
import { createBackup, inspect, listBackups, restoreBackup } from '../src/platform/database/backup.ts'
import { explainStoreError } from '../src/platform/database/faults.ts'
import { migrate, migrations, schemaVersion } from '../src/platform/database/migrate.ts'
import { describeUrl, openDatabase, type Database } from '../src/platform/database/open.ts'
import { deleteExpired } from '../src/platform/retention.ts'
import { loadSettings } from '../src/platform/settings.ts'
import { postgresMissing, startPostgres } from './support/postgres.ts'

type Test = Pick<typeof t, 'test'>

const aStream = {
  service: 'shop',
  release: '',
  traffic_class: 'user',
  route: '/',
  scope: '',
  origin: 'requests',
  first_ms: 0,
  last_ms: 0
}

const aSlice = {
  width_ms: 60_000,
  stream_id: 1,
  start_ms: 1_767_225_600_000,
  writer: 'a',
  total: 3,
  status_1xx: 0,
  status_2xx: 3,
  status_3xx: 0,
  status_4xx: 0,
  status_5xx: 0,
  timeouts: 0,
  aborted: 0,
  slow: '{"200":1}',
  latency: new Uint8Array([1, 0, 255]) as Uint8Array | null
}

const aDelivery = {
  id: 'd1',
  dedup_key: 'k',
  receiver: 'r',
  body: '{}',
  attempts: 0,
  next_ms: 0,
  state: 'pending',
  last_error: null,
  created_ms: 0
}

/** What every room may rely on, whichever database is below. */
function conformance(t: Test, name: string, open: () => Promise<Database>): void {
  t.test(`${name}: what is written is read back as it was`, async (t) => {
    const store = await open()
    t.teardown(() => store.close())
    const { db } = store
    await db.insertInto('streams').values(aStream).execute()
    await db
      .insertInto('slices')
      .values([aSlice, { ...aSlice, writer: 'b', total: 0, latency: null }])
      .execute()
    const rows = await db.selectFrom('slices').selectAll().orderBy('writer').execute()
    t.strictSame({ ...rows[0], latency: [...(rows[0]?.latency ?? [])] }, { ...aSlice, latency: [1, 0, 255] })
    t.equal(rows[0]?.latency instanceof Uint8Array, true)
    t.equal(rows[1]?.latency, null)
  })

  t.test(`${name}: whole numbers are numbers, also as sums, counts and quotients`, async (t) => {
    const store = await open()
    t.teardown(() => store.close())
    const { db } = store
    await db
      .insertInto('slices')
      .values([aSlice, { ...aSlice, writer: 'b', total: 2 ** 45 }])
      .execute()
    const row = await db
      .selectFrom('slices')
      .select(({ fn }) => [
        fn.sum<number>('total').as('sum'),
        fn.countAll<number>().as('count'),
        fn.max('start_ms').as('max')
      ])
      .executeTakeFirstOrThrow()
    t.strictSame({ ...row }, { sum: 2 ** 45 + 3, count: 2, max: aSlice.start_ms })
    const step = 7
    const { rows } = await sql<{ q: number }>`select start_ms / ${step} as q from slices limit 1`.execute(db)
    t.equal(rows[0]?.q, Math.floor(aSlice.start_ms / step), 'division of integers is whole on both')
  })

  t.test(`${name}: the key of a slice is width, stream, start and writer`, async (t) => {
    const store = await open()
    t.teardown(() => store.close())
    const { db } = store
    const put = (slice: typeof aSlice) =>
      db
        .insertInto('slices')
        .values(slice)
        .onConflict((conflict) =>
          conflict
            .columns(['width_ms', 'stream_id', 'start_ms', 'writer'])
            .doUpdateSet(({ ref }) => ({ total: ref('excluded.total') }))
        )
        .execute()
    await put(aSlice)
    await put({ ...aSlice, total: 5 })
    for (const other of [{ width_ms: 10_000 }, { stream_id: 2 }, { start_ms: 0 }, { writer: 'b' }]) {
      await put({ ...aSlice, ...other })
    }
    const rows = await db.selectFrom('slices').select('total').orderBy('total', 'desc').execute()
    t.strictSame(
      rows.map(({ total }) => total),
      [5, 3, 3, 3, 3],
      'a retried write replaces, all others are apart'
    )
  })

  t.test(`${name}: a stream exists once`, async (t) => {
    const store = await open()
    t.teardown(() => store.close())
    const { db } = store
    await db.insertInto('streams').values(aStream).execute()
    await t.rejects(db.insertInto('streams').values(aStream).execute())
    await db
      .insertInto('streams')
      .values({ ...aStream, scope: '/api/*' })
      .execute()
    const { count } = await db
      .selectFrom('streams')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow()
    t.equal(count, 2)
  })

  t.test(`${name}: of a transaction that fails nothing stays`, async (t) => {
    const store = await open()
    t.teardown(() => store.close())
    const { db } = store
    const failed = db.transaction().execute(async (transaction) => {
      await transaction.insertInto('meta').values({ key: 'a', value: '1' }).execute()
      throw new Error('in the middle')
    })
    await t.rejects(failed, { message: 'in the middle' })
    t.same(await db.selectFrom('meta').selectAll().execute(), [])
  })

  t.test(`${name}: transactions started together both happen, one after the other`, async (t) => {
    const store = await open()
    t.teardown(() => store.close())
    const { db } = store
    await db.insertInto('meta').values({ key: 'n', value: '0' }).execute()
    const increment = () =>
      db.transaction().execute(async (transaction) => {
        const { value } = await transaction
          .selectFrom('meta')
          .select('value')
          .where('key', '=', 'n')
          .$if(store.dialect === 'postgres', (q) => q.forUpdate())
          .executeTakeFirstOrThrow()
        await transaction
          .updateTable('meta')
          .set({ value: String(Number(value) + 1) })
          .where('key', '=', 'n')
          .execute()
      })
    await Promise.all(Array.from({ length: 8 }, increment))
    const { value } = await db.selectFrom('meta').select('value').executeTakeFirstOrThrow()
    t.equal(value, '8')
  })

  t.test(`${name}: text sorts by its bytes`, async (t) => {
    const store = await open()
    t.teardown(() => store.close())
    const { db } = store
    const keys = ['b', 'Z', 'a', 'ä', '_', '10', '9']
    await db
      .insertInto('meta')
      .values(keys.map((key) => ({ key, value: '' })))
      .execute()
    const rows = await db.selectFrom('meta').select('key').orderBy('key').execute()
    t.strictSame(
      rows.map(({ key }) => key),
      ['10', '9', 'Z', '_', 'a', 'b', 'ä']
    )
  })

  t.test(`${name}: numbers given by the database grow and are returned`, async (t) => {
    const store = await open()
    t.teardown(() => store.close())
    const plan = { hash: 'h', yaml: 'plan: plimsoll/v1', source: 'file', applied_by: 'local', applied_ms: 1 }
    const first = await store.db.insertInto('plans').values(plan).returning('revision').executeTakeFirstOrThrow()
    await store.db.deleteFrom('plans').execute()
    const second = await store.db.insertInto('plans').values(plan).returning('revision').executeTakeFirstOrThrow()
    t.strictSame([first.revision, second.revision], [1, 2], 'a number is never given twice')
  })

  t.test(`${name}: a wrong type is refused instead of kept`, async (t) => {
    const store = await open()
    t.teardown(() => store.close())
    await t.rejects(
      store.db
        .insertInto('slices')
        .values({ ...aSlice, total: 'many' as unknown as number })
        .execute()
    )
    await t.rejects(
      store.db
        .insertInto('slices')
        .values({ ...aSlice, total: 1.5 })
        .execute()
    )
    await t.rejects(
      store.db
        .insertInto('meta')
        .values({ key: 'a', value: null as unknown as string })
        .execute()
    )
  })

  t.test(`${name}: what is older than its setting is deleted, what waits is kept`, async (t) => {
    const store = await open()
    t.teardown(() => store.close())
    const { db } = store
    const settings = await loadSettings({ RETAIN_HISTORY_DAYS: '7', RETAIN_IDEMPOTENCY_HOURS: '1' }, null)
    const nowMs = 100 * 86_400_000
    await db
      .insertInto('deliveries')
      .values([
        aDelivery,
        { ...aDelivery, id: 'd2', state: 'delivered' },
        { ...aDelivery, id: 'd3', state: 'delivered', created_ms: nowMs }
      ])
      .execute()
    const keys = Array.from({ length: 1_200 }, (_, i) => ({ key: `k${i}`, body_hash: '', reply: '', created_ms: 0 }))
    for (let i = 0; i < keys.length; i += 400)
      await db
        .insertInto('idempotency_keys')
        .values(keys.slice(i, i + 400))
        .execute()
    const deleted = await deleteExpired(store, settings, nowMs)
    t.match(deleted, { deliveries: 1, idempotency_keys: 1_200 })
    const left = await db.selectFrom('deliveries').select('id').orderBy('id').execute()
    t.strictSame(
      left.map(({ id }) => id),
      ['d1', 'd3']
    )
  })

  t.test(
    `${name}: an older program goes on beside a schema that only adds, and is refused by one that takes away`,
    async (t) => {
      const { db, dialect, close } = await open()
      t.teardown(close)
      const adds = { version: schemaVersion + 1, name: 'adds', statements: () => ['create table later (id integer)'] }
      const takesAway = { ...adds, version: schemaVersion + 2, needs: schemaVersion + 1, statements: () => [] }
      await migrate(db, dialect, 0, [...migrations, adds])
      t.strictSame(await migrate(db, dialect, 0), { from: schemaVersion + 1, to: schemaVersion + 1 })
      await migrate(db, dialect, 0, [...migrations, adds, takesAway])
      await t.rejects(migrate(db, dialect, 0), { code: 'PLIMSOLL_SCHEMA_NEWER', message: /needs/ })
      t.match(await migrate(db, dialect, 0, [...migrations, adds]), { from: schemaVersion + 2 })
    }
  )

  t.test(`${name}: its size is known`, async (t) => {
    const store = await open()
    t.teardown(() => store.close())
    t.ok((await store.sizeBytes()) > 10_000)
  })
}

conformance(t, 'sqlite', () => openDatabase(':memory:'))

t.test('postgresql', { skip: postgresMissing() ?? false, timeout: 120_000 }, async (t) => {
  const server = await startPostgres()
  t.teardown(() => server.stop())
  conformance(t, 'postgresql', async () => openDatabase(await server.createDatabase()))

  t.test('two instances that start at once migrate once', async (t) => {
    const url = await server.createDatabase()
    const stores = await Promise.all([openDatabase(url), openDatabase(url), openDatabase(url)])
    t.teardown(() => Promise.all(stores.map((store) => store.close())))
    const { rows } = await sql<{ n: number }>`select count(*) as n from schema_migrations`.execute(stores[0].db)
    t.equal(rows[0]?.n, migrations.length)
  })

  t.test('a database of a newer program is refused', async (t) => {
    const url = await server.createDatabase()
    const store = await openDatabase(url)
    await sql`insert into schema_migrations values (${schemaVersion + 1}, 'later', 0, ${schemaVersion + 1})`.execute(
      store.db
    )
    await store.close()
    await t.rejects(openDatabase(url), { code: 'PLIMSOLL_SCHEMA_NEWER' })
  })

  t.test('a server that ends all connections is a fault that passes', async (t) => {
    const url = await server.createDatabase()
    const [store, other] = await Promise.all([openDatabase(url), openDatabase(url)])
    t.teardown(() => Promise.all([store.close(), other.close()]))
    await sql`select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`.execute(
      other.db
    )
    await store.db
      .selectFrom('meta')
      .selectAll()
      .execute()
      .catch(() => [])
    t.same(await store.db.selectFrom('meta').selectAll().execute(), [], 'the next statement has a new connection')
    t.equal(store.watch.fault, null)
  })
})

t.test('no server answers: the error says so and hides the password', async (t) => {
  await t.rejects(openDatabase('postgres://plimsoll:hunter2@127.0.0.1:1/plimsoll'), {
    code: 'PLIMSOLL_STORE_OPEN_FAILED',
    message: /^(?!.*hunter2).*does not answer/,
    hint: /DATABASE_URL/
  })
  t.equal(describeUrl('postgres://u:p%40ss@db:5432/x?password=other'), 'postgres://u:***@db:5432/x?password=***')
})

t.test('sqlite: the file survives closing and opening', async (t) => {
  const url = `sqlite:${join(t.testdir(), 'deep/down/store.sqlite')}`
  const store = await openDatabase(url)
  await store.db.insertInto('meta').values({ key: 'a', value: '1' }).execute()
  await store.close()
  const again = await openDatabase(url)
  t.teardown(() => again.close())
  t.equal((await again.db.selectFrom('meta').selectAll().executeTakeFirstOrThrow()).value, '1')
  const { rows } = await sql<{ journal_mode: string }>`pragma journal_mode`.execute(again.db)
  t.equal(rows[0]?.journal_mode, 'wal')
  const sync = await sql<{ synchronous: number }>`pragma synchronous`.execute(again.db)
  t.equal(sync.rows[0]?.synchronous, 2, 'FULL: an acknowledged commit survives a power cut')
})

t.test('sqlite: a newer schema is refused, and nothing is changed', async (t) => {
  const path = join(t.testdir(), 'store.sqlite')
  const store = await openDatabase(path)
  await sql`insert into schema_migrations values (${schemaVersion + 1}, 'later', 0, ${schemaVersion + 1})`.execute(
    store.db
  )
  await store.close()
  await t.rejects(openDatabase(path), { code: 'PLIMSOLL_SCHEMA_NEWER', hint: /newer version|restore/ })
  const raw = new DatabaseSync(path)
  t.teardown(() => raw.close())
  t.equal(raw.prepare('select max(version) as v from schema_migrations').get()?.['v'], schemaVersion + 1)
})

t.test('sqlite: a migration that fails leaves the schema before it', async (t) => {
  const store = await openDatabase(':memory:')
  t.teardown(() => store.close())
  const broken = {
    version: schemaVersion + 1,
    name: 'broken',
    statements: () => ['create table half (id integer)', 'create nonsense']
  }
  await t.rejects(migrate(store.db, 'sqlite', 0, [...migrations, broken]), /syntax error/)
  const { rows } = await sql<{ n: number }>`select count(*) as n from sqlite_schema where name = 'half'`.execute(
    store.db
  )
  t.equal(rows[0]?.n, 0)
  t.strictSame(await migrate(store.db, 'sqlite', 0), { from: schemaVersion, to: schemaVersion })
})

t.test('sqlite: what is not a store of ours is refused untouched', async (t) => {
  const dir = t.testdir({
    'text.sqlite': 'this is text, and long enough to have a header of its own'.repeat(10),
    sub: {}
  })
  const other = join(dir, 'other.sqlite')
  const raw = new DatabaseSync(other)
  raw.exec('create table theirs (a)')
  raw.close()
  await t.rejects(openDatabase(join(dir, 'text.sqlite')), {
    code: 'PLIMSOLL_STORE_OPEN_FAILED',
    message: /not an SQLite database/
  })
  await t.rejects(openDatabase(other), { code: 'PLIMSOLL_STORE_OPEN_FAILED', message: /not Plimsoll's/ })
  await t.rejects(openDatabase(join(dir, 'sub')), { code: 'PLIMSOLL_STORE_OPEN_FAILED', message: /cannot be opened/ })
  await t.rejects(openDatabase(join(dir, 'text.sqlite/below')), { code: 'PLIMSOLL_STORE_OPEN_FAILED' })
  t.match(readFileSync(join(dir, 'text.sqlite'), 'utf8'), /^this is text/)
})

t.test('sqlite: a full disk is a fault with a reason, and it passes when there is room', async (t) => {
  const store = await openDatabase(':memory:')
  t.teardown(() => store.close())
  const { rows } = await sql<{ page_count: number }>`pragma page_count`.execute(store.db)
  await sql.raw(`pragma max_page_count = ${Number(rows[0]?.page_count) + 2}`).execute(store.db)
  const big = { key: 'big', value: 'x'.repeat(100_000) }
  await t.rejects(store.db.insertInto('meta').values(big).execute())
  t.match(store.watch.fault, { code: 'disk_full', hint: /free space/ })
  const inTransaction = store.db
    .transaction()
    .execute((transaction) => transaction.insertInto('meta').values(big).execute())
  // the database has ended the transaction, and why is still told
  await t.rejects(inTransaction, { message: /full/ })
  await store.db.selectFrom('meta').selectAll().execute()
  t.match(store.watch.fault, { code: 'disk_full' }, 'that reads work says nothing about writes')
  await sql`pragma max_page_count = 1000000`.execute(store.db)
  await store.db.transaction().execute((transaction) => transaction.insertInto('meta').values(big).execute())
  t.equal(store.watch.fault, null)
})

t.test('a fault of one statement is no fault of the store', async (t) => {
  const store = await openDatabase(':memory:')
  t.teardown(() => store.close())
  await t.rejects(sql`select * from nowhere`.execute(store.db))
  t.equal(store.watch.fault, null)
  t.equal(explainStoreError(new Error('whatever')), null)
  t.equal(explainStoreError('no error at all'), null)
})

t.test('the data directory belongs to one process at a time', async (t) => {
  const dir = join(t.testdir(), 'data')
  const first = takeDataDir(dir, `sqlite:${dir}/plimsoll.sqlite`)
  t.throws(() => takeDataDir(dir, `sqlite:${dir}/plimsoll.sqlite`), {
    code: 'PLIMSOLL_ALREADY_RUNNING',
    message: new RegExp(`process ${process.pid}`)
  })
  t.throws(
    () => takeDataDir(dir, 'postgres://db/x'),
    { code: 'PLIMSOLL_ALREADY_RUNNING' },
    'also beside a server database: the instance id is one writer'
  )
  first.release()
  const second = takeDataDir(dir, `sqlite:${dir}/plimsoll.sqlite`)
  t.equal(second.instanceId, first.instanceId, 'a restart goes on under the same name')
  second.release()
})

t.test('one store is not used from two data directories', async (t) => {
  const root = t.testdir()
  const url = `sqlite:${root}/shared/store.sqlite`
  const first = takeDataDir(join(root, 'a'), url)
  t.teardown(first.release)
  t.throws(() => takeDataDir(join(root, 'b'), url), { code: 'PLIMSOLL_ALREADY_RUNNING' })
  takeDataDir(join(root, 'b'), `sqlite:${root}/other/store.sqlite`).release()
})

t.test('a data directory that is a file is refused with its name', async (t) => {
  const dir = t.testdir({ file: '' })
  t.throws(() => takeDataDir(join(dir, 'file'), 'postgres://db/x'), {
    code: 'PLIMSOLL_DATA_DIR_UNUSABLE',
    message: /file/
  })
})

const nowMs = Date.UTC(2026, 10, 22, 21, 9, 4, 270)

t.test('a backup of a store in use is one moment of it, and restores exactly', async (t) => {
  const dataDir = join(t.testdir(), 'data')
  const url = `sqlite:${dataDir}/plimsoll.sqlite`
  const dir = join(dataDir, 'backups')
  const owner = takeDataDir(dataDir, url)
  const store = await openDatabase(url)
  const put = (from: number, count: number) =>
    store.db
      .insertInto('meta')
      .values(Array.from({ length: count }, (_, i) => ({ key: `k${from + i}`, value: 'x'.repeat(2_000) })))
      .execute()
  for (let from = 0; from < 5_000; from += 500) await put(from, 500)

  // writes go on in between the steps of the copy
  const writing = new AbortController()
  let next = 5_000
  const writer = (async () => {
    while (!writing.signal.aborted) {
      await put(next, 5)
      next += 5
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
  })()
  const report = await createBackup({ url, dir, keep: 3, nowMs })
  writing.abort()
  await writer

  t.equal(report.path, join(dir, 'plimsoll-20261122T210904270Z.sqlite'))
  t.ok(report.rows['meta']! >= 5_000)
  t.ok(next > 5_000, 'the store was written to meanwhile')
  t.same(inspect(report.path).rows, report.rows)
  t.strictSame(listBackups(dir), [report.path], 'no partial file is left')

  const restore = () => restoreBackup({ backupPath: report.path, url, dataDir, nowMs })
  t.throws(restore, { code: 'PLIMSOLL_ALREADY_RUNNING' }, 'not under a running server')
  await put(1_000_000, 1)
  const { count: before } = await store.db
    .selectFrom('meta')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  await store.close()
  owner.release()

  const restored = restore()
  t.same(restored.rows, report.rows)
  const again = await openDatabase(url)
  const { count } = await again.db
    .selectFrom('meta')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  t.equal(count, report.rows['meta'])
  await again.close()
  t.equal(inspect(restored.keptAside!).rows['meta'], before, 'the store before it is kept, to the last commit')
})

t.test('only so many backups are kept, and only our own files are removed', async (t) => {
  const root = t.testdir({ backups: { 'notes.txt': 'mine' } })
  const url = `sqlite:${root}/store.sqlite`
  await (await openDatabase(url)).close()
  const dir = join(root, 'backups')
  for (let day = 0; day < 4; day++) await createBackup({ url, dir, keep: 2, nowMs: nowMs + day * 86_400_000 })
  t.strictSame(
    listBackups(dir).map((path) => path.slice(-25)),
    ['20261125T210904270Z.sqlite', '20261124T210904270Z.sqlite'].map((name) => name.slice(-25))
  )
  t.ok(existsSync(join(dir, 'notes.txt')))
})

t.test('a backup that is damaged, foreign, newer or missing restores nothing', async (t) => {
  const root = t.testdir({ 'foreign.sqlite': 'no database' })
  const dataDir = join(root, 'data')
  const url = `sqlite:${dataDir}/plimsoll.sqlite`
  const store = await openDatabase(url)
  await store.db.insertInto('meta').values({ key: 'kept', value: 'yes' }).execute()
  await store.close()
  const good = await createBackup({ url, dir: root, keep: 9, nowMs })

  const damaged = join(root, 'damaged.sqlite')
  const bytes = readFileSync(good.path)
  bytes.fill(0x5a, 4_096 * 3, 4_096 * 12)
  writeFileSync(damaged, bytes)

  const newer = join(root, 'newer.sqlite')
  writeFileSync(newer, readFileSync(good.path))
  const raw = new DatabaseSync(newer)
  raw.exec(`insert into schema_migrations values (${schemaVersion + 1}, 'later', 0, ${schemaVersion + 1})`)
  raw.close()

  const restore = (backupPath: string) => () => restoreBackup({ backupPath, url, dataDir, nowMs })
  t.throws(restore(damaged), { code: 'PLIMSOLL_RESTORE_FAILED' })
  t.throws(restore(join(root, 'foreign.sqlite')), { code: 'PLIMSOLL_RESTORE_FAILED' })
  t.throws(restore(newer), { code: 'PLIMSOLL_SCHEMA_NEWER' })
  t.throws(restore(join(root, 'nowhere.sqlite')), { code: 'PLIMSOLL_RESTORE_FAILED', message: /no file/ })
  const again = await openDatabase(url)
  t.teardown(() => again.close())
  t.equal((await again.db.selectFrom('meta').selectAll().executeTakeFirstOrThrow()).value, 'yes')
})

t.test('a backup without a store, or of PostgreSQL, says what to do instead', async (t) => {
  const dir = t.testdir()
  await t.rejects(createBackup({ url: `sqlite:${dir}/none.sqlite`, dir, keep: 1, nowMs }), {
    code: 'PLIMSOLL_BACKUP_FAILED',
    message: /no store/
  })
  t.notOk(existsSync(join(dir, 'none.sqlite')), 'and does not create one')
  const postgres = { code: 'PLIMSOLL_BACKUP_ELSEWHERE', hint: /pg_dump --format=custom .*pg_restore/ }
  await t.rejects(createBackup({ url: 'postgres://db/x', dir, keep: 1, nowMs }), postgres)
  t.throws(() => restoreBackup({ backupPath: dir, url: 'postgres://db/x', dataDir: dir, nowMs }), postgres)
})

t.test('a backup that cannot be written leaves the earlier ones', async (t) => {
  const root = t.testdir({ backups: 'a file where a directory should be' })
  const url = `sqlite:${root}/store.sqlite`
  await (await openDatabase(url)).close()
  await t.rejects(createBackup({ url, dir: join(root, 'backups'), keep: 1, nowMs }), { code: 'PLIMSOLL_BACKUP_FAILED' })
  mkdirSync(join(root, 'ok'))
  await createBackup({ url, dir: join(root, 'ok'), keep: 1, nowMs })
})
