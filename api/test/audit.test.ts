import { sql } from 'kysely'
import t, { type Test } from 'tap'
import type { AuditEntry, AuditHead } from '../src/contract/index.ts'
import { ChainCheck, noEntry } from '../src/platform/audit/chain.rules.ts'
import { AuditStore } from '../src/platform/audit/store.ts'
import type { ManualClock } from '../src/platform/clock.ts'
import { openDatabase, type Database } from '../src/platform/database/open.ts'
import { buildTestApp, type TestApp, type TestAppOptions } from './support/app.ts'
import { postgresMissing, startPostgres } from './support/postgres.ts'

const start = async (
  t: { teardown(fn: () => Promise<void>): void },
  options: TestAppOptions = {}
): Promise<TestApp> => {
  const test = await buildTestApp(options)
  t.teardown(() => test.close())
  return test
}

interface Page {
  readonly entries: AuditEntry[]
  readonly head: AuditHead
  readonly nextCursor: string | null
}

const read = async ({ app }: TestApp, query = ''): Promise<Page> => (await app.inject(`/api/v1/audit${query}`)).json()

/** The store's own way through all of it, as a reader of the API goes. */
const verify = async ({ app }: TestApp, limit = 500) => {
  const check = new ChainCheck()
  let cursor = ''
  for (;;) {
    const { entries, head, nextCursor } = (
      await app.inject(`/api/v1/audit?order=oldest&limit=${limit}${cursor && `&cursor=${cursor}`}`)
    ).json() as Page
    for (const entry of entries) check.add(entry)
    if (nextCursor === null) return check.finish(head)
    cursor = nextCursor
  }
}

const makeToken = ({ app }: TestApp, name: string) =>
  app.inject({ method: 'POST', url: '/api/v1/tokens', payload: { name, role: 'viewer' } })

t.test('a write leaves an entry: who, what, when, from where, with what outcome', async (t) => {
  const test = await start(t)
  const { app, clock } = test
  const made = await makeToken(test, 'ci')
  const { token, secret } = made.json() as { token: { id: string }; secret: string }
  const { entries, head } = await read(test)
  t.equal(entries.length, 1)
  t.match(entries[0], {
    sequence: 1,
    at: new Date(clock.nowMs()).toISOString(),
    instance: 'test',
    caller: { kind: 'local', id: 'local', role: 'admin' },
    action: 'POST /api/v1/tokens',
    subject: token.id,
    outcome: 'done',
    status: 201,
    detail: { name: 'ci', role: 'viewer', services: null, expiresAt: null },
    address: '127.0.0.1',
    requestId: made.headers['x-request-id'],
    previousHash: noEntry.hash
  })
  t.same(head, { sequence: 1, hash: entries[0]!.hash })
  t.notMatch(JSON.stringify(entries), secret, 'never a secret')

  await app.inject({ method: 'DELETE', url: '/api/v1/tokens/tok_00000000' })
  t.match((await read(test)).entries[0], { sequence: 2, outcome: 'failed', status: 404 })
  await app.inject('/api/v1/services')
  await app.inject({
    method: 'POST',
    url: '/api/v1/plan/diff',
    headers: { 'content-type': 'application/yaml' },
    payload: 'plan: plimsoll/v1'
  })
  await app.inject({
    method: 'POST',
    url: '/api/v1/events',
    headers: { 'content-type': 'application/x-ndjson' },
    payload: '{}\n'
  })
  t.equal((await read(test)).head.sequence, 2, 'reads, previews and measurements leave none')
  t.equal(await verify(test), null)
})

t.test('refusals are written, but strangers cannot fill the store with them', async (t) => {
  const test = await start(t, { settings: { PRESSURE_EVENT_LOOP_DELAY_MS: '0' } }) // the clock jumps
  const { app } = test
  const attack = () =>
    app.inject({
      method: 'PUT',
      url: '/api/v1/plan',
      remoteAddress: '203.0.113.7',
      headers: { authorization: 'Bearer guess' }
    })
  for (let i = 0; i < 25; i++) t.equal((await attack()).statusCode, 401)
  t.equal((await read(test)).head.sequence, 10)
  ;(test.clock as ManualClock).advance(60_000)
  await attack()
  const { entries, head } = await read(test)
  t.equal(head.sequence, 11)
  t.match(entries[0], {
    caller: { kind: 'anyone' },
    action: 'PUT /api/v1/plan',
    outcome: 'refused',
    status: 401,
    address: '203.0.113.7',
    detail: { suppressedBefore: 15 }
  })
  t.match((await app.inject('/metrics')).body, /plimsoll_audit_entries_total\{outcome="suppressed"\} 15/)
})

