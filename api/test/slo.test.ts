import t from 'tap'
import { ManualClock } from '../src/platform/clock.ts'
import type { Database } from '../src/platform/database/open.ts'
import { leadsAlone } from '../src/platform/lease.ts'
import type { MaintenanceBand } from '../src/plan/model.ts'
import type { ResolvedObjective } from '../src/plan/objective.ts'
import { emptyCounts } from '../src/signals/counts.ts'
import type { SliceDelta } from '../src/signals/slice.ts'
import { createSliceStore } from '../src/signals/store.ts'
import { historyOf } from '../src/slo/history.ts'
import { putInForce, revisionsOf } from '../src/slo/revisions.ts'
import { Slo } from '../src/slo/slo.ts'
import type { SourceView } from '../src/slo/sources.rules.ts'
import { openTestDatabase } from './support/database.ts'
import {
  aStream,
  anObjective,
  dayMs,
  hourMs,
  liveSource,
  minuteMs,
  Outbox,
  randomFrom,
  secondMs
} from './support/slo-world.ts'

const startMs = Date.UTC(2026, 10, 2, 8)

interface HouseOptions {
  readonly database?: Database
  readonly clock?: ManualClock
  readonly outbox?: Outbox
  readonly objectives?: readonly ResolvedObjective[]
  readonly maintenance?: readonly MaintenanceBand[]
  readonly source?: SourceView
}

/** The judging room on a real store in memory. */
async function aHouse(options: HouseOptions = {}) {
  const clock = options.clock ?? new ManualClock(startMs)
  const database = options.database ?? (await openTestDatabase(startMs))
  const store = createSliceStore({ db: database.db, clock })
  const outbox = options.outbox ?? new Outbox()
  const sources: SourceView[] = [options.source ?? liveSource()]
  const published: { name: string; data: unknown }[] = []
  const publish = (name: string, data: unknown): void => void published.push({ name, data })
  let bands = options.maintenance ?? []
  const slo = new Slo({
    db: database.db,
    clock,
    store,
    live: { publish, share: publish },
    lease: leadsAlone(database.db),
    notifier: outbox,
    log: { info: () => {}, warn: () => {}, error: () => {} },
    intervalMs: 5_000,
    sourcesOf: () => sources,
    maintenance: () => bands
  })
  await slo.start(options.objectives ?? [anObjective()])
  await slo.loaded
  slo.look()
  let writes = 0
  return {
    clock,
    database,
    store,
    slo,
    outbox,
    sources,
    published,
    forgive: (band: MaintenanceBand) => (bands = [...bands, band]),
    commit: (...deltas: SliceDelta[]) => store.commit({ writer: `test:${writes++}`, deltas }),
    async pass(byMs: number, stepMs = minuteMs): Promise<void> {
      for (let leftMs = byMs; leftMs > 0; leftMs -= stepMs) {
        clock.advance(Math.min(stepMs, leftMs))
        await slo.settled
      }
    },
    async objective(name = 'availability', explain = false) {
      slo.look()
      return (await slo.objective('shop-api', name, { explain }))!
    },
    async close(): Promise<void> {
      await slo.close()
      if (!options.database) await database.close()
    }
  }
}

const delta = (atMs: number, total: number, failed = 0, slow = failed, change = {}): SliceDelta => {
  const widthMs = change && 'widthMs' in change ? 60_000 : 1_000
  return {
    stream: aStream(),
    startMs: Math.floor(atMs / widthMs) * widthMs,
    counts: { ...emptyCounts(), total, status2xx: total - failed, status5xx: failed, slow: new Map([[200, slow]]) },
    widthMs,
    ...change
  }
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)

