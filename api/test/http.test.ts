import { connect } from 'node:net'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import { createHash } from 'node:crypto'
import t from 'tap'
import { Type } from 'typebox'
import type { FastifyInstance, InjectOptions, RouteOptions } from 'fastify'
import { allRoutes, type Routes } from '../src/contract/index.ts'
import type { ManualClock } from '../src/platform/clock.ts'
import type { PressureSample } from '../src/platform/http/pressure.rules.ts'
import { apiDocument } from '../src/platform/http/docs.ts'
import { buildTestApp, type TestApp, type TestAppOptions } from './support/app.ts'

const start = async (
  t: { teardown(fn: () => Promise<void>): void },
  options: TestAppOptions = {}
): Promise<TestApp> => {
  const test = await buildTestApp(options)
  t.teardown(() => test.close())
  return test
}

const config = { access: 'viewer', priority: 'normal' } as const
const writeConfig = { access: 'operator', priority: 'normal' } as const

const Body = Type.Object(
  { name: Type.String({ minLength: 2 }), tags: Type.Array(Type.Object({ key: Type.String() })) },
  { additionalProperties: false }
)

/** Routes that a test needs and the product does not have. */
const examples: RouteOptions[] = [
  { method: 'GET', url: '/api/v1/example', config, handler: async () => ({ value: 42 }) },
  {
    method: 'POST',
    url: '/api/v1/example',
    config: writeConfig,
    schema: { body: Body },
    handler: async ({ body }) => ({ body })
  },
  {
    method: 'GET',
    url: '/api/v1/example/crash',
    config,
    handler: () => {
      throw new Error('the password is hunter2')
    }
  },
  {
    method: 'GET',
    url: '/api/v1/example/limit',
    config,
    schema: {
      querystring: Type.Object({
        limit: Type.Optional(Type.Integer({ maximum: 9 })),
        at: Type.Optional(Type.String({ format: 'date-time' }))
      })
    },
    handler: async ({ query }) => ({ query })
  }
]
const prepare = (app: FastifyInstance): void => examples.forEach((route) => app.route(route))

// --- every route ---

t.test('a route that does not say who may call it stops the boot', async (t) => {
  const app = buildTestApp({ prepare: (app) => void app.get('/api/v1/forgotten', async () => 'x') })
  await t.rejects(app, { message: /routes without access or priority: GET \/api\/v1\/forgotten/ })
})

t.test('every route refuses a stranger with problem details, unless it is public', async (t) => {
  const { app } = await start(t)
  for (const { method, url } of app.routeTable.all) {
    const key = `${method === 'HEAD' ? 'GET' : method} ${url.replaceAll(/:(\w+)/g, '{$1}')}`
    const promised = (allRoutes as Routes)[key]?.access
    const response = await app.inject({
      method: method as 'GET',
      url: url.replaceAll(/:\w+/g, 'x').replace('*', 'x'),
      remoteAddress: '203.0.113.7',
      headers: { host: 'localhost' }
    })
    if (promised === 'public' || /^\/(docs|openapi|\*)/.test(url)) {
      t.not(response.statusCode, 403, `${key} is public`)
      continue
    }
    t.equal(response.statusCode, 401, `${method} ${url}`)
    if (method !== 'HEAD')
      t.match(response.json(), { code: 'PLIMSOLL_UNAUTHENTICATED', hint: /API_TOKEN/, requestId: /./ })
  }
})

t.test('what the contract promises is registered under its own access and priority', async (t) => {
  const { app } = await start(t)
  const registered = new Set(app.routeTable.all.map(({ method, url }) => `${method} ${url}`))
  for (const key of ['GET /healthz', 'GET /readyz', 'GET /metrics', 'GET /api/v1/system', 'GET /api/v1/live']) {
    t.ok(registered.has(key), key)
    t.ok(key in allRoutes, `${key} is in the contract`)
  }
})

// --- access ---

