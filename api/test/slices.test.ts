// The store of slices: one suite for SQLite and PostgreSQL.
import fc from 'fast-check'
import { sql } from 'kysely'
import t, { type Test } from 'tap'
import { ManualClock } from '../src/platform/clock.ts'
import { openDatabase, type Database } from '../src/platform/database/open.ts'
import { emptyCounts } from '../src/signals/counts.ts'
import type { Batch, Counts, SliceDelta, Stream } from '../src/signals/slice.ts'
import { createSliceStore, type SliceStore } from '../src/signals/store.ts'
import { postgresMissing, startPostgres } from './support/postgres.ts'
import { floorTo, sliceWidthsMs, type SliceWidthMs } from '../src/signals/store/widths.rules.ts'

const nowMs = Date.UTC(2026, 10, 22, 12, 0, 0)
const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

const aStream = (change: Partial<Stream> = {}): Stream => ({
  service: 'shop',
  release: '',
  trafficClass: 'user',
  route: '/api/*',
  scope: '',
  origin: 'requests',
  ...change
})

/** Counts of some events of 100 ms each with status 200, of which `bad` have status 500. */
const someCounts = (total: number, bad = 0): Counts => {
  const counts = emptyCounts()
  counts.total = total
  counts.status2xx = total - bad
  counts.status5xx = bad
  counts.slow.set(200, bad)
  for (let n = 0; n < total; n++) counts.latency.record(100_000)
  return counts
}

const aDelta = (startMs: number, total = 1, change: Partial<Stream> = {}, bad = 0): SliceDelta => ({
  stream: aStream(change),
  startMs,
  widthMs: 1_000,
  counts: someCounts(total, bad)
})

const aBatch = (deltas: SliceDelta[], more: Partial<Batch> = {}): Batch => ({ writer: 'test:0@a', deltas, ...more })

interface Bench {
  readonly database: Database
  readonly clock: ManualClock
  readonly store: SliceStore
  /** The same store as another process would open it. */
  readonly again: () => SliceStore
}

/** Totals by start of slice, at one width. */
const totalsAt = async (
  store: SliceStore,
  widthMs: SliceWidthMs,
  service = 'shop'
): Promise<Record<string, number>> => {
  const totals: Record<string, number> = {}
  const range = { service, fromMs: nowMs - 500 * day, toMs: nowMs + day, widthMs, latency: true }
  await store.scan(range, (slice) => {
    const at = `${(slice.startMs - nowMs) / second} s`
    totals[at] = (totals[at] ?? 0) + slice.total
  })
  return totals
}

const totalAt = async (store: SliceStore, widthMs: SliceWidthMs, service = 'shop'): Promise<number> =>
  Object.values(await totalsAt(store, widthMs, service)).reduce((sum, total) => sum + total, 0)

/** A clock on which every look takes a millisecond. */
const steppingClock = () => {
  let elapsedMs = 0
  return { nowMs: () => nowMs, monotonicMs: () => elapsedMs++ }
}

