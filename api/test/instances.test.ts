import t, { type Test } from 'tap'
import { systemClock } from '../src/platform/clock.ts'
import { openDatabase } from '../src/platform/database/open.ts'
import { Notices } from '../src/platform/notices.ts'
import { createSliceStore, type SliceStore } from '../src/signals/store.ts'
import { OtherInstances } from '../src/signals/store/others.ts'
import { sql } from 'kysely'
import { postgresMissing, startPostgres } from './support/postgres.ts'
import { aDelta, aStream, hourMs, secondMs } from './support/slo-world.ts'

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