t.test('a token lets others in, a wrong one lets nobody in', async (t) => {
  const token = 'correct-horse-battery'
  const { app } = await start(t, { settings: { API_TOKEN: token } })
  const call = (authorization?: string) =>
    app.inject({
      url: '/api/v1/system',
      remoteAddress: '203.0.113.7',
      headers: { ...(authorization && { authorization }) }
    })
  t.equal((await call(`Bearer ${token}`)).statusCode, 200)
  t.equal((await call(`bearer   ${token}`)).statusCode, 200, 'the scheme is not case-sensitive')
  for (const wrong of [undefined, 'Bearer wrong', `Basic ${token}`, `Bearer ${token}x`]) {
    const response = await call(wrong)
    t.equal(response.statusCode, 401, String(wrong))
    t.match(response.headers['www-authenticate'], /^Bearer/)
    t.match(response.json(), { code: 'PLIMSOLL_UNAUTHENTICATED' })
    t.notMatch(response.body, token)
  }
})

t.test('a page of another site can neither read nor write through the browser of this machine', async (t) => {
  const { app } = await start(t, { prepare })
  const rebound = await app.inject({ url: '/api/v1/system', headers: { host: 'evil.example:3000' } })
  t.match(rebound.json(), { status: 401, code: 'PLIMSOLL_UNAUTHENTICATED' })
  const crossSite = await app.inject({
    method: 'POST',
    url: '/api/v1/example',
    headers: { origin: 'https://evil.example' },
    payload: { name: 'ab', tags: [] }
  })
  t.match(crossSite.json(), { status: 403, code: 'PLIMSOLL_ACCESS_DENIED' })
  t.equal(crossSite.headers['access-control-allow-origin'], undefined)
})

t.test('a call is refused before its body is read', async (t) => {
  const { app } = await start(t, { prepare })
  const response = await app.inject({
    method: 'POST',
    url: '/api/v1/example',
    remoteAddress: '203.0.113.7',
    headers: { 'content-type': 'application/json' },
    payload: '{broken'
  })
  t.equal(response.statusCode, 401)
})

// --- refusals ---

