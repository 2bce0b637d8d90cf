// POST /api/v1/events: pushed events over HTTP.
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import type { ManualClock } from '../src/platform/clock.ts'
import { emptyCounts } from '../src/signals/counts.ts'
import { pushLimits } from '../src/signals/push/limits.rules.ts'
import { readLines } from '../src/signals/push/lines.ts'
import { buildTestApp } from './support/app.ts'

const plan = `
plan: plimsoll/v1
services:
  - name: shop
    signals: [push]
    promise: { availability: 99.9%, p95: 200ms, errors: 0.1% }
    objectives:
      - { name: checkout, indicator: availability, path: /checkout/*, target: 99% }
  - name: other
    signals: [push]
  - name: watched
    signals: [self]
`
const calm = { measure: () => ({ eventLoopDelayMs: 0, eventLoopUtilisationRatio: 0, heapUsedBytes: 0 }) }

const bench = async (t: Test) => {
  const built = await buildTestApp({ plan, pressure: calm })
  t.teardown(() => built.close())
  const { app } = built
  const clock = built.clock as ManualClock
  await app.signals.settled
  const push = (payload: string | Buffer, headers: Record<string, string> = {}) =>
    app.inject({
      method: 'POST',
      url: '/api/v1/events',
      headers: { 'content-type': 'application/x-ndjson', ...headers },
      payload
    })
  const total = async (service = 'shop') => {
    const counts = emptyCounts()
    const range = {
      service,
      fromMs: clock.nowMs() - 86_400_000,
      toMs: clock.nowMs() + 60_000,
      widthMs: 60_000
    } as const
    await app.slices.scan({ ...range, latency: true }, (slice) => slice.addTo(counts))
    return counts
  }
  return { ...built, listen: () => built.listen(), clock, push, total }
}

const anEvent = (change: Record<string, unknown> = {}): string =>
  JSON.stringify({ service: 'shop', status: 200, durationMs: 12.5, ...change })

t.test('events are stored when the push is acknowledged', async (t) => {
  const { push, total, app } = await bench(t)
  const body = [
    anEvent(),
    anEvent({ status: 503, timedOut: true, path: '/checkout/cart?x=1', release: 'v2' }),
    anEvent({ status: 0 }),
    anEvent({ service: 'other', durationMs: 0 }),
    anEvent({ count: 1_000, durationMs: 250, path: '/items/4711' })
  ]
  const reply = await push(body.join('\n'))
  t.equal(reply.statusCode, 200)
  t.same(reply.json(), { accepted: 5, duplicate: false, rejected: [] })
  const counts = await total()
  t.match(counts, { total: 1_002, status2xx: 1_001, status5xx: 1, timeouts: 1, aborted: 1 })
  t.equal(counts.slow.get(200), 1_001, 'the slow ones and the failed one')
  t.equal(counts.latency.total, 1_002)
  t.equal((await total('other')).total, 1)
  const streams = await app.database.db.selectFrom('streams').selectAll().where('service', '=', 'shop').execute()
  t.same(
    streams.map(({ route, release, scope }) => `${route}|${release}|${scope}`).toSorted((a, b) => (a < b ? -1 : 1)),
    ['/checkout/cart|v2|/checkout/*', '/items/*||', 'other||']
  )
})