const conformance = (t: Test, kind: string, open: () => Promise<Database>): void => {
  const bench = async (t: Test): Promise<Bench> => {
    const database = await open()
    t.teardown(() => database.close())
    const clock = new ManualClock(nowMs)
    const again = (): SliceStore => createSliceStore({ db: database.db, clock })
    return { database, clock, store: again(), again }
  }

  t.test(`${kind}: a delta is folded into 10 seconds, a minute and an hour`, async (t) => {
    const { store } = await bench(t)
    await store.commit(aBatch([aDelta(nowMs - 61 * second, 2), aDelta(nowMs - 59 * second, 3)]))
    t.same(await totalsAt(store, 10_000), { '-70 s': 2, '-60 s': 3 })
    t.same(await totalsAt(store, 60_000), { '-120 s': 2, '-60 s': 3 })
    t.same(await totalsAt(store, 3_600_000), { '-3600 s': 5 })
  })

  t.test(`${kind}: commits add up, and go on adding up after a restart`, async (t) => {
    const { store, again } = await bench(t)
    await store.commit(aBatch([aDelta(nowMs - second, 2)]))
    await store.commit(aBatch([aDelta(nowMs - second, 3), aDelta(nowMs - 2 * second, 1)]))
    const restarted = again()
    await restarted.commit(aBatch([aDelta(nowMs - second, 4)]))
    await restarted.commit(aBatch([aDelta(nowMs - second, 5)]))
    for (const widthMs of sliceWidthsMs) t.equal(await totalAt(restarted, widthMs), 15)
  })

  t.test(`${kind}: late events find their old slices, also after a restart`, async (t) => {
    const { store, again } = await bench(t)
    await store.commit(aBatch([aDelta(nowMs - 2 * hour, 1)]))
    await store.commit(aBatch([aDelta(nowMs, 1)]))
    await store.commit(aBatch([aDelta(nowMs - 2 * hour, 1)]))
    const restarted = again()
    await restarted.commit(aBatch([aDelta(nowMs, 1)]))
    await restarted.commit(aBatch([aDelta(nowMs - 2 * hour, 1)]))
    t.same(await totalsAt(restarted, 60_000), { '-7200 s': 3, '0 s': 2 })
  })

  t.test(`${kind}: everything a slice holds comes back`, async (t) => {
    const { store } = await bench(t)
    const counts = someCounts(10, 2)
    Object.assign(counts, { status1xx: 1, status3xx: 2, status4xx: 3, timeouts: 1, aborted: 4 })
    counts.slow.set(300, 7)
    await store.commit(aBatch([{ stream: aStream(), startMs: nowMs, widthMs: 1_000, counts }]))
    await store.commit(aBatch([aDelta(nowMs, 1)]))
    const range = { service: 'shop', fromMs: nowMs, toMs: nowMs + minute, stepMs: minute, latency: true }
    const read: Counts[] = []
    await store.eachStep(range, (_startMs, step) => void read.push(step))
    t.equal(read.length, 1)
    t.match(read[0], {
      total: 11,
      status1xx: 1,
      status2xx: 9,
      status3xx: 2,
      status4xx: 3,
      status5xx: 2,
      timeouts: 1,
      aborted: 4
    })
    t.same(
      [...read[0]!.slow],
      [
        [200, 2],
        [300, 7]
      ]
    )
    t.equal(read[0]!.latency.total, 11)
    t.equal(read[0]!.latency.maxUs, counts.latency.maxUs)
  })

  t.test(`${kind}: writers keep rows of their own, readers see their sum`, async (t) => {
    const { store, again } = await bench(t)
    const other = again()
    await Promise.all([
      store.commit(aBatch([aDelta(nowMs, 2)], { writer: 'log@a' })),
      other.commit(aBatch([aDelta(nowMs, 3)], { writer: 'log@b' }))
    ])
    await store.commit(aBatch([aDelta(nowMs, 5)], { writer: 'log@a' }))
    for (const widthMs of sliceWidthsMs) t.equal(await totalAt(store, widthMs), 10)
  })

  t.test(`${kind}: each width takes only what its retention still covers`, async (t) => {
    const { store } = await bench(t)
    await store.commit(
      aBatch([
        aDelta(nowMs - 11 * hour, 1),
        aDelta(nowMs - 13 * hour, 2),
        aDelta(nowMs - 36 * day, 4),
        aDelta(nowMs - 401 * day, 8)
      ])
    )
    t.equal(await totalAt(store, 10_000), 1)
    t.equal(await totalAt(store, 60_000), 3)
    t.equal(await totalAt(store, 3_600_000), 7)
    t.equal(store.oldestKeptMs(3_600_000), nowMs - 400 * day)
  })

  t.test(`${kind}: a minute of old events keeps the sums of whole minutes exact at every width`, async (t) => {
    const { store } = await bench(t)
    const old: SliceDelta = { ...aDelta(nowMs - hour, 6), widthMs: 60_000 }
    await store.commit(aBatch([old]))
    for (const widthMs of sliceWidthsMs) t.same(await totalsAt(store, widthMs), { '-3600 s': 6 })
  })

  t.test(`${kind}: a cursor moves with the counts it led to`, async (t) => {
    const { store, again } = await bench(t)
    t.equal(await store.readCursor('log'), null)
    const first = aBatch([aDelta(nowMs, 1)], { cursor: { source: 'log', expected: null, position: '1' } })
    t.same(await store.commit(first), { kind: 'committed' })
    const second = aBatch([aDelta(nowMs, 1)], { cursor: { source: 'log', expected: '1', position: '2' } })
    t.same(await store.commit(second), { kind: 'committed' })
    t.equal(await again().readCursor('log'), '2')
    t.equal(await totalAt(store, 60_000), 2)
  })

  t.test(`${kind}: a batch that is repeated counts once`, async (t) => {
    const { store, again } = await bench(t)
    const batch = aBatch([aDelta(nowMs, 1)], { cursor: { source: 'log', expected: null, position: '1' } })
    await store.commit(batch)
    t.same(await store.commit(batch), { kind: 'already_committed' })
    t.same(await again().commit(batch), { kind: 'already_committed' })
    await store.commit(aBatch([aDelta(nowMs, 1)], { cursor: { source: 'log', expected: '1', position: '2' } }))
    for (const widthMs of sliceWidthsMs) t.equal(await totalAt(store, widthMs), 2)
  })

  t.test(`${kind}: a reader of the same source elsewhere is told that it has been overtaken`, async (t) => {
    const { store, again } = await bench(t)
    const told: unknown[] = []
    const other = again()
    other.onCommitted((deltas) => told.push(deltas))
    await store.commit(aBatch([aDelta(nowMs, 1)], { cursor: { source: 'log', expected: null, position: '1' } }))
    const late = aBatch([aDelta(nowMs, 5)], { cursor: { source: 'log', expected: null, position: '7' } })
    t.same(await other.commit(late), { kind: 'superseded', position: '1' })
    const stale = aBatch([aDelta(nowMs, 5)], { cursor: { source: 'log', expected: '0', position: '7' } })
    t.same(await other.commit(stale), { kind: 'superseded', position: '1' })
    t.same(told, [])
    t.equal(await totalAt(store, 60_000), 1)
  })

  t.test(`${kind}: what goes along in a transaction is stored with the counts or not at all`, async (t) => {
    const { store, database } = await bench(t)
    const key = (name: string) => ({ key: name, body_hash: '', reply: '', created_ms: nowMs })
    await store.commit(
      aBatch([aDelta(nowMs, 1)], {
        also: async (transaction) => void (await transaction.insertInto('idempotency_keys').values(key('a')).execute())
      })
    )
    const refused = aBatch([aDelta(nowMs, 5)], {
      cursor: { source: 'log', expected: null, position: '1' },
      async also(transaction) {
        await transaction.insertInto('idempotency_keys').values(key('b')).execute()
        throw new Error('no')
      }
    })
    await t.rejects(store.commit(refused), { message: 'no' })
    t.equal(await totalAt(store, 60_000), 1)
    t.equal(await store.readCursor('log'), null)
    const keys = await database.db.selectFrom('idempotency_keys').select('key').execute()
    t.same(keys, [{ key: 'a' }])
    await store.commit(aBatch([aDelta(nowMs, 1)]))
    t.equal(await totalAt(store, 60_000), 2, 'the rows that were refused are not remembered')
  })

  t.test(`${kind}: batches of one moment share a transaction; one that fails harms no other`, async (t) => {
    const transactions: number[] = []
    const { database, clock } = await bench(t)
    const store = createSliceStore({
      db: database.db,
      clock,
      onTransaction: ({ batches }) => transactions.push(batches)
    })
    const outcomes = await Promise.allSettled([
      store.commit(aBatch([aDelta(nowMs, 1)])),
      store.commit(aBatch([aDelta(nowMs, 10)], { also: () => Promise.reject(new Error('no')) })),
      store.commit(aBatch([aDelta(nowMs, 100)])),
      store.commit(aBatch([aDelta(nowMs, 1_000)], { writer: 'other' }))
    ])
    t.same(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled', 'fulfilled']
    )
    t.same(transactions, [4])
    for (const widthMs of sliceWidthsMs) t.equal(await totalAt(store, widthMs), 1_101)
  })

  t.test(`${kind}: listeners hear of a batch once, after it is durable`, async (t) => {
    const { store } = await bench(t)
    const heard: number[] = []
    const stop = store.onCommitted((deltas) => {
      heard.push(deltas[0]!.counts.total)
    })
    store.onCommitted(() => {
      throw new Error('a listener that fails is its own problem')
    })
    const batch = aBatch([aDelta(nowMs, 1)], { cursor: { source: 'log', expected: null, position: '1' } })
    await store.commit(batch)
    await t.rejects(store.commit(aBatch([aDelta(nowMs, 5)], { also: () => Promise.reject(new Error('no')) })))
    await store.commit(aBatch([aDelta(nowMs, 2)]))
    stop()
    await store.commit(aBatch([aDelta(nowMs, 3)]))
    t.same(heard, [1, 2])
  })

  t.test(`${kind}: whoever follows has every event once, however commits fall between`, async (t) => {
    const { store, clock } = await bench(t)
    for (let at = 0; at < 200; at++) await store.commit(aBatch([aDelta(nowMs - hour + at * 17 * second, 1)]))
    let total = 0
    let reachedMs = -Infinity
    store.onCommitted((deltas) => {
      for (const { startMs, counts } of deltas) if (floorTo(startMs, 60_000) < reachedMs) total += counts.total
    })
    const state = { isFollowing: true }
    const followed = store
      .follow(
        { service: 'shop', fromMs: nowMs - 2 * hour, toMs: nowMs + hour, widthMs: 60_000 },
        (slice) => void (total += slice.total),
        (untilMs) => (reachedMs = untilMs)
      )
      .then(() => (state.isFollowing = false))
    let committed = 200
    for (let n = 0; state.isFollowing; n++) {
      const change = n % 5 === 0 ? { release: `r${n}` } : {}
      await store.commit(aBatch([aDelta(nowMs - ((n * 7_919) % 3_600) * second, 1, change)]))
      committed++
      await new Promise((resolve) => setImmediate(resolve))
    }
    await followed
    await store.commit(aBatch([aDelta(nowMs, 1)]))
    t.equal(total, committed + 1)
    t.ok(committed > 202, 'commits came while it was loading')
    t.equal(clock.nowMs(), nowMs)
  })

  t.test(`${kind}: sums over a range take each width where it fits, and add up`, async (t) => {
    const { store, clock } = await bench(t)
    const startMs = nowMs - 3 * hour - 7 * minute
    for (let atMs = startMs; atMs < nowMs; atMs += 90 * second) {
      await store.commit(aBatch([aDelta(atMs, 1, { route: atMs % 60_000 === 0 ? '/a' : '/b' })]))
    }
    const sums = await store.sum({
      service: 'shop',
      fromMs: startMs,
      toMs: clock.nowMs(),
      groupBy: ({ route }) => route
    })
    t.same(Object.fromEntries([...sums].map(([route, { total }]) => [route, total])), { '/a': 63, '/b': 62 })
    const onlyA = await store.sum({
      service: 'shop',
      fromMs: startMs,
      toMs: startMs + 10 * minute,
      streams: ({ route }) => route === '/a',
      groupBy: () => 'all'
    })
    t.equal(onlyA.get('all')?.total, 4)
  })

  t.test(`${kind}: a series has its steps in order and leaves out those without events`, async (t) => {
    const { store } = await bench(t)
    for (const minutes of [1, 2, 31, 59]) await store.commit(aBatch([aDelta(nowMs - minutes * minute, minutes)]))
    const steps: [number, number][] = []
    await store.eachStep(
      { service: 'shop', fromMs: nowMs - hour, toMs: nowMs, stepMs: 5 * minute },
      (startMs, { total }) => void steps.push([(startMs - nowMs) / minute, total])
    )
    t.same(steps, [
      [-60, 59],
      [-35, 31],
      [-5, 3]
    ])
    await t.rejects(
      store.eachStep({ service: 'shop', fromMs: nowMs - 2 * day, toMs: nowMs, stepMs: 10 * second }, () => undefined)
    )
  })

  t.test(`${kind}: releases are seen from their first to their last hour`, async (t) => {
    const { store, again } = await bench(t)
    await store.commit(
      aBatch([
        aDelta(nowMs - 5 * hour, 1, { release: 'v1' }),
        aDelta(nowMs - 4 * hour, 1, { release: 'v1', route: '/b' })
      ])
    )
    await store.commit(aBatch([aDelta(nowMs - 2 * hour, 1, { release: 'v2' }), aDelta(nowMs, 1)]))
    await again().commit(aBatch([aDelta(nowMs - 6 * hour, 1, { release: 'v1' })]))
    t.same(await store.releases('shop', nowMs - day, nowMs), [
      { release: 'v2', firstSeenMs: nowMs - 2 * hour, lastSeenMs: nowMs - hour },
      { release: 'v1', firstSeenMs: nowMs - 6 * hour, lastSeenMs: nowMs - 3 * hour }
    ])
    t.same(await store.releases('shop', nowMs - hour, nowMs), [])
  })

  t.test(`${kind}: a release that came within the hour is dated to the minute`, async (t) => {
    const { store } = await bench(t)
    const came = nowMs + 23 * minute + 7 * second
    await store.commit(aBatch([aDelta(nowMs - 5 * hour, 1, { release: 'v1' })]))
    await store.commit(aBatch([aDelta(came + 2 * minute, 1, { release: 'v1', route: '/new' })]))
    await store.commit(aBatch([aDelta(came + 3 * minute, 1, { release: 'v2' })]))
    await store.commit(aBatch([aDelta(came, 1, { release: 'v2', route: '/b' })]))
    const seen = await store.releases('shop', nowMs + 15 * minute, nowMs + 30 * minute)
    t.same(
      seen.map(({ release, firstSeenMs }) => [release, firstSeenMs]),
      [
        ['v2', nowMs + 23 * minute],
        ['v1', nowMs - 5 * hour]
      ],
      'the older one is no newer for a new route'
    )
    t.match(await store.releases('shop', nowMs - 3 * day, nowMs + hour), [{ release: 'v2', firstSeenMs: nowMs }, {}])
  })

  t.test(`${kind}: pruning keeps what the retention covers and nothing else`, async (t) => {
    const { store, clock, database } = await bench(t)
    await store.commit(aBatch([aDelta(nowMs, 1, { release: 'v1' }), aDelta(nowMs, 1)]))
    clock.advance(13 * hour)
    t.same(await store.prune(), { slices: 2, streams: 0 })
    t.equal(await totalAt(store, 10_000), 0)
    t.equal(await totalAt(store, 60_000), 2)
    clock.advance(35 * day)
    await store.commit(aBatch([aDelta(clock.nowMs(), 1)]))
    t.same(await store.prune(), { slices: 2, streams: 0 })
    clock.advance(366 * day)
    t.same(await store.prune(), { slices: 4, streams: 1 }, 'the stream of v1 is forgotten, the other still has an hour')
    await store.commit(aBatch([aDelta(clock.nowMs(), 1, { release: 'v1' })]))
    t.equal(
      (await database.db.selectFrom('streams').selectAll().execute()).length,
      2,
      'and comes back when it is seen again'
    )
    t.same(await store.releases('shop', 0, clock.nowMs() + day).then((seen) => seen.map(({ release }) => release)), [
      'v1'
    ])
  })

  t.test(`${kind}: any split into batches, retries and restarts gives the same sums at every width`, async (t) => {
    const event = fc.record({
      ageS: fc.oneof(
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 0, max: 14 * 3_600 }),
        fc.integer({ min: 0, max: 40 * 86_400 })
      ),
      route: fc.constantFrom('/a', '/b'),
      bad: fc.boolean()
    })
    const step = fc.record({
      events: fc.array(event, { maxLength: 6 }),
      after: fc.constantFrom('go on', 'restart', 'repeat', 'fail and retry', 'together')
    })
    const { database, clock } = await bench(t)
    let runs = 0
    const run = async (
      steps: { events: { ageS: number; route: string; bad: boolean }[]; after: string }[]
    ): Promise<boolean> => {
      const service = `shop-${runs++}`
      let store = createSliceStore({ db: database.db, clock })
      const expected = { 10_000: 0, 60_000: 0, 3_600_000: 0 }
      let together: Promise<unknown>[] = []
      for (const [at, { events, after }] of steps.entries()) {
        const deltas = events.map(({ ageS, route, bad }) =>
          aDelta(nowMs - ageS * second, 1, { service, route }, bad ? 1 : 0)
        )
        for (const { startMs } of deltas) {
          for (const widthMs of sliceWidthsMs) if (startMs >= store.oldestKeptMs(widthMs)) expected[widthMs]++
        }
        const cursor = { source: service, expected: at === 0 ? null : `${at - 1}`, position: `${at}` }
        const batch = aBatch(deltas, { cursor })
        if (after === 'fail and retry') {
          await store.commit({ ...batch, also: () => Promise.reject(new Error('no')) }).catch(() => undefined)
        }
        together.push(store.commit(batch))
        if (after === 'together') continue
        await Promise.all(together)
        together = []
        if (after === 'restart') store = createSliceStore({ db: database.db, clock })
        if (after === 'repeat') await store.commit(batch)
      }
      await Promise.all(together)
      for (const widthMs of sliceWidthsMs) {
        const sum = emptyCounts()
        await store.scan({ service, fromMs: nowMs - 41 * day, toMs: nowMs + day, widthMs, latency: true }, (slice) =>
          slice.addTo(sum)
        )
        if (sum.total !== expected[widthMs] || sum.latency.total !== sum.total) return false
        if ((sum.slow.get(200) ?? 0) !== sum.status5xx) return false
      }
      return true
    }
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 6 }), run), { numRuns: 25 })
    t.pass()
  })
}