t.test('counts are the same after a restart as before it, whatever their age', async (t) => {
  const database = await openTestDatabase(startMs)
  const objectives = [
    anObjective(),
    anObjective({ name: 'week', window: { kind: 'rolling', durationMs: 7 * dayMs } }),
    anObjective({ name: 'month', window: { kind: 'calendar', unit: 'month', timeZone: 'Asia/Kolkata' } }),
    anObjective({ name: 'p95', indicator: 'latency', thresholdMs: 200, targetRatio: 0.95 }),
    anObjective({ name: 'minutes', budgeting: { kind: 'timeSlices', sliceMs: minuteMs, sliceTargetRatio: 0.9 } })
  ]
  const before = await aHouse({ database, objectives })
  const random = randomFrom(5)
  const deltas: SliceDelta[] = []
  for (let i = 0; i < 800; i++) {
    const ageMs = random() ** 3 * 32 * dayMs
    const total = Math.ceil(random() * 30)
    const failed = random() < 0.2 ? Math.floor(random() * total) : 0
    deltas.push(delta(startMs - ageMs, total, failed, failed + 1, ageMs > 15 * minuteMs ? { widthMs: 60_000 } : {}))
  }
  await before.commit(...deltas)
  await before.pass(10 * secondMs, secondMs)
  const shown = await before.slo.objectives('shop-api', { explain: false })
  await before.close()
  const after = await aHouse({ database, objectives, clock: before.clock })
  const again = await after.slo.objectives('shop-api', { explain: false })
  for (const [i, objective] of shown.entries()) {
    t.strictSame(
      [again[i]!.total, again[i]!.bad, again[i]!.burn],
      [objective.total, objective.bad, objective.burn],
      `${objective.name}: ${objective.total} events`
    )
  }
  const month = again.find(({ name }) => name === 'month')!
  const monthMs = Date.parse(month.window.fromAt)
  t.equal(month.window.fromAt, '2026-10-31T18:30:00.000Z', 'November begins at half past in Kolkata')
  t.equal(
    month.total,
    sum(deltas.filter((each) => each.startMs >= monthMs).map(({ counts }) => counts.total)),
    'exact to the minute'
  )
  await after.close()
  await database.close()
})

t.test('an import of old history is in the budget at once, and does not page', async (t) => {
  const house = await aHouse()
  for (let day = 29; day > 0; day--) {
    const noon = startMs - day * dayMs
    const minutes = Array.from({ length: 120 }, (_, i) =>
      delta(noon + i * minuteMs, 60, day === 20 ? 6 : 0, 0, { widthMs: 60_000 })
    )
    await house.commit(...minutes)
  }
  const objective = await house.objective()
  t.match(objective, { total: 29 * 120 * 60, bad: 720, state: 'fail' })
  t.equal(objective.reasons[0]?.code, 'budget_overspent')
  t.equal(objective.budget.remainingRatio?.toFixed(3), (1 - 720 / 208.8).toFixed(3))
  await house.pass(10 * minuteMs)
  t.strictSame(house.outbox.events, [], 'what happened three weeks ago wakes nobody')
  t.ok(
    objective.coverageRatio! > 0.05 && objective.coverageRatio! < 0.2,
    `two hours a day are covered: ${objective.coverageRatio}`
  )
  await house.close()
})

t.test('a restart in the middle of an incident neither forgets it nor tells it again', async (t) => {
  const database = await openTestDatabase(startMs)
  const clock = new ManualClock(startMs)
  const outbox = new Outbox()
  const traffic = async (house: Awaited<ReturnType<typeof aHouse>>, minutes: number, failing: boolean) => {
    for (let i = 0; i < minutes * 6; i++) {
      await house.commit(delta(clock.nowMs(), 100, failing ? 100 : 0))
      await house.pass(10 * secondMs, 10 * secondMs)
    }
  }
  const first = await aHouse({ database, clock, outbox })
  await traffic(first, 30, false)
  await traffic(first, 5, true)
  t.strictSame(outbox.events, ['opened page'])
  await first.close()
  clock.advance(20 * secondMs)
  const second = await aHouse({ database, clock, outbox })
  t.match(second.slo.openAlerts('shop-api'), { page: 1 }, 'still open')
  await traffic(second, 5, true)
  t.strictSame(outbox.events, ['opened page'], 'nothing is sent again')
  await traffic(second, 4, false)
  await second.close()
  const third = await aHouse({ database, clock, outbox })
  await traffic(third, 15, false)
  t.strictSame(outbox.events, ['opened page', 'resolved page'], 'and its end is told, once')
  await traffic(third, 60, false)
  await third.close()
  const fourth = await aHouse({ database, clock, outbox })
  await traffic(fourth, 10, false)
  t.strictSame(
    outbox.events,
    ['opened page', 'resolved page'],
    'slower windows that still see it stay quiet after a restart, too'
  )
  await fourth.close()
  await database.close()
})