const body = { name: 'ab', tags: [{ key: 'k' }] }
const refusals: {
  name: string
  call: InjectOptions
  status: number
  code: string
  also?: object
}[] = [
  { name: 'unknown path', call: { url: '/api/v1/nothing' }, status: 404, code: 'PLIMSOLL_NOT_FOUND' },
  { name: 'unknown path outside of the API', call: { url: '/nothing' }, status: 404, code: 'PLIMSOLL_NOT_FOUND' },
  {
    name: 'unknown path, any method',
    call: { method: 'DELETE', url: '/api/v1/nothing' },
    status: 404,
    code: 'PLIMSOLL_NOT_FOUND'
  },
  {
    name: 'known path, wrong method',
    call: { method: 'DELETE', url: '/api/v1/example' },
    status: 405,
    code: 'PLIMSOLL_METHOD_NOT_ALLOWED',
    also: { hint: /GET, HEAD, POST/ }
  },
  {
    name: 'known path, wrong method, with a body',
    call: { method: 'PUT', url: '/healthz', payload: { a: 1 } },
    status: 405,
    code: 'PLIMSOLL_METHOD_NOT_ALLOWED'
  },
  {
    name: 'known path, reading where one can only write',
    call: { url: '/api/v1/only-writes' },
    status: 405,
    code: 'PLIMSOLL_METHOD_NOT_ALLOWED',
    also: { hint: /POST/ }
  },
  {
    name: 'body too large by its own word',
    call: { method: 'POST', url: '/api/v1/example', payload: { name: 'x'.repeat(2_000), tags: [] } },
    status: 413,
    code: 'PLIMSOLL_BODY_TOO_LARGE',
    also: { hint: /BODY_LIMIT_BYTES/ }
  },
  {
    name: 'other media type',
    call: { method: 'POST', url: '/api/v1/example', headers: { 'content-type': 'text/csv' }, payload: 'a,b' },
    status: 415,
    code: 'PLIMSOLL_UNSUPPORTED_MEDIA_TYPE',
    also: { hint: /application\/json/ }
  },
  {
    name: 'no media type',
    call: { method: 'POST', url: '/api/v1/example', headers: { 'content-type': '' }, payload: '{}' },
    status: 415,
    code: 'PLIMSOLL_UNSUPPORTED_MEDIA_TYPE'
  },
  {
    name: 'broken JSON',
    call: {
      method: 'POST',
      url: '/api/v1/example',
      headers: { 'content-type': 'application/json' },
      payload: '{"name": '
    },
    status: 400,
    code: 'PLIMSOLL_MALFORMED_BODY',
    also: { detail: /JSON/ }
  },
  {
    name: 'empty JSON',
    call: { method: 'POST', url: '/api/v1/example', headers: { 'content-type': 'application/json' }, payload: ' ' },
    status: 400,
    code: 'PLIMSOLL_MALFORMED_BODY'
  },
  {
    name: 'JSON that is not UTF-8',
    call: {
      method: 'POST',
      url: '/api/v1/example',
      headers: { 'content-type': 'application/json' },
      payload: Buffer.from([0x22, 0xff, 0xfe, 0x22])
    },
    status: 400,
    code: 'PLIMSOLL_MALFORMED_BODY',
    also: { detail: /UTF-8/ }
  },
  {
    name: 'JSON that reaches for the prototype',
    call: {
      method: 'POST',
      url: '/api/v1/example',
      headers: { 'content-type': 'application/json' },
      payload: '{"__proto__": {"admin": true}}'
    },
    status: 400,
    code: 'PLIMSOLL_MALFORMED_BODY',
    also: { detail: /__proto__/ }
  },
  {
    name: 'JSON that reaches for it through the constructor',
    call: {
      method: 'POST',
      url: '/api/v1/example',
      headers: { 'content-type': 'application/json' },
      payload: '{"constructor": {"prototype": {}}}'
    },
    status: 400,
    code: 'PLIMSOLL_MALFORMED_BODY'
  },
  {
    name: 'JSON nested to exhaust a stack',
    call: {
      method: 'POST',
      url: '/api/v1/example',
      headers: { 'content-type': 'application/json' },
      payload: '['.repeat(400) + ']'.repeat(400)
    },
    status: 400,
    code: 'PLIMSOLL_BODY_TOO_DEEP'
  },
  {
    name: 'a body with several faults: all are told, each with its pointer',
    call: { method: 'POST', url: '/api/v1/example', payload: { name: 'a', tags: [{}, { key: 1 }], 'odd/name': 1 } },
    status: 400,
    code: 'PLIMSOLL_VALIDATION_FAILED',
    also: {
      errors: [
        { path: '/odd~1name', text: 'is not known here' },
        { path: '/name' },
        { path: '/tags/0/key', text: 'is missing' },
        { path: '/tags/1/key' }
      ]
    }
  },
  {
    name: 'a query with faults, names included',
    call: { url: '/api/v1/example/limit?limit=99&at=yesterday&limt=3' },
    status: 400,
    code: 'PLIMSOLL_VALIDATION_FAILED',
    also: { errors: [{ path: 'query limt' }, { path: 'query limit' }, { path: 'query at' }] }
  },
  { name: 'a path that cannot be decoded', call: { url: '/api/v1/%zz' }, status: 400, code: 'PLIMSOLL_BAD_REQUEST' },
  {
    name: 'a handler that crashes',
    call: { url: '/api/v1/example/crash' },
    status: 500,
    code: 'PLIMSOLL_INTERNAL_ERROR',
    also: { hint: /request id/ }
  }
]

