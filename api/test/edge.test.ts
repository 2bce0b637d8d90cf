// nomad/Caddyfile in real Caddys, before real instances of the API that a real Consul names.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { brotliCompressSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { systemClock } from '../src/platform/clock.ts'
import { openDatabase } from '../src/platform/database/open.ts'
import { FileTailer } from '../src/signals/caddy-log/tailer.job.ts'
import { signClassClaim } from '../src/signals/class-header.rules.ts'
import { createSliceStore } from '../src/signals/store.ts'
import { aLoggedService } from './support/access-log.ts'
import { ask, drive, open, type Answer } from './support/asking.ts'
import { consulMissing, startConsul, type TestConsul } from './support/consul.ts'
import { caddies, startEdge, type Caddy, type Edge } from './support/edge.ts'
import { eventually } from './support/programs.ts'
import { startServer, type ServerProcess } from './support/server.ts'

const found = caddies()
const skip = (found.length === 0 && 'no Caddy here (on Debian as root: make deps)') || (consulMissing() ?? false)
const token = 'a-token-of-the-edge-test'
const classKey = 'a key of at least sixteen'

t.setTimeout(120_000)

const dir = mkdtempSync(join(tmpdir(), 'plimsoll-edge-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))

// --- a build, as the web makes one

const web = join(dir, 'web')
const inlineScript = 'globalThis.__sveltekit_test = 1'
mkdirSync(join(web, '_app/immutable'), { recursive: true })
writeFileSync(join(web, '200.html'), `<!doctype html><html><head><script>${inlineScript}</script></head></html>`)
writeFileSync(join(web, '_app/immutable/app.abc.js'), 'export const a = 1')
writeFileSync(join(web, '_app/immutable/app.abc.js.br'), brotliCompressSync('export const a = 1'))

// --- instances of the API

interface Instance {
  readonly id: string
  readonly origin: string
  readonly server: ServerProcess
}

const plan = join(dir, 'plan.yaml')
writeFileSync(
  plan,
  'plan: plimsoll/v1\nservices:\n  - { name: plimsoll, signals: [self] }\n  - { name: shop, signals: [push] }\n'
)

async function startInstance(id: string, release: string): Promise<Instance> {
  const server = startServer(
    {
      DATA_DIR: join(dir, id),
      PLAN_FILE: plan,
      WEB_ROOT: web,
      LOG_LEVEL: 'warn',
      API_TOKEN: token,
      CLASS_KEY: classKey,
      RELEASE: release,
      ALLOC_ID: id,
      RATE_LIMIT_WRITES: '0',
      PRESSURE_EVENT_LOOP_DELAY_MS: '0' // a busy machine is not what is tried here
    },
    { cwd: dir }
  )
  return { id, server, origin: await server.origin }
}

const name = 'plimsoll-api'
const enter = async (consul: TestConsul, { id, origin }: Instance): Promise<void> => {
  await consul.register({ id, name, port: Number(new URL(origin).port), healthPath: '/readyz' })
  await eventually(`${id} passes`, async () => (await consul.serving(name)).includes(id))
}

const authorization = `Bearer ${token}`

t.test('the edge', { skip }, async (t) => {
  const consul = await startConsul()
  t.teardown(() => consul.stop())
  const running = new Map<string, Instance>()
  const start = async (id: string, release: string): Promise<Instance> => {
    const instance = await startInstance(id, release)
    running.set(id, instance)
    return instance
  }
  t.teardown(async () => {
    for (const { server } of running.values()) server.child.kill('SIGKILL')
    await Promise.all([...running.values()].map(({ server }) => server.ended))
  })
  await Promise.all((await Promise.all([start('a-1', 'v1'), start('b-1', 'v1')])).map((one) => enter(consul, one)))
  const first = running.get('a-1')!
  const fromApi = await ask(whereOf(first), '/', { headers: { accept: 'text/html' } })

  const echo = createServer((request, reply) => {
    let bytes = 0
    request.on('data', (chunk: Buffer) => (bytes += chunk.length))
    request.on('end', () => reply.end(JSON.stringify({ headers: request.headers, bytes })))
  }).listen(0, '127.0.0.1')
  t.teardown(() => echo.close())

  const startOne = async (t: Test, caddy: Caddy, service: string, env = {}): Promise<Edge> => {
    const place = join(dir, `${caddy.version}-${service}`)
    const edge = await startEdge({
      caddy,
      dir: place,
      dns: consul.dns,
      web,
      pageHeaders: fromApi.headers,
      service,
      env
    })
    t.teardown(() => edge.program.stop('SIGKILL'))
    return edge
  }
  const edges = await Promise.all(found.map((caddy) => startOne(t, caddy, name)))
  for (const edge of edges) {
    await t.test(`Caddy ${edge.version}`, async (t) => {
      await t.test('gives the page with the very headers the API gives it', (t) => page(t, edge, fromApi))
      await t.test('speaks TLS, HTTP/2 and offers HTTP/3', (t) => protocols(t, edge))
      await t.test('passes events on as they come', (t) => stream(t, edge))
      await t.test('logs what was sent, by release and class, as it is counted', (t) => counted(t, edge))
    })
  }
  const world = { consul, running, start }
  await t.test('loses no request while both instances are replaced', (t) => rollingRestart(t, edges, world))
  await t.test('loses no read when an instance is killed and comes back', (t) => killed(t, edges, world))

  const { port } = echo.address() as AddressInfo
  await consul.register({ id: 'echo', name: 'echo', port })
  for (const caddy of found) {
    await t.test(`Caddy ${caddy.version}`, async (t) => {
      const edge = await startOne(t, caddy, 'echo', { EDGE_BODY_LIMIT: '64KB' })
      await t.test('lets nobody from outside say that he is a load test', (t) => classHeader(t, edge))
      await t.test('refuses a body above its limit, and says so in the log', (t) => bodies(t, edge))
    })
  }
})

const securityHeaders = [
  'content-security-policy',
  'x-content-type-options',
  'referrer-policy',
  'strict-transport-security'
]

const whereOf = ({ origin }: Instance) => {
  const { hostname: host, port } = new URL(origin)
  return { host, port }
}

async function page(t: Test, { outside, inside }: Edge, fromApi: Answer): Promise<void> {
  const html = { accept: 'text/html' }
  const own =
    /^(date|etag|last-modified|accept-ranges|connection|keep-alive|content-length|vary|x-(request|alloc)-id|x-release)$/
  const lasting = ({ headers }: Answer): IncomingHttpHeaders =>
    Object.fromEntries(Object.entries(headers).filter(([key]) => !own.test(key)))
  for (const path of ['/', '/services/shop']) {
    const answer = await ask(outside, path, { headers: html })
    t.equal(answer.status, 200, path)
    const { 'strict-transport-security': hsts, 'alt-svc': _, ...rest } = lasting(answer)
    t.equal(hsts, 'max-age=31536000')
    t.same(rest, lasting(fromApi), `${path}: the headers of the API, no more and no fewer`)
    t.match(answer.body, inlineScript)
  }
  t.equal((await ask(outside, '/missing.js', { headers: { accept: '*/*' } })).status, 404)
  t.equal((await ask(outside, '/_app/immutable/gone.js', { headers: html })).status, 404, 'no page for a script')
  const packed = await ask(inside, '/_app/immutable/app.abc.js', { headers: { 'accept-encoding': 'br' } })
  t.match(packed.headers, { 'content-encoding': 'br', 'cache-control': /immutable/ })

  for (const path of ['/', '/healthz', '/api/v1/services', '/api/v1/nothing']) {
    const { rawHeaders } = await ask(outside, path, { headers: { authorization } })
    const names = rawHeaders.filter((_, i) => i % 2 === 0).map((header) => header.toLowerCase())
    for (const header of securityHeaders)
      t.equal(names.filter((one) => one === header).length, 1, `${path}: ${header} once`)
    t.notOk(names.includes('server'), `${path}: nothing about the server`)
  }
}

async function protocols(t: Test, { outside, plainPort }: Edge): Promise<void> {
  const session = connect(`https://127.0.0.1:${outside.port}`, { rejectUnauthorized: false, servername: 'localhost' })
  t.teardown(() => session.destroy())
  const headers = await new Promise<Record<string, unknown>>((resolve, reject) => {
    session.on('error', reject)
    session.request({ ':authority': 'localhost', ':path': '/healthz' }).on('response', resolve).resume()
  })
  t.equal(headers[':status'], 200)
  t.match(headers['alt-svc'], /h3="?:\d+/)
  t.equal((await ask(outside, '/healthz', { headers: { host: 'other.test' } })).status, 421, 'another name')
  const redirect = await ask({ host: '127.0.0.1', port: plainPort }, '/x', { headers: { host: 'localhost' } })
  t.equal(redirect.status, 308)
  t.match(redirect.headers.location, /^https:\/\/localhost/)
}

async function stream(t: Test, { outside }: Edge): Promise<void> {
  let text = ''
  const { response, close } = await open(outside, '/api/v1/live', { authorization, accept: 'text/event-stream' })
  response.on('data', (chunk: Buffer) => (text += chunk.toString()))
  t.equal(response.headers['content-type'], 'text/event-stream; charset=utf-8')
  await eventually('a first event while the stream is open', () => text.includes('\n\n'))
  const before = text.length
  await eventually('another one, without waiting for a full buffer', () => text.length > before)
  t.notOk(response.complete)
  close()
}

interface World {
  readonly consul: TestConsul
  readonly running: Map<string, Instance>
  readonly start: (id: string, release: string) => Promise<Instance>
}

/** What Nomad does with each instance in turn: out of Consul, shutdown_delay, SIGTERM, the next one in. */
async function rollingRestart(t: Test, edges: readonly Edge[], { consul, running, start }: World): Promise<void> {
  const body = JSON.stringify({ service: 'shop', status: 200, durationMs: 12 })
  let written = 0
  const writes = {
    method: 'POST',
    // what is written once however often it comes may wait for an instance with every Caddy
    headers: () => ({
      authorization,
      'content-type': 'application/x-ndjson',
      'idempotency-key': `edge-${++written}`
    }),
    body
  }
  const load = drive(
    edges.flatMap(({ outside, inside }) => [
      { to: outside, path: '/api/v1/services', headers: () => ({ authorization }) },
      { to: inside, path: '/api/v1/plan', headers: () => ({ authorization }) },
      { to: outside, path: '/api/v1/events', ...writes }
    ])
  )
  const shutdownDelayMs = 2_000
  const olds = [...running.values()]
  for (const old of olds) {
    await consul.deregister(old.id)
    await delay(shutdownDelayMs)
    old.server.child.kill('SIGTERM')
    t.equal(await old.server.ended, 0, `${old.id} drains and ends`)
    running.delete(old.id)
    await enter(consul, await start(`new-${old.id}`, 'v2'))
  }
  const isServed = (id: string): boolean => load.answers.some((one) => one.headers['x-alloc-id'] === id)
  await eventually('the new ones serve', () => [...running.keys()].every(isServed))
  const answers = await load.stop()
  t.same(failuresOf(answers), [], 'every request was answered by the API')
  t.ok(answers.length > 300, `${answers.length} requests`)
  t.ok(
    answers.some(({ path }) => path === '/api/v1/events'),
    'writes among them'
  )
}

/** Whatever was not answered with success by an instance: a proxy's own 200 would be none. */
const failuresOf = (answers: readonly Answer[]): string[] =>
  answers
    .filter(({ status, headers }) => status !== 200 || headers['x-alloc-id'] === undefined)
    .map(({ to, status, path, body }) => `${to.port} ${status} ${path} ${body.slice(0, 200)}`)

async function killed(t: Test, edges: readonly Edge[], { consul, running, start }: World): Promise<void> {
  const load = drive(
    edges.map(({ outside }) => ({ to: outside, path: '/api/v1/services', headers: () => ({ authorization }) }))
  )
  const [victim] = [...running.values()]
  const { id, server } = victim!
  await eventually('it serves', () => load.answers.some(({ headers }) => headers['x-alloc-id'] === id))
  server.child.kill('SIGKILL')
  await server.ended
  const before = load.answers.length
  await eventually('the other one goes on', () => load.answers.length > before + 100)
  await enter(consul, await start(id, 'back'))
  await eventually('it serves again', () => load.answers.some(({ headers }) => headers['x-release'] === 'back'))
  t.same(failuresOf(await load.stop()), [], 'every read was answered')
}

async function counted(t: Test, { outside, inside, log }: Edge): Promise<void> {
  const claim = signClassClaim({ trafficClass: 'load', expiresS: Math.floor(Date.now() / 1_000) + 600 }, classKey)
  const sent: Record<string, number> = {}
  const agent = 'counted'
  for (let i = 0; i < 40; i++) {
    const loaded = i % 4 === 0
    const where = i % 2 === 0 ? inside : outside
    const path = i % 5 === 0 ? `/api/v1/nothing-${i}` : `/healthz?token=secret-${i}`
    const headers = {
      host: where === inside ? inside.host : 'localhost',
      'x-plimsoll-class': loaded || i % 2 ? claim : []
    }
    const { status, headers: given } = await ask(where, path, {
      headers: { ...headers, 'user-agent': agent }
    })
    // from outside the claim is not heard, though it is signed
    const key = `${Math.floor(status / 100)}xx ${String(given['x-release'])} ${loaded && where === inside ? 'load' : 'user'}`
    sent[key] = (sent[key] ?? 0) + 1
  }
  await eventually('the log has them', () => ownLines(log, agent).length === 40)
  const lines = ownLines(log, agent)
  const fromOutside = lines.filter((line) => line.includes('"tls":')).join('\n')
  t.notMatch(fromOutside, claim, 'no claim from outside')
  t.notMatch(fromOutside, /secret-\d/, 'and no token of a query')

  const copy = `${log}.own`
  writeFileSync(copy, `${lines.join('\n')}\n`)
  const database = await openDatabase(':memory:')
  const store = createSliceStore({ db: database.db, clock: systemClock })
  const tailer = new FileTailer({
    services: [aLoggedService({ service: 'plimsoll' })],
    classKeys: [classKey],
    source: 'caddyLog:edge',
    writer: 'caddyLog:edge@test',
    file: copy,
    startAt: 'beginning',
    store,
    db: database.db,
    clock: systemClock
  })
  await tailer.poll()
  t.match(tailer.status('plimsoll').counts, { read: 40, counted: 40, skipped: {}, unsignedClaims: 0 })
  await tailer.close()
  const counts: Record<string, number> = {}
  const nowMs = Date.now()
  const range = {
    service: 'plimsoll',
    fromMs: nowMs - 86_400_000,
    toMs: nowMs + 86_400_000,
    widthMs: 3_600_000
  } as const
  await store.scan(range, ({ stream: { release, trafficClass }, row }) => {
    for (const [name, count] of [
      ['2xx', row.status_2xx],
      ['4xx', row.status_4xx],
      ['5xx', row.status_5xx]
    ] as const) {
      const key = `${name} ${release} ${trafficClass}`
      if (count > 0) counts[key] = (counts[key] ?? 0) + count
    }
  })
  await database.close()
  t.same(counts, sent, 'by status, release and class')
}

const ownLines = (log: string, agent: string): string[] =>
  readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line.includes(`"User-Agent":["${agent}"]`))

async function classHeader(t: Test, { outside, inside }: Edge): Promise<void> {
  const headers = { 'x-plimsoll-class': 'load.1.x' }
  const heard = ({ body }: Answer): unknown =>
    (JSON.parse(body) as { headers: IncomingHttpHeaders }).headers['x-plimsoll-class']
  t.equal(heard(await ask(outside, '/api/echo', { headers })), undefined)
  t.equal(heard(await ask(inside, '/api/echo', { headers })), 'load.1.x', 'from inside it is passed on')
}

async function bodies(t: Test, { outside, log }: Edge): Promise<void> {
  const send = (bytes: number) => ask(outside, '/api/echo', { method: 'POST', body: 'x'.repeat(bytes) })
  t.match((await send(60_000)).body, '"bytes":60000')
  t.equal((await send(200_000)).status, 413)
  const logged = (): boolean => /"method":"POST".*"status":413/.test(readFileSync(log, 'utf8'))
  await eventually('the log says so too: it is no failure of the service', logged)
}