t.test('the log is read in pages, both ways, and by caller, action and outcome', async (t) => {
  const test = await start(t)
  for (let i = 0; i < 5; i++) await makeToken(test, `token ${i}`)
  await test.app.inject({ method: 'DELETE', url: '/api/v1/tokens/tok_00000000' })
  const sequences = async (query: string) => (await read(test, query)).entries.map(({ sequence }) => sequence)
  t.same(await sequences(''), [6, 5, 4, 3, 2, 1])
  const first = await read(test, '?limit=4')
  t.same(
    first.entries.map(({ sequence }) => sequence),
    [6, 5, 4, 3]
  )
  t.same(await sequences(`?limit=4&cursor=${first.nextCursor}`), [2, 1])
  t.same(await sequences('?order=oldest&limit=2&cursor=2'), [3, 4])
  t.same(await sequences('?outcome=failed'), [6])
  t.same(await sequences(`?action=${encodeURIComponent('POST /api/v1/tokens')}&limit=1`), [5])
  t.same(await sequences('?caller=nobody'), [])
  t.equal((await test.app.inject('/api/v1/audit?cursor=x')).statusCode, 400)
  t.equal(await verify(test, 2), null, 'page by page')
})

t.test('writes at once are one chain', async (t) => {
  const test = await start(t)
  await Promise.all(Array.from({ length: 40 }, (_, i) => makeToken(test, `token ${i}`)))
  t.equal((await read(test)).head.sequence, 40)
  t.equal(await verify(test), null)
})

t.test('names from outside cannot forge a line of the log', async (t) => {
  const test = await start(t)
  await test.app.audit.record({
    caller: { kind: 'person', id: 'x\u001B[2J', name: 'eve\n{"sequence":9}\u202E', role: 'viewer' },
    action: 'sign_in',
    subject: 'x'.repeat(600),
    detail: { lone: '\uD800' }
  })
  const [entry] = (await read(test)).entries
  t.equal(entry!.caller.id, 'x\uFFFD[2J')
  t.equal(entry!.caller.name, 'eve\uFFFD{"sequence":9}\uFFFD')
  t.equal(entry!.subject.length, 512)
  t.equal(await verify(test), null)
})

t.test('an entry that cannot be written does not turn done into failed, but it shows', async (t) => {
  const test = await start(t)
  await sql`drop table audit_log`.execute(test.database.db)
  t.equal((await makeToken(test, 'ci')).statusCode, 201)
  t.match((await test.app.inject('/readyz')).json(), { status: 'busy', reasons: [{ code: 'audit_not_written' }] })
})

// --- what somebody with a database client could do, on both databases ---