t.test('every refusal is problem details with a code, a sentence and the request id', async (t) => {
  const { app } = await start(t, {
    settings: { BODY_LIMIT_BYTES: '1024' },
    prepare(app) {
      prepare(app)
      app.post('/api/v1/only-writes', { config: writeConfig }, async () => ({}))
    }
  })
  for (const { name, call, status, code, also = {} } of refusals) {
    await t.test(name, async (t) => {
      const response = await app.inject(call)
      t.equal(response.statusCode, status)
      t.match(response.headers['content-type'], /^application\/problem\+json/)
      t.match(response.json(), {
        type: /^urn:plimsoll:problem:/,
        title: /./,
        status,
        code,
        detail: /./,
        requestId: response.headers['x-request-id'] ?? /./,
        ...also
      })
      t.notMatch(response.body, /hunter2|at .*\.ts|node_modules/, 'nothing of our inner life')
    })
  }
  t.equal((await app.inject({ method: 'DELETE', url: '/api/v1/example' })).headers['allow'], 'GET, HEAD, POST')
  t.same(
    (await app.inject({ method: 'POST', url: '/api/v1/example', payload: body })).json(),
    { body },
    'and what is right passes'
  )
  t.equal(({} as { admin?: boolean }).admin, undefined)
})

t.test('a store that refuses is a 503 with what to do, not a crash', async (t) => {
  const { app } = await start(t, {
    prepare(app) {
      app.get('/api/v1/store', { config }, () =>
        Promise.reject(Object.assign(new Error('database or disk is full'), { errcode: 13 }))
      )
    }
  })
  const response = await app.inject('/api/v1/store')
  t.match(response.json(), { status: 503, code: 'PLIMSOLL_STORE_UNAVAILABLE', detail: /full/, hint: /free space/ })
  t.ok(Number(response.headers['retry-after']) > 0)
})

t.test('what is no HTTP, too long a header and too large a stream are answered on the socket', async (t) => {
  const { app, listen } = await start(t, { prepare, settings: { BODY_LIMIT_BYTES: '1024' } })
  const { port } = new URL(await listen())
  const send = (text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect(Number(port), '127.0.0.1')
      let reply = ''
      socket.on('data', (chunk) => (reply += chunk.toString()))
      socket.on('close', () => resolve(reply))
      socket.on('error', (error) => (reply ? resolve(reply) : reject(error)))
      socket.write(text)
    })
  t.match(await send('HELO plimsoll\r\n\r\n'), /^HTTP\/1\.1 400 [\s\S]*PLIMSOLL_BROKEN_HTTP/)
  t.match(
    await send(`GET / HTTP/1.1\r\nHost: localhost\r\nCookie: ${'x'.repeat(20_000)}\r\n\r\n`),
    /^HTTP\/1\.1 431 [\s\S]*PLIMSOLL_HEADERS_TOO_LARGE/
  )
  const chunk = `400\r\n${'x'.repeat(1024)}\r\n`
  t.match(
    await send(
      `POST /api/v1/example HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(3)}`
    ),
    /^HTTP\/1\.1 413 [\s\S]*PLIMSOLL_BODY_TOO_LARGE/
  )
  t.equal((await app.inject('/healthz')).statusCode, 200)
})

t.test('a client that goes away in the middle of its body harms nobody', async (t) => {
  const { app, listen } = await start(t, { prepare })
  const { port } = new URL(await listen())
  await new Promise<void>((resolve) => {
    const socket = connect(Number(port), '127.0.0.1', () => {
      socket.write(
        'POST /api/v1/example HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"na'
      )
      setImmediate(() => socket.destroy())
    })
    socket.on('close', () => resolve())
  })
  t.equal((await app.inject('/healthz')).statusCode, 200)
})

t.test('writes of one caller are limited, reads are not', async (t) => {
  const { app } = await start(t, { prepare, settings: { RATE_LIMIT_WRITES: '2' } })
  const write = () => app.inject({ method: 'POST', url: '/api/v1/example', payload: body })
  t.equal((await write()).statusCode, 200)
  t.equal((await write()).statusCode, 200)
  const limited = await write()
  t.match(limited.json(), { status: 429, code: 'PLIMSOLL_RATE_LIMITED', detail: /2 writes/ })
  t.ok(Number(limited.headers['retry-after']) > 0)
  for (let i = 0; i < 5; i++) t.equal((await app.inject('/api/v1/example')).statusCode, 200)
})

