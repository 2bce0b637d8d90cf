import t, { type Test } from 'tap'
import { EvidenceStore } from '../src/plan/acceptance/evidence-store.ts'
import { PlanStore, type NewPlan } from '../src/plan/store.ts'
import { openDatabase, type Database } from '../src/platform/database/open.ts'
import { postgresMissing, startPostgres } from './support/postgres.ts'

const aPlan = (hash: string, source = 'api'): NewPlan => ({
  hash,
  yaml: `# ${hash}\n`,
  source,
  appliedBy: 'me',
  appliedMs: 1_000
})

/** What every store of plans and evidence does, whatever lies below it. */
function conformance(t: Test, open: () => Promise<Database>): void {
  const aDatabase = async (t: Test): Promise<Database> => {
    const database = await open()
    t.teardown(() => database.close())
    return database
  }

  t.test('the newest plan is in force, and the same text is no new revision', async (t) => {
    const store = new PlanStore((await aDatabase(t)).db)
    t.equal(await store.newest(), undefined)
    t.equal(await store.newestRevision(), 0)
    t.match(await store.add(aPlan('a'), 0), { revision: 1, hash: 'a' })
    t.match(await store.add(aPlan('b'), 1), { revision: 2 })
    t.match(await store.add(aPlan('b'), 2), { revision: 2 })
    t.match(await store.add(aPlan('b'), 0), { revision: 2 }, 'also for whoever has not heard of it')
    t.match(await store.newest(), {
      revision: 2,
      hash: 'b',
      yaml: '# b\n',
      source: 'api',
      applied_by: 'me',
      applied_ms: 1_000
    })
    t.equal(await store.newestRevision(), 2)
  })

  t.test('who does not know the newest plan replaces none', async (t) => {
    const store = new PlanStore((await aDatabase(t)).db)
    await store.add(aPlan('a'), 0)
    t.equal(await store.add(aPlan('b'), 0), 'moved')
    t.equal(await store.add(aPlan('b'), 2), 'moved')
    const outcomes = await Promise.all(['c', 'd', 'e'].map((hash) => store.add(aPlan(hash), 1)))
    t.equal(outcomes.filter((outcome) => outcome === 'moved').length, 2, 'of three at once, one')
    t.equal(await store.newestRevision(), 2)
  })

  t.test('the file that was applied last is remembered, and only a file', async (t) => {
    const store = new PlanStore((await aDatabase(t)).db)
    t.equal(await store.fileHash(), null)
    await store.add(aPlan('a', 'file'), 0)
    await store.add(aPlan('b', 'api'), 1)
    t.equal(await store.fileHash(), 'a')
    await store.add(aPlan('c', 'file'), 0)
    t.equal(await store.fileHash(), 'a', 'one that was not applied is not')
    await store.add(aPlan('b', 'file'), 2)
    t.equal(await store.fileHash(), 'b', 'one that says what is in force already is')
  })

  t.test('the latest evidence of each check is found, and a row is kept for each change', async (t) => {
    const { db } = await aDatabase(t)
    const store = new EvidenceStore(db)
    const reasons = [{ code: 'file_there', text: 'it is “there”' }]
    const add = (check: string, state: 'pass' | 'fail', atMs: number) =>
      store.add('M-1', check, { state, atMs, reasons, durationMs: 1.6 })
    await add('a', 'pass', 1)
    await add('a', 'pass', 2)
    await add('b', 'fail', 3)
    await add('a', 'fail', 4)
    await add('a', 'pass', 5)
    t.same(Object.fromEntries(await store.latest()), {
      'M-1 a': { atMs: 5, state: 'pass', reasons, durationMs: 2 },
      'M-1 b': { atMs: 3, state: 'fail', reasons, durationMs: 2 }
    })
    const rows = await db.selectFrom('check_results').select(['check_key', 'at_ms']).orderBy('id').execute()
    t.same(
      rows.map((row) => `${row.check_key} ${row.at_ms}`),
      ['a 2', 'b 3', 'a 4', 'a 5']
    )
  })
}

t.test('sqlite', async (t) => conformance(t, () => openDatabase(':memory:')))

t.test('postgresql', { skip: postgresMissing() ?? false, timeout: 120_000 }, async (t) => {
  const server = await startPostgres()
  t.teardown(() => server.stop())
  conformance(t, async () => openDatabase(await server.createDatabase()))
})
