// The room of signals inside the application: its sources, what is read of them, and the plan's changes.
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Heatmap, LiveSlices, RouteGroups, TrafficSeries } from '../src/contract/index.ts'
import type { ManualClock } from '../src/platform/clock.ts'
import { classKeyOf } from '../src/signals/class-key.ts'
import { signClassClaim } from '../src/signals/class-header.rules.ts'
import { emptyCounts } from '../src/signals/counts.ts'
import { buildTestApp, type TestAppOptions } from './support/app.ts'
import { openTestDatabase } from './support/database.ts'

const calm = { measure: () => ({ eventLoopDelayMs: 0, eventLoopUtilisationRatio: 0, heapUsedBytes: 0 }) }

const bench = async (t: Test, options: TestAppOptions = {}) => {
  const built = await buildTestApp({ pressure: calm, ...options })
  t.teardown(() => built.close())
  const { app } = built
  const clock = built.clock as ManualClock
  await app.signals.settled
  const get = async <T>(url: string): Promise<T> => {
    const reply = await app.inject(url)
    if (reply.statusCode !== 200) throw new Error(`${url}: ${reply.body}`)
    return reply.json<T>()
  }
  const counts = async (service: string, trafficClass?: string) => {
    const sum = emptyCounts()
    const range = {
      service,
      fromMs: clock.nowMs() - 86_400_000,
      toMs: clock.nowMs() + 120_000,
      widthMs: 60_000
    } as const
    await app.slices.scan({ ...range, latency: true }, (slice) => {
      if (trafficClass === undefined || slice.stream.trafficClass === trafficClass) slice.addTo(sum)
    })
    return sum
  }
  /** Lets time pass until something is so; files and sockets take their own time. */
  const until = async (what: string, check: () => Promise<boolean> | boolean): Promise<void> => {
    for (let tries = 0; tries < 400; tries++) {
      if (await check()) return
      clock.advance(250)
      await wait(5)
    }
    throw new Error(`never ${what}`)
  }
  return { ...built, listen: () => built.listen(), clock, get, counts, until }
}