t.test(
  'an alert and its message are written together: while the store refuses, neither is, and then both are',
  async (t) => {
    const house = await aHouse()
    let refuses = true
    const enqueue = house.outbox.enqueue.bind(house.outbox)
    house.outbox.enqueue = (message) => (refuses ? Promise.reject(new Error('disk full')) : enqueue(message))
    for (let i = 0; i < 30; i++) {
      await house.commit(delta(house.clock.nowMs(), 100, 100))
      await house.pass(10 * secondMs, 10 * secondMs)
    }
    const rows = () => house.database.db.selectFrom('alerts').selectAll().execute()
    t.strictSame(await rows(), [])
    refuses = false
    await house.pass(10 * secondMs, 10 * secondMs)
    t.equal((await rows()).length, 1)
    t.strictSame(house.outbox.events, ['opened page'])
    await house.close()
  }
)

t.test('a changed promise opens a revision and is judged over all of history', async (t) => {
  const house = await aHouse()
  for (let hour = 48; hour > 0; hour--) {
    await house.commit(delta(startMs - hour * hourMs, 1_000, 2, 0, { widthMs: 60_000 }))
  }
  t.match(await house.objective(), { state: 'fail', revision: { number: 1 } })
  house.clock.advance(hourMs)
  await house.slo.take([anObjective({ title: 'two nines', targetRatio: 0.99 })])
  await house.slo.loaded
  const now = await house.objective()
  t.match(now, { state: 'pass', total: 48_000, bad: 96, targetRatio: 0.99, title: 'two nines' })
  t.match(now.revision, { number: 2, sinceAt: new Date(startMs + hourMs).toISOString() })
  await house.slo.take([anObjective({ title: 'renamed only', targetRatio: 0.99 })])
  t.equal((await house.objective()).revision.number, 2, 'a title is no promise')
  const range = { fromMs: startMs - 48 * hourMs, toMs: startMs + 3 * hourMs, stepMs: hourMs }
  const objective = anObjective({ targetRatio: 0.99 })
  const history = await historyOf(objective, range, {
    db: house.database.db,
    store: house.store,
    nowMs: house.clock.nowMs()
  })
  t.strictSame(
    history.revisions.map(({ number, targetRatio }) => [number, targetRatio]),
    [
      [1, 0.999],
      [2, 0.99]
    ]
  )
  t.equal(sum(history.total), 48_000)
  t.equal(history.remainingRatio[47]?.toFixed(3), '-1.000', 'what was overspent then stays so')
  t.equal(history.remainingRatio[49]?.toFixed(3), '0.800', 'and is not now')
  t.equal(history.remainingRatio[50], null, 'the future is not known')
  t.equal(history.burnRate[0]?.toFixed(3), '2.000')
  t.equal(history.burnRate[48], null, 'an idle hour has no burn')
  await house.slo.take([])
  t.equal(await house.slo.objective('shop-api', 'availability', { explain: false }), null)
  await house.slo.take([anObjective({ targetRatio: 0.99 })])
  t.equal(
    (await revisionsOf(house.database.db, 'shop-api', 'availability')).length,
    3,
    'a promise that comes back is a new one'
  )
  await house.close()
})