// --- reads ---

t.test('an unchanged answer is a 304', async (t) => {
  const { app } = await start(t, { prepare })
  const first = await app.inject('/api/v1/example')
  const etag = String(first.headers['etag'])
  t.match(etag, /^W\//)
  for (const known of [etag, `"other", ${etag}`, etag.slice(2), '*']) {
    const again = await app.inject({ url: '/api/v1/example', headers: { 'if-none-match': known } })
    t.equal(again.statusCode, 304, known)
    t.equal(again.body, '')
    t.equal(again.headers['etag'], etag)
  }
  t.equal((await app.inject({ url: '/api/v1/example', headers: { 'if-none-match': 'W/"other"' } })).statusCode, 200)
  t.equal((await app.inject({ method: 'HEAD', url: '/api/v1/example' })).headers['etag'], etag)
  t.equal(
    (await app.inject({ url: '/api/v1/nothing', headers: { 'if-none-match': '*' } })).statusCode,
    404,
    'a refusal is never "not modified"'
  )
})

t.test('every reply carries its id; a proxy may give it, if it is harmless', async (t) => {
  const { app } = await start(t)
  const ids = await Promise.all([app.inject('/healthz'), app.inject('/healthz')])
  t.not(ids[0].headers['x-request-id'], ids[1].headers['x-request-id'])
  const given = (id: string) => app.inject({ url: '/healthz', headers: { 'x-request-id': id } })
  t.equal((await given('trace-0123456789')).headers['x-request-id'], 'trace-0123456789')
  t.not((await given('x"}\n{"forged":true}')).headers['x-request-id'], 'x"}\n{"forged":true}')
})

t.test('every reply says which release and instance gave it', async (t) => {
  const { app, listen, close } = await buildTestApp({ settings: { RELEASE: 'v1.2-rc.3', ALLOC_ID: 'a1b2c3d4-77' } })
  t.teardown(close)
  for (const url of ['/healthz', '/api/v1/services', '/nowhere', '/']) {
    const { headers } = await app.inject({ url })
    t.match(headers, { 'x-release': 'v1.2-rc.3', 'x-alloc-id': 'a1b2c3d4-77' }, url)
  }
  const live = await fetch(`${await listen()}/api/v1/live`)
  t.equal(live.headers.get('x-release'), 'v1.2-rc.3', 'the stream too')
  await live.body?.cancel()

  const plain = await buildTestApp()
  t.teardown(plain.close)
  const { headers } = await plain.app.inject({ url: '/healthz' })
  t.match(headers['x-release'], /^\d+\.\d+\.\d+/, 'without a name it is the version')
  t.notOk('x-alloc-id' in headers)
})

t.test('replies of the API run nothing, are framed nowhere and stay out of shared caches', async (t) => {
  const { app } = await start(t)
  for (const url of ['/api/v1/system', '/api/v1/nothing', '/healthz']) {
    t.match(
      (await app.inject(url)).headers,
      {
        'content-security-policy': /default-src 'none'/,
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cache-control': 'private, no-cache'
      },
      url
    )
  }
})

// --- health, readiness, metrics ---

t.test('alive is not ready: each reason shows, busy keeps traffic, not ready loses it', async (t) => {
  const { app } = await start(t)
  t.same((await app.inject('/readyz')).json(), { status: 'ready', reasons: [], leads: true })
  let reason: { code: string; text: string } | null = { code: 'catching_up', text: 'reading the log of the night' }
  app.readiness.add('busy', () => reason, 'busy')
  const busy = await app.inject('/readyz')
  t.equal(busy.statusCode, 429)
  t.match(busy.json(), { status: 'busy', reasons: [{ code: 'catching_up' }] })
  app.readiness.add('plan', () => ({ code: 'no_plan', text: 'there is no plan' }))
  const notReady = await app.inject('/readyz')
  t.equal(notReady.statusCode, 503)
  t.match(notReady.json(), { status: 'not_ready', reasons: [{ code: 'catching_up' }, { code: 'no_plan' }] })
  app.readiness.add('plan', () => null)
  reason = null
  t.equal((await app.inject('/readyz')).statusCode, 200)
  t.equal((await app.inject('/healthz')).statusCode, 200)
})

t.test('a store that refuses writes makes the instance not ready until it takes them again', async (t) => {
  const { app, clock, database } = await start(t)
  database.watch.failed(Object.assign(new Error('full'), { errcode: 13 }))
  t.match((await app.inject('/readyz')).json(), {
    status: 'not_ready',
    reasons: [{ code: 'store_disk_full', text: /full/, next: /free space/ }]
  })
  t.match((await app.inject('/metrics')).body, /plimsoll_database_writable 0/)
  await (clock as ManualClock).advanceAsync(5_000)
  for (let i = 0; i < 5_000 && database.watch.fault; i++) await new Promise<void>((resolve) => setImmediate(resolve))
  t.equal((await app.inject('/readyz')).statusCode, 200)
})

t.test('metrics name routes, never paths, and say nothing that grows with the callers', async (t) => {
  const { app } = await start(t, { processMetrics: true, prepare })
  await app.inject('/api/v1/example')
  for (let i = 0; i < 5; i++) await app.inject(`/api/v1/scan/${i}`)
  for (let i = 0; i < 5; i++) await app.inject(`/page/${i}`)
  const response = await app.inject('/metrics')
  t.match(response.headers['content-type'], /^text\/plain; version=0\.0\.4/)
  t.match(
    response.body,
    /plimsoll_http_request_duration_seconds_count\{method="GET",route="\/api\/v1\/example",status="2xx"\} 1/
  )
  t.notMatch(response.body, /scan|page\/\d/)
  for (const name of [
    'nodejs_eventloop_lag_p99_seconds',
    'nodejs_gc_duration_seconds',
    'process_resident_memory_bytes',
    'nodejs_heap_size_used_bytes',
    'plimsoll_database_size_bytes',
    'plimsoll_database_statement_duration_seconds',
    'plimsoll_live_clients',
    'plimsoll_http_shed_total'
  ]) {
    t.match(response.body, new RegExp(`^# TYPE ${name} `, 'm'))
  }
})

// --- load shedding ---

t.test('under pressure the least important goes first, health never', async (t) => {
  const calm: PressureSample = { eventLoopDelayMs: 0, eventLoopUtilisationRatio: 1, heapUsedBytes: 0 }
  let sample = calm
  const finished: number[] = []
  const { app } = await start(t, {
    pressure: { measure: () => sample },
    prepare(app) {
      for (const priority of ['vital', 'high', 'normal', 'low'] as const) {
        app.get(`/api/v1/${priority}`, { config: { access: 'viewer', priority } }, async () => ({}))
      }
      app.addHook('onResponse', async (_request, reply) => void finished.push(reply.statusCode))
    }
  })
  const served = async () => {
    const shares: Record<string, number> = {}
    for (const priority of ['vital', 'high', 'normal', 'low']) {
      let ok = 0
      for (let i = 0; i < 10; i++) ok += (await app.inject(`/api/v1/${priority}`)).statusCode === 200 ? 1 : 0
      shares[priority] = ok / 10
    }
    return shares
  }
  const raiseTo = (level: number): void => {
    sample = { ...calm, eventLoopDelayMs: 200 }
    while (app.pressure.level < level) app.pressure.sample()
  }

  t.same(await served(), { vital: 1, high: 1, normal: 1, low: 1 })
  raiseTo(0.5)
  const light = await served()
  t.match(light, { vital: 1, high: 1, normal: 1 })
  t.ok(light['low']! > 0 && light['low']! < 1, 'part of the least important')
  raiseTo(1.3)
  t.match(await served(), { vital: 1, high: 1, low: 0 })
  raiseTo(2.2)
  t.match(await served(), { vital: 1, normal: 0, low: 0 })
  raiseTo(3)
  t.match(await served(), { vital: 1, high: 0, normal: 0, low: 0 })

  const shed = await app.inject('/api/v1/low')
  t.match(shed.json(), { status: 503, code: 'PLIMSOLL_OVERLOADED', hint: /Retry-After/ })
  t.match(shed.headers, { 'retry-after': /^\d+$/, 'content-type': /problem\+json/ })
  t.equal(finished.at(-1), 503, 'a shed request is seen by whoever counts requests')
  t.equal((await app.inject('/healthz')).statusCode, 200)
  const ready = await app.inject('/readyz')
  t.equal(ready.statusCode, 429, 'busy: a warning that keeps the traffic')
  t.match(ready.json(), {
    status: 'busy',
    reasons: [{ code: 'overloaded', text: /eventLoopDelayMs is 200, limit 60/ }]
  })

  sample = calm
  for (let i = 0; i < 100; i++) app.pressure.sample()
  t.same(await served(), { vital: 1, high: 1, normal: 1, low: 1 }, 'and all of it is served again')
  t.equal((await app.inject('/readyz')).statusCode, 200)
  const metrics = (await app.inject('/metrics')).body
  t.match(metrics, /plimsoll_http_shed_total\{priority="low"\} [1-9]/)
  t.notMatch(metrics, /plimsoll_http_shed_total\{priority="vital"\}/)
})

// --- the page ---

const inlineScript = 'globalThis.__sveltekit_test = 1'
const page = `<!doctype html><html><head><script>${inlineScript}</script></head><body style="margin: 0">hi</body></html>`

const aBuild = (): string => {
  const root = t.testdirName + '-web'
  mkdirSync(join(root, '_app/immutable'), { recursive: true })
  writeFileSync(join(root, '200.html'), page)
  writeFileSync(join(root, '_app/immutable/app.abc.js'), 'export const a = 1')
  writeFileSync(join(root, '_app/immutable/app.abc.js.br'), brotliCompressSync('export const a = 1'))
  writeFileSync(join(root, 'robots.txt'), 'User-agent: *')
  return root
}

t.test('the page is served for every page path, and only for those', async (t) => {
  const { app } = await start(t, { settings: { WEB_ROOT: aBuild() } })
  const html = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
  for (const url of ['/', '/services/shop', '/alerts?state=open']) {
    for (const method of ['GET', 'HEAD'] as const) {
      const response = await app.inject({ method, url, headers: html })
      t.equal(response.statusCode, 200, `${method} ${url}`)
      t.match(response.headers, { 'content-type': /^text\/html/, 'cache-control': 'no-cache' })
      if (method === 'GET') t.equal(response.body, page)
    }
  }
  t.equal((await app.inject('/')).statusCode, 200, 'the first page needs no Accept')
  for (const url of ['/api/v1/nothing', '/api', '/_app/immutable/gone.js']) {
    const response = await app.inject({ url, headers: html })
    t.equal(response.statusCode, 404, url)
    t.match(response.headers['content-type'], /problem\+json/)
  }
  t.equal(
    (await app.inject({ url: '/missing.js', headers: { accept: '*/*' } })).statusCode,
    404,
    'a missing script is no page'
  )
  t.equal((await app.inject({ method: 'POST', url: '/services/shop', headers: html })).statusCode, 404)
  for (const url of ['/../../etc/passwd', '/..%2f..%2fetc%2fpasswd', '/_app/%2e%2e/%2e%2e/package.json']) {
    t.notMatch((await app.inject({ url, headers: { accept: '*/*' } })).body, /root:|"name"/, url)
  }
})

t.test('hashed files are kept for ever and come packed to those who can unpack them', async (t) => {
  const { app } = await start(t, { settings: { WEB_ROOT: aBuild() } })
  const url = '/_app/immutable/app.abc.js'
  const packed = await app.inject({ url, headers: { 'accept-encoding': 'gzip, br' } })
  t.match(packed.headers, {
    'content-encoding': 'br',
    'cache-control': /immutable/,
    vary: /accept-encoding/i,
    'content-type': /javascript/
  })
  t.equal((await app.inject(url)).headers['content-encoding'], undefined)
  t.match((await app.inject('/robots.txt')).headers, { 'cache-control': 'no-cache', etag: /./ })
})

t.test('under the policy of the page runs what is in the build, and nothing else', async (t) => {
  const { app } = await start(t, { settings: { WEB_ROOT: aBuild() } })
  const policy = String(
    (await app.inject({ url: '/', headers: { accept: 'text/html' } })).headers['content-security-policy']
  )
  const sha = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
  t.match(policy, `script-src 'self' ${sha(inlineScript)};`)
  t.ok(policy.includes(sha('margin: 0')), 'style attributes of the build by their hash')
  t.notMatch(policy, /unsafe-inline|unsafe-eval/)
  t.match(policy, /default-src 'none'/)
  t.match(policy, /require-trusted-types-for 'script'/)
  t.match(policy, /frame-ancestors 'none'/)
})

t.test('without a build the first page says how to make one', async (t) => {
  const { app } = await start(t)
  const response = await app.inject({ url: '/', headers: { accept: 'text/html' } })
  t.equal(response.statusCode, 503)
  t.match(response.body, /make build/)
  t.equal((await app.inject('/healthz')).statusCode, 200)
})

// --- the document ---

t.test('the OpenAPI document is that of the contract', async (t) => {
  const { app } = await start(t)
  const response = await app.inject('/openapi.json')
  t.match(response.headers['content-type'], /^application\/json/)
  const document = response.json() as ReturnType<typeof apiDocument>
  t.same(document, apiDocument('0.0.0-test'))
  t.equal(document.openapi, '3.1.0')
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ key: `${method.toUpperCase()} ${path}`, ...operation }))
  )
  t.strictSame(operations.map(({ key }) => key).toSorted(), Object.keys(allRoutes).toSorted())
  const ids = operations.map((operation) => (operation as { operationId?: string }).operationId)
  t.equal(new Set(ids).size, ids.length, 'operation ids are unique')
  for (const name of ['Problem', 'Reason', 'ServiceSummary', 'Objective', 'Alert', 'PushedEvent', 'LiveSlices'])
    t.ok(name in document.components.schemas, name)
  const text = JSON.stringify(document)
  t.notMatch(text, /"\$id"|def-\d/)
  for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g))
    t.hasProp(document.components.schemas, name!)
  const placeholders = operations.every(({ key, ...operation }) => {
    const named = [...key.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
    const { parameters = [] } = operation as { parameters?: { name: string; in: string }[] }
    return named.every((name) => parameters.some((parameter) => parameter.in === 'path' && parameter.name === name))
  })
  t.ok(placeholders, 'every placeholder of a path is a parameter')
  const typed = await app.inject({ url: '/openapi.json', headers: { accept: 'application/vnd.oai.openapi+json' } })
  t.match(typed.headers['content-type'], /^application\/vnd\.oai\.openapi\+json; version="?3\.1/)
})

t.test('the reference page loads only what is here, with scripts from files alone', async (t) => {
  const { app } = await start(t)
  const response = await app.inject({ url: '/docs', headers: { accept: 'text/html' } })
  t.equal(response.statusCode, 200)
  t.match(response.headers['content-security-policy'], /script-src 'self';/)
  t.notMatch(response.body, /<script(?![^>]*src=)/)
  for (const [, url] of response.body.matchAll(/(?:src|href)="([^"]+)"/g)) {
    t.match(url, /^\/docs\//)
    t.equal((await app.inject(url!)).statusCode, 200, url!)
  }
  t.match((await app.inject('/docs/static/swagger-initializer.js')).body, /openapi\.json/)
})