t.test('lines that cannot be counted are named; all others count', async (t) => {
  const { push, total, clock } = await bench(t)
  const at = (ageMs: number): string => new Date(clock.nowMs() - ageMs).toISOString()
  const lines: [line: string, code: string | null][] = [
    [anEvent(), null],
    ['{"service":', 'not_json'],
    ['', null],
    ['   ', null],
    ['[]', 'invalid_event'],
    [anEvent({ status: 600 }), 'invalid_event'],
    [anEvent({ durationMs: -1 }), 'invalid_event'],
    [anEvent({ durationMs: '3' }), 'invalid_event'],
    [anEvent({ at: 'yesterday' }), 'invalid_event'],
    [anEvent({ colour: 'red' }), 'invalid_event'],
    ['{"service":"shop","status":200,"durationMs":1,"__proto__":{"x":1}}', 'invalid_event'],
    [anEvent({ service: 'nobody' }), 'unknown_service'],
    [anEvent({ service: 'watched' }), 'no_push_signal'],
    [anEvent({ at: at(-61_000) }), 'from_future'],
    [anEvent({ at: at(-59_000) }), null],
    [anEvent({ at: at(401 * 86_400_000) }), 'too_old'],
    [anEvent({ at: at(7_200_000) }), null],
    [`${anEvent().slice(0, -1)},"path":"/${'x'.repeat(pushLimits.lineBytes)}"}`, 'line_too_long'],
    [anEvent({ path: '/ünïcode' }), null]
  ]
  const reply = await push(`${lines.map(([line]) => line).join('\r\n')}\n`)
  t.equal(reply.statusCode, 200)
  const { accepted, rejected } = reply.json<{
    accepted: number
    rejected: { line: number; code: string; detail: string }[]
  }>()
  t.same(
    rejected.map(({ line, code }) => [line, code]),
    lines.flatMap(([, code], at) => (code === null ? [] : [[at + 1, code]]))
  )
  t.ok(rejected.every(({ detail }) => detail.length > 5))
  t.equal(accepted, 4)
  t.equal((await total()).total, 4)
})

t.test('a line that is no UTF-8 is rejected, and its neighbours count', async (t) => {
  const { push, total } = await bench(t)
  const reply = await push(
    Buffer.concat([Buffer.from(`${anEvent()}\n`), Buffer.from([0xff, 0xfe, 0x0a]), Buffer.from(anEvent())])
  )
  t.match(reply.json(), { accepted: 2, rejected: [{ line: 2, code: 'not_utf8' }] })
  t.equal((await total()).total, 2)
})

t.test('a push without any line that counts is refused as a whole', async (t) => {
  const { push } = await bench(t)
  const key = { 'idempotency-key': 'k' }
  const refused = await push(`${anEvent({ service: 'nobody' })}\nx`, key)
  t.equal(refused.statusCode, 422)
  t.match(refused.json(), {
    code: 'PLIMSOLL_PUSH_REJECTED',
    errors: [
      { line: 1, text: /^unknown_service: / },
      { line: 2, text: /^not_json: / }
    ]
  })
  t.equal((await push('\n\n')).json<{ code: string }>().code, 'PLIMSOLL_PUSH_EMPTY')
  t.equal((await push(anEvent(), key)).statusCode, 200, 'the key is still free')
})

t.test('the same key and body count once and get the same reply', async (t) => {
  const { push, total } = await bench(t)
  const key = { 'idempotency-key': 'order-4711' }
  const body = `${anEvent()}\nbroken`
  const first = await push(body, key)
  const again = await push(body, key)
  t.same(again.json(), { ...first.json<object>(), duplicate: true })
  t.equal(again.statusCode, 200)
  t.equal((await total()).total, 1)
  const reused = await push(anEvent(), key)
  t.equal(reused.statusCode, 409)
  t.match(reused.json(), { code: 'PLIMSOLL_IDEMPOTENCY_KEY_REUSED', hint: /new key/ })
  t.equal((await push(body)).json<{ duplicate: boolean }>().duplicate, false, 'without a key nothing is remembered')
  t.equal((await total()).total, 2)
})

t.test('pushes of one key at the same time count once', async (t) => {
  const { push, total } = await bench(t)
  const replies = await Promise.all(Array.from({ length: 8 }, () => push(anEvent(), { 'idempotency-key': 'k' })))
  t.ok(replies.every(({ statusCode }) => statusCode === 200))
  t.equal(replies.filter((reply) => !reply.json<{ duplicate: boolean }>().duplicate).length, 1)
  t.equal((await total()).total, 1)
})

