import t, { type Test } from 'tap'
import { systemClock } from '../src/platform/clock.ts'
import { openDatabase, type Database } from '../src/platform/database/open.ts'
import { leaseLost, type Leadership } from '../src/platform/lease.ts'
import { Notices } from '../src/platform/notices.ts'
import { createSliceStore, type SliceStore } from '../src/signals/store.ts'
import { OtherInstances } from '../src/signals/store/others.ts'
import { sql } from 'kysely'
import { postgresMissing, startPostgres } from './support/postgres.ts'
import { aDelta, aStream, aWorld, hourMs, Outbox, secondMs } from './support/slo-world.ts'

/** Looks again and again; the test's own time limit ends it. */
const until = async (isSo: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 10))
}

interface Member {
  readonly store: SliceStore
  readonly notices: Notices
  readonly database: Awaited<ReturnType<typeof openDatabase>>
  /** What listeners were told of, in order. */
  readonly told: { startMs: number; total: number }[]
  resets: number
}

async function aMember(t: Test, url: string, holder: string, readableMs?: number): Promise<Member> {
  const database = await openDatabase(url)
  const notices = new Notices()
  const others = new OtherInstances({
    db: database.db,
    clock: systemClock,
    notices,
    holder,
    ...(readableMs && { readableMs })
  })
  const store = createSliceStore({ db: database.db, clock: systemClock, others })
  const told: Member['told'] = []
  store.onCommitted((deltas) => told.push(...deltas.map(({ startMs, counts }) => ({ startMs, total: counts.total }))))
  const member: Member = { store, notices, database, told, resets: 0 }
  store.onReset(() => member.resets++)
  const stop = store.hearOthers()
  t.teardown(async () => {
    stop()
    await store.settled()
    await database.close()
  })
  return member
}

/** Leadership that the test gives and takes; whoever was given it last may write. */
function aThrone(database: Database) {
  let token = 0
  const heir = () => {
    const listeners = new Set<(isLeader: boolean) => void>()
    const lease = { isLeader: false, fencing: 0 }
    return {
      lease,
      /** It leads from now on, and knows. */
      crown(): void {
        Object.assign(lease, { isLeader: true, fencing: ++token })
        listeners.forEach((listener) => listener(true))
      },
      /** It leads no more, and knows. */
      dismiss(): void {
        lease.isLeader = false
        listeners.forEach((listener) => listener(false))
      },
      leadership: {
        get isLeader() {
          return lease.isLeader
        },
        get fencing() {
          return lease.fencing
        },
        onChange(listener) {
          listeners.add(listener)
          return () => void listeners.delete(listener)
        },
        guard: () => Promise.resolve(),
        act(task) {
          if (lease.fencing !== token) return Promise.reject(leaseLost('another has been crowned'))
          return database.db.transaction().execute(task)
        }
      } satisfies Leadership
    }
  }
  return { heir }
}

t.test('alerts over a change of leader', async (t) => {
  const database = await openDatabase(':memory:')
  t.teardown(() => database.close())
  const outbox = new Outbox()
  const throne = aThrone(database)
  const [first, second] = [throne.heir(), throne.heir()]
  first.crown()
  const [a, b] = await Promise.all(
    [first, second].map(({ leadership }) => aWorld({ database, outbox, lease: leadership }))
  )
  t.teardown(() => Promise.all([a!.close(), b!.close()]))
  const pass = async (seconds: number, failed: number): Promise<void> => {
    for (let leftS = seconds; leftS > 0; leftS -= 10) {
      for (const { feed, clock, evaluator } of [a!, b!]) {
        feed.commit([aDelta(Math.floor(clock.nowMs() / secondMs) * secondMs, { total: 100, failed })])
        clock.advance(10 * secondMs)
        await evaluator.settled
      }
    }
  }
  const stored = async (): Promise<string[]> =>
    (await database.db.selectFrom('alerts').select(['state', 'severity']).execute()).map(Object.values).map(String)

  await pass(600, 0)
  await pass(300, 90)
  t.strictSame(outbox.events, ['opened page'])
  t.strictSame(await stored(), ['open,page'])
  await b!.evaluator.follow()
  t.match(b!.alerts.open, [{ severity: 'page', id: a!.alerts.open[0]!.id }], 'who follows shows the very same alert')

  second.crown() // the first was frozen: it does not know yet
  await b!.evaluator.settled
  await until(() => b!.evaluator.leads)
  await pass(120, 90)
  t.strictSame(outbox.events, ['opened page'], 'who takes over opens nothing anew')
  const before = await stored()
  await pass(3_600, 0)
  t.strictSame(outbox.events.filter((event) => event === 'opened page').length, 1)
  t.ok(outbox.events.length > 1, 'what comes after is told')
  t.equal(new Set(outbox.messages.map(({ event, alert }) => `${event} ${alert.severity}`)).size, outbox.events.length)
  t.equal(before.length, 1)
  t.equal((await stored()).length, 1, 'the one that was frozen wrote nothing')
  t.ok(a!.logged.includes('alert waits for the store'), 'although it tried')

  first.dismiss()
  await until(async () => {
    await a!.evaluator.follow()
    return JSON.stringify(a!.alerts.open) === JSON.stringify(b!.alerts.open)
  })
})

