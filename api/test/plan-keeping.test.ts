import { mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { ManualClock } from '../src/platform/clock.ts'
import { openDatabase, type Database } from '../src/platform/database/open.ts'
import { PlanFileJob } from '../src/plan/plan-file.job.ts'
import { PlanKeeper } from '../src/plan/plan-keeper.ts'
import { PlanStore } from '../src/plan/store.ts'

const planOf = (...names: string[]): string =>
  `plan: plimsoll/v1\nservices:\n${names.map((name) => `  - { name: ${name}, signals: [self] }\n`).join('')}`
const broken = 'plan: plimsoll/v1\nservces: []\n'

interface Desk {
  readonly database: Database
  readonly directory: string
  readonly path: string
}

/** A store and a directory that outlive the processes that use them. */
async function aDesk(t: Test): Promise<Desk> {
  const directory = mkdtempSync(join(tmpdir(), 'plimsoll-plan-'))
  const database = await openDatabase(':memory:')
  t.teardown(async () => {
    await database.close()
    rmSync(directory, { recursive: true, force: true })
  })
  return { database, directory, path: join(directory, 'plan.yaml') }
}

/** What keeps the plan, as one process of Plimsoll has it. */
async function start(t: Test, { database, directory, path }: Desk) {
  const clock = new ManualClock()
  const log = pino({ level: 'silent' })
  const store = new PlanStore(database.db)
  const keeper = new PlanKeeper({ store, clock, log, location: { directory, ownUrl: 'http://127.0.0.1:1' } })
  const job = new PlanFileJob({ path, keeper, store, clock, log })
  t.teardown(() => job.close())
  await keeper.open()
  await job.start()
  const services = () =>
    keeper
      .current()
      .services.map(({ name }) => name)
      .join(' ')
  return {
    keeper,
    clock,
    services,
    status: () => keeper.status(job.isThere ? path : null),
    put: (text: string, ifMatch?: string) => keeper.apply({ text, source: 'api', appliedBy: 'me', ifMatch }),
    stop: () => job.close(),
    /** Lets the clock run and the disk answer until it is so. */
    async until(isSo: () => boolean, what: string) {
      for (let i = 0; i < 5_000 && !isSo(); i++) {
        clock.advance(250)
        await new Promise<void>((resolve) => setImmediate(resolve))
      }
      t.ok(isSo(), what)
    },
    /** Long enough for every poll and every wait of the watch to be over. */
    async settle() {
      for (let i = 0; i < 100; i++) {
        clock.advance(250)
        await new Promise<void>((resolve) => setImmediate(resolve))
      }
    }
  }
}

t.test('without any plan Plimsoll watches itself, and says where a plan was looked for', async (t) => {
  const desk = await aDesk(t)
  const { services, status } = await start(t, desk)
  t.equal(services(), 'plimsoll')
  t.match(status(), { revision: 0, source: 'none', file: null, appliedAt: null, refused: null })
  t.match(status().warnings, [
    { severity: 'warning', text: `there is no plan file at ${desk.path}: Plimsoll watches itself only` }
  ])
})

t.test('the file is applied at start, and at every change', async (t) => {
  const desk = await aDesk(t)
  writeFileSync(desk.path, planOf('a'))
  const { services, status, until, keeper } = await start(t, desk)
  t.equal(services(), 'a')
  t.match(status(), {
    revision: 1,
    source: 'file',
    file: desk.path,
    appliedBy: 'plan file',
    yaml: planOf('a'),
    warnings: []
  })

  const heard: string[] = []
  keeper.onChange((now, before) => heard.push(`${before.revision} → ${now.revision}`))
  writeFileSync(desk.path, planOf('a', 'b'))
  await until(() => services() === 'a b', 'written in place')
  writeFileSync(`${desk.path}.tmp`, planOf('c'))
  renameSync(`${desk.path}.tmp`, desk.path)
  await until(() => services() === 'c', 'renamed over, as editors do')
  rmSync(desk.path)
  await until(() => status().file === null, 'removed: noticed')
  t.equal(services(), 'c', 'removed: the plan stays')
  t.match(status().warnings, [{ text: /the plan applied last stays in force/ }])
  writeFileSync(desk.path, planOf('d'))
  await until(() => services() === 'd', 'made again')
  t.same(heard, ['1 → 2', '2 → 3', '3 → 4'])
})

t.test('a file with an error changes nothing, is shown as refused, and is forgotten when it is mended', async (t) => {
  const desk = await aDesk(t)
  writeFileSync(desk.path, planOf('a'))
  const { services, status, until } = await start(t, desk)
  writeFileSync(desk.path, broken)
  await until(() => status().refused !== null, 'refused')
  t.equal(services(), 'a')
  t.match(status().refused, {
    source: desk.path,
    faults: [{ line: 2, column: 1, severity: 'error', text: /did you mean `services`/ }]
  })
  writeFileSync(desk.path, planOf('a'))
  await until(() => status().refused === null, 'as it was before')
  t.equal(status().revision, 1, 'which is no new revision')

  writeFileSync(desk.path, '{')
  await until(() => status().refused !== null, 'refused again')
  writeFileSync(desk.path, planOf('b'))
  await until(() => services() === 'b', 'mended')
  t.equal(status().refused, null)
})

t.test('a file that becomes empty takes no plan away', async (t) => {
  const desk = await aDesk(t)
  writeFileSync(desk.path, planOf('a'))
  const { services, status, until } = await start(t, desk)
  truncateSync(desk.path)
  await until(() => status().refused !== null, 'refused')
  t.equal(services(), 'a')
  t.match(status().refused?.faults, [{ text: 'the file has become empty; the plan in force stays' }])
  writeFileSync(desk.path, 'plan: plimsoll/v1\n')
  await until(() => services() === '', 'whoever wants to watch nothing says so')
})

t.test('after a restart with a bad file, the last good plan is in force', async (t) => {
  const desk = await aDesk(t)
  writeFileSync(desk.path, planOf('a'))
  const first = await start(t, desk)
  await first.stop()
  writeFileSync(desk.path, broken)
  const second = await start(t, desk)
  t.equal(second.services(), 'a')
  t.match(second.status(), { revision: 1, source: 'file', refused: { source: desk.path } })
  await second.stop()
  rmSync(desk.path)
  const third = await start(t, desk)
  t.equal(third.services(), 'a', 'and with no file at all')
  t.match(third.status().warnings, [{ text: /the plan applied last stays in force/ }])
})

t.test('what is applied last wins, also over a restart, until the file changes', async (t) => {
  const desk = await aDesk(t)
  writeFileSync(desk.path, planOf('file'))
  const first = await start(t, desk)
  await first.put(planOf('api'))
  t.equal(first.services(), 'api')
  await first.settle()
  t.equal(first.services(), 'api', 'an unchanged file is not applied again')
  await first.stop()

  const second = await start(t, desk)
  t.equal(second.services(), 'api', 'nor at the next start')
  t.match(second.status(), { revision: 2, source: 'api', appliedBy: 'me' })
  await second.stop()

  writeFileSync(desk.path, planOf('file', 'changed'))
  const third = await start(t, desk)
  t.equal(third.services(), 'file changed', 'a file that changed meanwhile is')
  await third.put(planOf('api'))
  writeFileSync(desk.path, planOf('file', 'again'))
  await third.until(() => third.services() === 'file again', 'and one that changes now')
})

t.test('the same text makes no new revision, and a comment does', async (t) => {
  const { put, status, keeper } = await start(t, await aDesk(t))
  t.equal((await put(planOf('a'))).length, 2, 'one service more, one less')
  const before = status()
  const heard: number[] = []
  keeper.onChange(({ revision }) => heard.push(revision))
  t.same(await put(planOf('a')), [])
  t.same(status(), before)
  t.same(await put(`${planOf('a')}# why\n`), [], 'nothing changes but the words')
  t.equal(status().revision, 2)
  t.same(heard, [2])
})

t.test('a plan that was changed meanwhile is not overwritten', async (t) => {
  const { put, keeper, services } = await start(t, await aDesk(t))
  const read = keeper.etag()
  await put(planOf('a'), read)
  await t.rejects(put(planOf('b'), read), {
    code: 'PLIMSOLL_PLAN_CHANGED',
    statusCode: 412,
    headers: { etag: keeper.etag() }
  })
  await t.rejects(put(planOf('b'), '"1-000000000000.00000000"'), { code: 'PLIMSOLL_PLAN_CHANGED' })
  t.equal(services(), 'a')
  await put(planOf('b'), `"x", W/${keeper.etag()}`)
  await put(planOf('c'), '*')
  t.equal(services(), 'c')
  const etag = keeper.etag()
  keeper.refuse({ at: '2026-01-01T00:00:00.000Z', source: 'x', faults: [] })
  t.not(keeper.etag(), etag, 'what is said about a plan is part of what is read')
  await put(planOf('d'), etag)
  t.equal(services(), 'd', 'and no part of what is edited')
})

t.test('two that write at once: one after the other, or one is told', async (t) => {
  const { put, status, keeper } = await start(t, await aDesk(t))
  await Promise.all([put(planOf('a')), put(planOf('b')), put(planOf('c'))])
  t.equal(status().revision, 3)
  const etag = keeper.etag()
  const results = await Promise.allSettled([put(planOf('d'), etag), put(planOf('e'), etag)])
  t.same(results.map((result) => result.status).toSorted(), ['fulfilled', 'rejected'])
})

t.test('instances on one store follow each other', async (t) => {
  const desk = await aDesk(t)
  const one = await start(t, desk)
  const two = await start(t, { ...desk, path: join(desk.directory, 'other.yaml') })
  await one.put(planOf('a'))
  await two.until(() => two.services() === 'a', 'what one applies, the other takes up')

  await one.put(planOf('b'))
  await two.put(planOf('c'))
  t.equal(two.status().revision, 3, 'who comes second comes after the first')
  await one.until(() => one.services() === 'c', 'and both end with the same')

  const etag = two.keeper.etag()
  await one.put(planOf('d'))
  await t.rejects(
    two.put(planOf('e'), etag),
    { code: 'PLIMSOLL_PLAN_CHANGED' },
    'an edit of what the other has replaced is refused'
  )
  t.equal(two.services(), 'd')
})

t.test('a stored plan that this version cannot read is reported, not taken, and can be replaced', async (t) => {
  const desk = await aDesk(t)
  await desk.database.db
    .insertInto('plans')
    .values({ revision: 7, hash: 'x', yaml: 'plan: plimsoll/v9\n', source: 'api', applied_by: 'me', applied_ms: 1 })
    .execute()
  const { services, status, put } = await start(t, desk)
  t.equal(services(), 'plimsoll')
  t.match(status().refused, { source: 'revision 7 in the store', faults: [{ expected: '`plimsoll/v1`' }] })
  await put(planOf('a'))
  t.match(status(), { revision: 8, refused: null })
})

t.test('a room that cannot follow keeps no other from hearing', async (t) => {
  const { put, keeper } = await start(t, await aDesk(t))
  const heard: number[] = []
  keeper.onChange(() => {
    throw new Error('cannot')
  })
  const end = keeper.onChange(({ revision }) => heard.push(revision))
  await put(planOf('a'))
  end()
  await put(planOf('b'))
  t.same(heard, [1])
})

t.test(
  'paths and addresses of a plan are whole where they are used, and as written where they are shown',
  async (t) => {
    const desk = await aDesk(t)
    writeFileSync(
      desk.path,
      'plan: plimsoll/v1\nservices: [{ name: a, signals: [{ caddyLog: logs/a.ndjson }, { probe: "self:/healthz" }] }]\n' +
        'milestones: [{ id: M, title: x, owner: y, acceptance: [{ http: "self:/" }] }]\n'
    )
    const { keeper, status } = await start(t, desk)
    const used = () => {
      const { services, milestones } = keeper.current()
      return [...(services[0]?.signals ?? []), ...(milestones[0]?.acceptance ?? [])].map((one) =>
        'file' in one ? one.file : 'url' in one ? one.url : one.kind
      )
    }
    t.same(used(), [join(desk.directory, 'logs/a.ndjson'), 'http://127.0.0.1:1/healthz', 'http://127.0.0.1:1/'])
    const heard: string[][] = []
    keeper.onChange(() => heard.push(used()))
    keeper.relocate('http://[::1]:3000')
    t.same(
      heard.map(([, probe]) => probe),
      ['http://[::1]:3000/healthz'],
      'rooms hear of the port that was taken'
    )
    t.match(JSON.stringify(status().plan), '"url":"self:/healthz"')
    t.match(keeper.given().services[0]?.signals[0], { file: 'logs/a.ndjson' })
  }
)

t.test('what is no readable file is refused with the reason', async (t) => {
  const desk = await aDesk(t)
  const { status } = await start(t, { ...desk, path: desk.directory })
  t.match(status().refused?.faults, [{ text: `${desk.directory}: it is not a file` }])
  writeFileSync(desk.path, '#'.repeat(1_100_000))
  const other = await start(t, desk)
  t.match(other.status().refused?.faults, [{ text: /it has 1100000 bytes, and at most 1048576 are read/ }])
})
