import t from 'tap'
import {
  aDelta,
  anObjective,
  aWorld,
  dayMs,
  hourMs,
  liveSource,
  minuteMs,
  randomFrom,
  send,
  SliceFeed,
  type World
} from './support/slo-world.ts'

const pages = (world: World): string[] => world.outbox.events.filter((event) => event.endsWith('page'))

/** Minutes from the onset of failures to the first message of a severity; null: none came. */
const detection = async (perMinute: number, share: number, lastsMs: number, seed: number) => {
  const world = await aWorld({ intervalMs: 10_000 })
  const random = randomFrom(seed)
  await send(world, { perMinute, failing: () => 0.0002, random, forMs: 6 * hourMs, everyMs: minuteMs })
  const onsetMs = world.clock.nowMs()
  const found: Record<string, number> = {}
  await send(world, {
    perMinute,
    failing: () => share,
    random,
    forMs: lastsMs,
    until: () => {
      for (const { alert } of world.outbox.messages) {
        found[alert.severity] ??= (world.clock.nowMs() - onsetMs) / minuteMs
      }
      return found['page'] !== undefined
    }
  })
  await world.close()
  return found
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

t.test('within its promise a quiet service pages nobody', async (t) => {
  for (const [share, seed, days] of [
    [0.0002, 1, 10],
    [0.001, 2, 31]
  ] as const) {
    const world = await aWorld({ intervalMs: minuteMs })
    await send(world, {
      perMinute: 1,
      failing: () => share,
      random: randomFrom(seed),
      forMs: days * dayMs,
      everyMs: minuteMs
    })
    t.strictSame(pages(world), [], `one request a minute, ${share * 100} % failing`)
    const [series] = world.book.all
    t.ok(series!.bank.tally(series!.bank.layout.budget, 0).total > Math.min(days, 30) * 1_400, 'all of it was counted')
    await world.close()
  }
})

t.test('a busy service exactly at its promise is left alone', async (t) => {
  const world = await aWorld({ intervalMs: minuteMs })
  await send(world, {
    perMinute: 6_000,
    failing: () => 0.001,
    random: randomFrom(3),
    forMs: 5 * dayMs,
    everyMs: minuteMs
  })
  t.strictSame(
    world.outbox.events.filter((event) => /page|ticket/.test(event)),
    []
  )
  await world.close()
})

t.test('outages are found about as soon as luck is ruled out', async (t) => {
  const cases = [
    { name: 'all fail, one request a minute', perMinute: 1, share: 1, lastsMs: 15 * minuteMs, within: 5 },
    { name: 'all fail, ten a minute', perMinute: 10, share: 1, lastsMs: 15 * minuteMs, within: 2 },
    { name: 'all fail, one a second', perMinute: 60, share: 1, lastsMs: 15 * minuteMs, within: 1 },
    { name: 'one of ten fails, ten a minute', perMinute: 10, share: 0.1, lastsMs: 2 * hourMs, within: 14 },
    { name: 'one of ten fails, one a second', perMinute: 60, share: 0.1, lastsMs: 2 * hourMs, within: 11 }
  ]
  for (const { name, perMinute, share, lastsMs, within } of cases) {
    const minutes: number[] = []
    for (const seed of [11, 12, 13, 14, 15]) {
      minutes.push((await detection(perMinute, share, lastsMs, seed))['page'] ?? Infinity)
    }
    t.ok(median(minutes) <= within, `${name}: median ${median(minutes)} min`)
  }
})

t.test('a slow burn is noticed long before a window is spent', async (t) => {
  const minutes: number[] = []
  for (const seed of [21, 22, 23]) minutes.push((await detection(600, 0.005, 4 * hourMs, seed))['notice'] ?? Infinity)
  t.ok(median(minutes) <= 60, `half a percent failing: median ${median(minutes)} min`)
})

t.test('one incident is one alert, from its first page to its end', async (t) => {
  const promise = ['availability', 'errors'] as const
  const world = await aWorld({
    intervalMs: 30_000,
    objectives: [
      ...promise.map((name) => anObjective({ name, indicator: name })),
      anObjective({ name: 'p95', indicator: 'latency', thresholdMs: 200, targetRatio: 0.95 })
    ]
  })
  const random = randomFrom(31)
  await send(world, { perMinute: 600, failing: () => 0.0001, random, forMs: dayMs, everyMs: minuteMs })
  await send(world, { perMinute: 600, failing: () => 0.6, random, forMs: 40 * minuteMs })
  await send(world, { perMinute: 600, failing: () => 0.0001, random, forMs: 4 * dayMs, everyMs: minuteMs })
  t.strictSame(world.outbox.events, ['opened page', 'resolved page'], 'slower tiers and other objectives stay quiet')
  const [opened, resolved] = world.outbox.messages
  t.match(opened, {
    text: /page: shop-api: .* requests failed in the last 1h/,
    alert: { tier: 'page-fast', kind: 'burn' }
  })
  t.strictSame((resolved as unknown as { alert: { objectives: string[] } }).alert.objectives.toSorted(), [
    'availability',
    'errors',
    'p95'
  ])
  t.equal(
    (opened as unknown as { alert: { dedupKey: string } }).alert.dedupKey,
    (resolved as unknown as { alert: { dedupKey: string } }).alert.dedupKey
  )
  await world.close()
})

t.test('slow but answered requests are an alert of their own', async (t) => {
  const world = await aWorld({
    objectives: [anObjective(), anObjective({ name: 'p95', indicator: 'latency', thresholdMs: 200, targetRatio: 0.95 })]
  })
  for (let second = 0; second < 3_600; second += 10) {
    world.feed.commit([aDelta(world.clock.nowMs(), { total: 100, failed: 0, slow: second < 1_800 ? 1 : 70 })])
    world.clock.advance(10_000)
    await world.evaluator.settled
  }
  t.strictSame(world.outbox.events.slice(0, 2), ['opened notice', 'escalated page'])
  t.strictSame((world.outbox.messages[1] as unknown as { alert: { objectives: string[] } }).alert.objectives, ['p95'])
  await world.close()
})

t.test('a source that breaks is told after the delay that follows from the promise, and when it is back', async (t) => {
  const world = await aWorld()
  await send(world, { perMinute: 60, failing: () => 0, random: randomFrom(41), forMs: hourMs })
  const reasons = [{ code: 'permission_denied', text: 'permission denied', next: 'let the user plimsoll read it' }]
  world.sources.set('shop-api', [liveSource({ health: 'broken', lastEventMs: world.clock.nowMs(), reasons })])
  await world.pass(4 * minuteMs)
  t.strictSame(world.outbox.events, [], 'four minutes: less than a tenth of the budget could be gone')
  await world.pass(minuteMs)
  t.strictSame(world.outbox.events, ['opened ticket'])
  t.match(world.outbox.messages[0], {
    text: /permission denied · let the user plimsoll read it/,
    alert: { kind: 'no_signal' }
  })
  t.equal(world.evaluator.standingOf(world.book.all[0]!)?.state, 'could_not_measure')
  world.sources.set('shop-api', [liveSource()])
  await world.pass(minuteMs)
  t.strictSame(world.outbox.events, ['opened ticket', 'resolved ticket'])
  await world.close()
})

t.test('a service that is silent at night is no news; one that falls silent at noon is', async (t) => {
  const world = await aWorld({ intervalMs: minuteMs })
  const day = (atMs: number): boolean => new Date(atMs).getUTCHours() >= 7
  for (let passed = 0; passed < 9 * dayMs; passed += minuteMs) {
    if (day(world.clock.nowMs())) world.feed.commit([aDelta(world.clock.nowMs(), { total: 30 })])
    world.clock.advance(minuteMs)
    await world.evaluator.settled
  }
  t.strictSame(world.outbox.events, [], 'eight nights')
  for (let passed = 0; passed < 12 * hourMs; passed += minuteMs) {
    if (day(world.clock.nowMs())) world.feed.commit([aDelta(world.clock.nowMs(), { total: 30 })])
    world.clock.advance(minuteMs)
    await world.evaluator.settled
  }
  await world.pass(10 * minuteMs)
  t.strictSame(world.outbox.events, ['opened ticket'])
  t.match(world.outbox.messages[0], {
    text: /nothing for .* while at these hours of the last days at least .* events came/
  })
  world.feed.commit([aDelta(world.clock.nowMs(), { total: 30 })])
  await world.pass(minuteMs)
  t.strictSame(world.outbox.events, ['opened ticket', 'resolved ticket'])
  await world.close()
})

t.test('maintenance keeps pages back but not the record; what outlasts it is told', async (t) => {
  let band = { fromMs: 0, toMs: 0 }
  const world = await aWorld({
    mutedBy: (_, nowMs) => (nowMs >= band.fromMs && nowMs < band.toMs ? 'maintenance: database upgrade' : null)
  })
  const random = randomFrom(51)
  await send(world, { perMinute: 600, failing: () => 0, random, forMs: hourMs })
  band = { fromMs: world.clock.nowMs(), toMs: world.clock.nowMs() + hourMs }
  await send(world, { perMinute: 600, failing: () => 1, random, forMs: 20 * minuteMs })
  t.strictSame(world.outbox.events, [])
  t.match(world.alerts.open, [{ severity: 'page', muted: 'maintenance: database upgrade' }], 'but it is open')
  t.ok(
    world.published.some(({ name }) => name === 'alert'),
    'and shown'
  )
  await send(world, { perMinute: 600, failing: () => 0, random, forMs: 30 * minuteMs })
  t.strictSame(world.alerts.open, [], 'over within the band')
  t.strictSame(world.outbox.events, [], 'nobody was told of its end either')
  await send(world, { perMinute: 600, failing: () => 1, random, forMs: 12 * minuteMs })
  t.strictSame(world.outbox.events, ['opened page'], 'this one goes on after the band')
  t.match(world.alerts.open, [{ muted: null }])
  await world.close()
})

t.test('a clock that is set, and a process that slept, raise no alarm and lose no count', async (t) => {
  const world = await aWorld()
  const random = randomFrom(61)
  await send(world, { perMinute: 60, failing: () => 0, random, forMs: hourMs })
  world.sources.set('shop-api', [liveSource({ health: 'broken', lastEventMs: world.clock.nowMs() })])
  await world.pass(minuteMs)
  world.clock.setWallClock(world.clock.nowMs() + 3 * hourMs)
  await world.pass(minuteMs)
  t.strictSame(world.outbox.events, [], 'three hours that did not pass')
  world.clock.setWallClock(world.clock.nowMs() - 3 * hourMs)
  world.sources.set('shop-api', [liveSource()])
  await world.pass(minuteMs)
  t.ok(world.logged.includes('evaluation was interrupted'))
  const before = world.book.all[0]!.bank.tally(0, 0).total
  world.feed.commit([aDelta(world.clock.nowMs(), { total: 7 })])
  t.equal(world.book.all[0]!.bank.tally(0, 0).total, before + 7, 'counting goes on in the time that is')
  await world.close()
})

t.test('a store that cannot be read is asked again, and nothing is judged until then', async (t) => {
  const feed = new SliceFeed()
  const follow = feed.follow.bind(feed)
  let refuses = true
  feed.follow = (range, visit, onReached) =>
    refuses ? Promise.reject(new Error('disk gone')) : follow(range, visit, onReached)
  const world = await aWorld({ store: feed }).catch((error: unknown) => error)
  t.match(world, { message: 'disk gone' }, 'whoever waits for history hears of it')
  const other = await aWorld({ store: feed, waitsForHistory: false })
  feed.commit([aDelta(other.clock.nowMs(), { total: 10_000 })])
  await other.pass(minuteMs / 12, minuteMs / 12)
  const state = () => other.evaluator.standingOf(other.book.all[0]!)?.state
  t.equal(state(), 'could_not_measure')
  refuses = false
  await other.pass(minuteMs / 4, minuteMs / 12)
  await other.book.loaded
  feed.commit([aDelta(other.clock.nowMs(), { total: 10_000 })])
  await other.pass(minuteMs / 12, minuteMs / 12)
  t.equal(state(), 'pass')
  await other.close()
})

t.test('a plan that grows keeps the counts of the promises it had', async (t) => {
  const world = await aWorld({ objectives: [anObjective()] })
  const read: string[] = []
  const follow = world.feed.follow.bind(world.feed)
  world.feed.follow = (range, visit, onReached) => {
    read.push(range.service)
    return follow(range, visit, onReached)
  }
  world.feed.commit([aDelta(world.clock.nowMs() - hourMs, { total: 70_000, failed: 3 })])
  const total = () => {
    const { bank, column } = world.book.find('shop-api', 'availability')!
    return bank.tally(bank.layout.budget, column).total
  }
  const bank = world.book.all[0]!.bank
  world.evaluator.take([anObjective({ title: 'a new name' })])
  t.equal(world.book.all[0]!.bank, bank, 'a title changes nothing')
  world.evaluator.take([anObjective({ name: 'errors', indicator: 'errors' }), anObjective()])
  await world.book.loaded
  t.equal(total(), 70_000)
  t.equal(world.book.find('shop-api', 'errors')!.reachedMs, null)
  world.evaluator.take([anObjective({ targetRatio: 0.9995 })])
  await world.book.loaded
  t.equal(total(), 0, 'another promise is read anew, from a store that holds nothing here')
  t.ok(read.every((service) => service === 'shop-api') && read.length === 6, 'three stretches for each that was new')
  await world.close()
})