const totalOf = (told: readonly { total: number }[]): number => told.reduce((sum, { total }) => sum + total, 0)

t.test('counts on postgresql', { skip: postgresMissing() ?? false, timeout: 60_000 }, async (t) => {
  const server = await startPostgres()
  t.teardown(() => server.stop())
  const nowMs = Math.floor(Date.now() / secondMs) * secondMs

  t.test('what one instance stores is told in all, once, whole, and in its order', async (t) => {
    const url = await server.createDatabase()
    const members = await Promise.all(['a', 'b', 'c'].map((holder) => aMember(t, url, holder)))
    const [a, b, c] = members as [Member, Member, Member]
    const look = (): void => members.forEach(({ notices }) => notices.tell('slices'))
    look()
    await Promise.all(members.map(({ store }) => store.settled()))
    const stream = aStream({ release: 'v1', route: '/a/*', scope: '/a/* /b', trafficClass: 'load' })
    const seen: unknown[] = []
    b.store.onCommitted((deltas) => seen.push(...deltas))
    const delta = aDelta(nowMs, { total: 30, failed: 3, slow: 7 }, stream)
    delta.counts.latency.recordMany(12_345, 27)
    await a.store.commit({ writer: 'a', deltas: [delta] })
    for (let i = 1; i <= 20; i++) {
      await a.store.commit({ writer: 'a', deltas: [aDelta(nowMs + i * secondMs, { total: i })] })
      await c.store.commit({ writer: 'c', deltas: [aDelta(nowMs + i * secondMs, { total: 1_000 })] })
      if (i % 3 === 0) look()
    }
    look()
    await until(() => members.every(({ told }) => totalOf(told) === 30 + 210 + 20_000))
    t.strictSame(
      b.told.filter(({ total }) => total < 1_000).map(({ total }) => total),
      [30, ...Array.from({ length: 20 }, (_, i) => i + 1)]
    )
    const [first] = seen as [typeof delta]
    t.strictSame(
      { ...first, counts: { ...first.counts, latency: [...first.counts.latency.encode()] } },
      {
        ...delta,
        counts: { ...delta.counts, latency: [...delta.counts.latency.encode()] }
      }
    )
    look()
    await b.store.settled()
    t.equal(totalOf(b.told), 20_240, 'looking again tells nothing again')
  })

  t.test('who follows has every event exactly once, while all instances go on storing', async (t) => {
    const url = await server.createDatabase()
    const [a, b] = await Promise.all([aMember(t, url, 'a'), aMember(t, url, 'b')])
    const startMs = Math.floor(nowMs / hourMs) * hourMs - hourMs
    const spreads = (i: number): number => startMs + ((i * 7_919) % 3_600) * secondMs
    let stored = 0
    const work = { isDone: false }
    const writes = async ({ store }: Member, writer: string): Promise<void> => {
      for (let i = 0; !work.isDone; i++) {
        await store.commit({ writer, deltas: [aDelta(spreads(i), { total: 1 })] })
        stored++
      }
    }
    const writing = Promise.all([writes(a, 'a'), writes(b, 'b')])
    await until(() => stored > 50)
    const counted = await Promise.all(
      [a, b].map(async ({ store, notices }) => {
        let reachedMs = -Infinity
        let total = 0
        store.onCommitted((deltas) => {
          for (const delta of deltas) if (delta.startMs < reachedMs) total += delta.counts.total
        })
        for (let looks = 0; looks < 40; looks++) setTimeout(() => notices.tell('slices'), looks * 20)
        const range = { service: 'shop-api', fromMs: startMs, toMs: startMs + hourMs, widthMs: 10_000 } as const
        await store.follow(
          range,
          (slice) => (total += slice.total),
          (ms) => (reachedMs = ms)
        )
        return () => total
      })
    )
    work.isDone = true
    await writing
    for (const { notices, store } of [a, b]) {
      notices.tell('slices')
      await store.settled()
    }
    t.strictSame(
      counted.map((total) => total()),
      [stored, stored]
    )
  })

  t.test('who was cut off for so long that something may be missing is told to read anew', async (t) => {
    const url = await server.createDatabase()
    const [a, b] = await Promise.all([aMember(t, url, 'a'), aMember(t, url, 'b', 200)])
    const look = async (): Promise<void> => {
      b.notices.tell('slices')
      await b.store.settled()
    }
    await look()
    await a.store.commit({ writer: 'a', deltas: [aDelta(nowMs, { total: 1 })] })
    await look()
    t.strictSame([totalOf(b.told), b.resets], [1, 0])
    await sql`select pg_sleep(0.25)`.execute(b.database.db)
    await a.store.commit({ writer: 'a', deltas: [aDelta(nowMs, { total: 10 })] })
    await look()
    t.strictSame([totalOf(b.told), b.resets], [1, 1], 'what was told meanwhile is read with everything else')
    await a.store.commit({ writer: 'a', deltas: [aDelta(nowMs, { total: 100 })] })
    await look()
    t.strictSame([totalOf(b.told), b.resets], [101, 1])
  })
})