const aFolder = (t: Test): string => {
  const dir = mkdtempSync(join(tmpdir(), 'plimsoll-signals-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

const aLine = (
  atMs: number,
  change: { path?: string; status?: number; durationS?: number; release?: string } = {}
): string => {
  const { path = '/api/items/4711', status = 200, durationS = 0.05, release } = change
  const line = {
    level: 'info',
    ts: atMs / 1_000,
    logger: 'http.log.access.log0',
    msg: 'handled request',
    request: { remote_ip: '127.0.0.1', proto: 'HTTP/1.1', method: 'GET', host: 'shop.example', uri: path, headers: {} },
    user_id: '',
    duration: durationS,
    size: 10,
    status,
    resp_headers: release === undefined ? {} : { 'X-Release': [release] }
  }
  return `${JSON.stringify(line)}\n`
}

const aPlan = (log: string, objectives = ''): string => `
plan: plimsoll/v1
services:
  - name: shop
    signals:
      - caddyLog: { file: ${log} }
    promise: { availability: 99.9%, p95: 200ms, errors: 0.1% }
    ${objectives}
`

t.test('Plimsoll counts its own requests, but not those that ask whether it lives', async (t) => {
  const { app, counts, until, settings } = await bench(t)
  await app.inject('/api/v1/services')
  await app.inject('/api/v1/services/plimsoll')
  await app.inject('/api/v1/nothing')
  for (const url of ['/healthz', '/readyz', '/metrics']) await app.inject(url)
  await until('counted', async () => (await counts('plimsoll')).total >= 3)
  t.match(await counts('plimsoll'), { total: 3, status2xx: 2, status4xx: 1, status5xx: 0 })
  const streams = await app.database.db.selectFrom('streams').select(['route', 'release']).execute()
  t.same(
    streams.map(({ route }) => route).toSorted((a, b) => (a < b ? -1 : 1)),
    ['/api/v1/services', '/api/v1/services/*', 'other']
  )
  t.ok(streams.every(({ release }) => release === settings.release))
})

t.test('requests that are shed are bad, and clients that leave are neither', async (t) => {
  const load = { eventLoopDelayMs: 0, eventLoopUtilisationRatio: 0, heapUsedBytes: 0 }
  const held = { begun: () => {}, release: () => {} }
  const { app, clock, counts, listen, until } = await bench(t, {
    pressure: { measure: () => load },
    prepare: (app) => {
      app.route({
        method: 'GET',
        url: '/held',
        config: { access: 'public', priority: 'vital' },
        handler: () =>
          new Promise((resolve) => {
            held.release = () => resolve('late')
            held.begun()
          })
      })
    }
  })
  const origin = await listen()
  const begun = new Promise<void>((resolve) => (held.begun = resolve))
  const leaving = httpRequest(`${origin}/held`).on('error', () => {})
  leaving.end()
  await begun
  leaving.destroy()
  await until('the client left', async () => {
    await app.slices.settled()
    return (await counts('plimsoll')).aborted === 1
  })
  held.release()
  Object.assign(load, { eventLoopDelayMs: 100_000, eventLoopUtilisationRatio: 1 })
  clock.advance(1_000)
  const replies = await Promise.all(Array.from({ length: 20 }, () => app.inject('/api/v1/services/plimsoll/traffic')))
  const shed = replies.filter(({ statusCode }) => statusCode === 503).length
  t.ok(shed > 0)
  await until('counted', async () => (await counts('plimsoll')).total >= 20)
  const { total, status5xx, aborted } = await counts('plimsoll')
  t.same({ total, status5xx, aborted }, { total: 20, status5xx: shed, aborted: 1 })
})

t.test('a signed class is believed, an unsigned one is not', async (t) => {
  const { app, clock, counts, until } = await bench(t)
  const expiresS = clock.nowMs() / 1_000 + 60
  const signed = signClassClaim({ trafficClass: 'load', expiresS }, app.signals.classKeys[0]!)
  await app.inject({ url: '/api/v1/services', headers: { 'x-plimsoll-class': signed } })
  await app.inject({ url: '/api/v1/services', headers: { 'x-plimsoll-class': `load.${expiresS}.${'A'.repeat(43)}` } })
  await until('counted', async () => (await counts('plimsoll')).total >= 2)
  t.equal((await counts('plimsoll', 'load')).total, 1)
  t.equal((await counts('plimsoll', 'user')).total, 1)
  t.equal(app.signals.reports('plimsoll')[0]!.counts.unsignedClaims, 1)
})

t.test('an access log becomes series, a heatmap, routes and live numbers', async (t) => {
  const log = join(aFolder(t), 'access.log')
  writeFileSync(log, '')
  const { app, clock, get, until, counts } = await bench(t, { plan: aPlan(log) })
  const published: LiveSlices[] = []
  const publish = app.live.publish.bind(app.live)
  app.live.publish = (name, data) => {
    if (name === 'slices') published.push(data as LiveSlices)
    publish(name, data)
  }
  const startMs = clock.nowMs()
  appendFileSync(log, aLine(startMs - 500).repeat(20))
  appendFileSync(log, aLine(startMs - 500, { status: 502, durationS: 0.001, release: 'v2' }))
  appendFileSync(log, aLine(startMs - 500, { path: '/about', durationS: 1.5 }))
  appendFileSync(log, aLine(startMs - 2_400_000, { durationS: 3 }))
  await until('counted', async () => (await counts('shop')).total === 23)

  const traffic = await get<TrafficSeries>('/api/v1/services/shop/traffic?step=10s')
  t.equal(traffic.stepMs, 10_000)
  t.equal(traffic.total.length, traffic.p95Ms.length)
  t.equal(
    traffic.total.reduce((a, b) => a + b),
    23
  )
  t.equal(
    traffic.status5xx.reduce((a, b) => a + b),
    1
  )
  t.equal(traffic.p95Ms.filter((p95) => p95 !== null).length, 2, 'percentiles only where something was measured')
  t.match(traffic.whole, { total: 23, status5xx: 1, aborted: 0 })
  t.ok(Math.abs(traffic.whole.p50Ms! - 50) < 0.5 && Math.abs(traffic.whole.maxMs! - 3_000) < 30)
  const v2 = await get<TrafficSeries>('/api/v1/services/shop/traffic?release=v2')
  t.equal(v2.whole.total, 1)
  const load = await get<TrafficSeries>('/api/v1/services/shop/traffic?class=load')
  t.match(load.whole, { total: 0, p50Ms: null, p95Ms: null, maxMs: null })

  const heatmap = await get<Heatmap>('/api/v1/services/shop/heatmap?step=1m')
  t.equal(heatmap.boundsMs.length, heatmap.counts.length + 1)
  t.same(
    [...heatmap.boundsMs].toSorted((a, b) => a - b),
    heatmap.boundsMs
  )
  t.ok(heatmap.counts.every((row) => row.length === heatmap.counts[0]!.length))
  const row = heatmap.boundsMs.findLastIndex((lowerMs) => lowerMs <= 50)
  t.equal(
    heatmap.counts[row]!.reduce((a, b) => a + b),
    20
  )
  t.equal(
    heatmap.counts.flat().reduce((a, b) => a + b),
    23
  )

  const { routes, capped } = await get<RouteGroups>('/api/v1/services/shop/routes')
  t.same(
    routes.map(({ route, total, status5xx }) => [route, total, status5xx]),
    [
      ['/api/items/*', 22, 1],
      ['/about', 1, 0]
    ]
  )
  t.notOk(capped)

  const now = app.signals.traffic('shop')
  t.equal(now.lastHour.total, 23)
  t.equal(now.p95LimitMs, 200)
  t.equal(
    now.recent.total.reduce((a, b) => a + b),
    22,
    'the one of 40 minutes ago is no news'
  )
  clock.advance(1_000)
  const seconds = published.flatMap(({ services }) => services['shop']?.seconds ?? [])
  t.equal(
    seconds.reduce((sum, [, total]) => sum + total, 0),
    22
  )
  t.equal(
    seconds.reduce((sum, [, , bad]) => sum + bad, 0),
    1
  )
  t.equal(
    seconds.reduce((sum, [, , , slow]) => sum + slow, 0),
    2,
    'the slow one and the failed one'
  )
  t.match(app.signals.reports('shop')[0], {
    id: 'caddyLog:0',
    kind: 'caddyLog',
    title: log,
    health: 'live',
    counts: { counted: 23 }
  })
})

t.test('a probe tells of a service that nobody asks; its results are kept', async (t) => {
  const answer = { status: 200 }
  const server = createServer((_request, reply) => void reply.writeHead(answer.status).end('ok'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/status`
  const { app, get, counts, until } = await bench(t, {
    plan: `plan: plimsoll/v1\nservices:\n  - { name: shop, signals: [{ probe: { url: "${url}", every: 1s } }] }\n`
  })
  t.match(app.signals.reports('shop'), [{ id: 'probe:0', health: 'waiting', origin: 'probes' }])
  await until('probed', async () => (await counts('shop', 'synthetic')).total >= 2)
  answer.status = 500
  await until('failed', async () => (await counts('shop', 'synthetic')).status5xx >= 1)
  const [report] = app.signals.reports('shop')
  t.match(report, {
    kind: 'probe',
    health: 'live',
    probe: { lastStatus: 500, everyMs: 1_000 },
    lastError: { code: 'unexpected_status' }
  })
  t.equal((await counts('shop', 'user')).total, 0, 'probes are no users')
  const kept = await app.database.db.selectFrom('probe_results').select(['probe', 'ok', 'error_code']).execute()
  t.ok(kept.some(({ ok }) => ok === 1) && kept.some((row) => row.ok === 0 && row.error_code === 'unexpected_status'))
  const traffic = await get<TrafficSeries>('/api/v1/services/shop/traffic')
  t.ok(traffic.whole.total >= 3, 'where nothing else tells, probes are shown')
  const now = app.signals.traffic('shop')
  t.equal(now.ratePerS, null)
  t.ok(now.errorRatio! > 0)
})

t.test('the key that signs classes is made once, and readable by us alone', async (t) => {
  const DATA_DIR = join(aFolder(t), 'data')
  const made = classKeyOf({ CLASS_KEY: '', DATA_DIR })
  t.ok(made.length >= 32)
  t.equal(statSync(join(DATA_DIR, 'class.key')).mode & 0o777, 0o600)
  t.equal(classKeyOf({ CLASS_KEY: '', DATA_DIR }), made)
  t.equal(classKeyOf({ CLASS_KEY: 'a key from the settings', DATA_DIR }), 'a key from the settings')
})

t.test('ranges that cannot be answered are refused with what would work', async (t) => {
  const { app } = await bench(t)
  for (const query of [
    'from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z',
    'step=1s',
    'from=2025-12-01T00:00:00Z&step=10s',
    'from=2020-01-01T00:00:00Z'
  ]) {
    const reply = await app.inject(`/api/v1/services/plimsoll/traffic?${query}`)
    t.equal(reply.statusCode, 400, query)
    t.match(reply.json(), { code: 'PLIMSOLL_VALIDATION_FAILED', hint: /./ })
  }
  const unknown = await app.inject('/api/v1/services/nobody/traffic')
  t.equal(unknown.statusCode, 404)
  t.match(unknown.json(), { hint: /plimsoll/ })
  const wide = await app.inject('/api/v1/services/plimsoll/heatmap?from=2025-12-01T00:00:00Z&step=1m')
  t.match(wide.json(), { detail: /more than 2000/ })
})

t.test('a change of the plan loses nothing and counts nothing twice', async (t) => {
  const dir = aFolder(t)
  const log = join(dir, 'access.log')
  writeFileSync(log, '')
  const { app, clock, counts, until, settings } = await bench(t, { plan: aPlan(log) })
  let written = 0
  const write = (): void => {
    appendFileSync(log, aLine(clock.nowMs()).repeat(7))
    written += 7
  }
  write()
  await until('counted', async () => (await counts('shop')).total === written)
  const plans = [
    aPlan(log, 'objectives: [{ name: fast, indicator: latency, path: /api/*, threshold: 40ms, target: 90% }]'),
    aPlan(log).replace('- caddyLog', '- probe: { url: "http://127.0.0.1:1/", every: 1h }\n      - caddyLog'),
    aPlan(log)
  ]
  for (const text of plans) {
    write()
    await app.plan.apply({ text, source: 'api', appliedBy: 'test' })
    write()
    await app.signals.settled
    write()
    await until('counted', async () => (await counts('shop')).total >= written)
  }
  t.equal((await counts('shop')).total, written)
  const slow = (await counts('shop')).slow
  t.ok((slow.get(40) ?? 0) > 0, 'a threshold counts from when it is promised')
  await app.plan.apply({ text: 'plan: plimsoll/v1\nservices: []\n', source: 'api', appliedBy: 'test' })
  await app.signals.settled
  t.same(app.signals.reports('shop'), [])
  t.ok(settings.PLAN_FILE)
})

t.test('a log that somebody brings is counted once, and one that is followed not again', async (t) => {
  const dir = aFolder(t)
  mkdirSync(join(dir, 'logs'))
  const log = join(dir, 'logs', 'access.log')
  const { app, clock, counts, until } = await bench(t, { plan: aPlan(log) })
  const old = Array.from({ length: 50 }, (_, i) => aLine(clock.nowMs() - 3_600_000 - i * 1_000)).join('')
  const upload = (payload: string, name = 'old.log') =>
    app.inject({
      method: 'POST',
      url: `/api/v1/services/shop/imports?name=${name}`,
      headers: { 'content-type': 'application/octet-stream' },
      payload
    })
  const first = await upload(`${old}rubbish\n`)
  t.equal(first.statusCode, 200, first.body)
  t.match(first.json(), { lines: 51, counted: 50, alreadyCounted: 0, skipped: { not_json: 1 } })
  t.match((await upload(`${old}rubbish\n`)).json(), { counted: 0, alreadyCounted: 51 })
  t.equal((await counts('shop')).total, 50)
  const fresh = aLine(clock.nowMs(), { path: '/fresh' }).repeat(5)
  writeFileSync(log, fresh)
  await until('followed', async () => (await counts('shop')).total === 55)
  t.match((await upload(fresh, 'copy.log')).json(), { counted: 0, alreadyCounted: 5 })
  t.equal((await counts('shop')).total, 55)
})

t.test('a restart goes on with the last hour', async (t) => {
  const dir = aFolder(t)
  const log = join(dir, 'access.log')
  writeFileSync(log, '')
  const database = await openTestDatabase(Date.UTC(2026, 0, 1))
  const first = await buildTestApp({ plan: aPlan(log), database, pressure: calm })
  const clock = first.clock as ManualClock
  await first.app.signals.settled
  appendFileSync(log, aLine(clock.nowMs() - 30_000).repeat(30) + aLine(clock.nowMs() - 1_800_000).repeat(10))
  for (let tries = 0; tries < 400 && first.app.signals.traffic('shop').lastHour.total < 40; tries++) {
    clock.advance(50)
    await wait(5)
  }
  const before = first.app.signals.traffic('shop')
  await first.close()
  const second = await buildTestApp({ plan: aPlan(log), database, clock, pressure: calm })
  t.teardown(async () => {
    await second.close()
    await database.close()
  })
  for (let tries = 0; tries < 400 && second.app.signals.traffic('shop').lastHour.total < 40; tries++) await wait(5)
  const after = second.app.signals.traffic('shop')
  t.same(after, before)
  t.equal(after.lastHour.total, 40)
})

t.test('an instance that cannot store counts is not ready, and says why', async (t) => {
  const { app, database, until } = await bench(t)
  const isReady = async (): Promise<boolean> => (await app.inject('/readyz')).statusCode === 200
  await database.db.schema.alterTable('slices').renameTo('slices_away').execute()
  await app.inject('/api/v1/services')
  await until('unready', async () => !(await isReady()))
  const reply = await app.inject('/readyz')
  t.equal(reply.statusCode, 503)
  t.ok(reply.json<{ reasons: { code: string }[] }>().reasons.some(({ code }) => code === 'counts_wait'))
  await database.db.schema.alterTable('slices_away').renameTo('slices').execute()
  await until('ready', isReady)
  t.equal((await app.inject('/readyz')).statusCode, 200)
})

t.test('metrics tell of every source', async (t) => {
  const { app } = await bench(t)
  const { body } = await app.inject('/metrics')
  t.match(body, /plimsoll_signal_health\{service="plimsoll",signal="self:0",health="idle"\} 1/)
  t.match(body, /plimsoll_signal_lines\{service="plimsoll",signal="self:0",outcome="counted"\} 0/)
  t.match(body, /plimsoll_commit_duration_seconds_count|plimsoll_commit_duration_seconds/)
})