t.test('what the store refuses is not acknowledged, and may be repeated', async (t) => {
  const { push, total, database } = await bench(t)
  const { db } = database
  await db.schema.alterTable('slices').renameTo('slices_away').execute()
  const refused = await push(anEvent(), { 'idempotency-key': 'k' })
  t.ok(refused.statusCode >= 500)
  await db.schema.alterTable('slices_away').renameTo('slices').execute()
  const reply = await push(anEvent(), { 'idempotency-key': 'k' })
  t.match(reply.json(), { accepted: 1, duplicate: false })
  t.equal((await total()).total, 1)
})

t.test('an upload that ends early counts nothing', async (t) => {
  const { listen, total, app, push } = await bench(t)
  const { port } = new URL(await listen())
  const closed = new Promise<void>((resolve) => {
    app.server.once('connection', (socket) => socket.once('close', () => resolve()))
  })
  const socket = connect(Number(port), '127.0.0.1')
  const line = `${anEvent()}\n`
  socket.write(
    'POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n' +
      `Idempotency-Key: k\r\nContent-Length: 10000\r\n\r\n${line.repeat(10)}`
  )
  await new Promise((resolve) => socket.once('connect', resolve))
  app.server.once('request', () => setImmediate(() => socket.destroy()))
  await closed
  t.equal((await total()).total, 0)
  t.match((await push(anEvent(), { 'idempotency-key': 'k' })).json(), { accepted: 1, duplicate: false })
})

t.test('what is no NDJSON is refused', async (t) => {
  const { push } = await bench(t)
  t.equal((await push(anEvent(), { 'content-type': 'application/json' })).statusCode, 415)
  const packed = await push(anEvent(), { 'content-encoding': 'gzip' })
  t.equal(packed.statusCode, 415)
  t.match(packed.json(), { hint: /without Content-Encoding/ })
})

t.test('the source of a service says how pushes go', async (t) => {
  const { push, app, clock } = await bench(t)
  const report = () => app.signals.reports('shop')[0]!
  t.match(report(), { id: 'push:0', kind: 'push', health: 'waiting', reasons: [{ code: 'nothing_pushed' }] })
  const at = new Date(clock.nowMs() - 3_600_000).toISOString()
  await push([anEvent({ count: 3 }), anEvent({ at, status: 0 }), anEvent({ at: '2001-01-01T00:00:00Z' })].join('\n'))
  t.match(report(), {
    health: 'live',
    lastEventMs: clock.nowMs(),
    counts: { read: 3, counted: 4, late: 1, aborted: 1, skipped: { too_old: 1 } }
  })
  clock.advance(61_000)
  t.equal(report().health, 'idle')
})

t.test('bodies are cut into lines however they arrive', async (t) => {
  const text = 'first\r\n\nsecond\n\n\nthird'
  const bytes = Buffer.from(text)
  for (let size = 1; size <= bytes.length; size++) {
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.subarray(i * size, (i + 1) * size)
    )
    const { lines } = await readLines(
      (async function* () {
        yield* chunks
      })()
    )
    t.same(lines, [
      { number: 1, text: 'first\r' },
      { number: 3, text: 'second' },
      { number: 6, text: 'third' }
    ])
  }
})

t.test('a body or a number of lines beyond the limit is refused as a whole', async (t) => {
  const limits = { bytes: 100, lineBytes: 50, lines: 3 } as unknown as typeof pushLimits
  const read = (text: string) =>
    readLines(
      (async function* () {
        yield Buffer.from(text)
      })(),
      limits
    )
  await t.rejects(read('x'.repeat(101)), { code: 'PLIMSOLL_BODY_TOO_LARGE', hint: /several smaller/ })
  await t.rejects(read('1\n2\n3\n4\n'), { code: 'PLIMSOLL_BODY_TOO_LARGE' })
  t.same((await read(`1\n${'x'.repeat(51)}\n3`)).lines, [
    { number: 1, text: '1' },
    { number: 2, text: null, fault: 'too_long' },
    { number: 3, text: '3' }
  ])
})