const conformance = (t: Test, name: string, open: (t: Test) => Promise<Database>) => {
  t.test(`${name}: entries can be neither changed nor removed`, async (t) => {
    const database = await open(t)
    const store = new AuditStore(database)
    await store.append([anEntry(1), anEntry(2)])
    const { db } = database
    await t.rejects(db.updateTable('audit_log').set({ action: 'nothing' }).execute(), { message: /append-only/ })
    await t.rejects(db.deleteFrom('audit_log').execute(), { message: /append-only/ })
    await t.rejects(sql`delete from audit_log where sequence = 2`.execute(db), { message: /append-only/ })
    if (database.dialect === 'postgres') {
      await t.rejects(sql`truncate audit_log`.execute(db), { message: /append-only/ })
    }
    t.equal(await breakOf(store), null)
  })

  t.test(`${name}: whoever removes the triggers is found out`, async (t) => {
    const attacks: { name: string; statement: string; expected: object | null }[] = [
      { name: 'nothing', statement: 'select 1', expected: null },
      {
        name: 'another caller',
        statement: "update audit_log set caller_name = 'bob' where sequence = 3",
        expected: { code: 'altered', sequence: 3 }
      },
      {
        name: 'another detail',
        statement: `update audit_log set detail = '{"n":9}' where sequence = 2`,
        expected: { code: 'altered', sequence: 2 }
      },
      {
        name: 'another time',
        statement: 'update audit_log set at_ms = at_ms + 1 where sequence = 1',
        expected: { code: 'altered', sequence: 1 }
      },
      {
        name: 'one entry gone',
        statement: 'delete from audit_log where sequence = 2',
        expected: { code: 'missing', sequence: 2 }
      },
      {
        name: 'the first gone',
        statement: 'delete from audit_log where sequence = 1',
        expected: { code: 'missing', sequence: 1 }
      },
      {
        name: 'the newest gone',
        statement: 'delete from audit_log where sequence >= 3',
        expected: { code: 'cut_off', sequence: 3 }
      },
      { name: 'all gone', statement: 'delete from audit_log', expected: { code: 'cut_off', sequence: 1 } }
    ]
    for (const { name, statement, expected } of attacks) {
      const database = await open(t)
      const store = new AuditStore(database)
      await store.append([anEntry(1), anEntry(2), anEntry(3)])
      await store.append([anEntry(4)])
      await withoutTriggers(database)
      await sql.raw(statement).execute(database.db)
      const found = await breakOf(store)
      if (expected === null) t.equal(found, null, name)
      else t.match(found, expected, name)
      await store.append([anEntry(5)])
      t.equal((await breakOf(store)) === null, expected === null, `${name}: still seen after the next entry`)
    }
  })

  t.test(`${name}: a rewritten chain is whole, but not the one that was noted`, async (t) => {
    const database = await open(t)
    const store = new AuditStore(database)
    await store.append([anEntry(1), anEntry(2)])
    const noted = await store.head()
    await withoutTriggers(database)
    await database.db.deleteFrom('audit_log').execute()
    await database.db.deleteFrom('meta').where('key', '=', 'audit_head').execute()
    await store.append([anEntry(1), anEntry(7)])
    t.equal(await breakOf(store), null)
    t.match(await breakOf(store, noted), { code: 'other_head', sequence: 2 })
  })
}

const breakOf = async (store: AuditStore, end?: AuditHead) => {
  const check = new ChainCheck()
  for (const entry of await store.page({ limit: 1_000, order: 'oldest', after: null })) check.add(entry)
  return check.finish(end ?? (await store.head()))
}

const anEntry = (n: number) => ({
  at: new Date(1_700_000_000_000 + n).toISOString(),
  instance: 'test',
  caller: { kind: 'person' as const, id: 'person:alice', name: 'alice', role: 'admin' as const },
  action: 'PUT /api/v1/plan',
  subject: '/api/v1/plan',
  outcome: 'done' as const,
  status: 200,
  detail: { z: 1, a: 'x', n },
  address: '192.0.2.1',
  requestId: `r-${n}`
})

const withoutTriggers = async ({ db, dialect }: Database): Promise<void> => {
  const statements =
    dialect === 'sqlite'
      ? ['drop trigger audit_log_no_update', 'drop trigger audit_log_no_delete']
      : ['drop trigger audit_log_no_change on audit_log']
  for (const statement of statements) await sql.raw(statement).execute(db)
}

conformance(t, 'SQLite', async (t) => {
  const database = await openDatabase(':memory:')
  t.teardown(() => database.close())
  return database
})

t.test('PostgreSQL', { skip: postgresMissing() ?? false }, async (t) => {
  const postgres = await startPostgres()
  t.teardown(() => postgres.stop())
  conformance(t, 'PostgreSQL', async (t) => {
    const database = await openDatabase(await postgres.createDatabase())
    t.teardown(() => database.close())
    return database
  })
  t.test('instances that write at once make one chain', async (t) => {
    const url = await postgres.createDatabase()
    const databases = [await openDatabase(url), await openDatabase(url), await openDatabase(url)]
    t.teardown(async () => void (await Promise.all(databases.map((database) => database.close()))))
    const stores = databases.map((database) => new AuditStore(database))
    await Promise.all(Array.from({ length: 30 }, (_, n) => stores[n % 3]!.append([anEntry(n)])))
    t.equal((await stores[0]!.head()).sequence, 30)
    t.equal(await breakOf(stores[1]!), null)
  })
})