conformance(t, 'SQLite', () => openDatabase(':memory:'))

t.test('a full disk refuses a batch whole, says so, and takes it when there is room again', async (t) => {
  const database = await openDatabase(':memory:')
  t.teardown(() => database.close())
  const store = createSliceStore({ db: database.db, clock: new ManualClock(nowMs) })
  const one = (position: number, deltas: SliceDelta[]): Batch =>
    aBatch(deltas, {
      cursor: { source: 'log', expected: position === 1 ? null : `${position - 1}`, position: `${position}` }
    })
  await store.commit(one(1, [aDelta(nowMs, 1)]))
  const { rows } = await sql<{ page_count: number }>`pragma page_count`.execute(database.db)
  await sql.raw(`pragma max_page_count = ${rows[0]!.page_count}`).execute(database.db)
  const large = one(
    2,
    Array.from({ length: 2_000 }, (_, at) => aDelta(nowMs - at * second, 1, { route: `/${at}` }))
  )
  await t.rejects(store.commit(large), { code: 'PLIMSOLL_STORE_UNAVAILABLE', hint: /free space/ })
  t.ok(store.failure)
  t.equal(await totalAt(store, 60_000), 1)
  t.equal(await store.readCursor('log'), '1')
  await sql.raw('pragma max_page_count = 1000000').execute(database.db)
  t.same(await store.commit(large), { kind: 'committed' })
  t.equal(store.failure, null)
  for (const widthMs of sliceWidthsMs) t.equal(await totalAt(store, widthMs), 2_001)
})

