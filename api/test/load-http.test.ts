// Runs and load lines over HTTP: kept, listed, started for the target of the plan, watched, stopped.
import t from 'tap'
import type { LoadLine, LoadRun } from '../src/contract/load.ts'
import type { LiveLoad } from '../src/contract/load-routes.ts'
import { systemClock } from '../src/platform/clock.ts'
import { Histogram } from '../src/signals/histogram.ts'
import { housePromise } from '../src/load/line/hold.rules.ts'
import { measure } from '../src/load/run/result.rules.ts'
import { readClassClaim } from '../src/signals/class-header.rules.ts'
import { buildTestApp, type TestAppOptions } from './support/app.ts'
import { startKnownServer } from './support/known-server.ts'

t.setTimeout(120_000) // some real seconds of load

const planOf = (load: string) => `plan: plimsoll/v1
services:
  - name: shop
    owner: team-shop
    promise: { availability: 99.9%, p95: 100ms, errors: 0.1%, window: 30d }
${load}
  - name: other
    owner: team-shop
`

type Tap = Pick<typeof t, 'teardown'>

async function world(test: Tap, load = '', options: TestAppOptions = {}) {
  const built = await buildTestApp({ plan: planOf(load), ...options })
  test.teardown(() => built.close())
  const call = async (method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: object) => {
    const reply = await built.app.inject({
      method,
      url: `/api/v1/services/${path}`,
      ...(body && { payload: body }),
      headers: { host: 'localhost' }
    })
    return {
      status: reply.statusCode,
      body: reply.body === '' ? null : (JSON.parse(reply.body) as Record<string, unknown>)
    }
  }
  return { ...built, call }
}

const at = Date.UTC(2026, 0, 1)

const aRun = (id: string, change: Partial<LoadRun> = {}): LoadRun => {
  const latency = new Histogram()
  for (let i = 0; i < 5_000; i++) latency.record(20_000)
  const second = { second: 0, total: 5_000, slow: 0, statuses: { 200: 5_000 }, failures: {}, maxUs: 20_000 }
  const measured = measure([{ ...second, latency: latency.encode() }], housePromise, {
    durationMs: 1_000,
    partial: false,
    senderLimited: false
  })
  return {
    ...measured,
    id,
    kind: 'paced',
    tool: 'plimsoll',
    service: null,
    release: 'v1',
    target: 'http://127.0.0.1:1/',
    startedAt: new Date(at).toISOString(),
    asked: {
      ratePerS: 5_000,
      arrivals: 'constant',
      connections: 10,
      durationMs: 1_000,
      warmUpMs: 0,
      timeoutMs: 10_000
    },
    offeredPerS: 5_000,
    achievedPerS: 5_000,
    sender: null,
    machine: null,
    version: '0.1.0',
    commit: null,
    ...change
  }
}

const aLine = (id: string, change: Partial<LoadLine> = {}): LoadLine => ({
  id,
  service: null,
  release: 'v1',
  target: 'http://127.0.0.1:1/',
  measuredAt: new Date(at).toISOString(),
  partial: false,
  ratePerS: 400,
  estimatePerS: 430,
  intervalPerS: [400, 460],
  limitedBy: 'latency',
  errorFloorRatio: null,
  loadMs: 100_000,
  probes: [],
  promised: housePromise,
  machine: null,
  version: '0.1.0',
  commit: null,
  state: 'pass',
  reasons: [],
  ...change
})