t.test('events that come while history is read are counted once', async (t) => {
  const house = await aHouse({ objectives: [] })
  const random = randomFrom(9)
  const late = () => delta(house.clock.nowMs() - random() ** 2 * 20 * dayMs, 1, 0, 0, { widthMs: 60_000 })
  for (let i = 0; i < 40; i++) await house.commit(...Array.from({ length: 50 }, late))
  await house.slo.take([anObjective()])
  const commits: Promise<unknown>[] = []
  for (let i = 0; i < 60; i++) {
    commits.push(house.commit(...Array.from({ length: 20 }, late)))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await Promise.all(commits)
  await house.slo.loaded
  t.equal((await house.objective()).total, 40 * 50 + 60 * 20)
  await house.close()
})

t.test('a threshold younger than its window is judged by histograms, and says so', async (t) => {
  const house = await aHouse({ objectives: [] })
  const older = delta(startMs - dayMs, 100, 0, 10, { widthMs: 60_000 })
  for (let i = 0; i < 90; i++) older.counts.latency.record(50_000)
  for (let i = 0; i < 10; i++) older.counts.latency.record(400_000)
  await house.commit(older)
  house.clock.advance(minuteMs)
  const p95 = anObjective({ name: 'p95', indicator: 'latency', thresholdMs: 300, targetRatio: 0.95 })
  await house.slo.take([p95])
  await house.slo.loaded
  const objective = await house.objective('p95')
  t.match(objective, { total: 100, bad: 10 })
  t.ok(objective.reasons.some(({ code, samples }) => code === 'threshold_younger_than_window' && samples === 100))
  await house.close()
})

t.test('maintenance is shown with and without, and never hidden', async (t) => {
  const house = await aHouse()
  for (let hour = 30; hour > 0; hour--) {
    await house.commit(
      delta(startMs - hour * hourMs + 7 * minuteMs, 1_000, hour === 10 ? 200 : 0, 0, { widthMs: 60_000 })
    )
  }
  house.forgive({
    service: 'shop-api',
    fromMs: startMs - 10 * hourMs,
    toMs: startMs - 10 * hourMs + 30 * minuteMs,
    reason: 'database upgrade'
  })
  const objective = await house.objective()
  t.match(objective, { total: 30_000, bad: 200, state: 'fail' })
  t.match(objective.budgetWithoutMaintenance, { total: 29_000, bad: 0, remainingRatio: 1 })
  t.ok(
    objective.reasons.some(({ code, text }) => code === 'maintenance' && /database upgrade.*200 of 1,000/.test(text))
  )
  const marks = await house.slo.marks({ service: 'shop-api', fromMs: startMs - dayMs, toMs: startMs + minuteMs })
  t.strictSame(
    marks.map(({ kind, title }) => [kind, title]),
    [['maintenance', 'database upgrade']]
  )
  await house.slo.take([anObjective({ targetRatio: 0.99 })])
  const [, changed] = await house.slo.marks({ service: 'shop-api', fromMs: startMs - dayMs, toMs: startMs + minuteMs })
  t.match(changed, { kind: 'revision', title: '99.9 % available: revision 2', ref: 'availability' })
  await house.close()
})

t.test('every number can be asked why', async (t) => {
  const house = await aHouse({ objectives: [anObjective({ path: '/api/*' })] })
  const stream = (change: object) => ({ stream: aStream({ scope: '/api/*', ...change }), widthMs: 60_000 })
  const aborted = delta(startMs - hourMs, 0, 0, 0, stream({}))
  aborted.counts.aborted = 5
  await house.commit(
    delta(startMs - 2 * hourMs, 6_000, 3, 0, stream({})),
    delta(startMs - hourMs, 400, 40, 0, stream({ trafficClass: 'load' })),
    delta(startMs - hourMs, 30, 1, 0, stream({ scope: '' })),
    delta(startMs - hourMs, 20, 0, 0, stream({ origin: 'probes', trafficClass: 'synthetic' })),
    aborted
  )
  const { explain, total, bad } = await house.objective('availability', true)
  t.match({ total, bad }, { total: 6_000, bad: 3 })
  t.match(explain?.formula, /bad = status 5xx.*allowed = total × \(1 − target\)/)
  const input = (name: string) => explain!.inputs.find((each) => each.name === name)?.value
  t.equal(input('total'), '6,000')
  t.equal(input('counted again'), '3 of 6,000', 'the store agrees')
  t.equal(input('allowed'), '6')
  t.strictSame(
    explain!.exclusions.map(({ text, total, bad }) => [text, total, bad]),
    [
      ['requests whose client went away (status 0): neither good nor bad', 5, 0],
      ['requests of class load', 400, 40],
      ['requests of paths other than /api/*', 30, 1],
      ['probes, judged apart', 20, 0]
    ]
  )
  await house.close()
})

t.test('low traffic says what it cannot see', async (t) => {
  const house = await aHouse()
  for (let minute = 60; minute > 0; minute--)
    await house.commit(delta(startMs - minute * minuteMs, 1, 0, 0, { widthMs: 60_000 }))
  const objective = await house.objective()
  t.equal(objective.state, 'not_enough_evidence')
  t.match(objective.reasons[0], {
    text: /0 of 60 requests failed, which proves fewer than/,
    next: /4,831 requests more, about 3\.4 d/
  })
  const low = objective.reasons.find(({ code }) => code === 'low_traffic')
  t.match(low?.text, /detectable outage: 4 failures, about 4 min at this traffic/)
  t.match(house.slo.stateOf('shop-api'), { state: 'not_enough_evidence', remainingRatio: 1 })
  t.match(house.slo.stateOf('shop-api').reasons[0]?.text, /^availability: 0 of 60/)
  await house.close()
})

t.test('silence is neither success nor failure', async (t) => {
  const house = await aHouse()
  const idle = await house.objective()
  t.match(idle, { state: 'could_not_measure', total: 0, budget: { remainingRatio: null } })
  t.equal(idle.reasons[0]?.code, 'nothing_measured')
  t.ok(idle.coverageRatio! < 0.001, 'a month is not covered by a moment')
  house.sources.length = 0
  t.equal((await house.objective()).reasons[0]?.code, 'no_source')
  t.match(house.slo.stateOf('unknown'), { state: 'could_not_measure', reasons: [{ code: 'no_objectives' }] })
  await house.close()
})

t.test('a watched but idle hour is covered; an unwatched one is not, unless a log bridges it', async (t) => {
  const database = await openTestDatabase(startMs)
  const clock = new ManualClock(startMs)
  const short = anObjective({ window: { kind: 'rolling', durationMs: 2 * hourMs } })
  const house = await aHouse({ database, clock, objectives: [short] })
  await house.pass(hourMs)
  t.equal((await house.objective()).coverageRatio?.toFixed(1), '0.5')
  await house.close()
  clock.advance(hourMs)
  const bridged = await aHouse({ database, clock, objectives: [short] })
  t.equal((await bridged.objective()).coverageRatio?.toFixed(1), '1.0', 'the log was being written meanwhile')
  await bridged.close()
  clock.advance(hourMs)
  const source = liveSource({ id: 'caddyLogTcp:0', remembers: false })
  const blind = await aHouse({ database, clock, objectives: [short], source })
  t.equal((await blind.objective()).coverageRatio?.toFixed(1), '0.5', 'a connection remembers nothing')
  await blind.close()
  await database.close()
})

t.test('what is published are changes of state at once, and numbers now and then', async (t) => {
  const house = await aHouse()
  const states = () =>
    house.published.filter(({ name }) => name === 'state').map(({ data }) => (data as { state: string }).state)
  t.strictSame(states(), ['could_not_measure'])
  await house.pass(minuteMs)
  t.strictSame(states(), ['could_not_measure'], 'nothing changes, nothing is said')
  await house.commit(delta(house.clock.nowMs(), 6_000))
  await house.pass(5 * secondMs, 5 * secondMs)
  t.strictSame(states(), ['could_not_measure', 'pass'])
  await house.commit(delta(house.clock.nowMs(), 1_000, 3))
  await house.pass(5 * secondMs, 5 * secondMs)
  t.equal(states().length, 2, 'numbers wait')
  await house.pass(15 * secondMs, 5 * secondMs)
  t.equal(states().length, 3)
  await house.close()
})

t.test('revisions: kept while nothing changes, whatever else the plan does', async (t) => {
  const database = await openTestDatabase(startMs)
  const first = await putInForce(
    database.db,
    [anObjective(), anObjective({ name: 'errors', indicator: 'errors' })],
    startMs
  )
  t.strictSame(
    first.map(({ revision, sinceMs }) => [revision, sinceMs]),
    [
      [1, startMs],
      [1, startMs]
    ]
  )
  const latency = (thresholdMs: number, targetRatio: number) =>
    anObjective({ name: 'p95', indicator: 'latency', thresholdMs, targetRatio })
  const later = await putInForce(database.db, [anObjective(), latency(200, 0.95)], startMs + 1)
  t.match(later[0], { revision: 1, sinceMs: startMs })
  const [, stricter] = await putInForce(database.db, [anObjective(), latency(200, 0.99)], startMs + 2)
  t.match(
    stricter,
    { revision: 2, sinceMs: startMs + 2, thresholdSinceMs: startMs + 1 },
    'the threshold is as old as before'
  )
  const [, other] = await putInForce(database.db, [anObjective(), latency(300, 0.99)], startMs + 3)
  t.match(other, { revision: 3, thresholdSinceMs: startMs + 3 })
  const [errors] = await revisionsOf(database.db, 'shop-api', 'errors')
  t.equal(errors?.toMs, startMs + 1, 'one that left the plan is closed')
  await database.close()
})