t.test('other work gets its turn while a month is read and while much is written', async (t) => {
  const database = await openDatabase(':memory:')
  t.teardown(() => database.close())
  const store = createSliceStore({ db: database.db, clock: Object.assign(new ManualClock(nowMs), steppingClock()) })
  let turns = 0
  const state = { counting: true }
  const count = (): void => {
    turns++
    if (state.counting) setImmediate(count)
  }
  setImmediate(count)
  const deltas = Array.from({ length: 6_000 }, (_, at) => ({
    ...aDelta(nowMs - at * 5 * minute, 1),
    widthMs: 60_000 as const
  }))
  await store.commit(aBatch(deltas))
  t.ok(turns > 20, `${turns} turns while writing`)
  turns = 0
  let slices = 0
  await store.scan(
    { service: 'shop', fromMs: nowMs - 30 * day, toMs: nowMs + day, widthMs: 60_000 },
    () => void slices++
  )
  state.counting = false
  t.equal(slices, 6_000)
  t.ok(turns >= 6, `${turns} turns while reading`)
})

t.test('PostgreSQL', { skip: postgresMissing() ?? false, timeout: 50_000 }, async (t) => {
  const server = await startPostgres()
  t.teardown(() => server.stop())
  const database = await openDatabase(await server.createDatabase())
  t.teardown(() => database.close())
  // One database, emptied: making one anew takes longer than most tests.
  conformance(t, 'PostgreSQL', async () => {
    await sql`truncate slices, streams, cursors, idempotency_keys restart identity`.execute(database.db)
    return { ...database, close: () => Promise.resolve() }
  })
})