t.test('a run is kept once, listed and read back', async (t) => {
  const { call, app } = await world(t)
  t.equal((await call('PUT', 'shop/runs/r1', aRun('r1'))).status, 200)
  t.equal((await call('PUT', 'shop/runs/r1', aRun('r1', { total: 1 }))).status, 200, 'sent again: nothing changes')
  await call('PUT', 'shop/runs/r2', aRun('r2', { startedAt: new Date(at + 1_000).toISOString(), release: 'v2' }))
  await call('PUT', 'other/runs/r3', aRun('r3'))
  t.match(await call('PUT', 'other/runs/r1', aRun('r1')), { status: 409, body: { code: 'PLIMSOLL_LOAD_ID_TAKEN' } })
  const ids = (body: Record<string, unknown> | null) => ((body?.['runs'] ?? []) as { id: string }[]).map(({ id }) => id)
  const all = await call('GET', 'shop/runs')
  t.strictSame(ids(all.body), ['r2', 'r1'], 'newest first, of this service alone')
  t.match(all.body, { active: null, target: null, nextCursor: null })
  const first = await call('GET', 'shop/runs?limit=1')
  t.strictSame(ids(first.body), ['r2'])
  t.strictSame(ids((await call('GET', `shop/runs?limit=1&cursor=${String(first.body?.['nextCursor'])}`)).body), ['r1'])
  t.strictSame(ids((await call('GET', 'shop/runs?release=v1')).body), ['r1'])
  const every = async (query: string): Promise<Record<string, unknown>> =>
    JSON.parse((await app.inject({ url: `/api/v1/runs${query}`, headers: { host: 'localhost' } })).body)
  const newest = await every('?limit=2')
  t.strictSame(ids(newest), ['r2', 'r3'], 'of every service, newest first')
  t.match(newest['runs'], [{ service: 'shop' }, { service: 'other', commit: null, p95IntervalMs: [/./, /./] }])
  t.match(await every(`?limit=2&cursor=${String(newest['nextCursor'])}`), { runs: [{ id: 'r1' }], nextCursor: null })
  t.match((await call('GET', 'shop/runs/r1')).body, { id: 'r1', service: 'shop', total: 5_000, state: 'pass' })
  t.equal((await call('GET', 'other/runs/r1')).status, 404)
  t.match(await call('PUT', 'shop/runs/r9', aRun('r1')), { status: 400, body: { code: 'PLIMSOLL_BAD_REQUEST' } })
  t.equal((await call('PUT', 'shop/runs/r4', { id: 'r4' })).status, 400, 'half a run is none')
  t.equal((await call('GET', 'shop/runs?cursor=x')).status, 400)
  t.equal((await call('GET', 'nothing/runs')).status, 404)
})

t.test('the newest line that was found tells the headroom, and grows stale', async (t) => {
  const { call, app, clock } = await world(t)
  t.match((await call('GET', 'shop/load-line')).body, { line: null, headroomRatio: null, advice: null, stale: false })
  await call('PUT', 'shop/load-lines/l1', aLine('l1', { ratePerS: 300 }))
  await call('PUT', 'shop/load-lines/l2', aLine('l2', { measuredAt: new Date(at - 1_000).toISOString() }))
  await call(
    'PUT',
    'shop/load-lines/l3',
    aLine('l3', { ratePerS: null, state: 'fail', measuredAt: new Date(at + 1_000).toISOString() })
  )
  const status = await call('GET', 'shop/load-line')
  t.match(status.body, {
    line: { id: 'l1', ratePerS: 300, service: 'shop' },
    stale: false,
    advice: { targetPerAllocationPerS: 210 }
  })
  const list = await app.inject({ url: '/api/v1/services', headers: { host: 'localhost' } })
  const shop = (JSON.parse(list.body) as { services: { name: string }[] }).services.find(({ name }) => name === 'shop')
  t.match(shop, {
    loadLine: {
      ratePerS: 300,
      measuredAt: new Date(at).toISOString(),
      staleAt: new Date(at + 14 * 86_400_000).toISOString()
    }
  })
  const { body: metrics } = await app.inject({ url: '/metrics', headers: { host: 'localhost' } })
  t.match(metrics, /^plimsoll_service_load_line_per_second{service="shop"} 300$/m)
  t.notMatch(metrics, /headroom_ratio{/, 'without traffic there is none to say')
  t.notMatch(metrics, /load_line_per_second{service="other"}/, 'never measured is no 0')
  t.match((await call('GET', 'shop/load-line?release=v2')).body, { line: null })
  const searches = await call('GET', 'shop/load-lines')
  t.match(searches.body, { lines: [{ id: 'l3', ratePerS: null, state: 'fail' }, { id: 'l1' }, { id: 'l2' }] })
  t.match((await call('GET', 'shop/load-lines/l3')).body, { id: 'l3', service: 'shop', state: 'fail' })
  t.equal((await call('GET', 'other/load-lines/l3')).status, 404, 'a line is of its service')
  ;(clock as unknown as { setWallClock(ms: number): void }).setWallClock(at + 20 * 86_400_000)
  t.match((await call('GET', 'shop/load-line')).body, { stale: true, staleReasons: [{ code: 'line_old' }] })
})

t.test('only what the plan names is loaded, and no more than it allows', async (t) => {
  const none = await world(t)
  const start = { kind: 'run', ratePerS: 50, durationMs: 2_000 }
  t.match(await none.call('POST', 'shop/runs', start), { status: 409, body: { code: 'PLIMSOLL_LOAD_NOT_PLANNED' } })
  const capped = await world(t, '    load: { url: http://127.0.0.1:1, requests: [GET /], maxRate: 40 }')
  t.match(await capped.call('POST', 'shop/runs', start), { status: 400, body: { code: 'PLIMSOLL_LOAD_TOO_MUCH' } })
  t.equal((await capped.call('POST', 'shop/runs', { ...start, url: 'http://elsewhere' })).status, 400)
  t.equal((await capped.call('DELETE', 'shop/runs/active')).status, 404)
  t.match((await capped.call('GET', 'shop/runs')).body, { target: { maxRatePerS: 40, requests: 1 } })
})

/** What the live stream says of load, in the order it is said. */
const loads = (text: string): LiveLoad[] =>
  text
    .split('\n\n')
    .filter((frame) => frame.includes('event: load'))
    .map((frame) => JSON.parse(/^data: (.*)$/m.exec(frame)?.[1] ?? '{}') as LiveLoad)

t.test('a run is started, watched live, stopped, and kept as partial', async (t) => {
  const server = await startKnownServer({ kind: 'constant', delayMs: 5 })
  t.teardown(() => server.close())
  const load = `    load: { url: "${server.url}/base", requests: [GET /a, { method: POST, path: /b, weight: 2, body: x }] }`
  const { call, app, listen } = await world(t, load, { clock: systemClock })
  const origin = await listen()
  const reading = new AbortController()
  const stream = await fetch(`${origin}/api/v1/live`, { signal: reading.signal })
  let heard = ''
  const until = async (wanted: (live: LiveLoad[]) => boolean): Promise<LiveLoad[]> => {
    const decoder = new TextDecoder()
    for await (const chunk of stream.body!.values({ preventCancel: true })) {
      heard += decoder.decode(chunk as Uint8Array, { stream: true })
      if (wanted(loads(heard))) return loads(heard)
    }
    throw new Error('the stream ended')
  }
  const started = await call('POST', 'shop/runs', { kind: 'run', ratePerS: 40, durationMs: 60_000, release: 'v7' })
  t.match(started, { status: 202, body: { service: 'shop', kind: 'run', state: 'starting' } })
  t.match(await call('POST', 'shop/runs', { kind: 'run', ratePerS: 40, durationMs: 1_000 }), {
    status: 409,
    body: { code: 'PLIMSOLL_LOAD_BUSY' }
  })
  await until((live) => live.some(({ state, sent }) => state === 'running' && sent > 20))
  t.match((await call('GET', 'shop/runs')).body, { active: { state: 'running' } })
  t.equal((await call('DELETE', 'shop/runs/active')).status, 200)
  const ended = (await until((live) => live.at(-1)?.state === 'ended')).at(-1)!
  reading.abort()
  const run = (await call('GET', `shop/runs/${ended.result}`)).body as unknown as LoadRun
  t.match(run, { partial: true, release: 'v7', promised: { thresholdMs: 100 }, asked: { ratePerS: 40 } })
  t.ok(run.total > 20)
  const { claims } = await server.seen()
  t.ok(
    claims.every((claim) => readClassClaim(claim, app.signals.classKeys)?.trafficClass === 'load'),
    'never users'
  )
})

t.test('a target that is down ends the sending with its reason, and the next can begin', async (t) => {
  const { call, app } = await world(t, '    load: { url: "http://127.0.0.1:1", requests: [GET /] }', {
    clock: systemClock
  })
  await call('POST', 'shop/runs', { kind: 'line' })
  const tries = AbortSignal.timeout(10_000)
  while (app.load.active.of('shop')?.state !== 'failed' && !tries.aborted)
    await new Promise((resolve) => setTimeout(resolve, 20))
  t.match(app.load.active.of('shop'), { state: 'failed', error: { code: 'PLIMSOLL_TARGET_REFUSED', hint: String } })
  t.equal((await call('POST', 'shop/runs', { kind: 'line' })).status, 202)
  await app.load.active.close()
})
