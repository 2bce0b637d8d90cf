import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { Value } from 'typebox/value'
import { allRoutes, type RouteDescriptor, type RouteKey } from '../../api/src/contract/index.ts'
import { commands } from './commands.ts'
import { run } from './run.ts'

type Answer = { status?: number; body: unknown }
type Asked = { key: string; url: string; headers: IncomingMessage['headers']; body: string }

/** A server that answers routes of the contract, and only with replies the contract allows. */
async function aServer(t: Tap, answers: Partial<Record<RouteKey, Answer>>) {
  const asked: Asked[] = []
  const reply = async (request: IncomingMessage, response: ServerResponse) => {
    const url = request.url ?? ''
    const key = Object.keys(answers).find((k) => matches(k, request.method ?? '', url)) as RouteKey | undefined
    const { status = 200, body } = (key && answers[key]) ?? { status: 404, body: problem(404, 'nothing here') }
    asked.push({ key: key ?? '', url, headers: request.headers, body: await text(request) })
    const isText = typeof body === 'string'
    const type = status >= 400 ? 'application/problem+json' : isText ? 'application/yaml' : 'application/json'
    response.writeHead(status, { 'content-type': type }).end(isText ? body : JSON.stringify(body))
  }
  const server = createServer((request, response) => void reply(request, response))
  for (const [key, { status = 200, body }] of Object.entries(answers)) {
    const { reply: schema }: RouteDescriptor = allRoutes[key as RouteKey]
    if (status < 400 && schema) t.ok(Value.Check(schema, body), `the answer to ${key} is one the contract allows`)
  }
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const stop = async () => void (await new Promise((resolve) => void server.close(resolve)))
  t.teardown(stop)
  return { url: `http://127.0.0.1:${port}`, asked, stop }
}

type Tap = Pick<typeof t, 'ok' | 'teardown' | 'testdir'>

const matches = (key: string, method: string, url: string): boolean => {
  const [wantedMethod, path = ''] = key.split(' ')
  return (
    method === wantedMethod && new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(url.split('?')[0] ?? '')
  )
}

const problem = (status: number, detail: string, more: object = {}) => ({
  type: 'about:blank',
  title: 'No',
  status,
  code: 'PLIMSOLL_TEST',
  detail,
  requestId: 'r-1',
  ...more
})

/** A command line typed at a screen that is no terminal. */
async function type(line: string, url: string, env: Record<string, string> = {}) {
  const written = { out: '', err: '' }
  const exit = await run(line.split(' '), commands, {
    env: { PLIMSOLL_URL: url, ...env },
    stdout: { write: (chunk) => (written.out += chunk) },
    stderr: { write: (chunk) => (written.err += chunk) },
    signal: new AbortController().signal
  })
  return { exit, ...written }
}

const at = '2026-11-22T21:00:00.000Z'

const aService = (over: object = {}) => ({
  name: 'shop-api',
  title: 'Shop',
  owner: 'team-shop',
  state: 'pass',
  reasons: [{ code: 'holds', text: 'every objective holds' }],
  remainingRatio: 0.912,
  objectives: [
    {
      name: 'p95',
      title: 'p95',
      indicator: 'latency',
      targetRatio: 0.95,
      thresholdMs: 200,
      state: 'pass',
      remainingRatio: 0.912,
      burnRate: 0.4
    }
  ],
  traffic: {
    ratePerS: 12.3,
    errorRatio: 0,
    p95Ms: 120,
    p95LimitMs: 200,
    lastHour: { total: 44_000, status5xx: 0, aborted: 1 },
    recent: { fromAt: at, toAt: at, stepMs: 10_000, total: [], status5xx: [] }
  },
  openAlerts: { page: 0, ticket: 1, notice: 0 },
  signals: { live: 1, idle: 0, waiting: 0, broken: 0 },
  loadLine: null,
  headroomRatio: null,
  ...over
})

const anAlert = (over: object = {}) => ({
  id: 'a1',
  dedupKey: 'shop-api/p95',
  service: 'shop-api',
  objectives: ['p95'],
  kind: 'burn',
  severity: 'page',
  state: 'open',
  title: 'p95 burns fast',
  reasons: [{ code: 'burn', text: '14.9 times the allowed rate over 1h' }],
  tier: 'page-fast',
  numbers: null,
  openedAt: at,
  updatedAt: at,
  resolvedAt: null,
  muted: null,
  deliveries: [],
  ...over
})

const services = (...states: string[]) => ({
  'GET /api/v1/services': { body: { services: states.map((state, i) => aService({ name: `s${i}`, state })) } }
})

t.test('status exits by what the promises come to', async (t) => {
  const cases = [
    { states: ['pass', 'warn'], exit: 0 },
    { states: ['pass', 'fail', 'could_not_measure'], exit: 1 },
    { states: ['pass', 'not_enough_evidence'], exit: 2 },
    { states: [], exit: 2 }
  ]
  for (const { states, exit } of cases) {
    const server = await aServer(t, services(...states))
    t.equal((await type('status', server.url)).exit, exit, states.join(', ') || 'no service')
  }
})

t.test('status shows a table, or the reply as it is for programs', async (t) => {
  const server = await aServer(t, services('pass'))
  const shown = await type('status', server.url)
  t.match(
    shown.out,
    /^SERVICE +STATE +BUDGET LEFT +BURN 1H +P95 +TRAFFIC +ALERTS\ns0 +pass +91\.2 % +0\.4× +120 ms +12\.3\/s +1\n$/
  )
  const json = await type('status --json', server.url)
  t.match(JSON.parse(json.out), { services: [{ name: 's0', remainingRatio: 0.912 }] })
  t.equal(json.err, '')
})

t.test('a server that is not there is no answer, and says how to get one', async (t) => {
  const gone = await aServer(t, {})
  await gone.stop()
  const shown = await type('status', gone.url)
  t.equal(shown.exit, 2)
  t.equal(
    shown.err,
    `nothing answers at ${gone.url} (ECONNREFUSED) [PLIMSOLL_UNREACHABLE]\n` +
      '  start it with make start, or say where it is with --url or PLIMSOLL_URL\n'
  )
  const json = await type('status --json', gone.url)
  t.match(JSON.parse(json.err), { error: { code: 'PLIMSOLL_UNREACHABLE' } })
  t.equal(json.out, '')
  t.match(
    (await type('status', gone.url, { DEBUG: 'plimsoll' })).err,
    'TypeError: fetch failed',
    'the cause when asked'
  )
})

t.test('a refusal of the server keeps its code and hint', async (t) => {
  const server = await aServer(t, {
    'GET /api/v1/services': { status: 401, body: problem(401, 'who are you', { hint: 'send a token' }) }
  })
  const shown = await type('status', server.url)
  t.equal(shown.exit, 2)
  t.equal(shown.err, 'No: who are you [PLIMSOLL_TEST]\n  send a token\n')
})

t.test('the token goes with the call, the option before the environment', async (t) => {
  const server = await aServer(t, services('pass'))
  await type('status', server.url, { PLIMSOLL_TOKEN: 'from-env' })
  await type('status --token given', server.url, { PLIMSOLL_TOKEN: 'from-env' })
  await type(`status --url ${server.url}/`, 'http://127.0.0.1:1')
  t.same(
    server.asked.map((a) => a.headers.authorization),
    ['Bearer from-env', 'Bearer given', undefined]
  )
})

t.test('alerts list --open says no when one is open', async (t) => {
  const open = await aServer(t, { 'GET /api/v1/alerts': { body: { alerts: [anAlert()], nextCursor: 'c2' } } })
  const shown = await type('alerts list --open --service shop-api --limit 5', open.url)
  t.equal(shown.exit, 1)
  t.match(shown.out, /p95 burns fast +14\.9 times the allowed rate over 1h/)
  t.match(shown.err, '--cursor c2')
  t.same(Object.fromEntries(new URL(open.asked[0]?.url ?? '', open.url).searchParams), {
    limit: '5',
    state: 'open',
    service: 'shop-api'
  })
  t.equal((await type('alerts list', open.url)).exit, 0, 'a list is no question')
  const none = await aServer(t, { 'GET /api/v1/alerts': { body: { alerts: [], nextCursor: null } } })
  t.equal((await type('alerts list --open', none.url)).exit, 0)
  t.equal((await type('alerts list --limit many', none.url)).exit, 64)
})

const aStatus = {
  revision: 7,
  hash: 'h',
  source: 'cli',
  file: null,
  appliedBy: 'me',
  appliedAt: at,
  yaml: 'plan: plimsoll/v1\n',
  plan: {},
  warnings: [],
  refused: null
}
const change = { kind: 'added', path: 'services/x', text: 'service x is new', effect: 'counts begin now' }
const fault = {
  path: '/services/0',
  line: 4,
  column: 7,
  severity: 'error',
  text: 'unknown key',
  found: 'nmae',
  expected: 'name'
}

t.test('plan diff shows what would change, and the faults where they stand', async (t) => {
  const file = `${t.testdir({ 'plan.yaml': 'plan: plimsoll/v1\n' })}/plan.yaml`
  const good = await aServer(t, { 'POST /api/v1/plan/diff': { body: { changes: [change], faults: [] } } })
  const shown = await type(`plan diff ${file}`, good.url)
  t.match(shown, { exit: 0, out: '+ service x is new (counts begin now)\n' })
  t.match(good.asked[0], { body: 'plan: plimsoll/v1\n', headers: { 'content-type': 'application/yaml' } })
  t.equal((await type(`plan diff ${file} --exit-code`, good.url)).exit, 1)
  const bad = await aServer(t, { 'POST /api/v1/plan/diff': { body: { changes: [], faults: [fault] } } })
  const refused = await type(`plan diff ${file}`, bad.url)
  t.equal(refused.exit, 1)
  t.equal(refused.out, `${file}:4:7: error: unknown key; found nmae; expected name\n`)
  t.match(await type('plan diff nowhere.yaml', good.url), { exit: 2, err: /nowhere\.yaml.*PLIMSOLL_NO_FILE/ })
})

t.test('plan apply says what is in force, or that a refused plan changed nothing', async (t) => {
  const file = `${t.testdir({ 'plan.yaml': 'plan: plimsoll/v1\n' })}/plan.yaml`
  const good = await aServer(t, { 'PUT /api/v1/plan': { body: { status: aStatus, changes: [] } } })
  t.match(await type(`plan apply ${file} --if-match "x"`, good.url), {
    exit: 0,
    out: 'Nothing would change.\nRevision 7 is in force.\n'
  })
  t.match(good.asked[0]?.headers, { 'x-plan-source': 'cli', 'if-match': '"x"' })
  const { severity: _, ...error } = fault
  const bad = await aServer(t, { 'PUT /api/v1/plan': { status: 422, body: problem(422, 'bad', { errors: [error] }) } })
  const refused = await type(`plan apply ${file}`, bad.url)
  t.equal(refused.exit, 1)
  t.match(refused.out, `${file}:4:7: error: unknown key; found nmae; expected name\nRefused: No: bad [PLIMSOLL_TEST]`)
  const broken = await aServer(t, { 'PUT /api/v1/plan': { status: 500, body: problem(500, 'crash') } })
  t.equal((await type(`plan apply ${file}`, broken.url)).exit, 2, 'a server that fails has not refused')
})

t.test('plan show and export print the YAML', async (t) => {
  const server = await aServer(t, {
    'GET /api/v1/plan': { body: aStatus },
    'GET /api/v1/plan/export': { body: 'plan: plimsoll/v1\n' }
  })
  t.match((await type('plan show', server.url)).out, /^# revision 7, from cli, by me.*\nplan: plimsoll\/v1\n$/)
  t.match(await type('plan export --format resolved', server.url), { exit: 0, out: 'plan: plimsoll/v1\n' })
  t.match(server.asked.at(-1)?.url, 'format=resolved')
  t.equal((await type('plan export --format xml', server.url)).exit, 64)
})

const counted = {
  lines: 3,
  counted: 2,
  filtered: 0,
  alreadyCounted: 1,
  skipped: { not_json: 1 },
  bytes: 30,
  fromAt: at,
  toAt: at
}
const detail = {
  ...aService(),
  coverageRatio: 1,
  sources: [],
  releases: [],
  maintenance: []
}

t.test('import sends each file as it is and sums up what came of it', async (t) => {
  const folder = t.testdir({ 'a.ndjson': 'one\ntwo\n', 'b.gz': 'packed' })
  const server = await aServer(t, {
    'GET /api/v1/services/{service}': { body: detail },
    'POST /api/v1/services/{service}/imports': { body: counted }
  })
  const shown = await type(`import --service shop-api ${folder}/a.ndjson ${folder}/b.gz`, server.url)
  t.equal(shown.exit, 0)
  t.equal(shown.out.split('\n').length, 3, 'a line a file')
  t.match(shown.out, '3 lines, 2 counted; 1 counted before; skipped: 1 not_json')
  t.same(
    server.asked.slice(1).map((a) => [a.body, a.url]),
    [
      ['one\ntwo\n', '/api/v1/services/shop-api/imports?name=a.ndjson'],
      ['packed', '/api/v1/services/shop-api/imports?name=b.gz']
    ]
  )
  t.match(shown.err, /a\.ndjson {2}8 B in/)
})

t.test('import asks first: an unknown service or a missing file sends nothing', async (t) => {
  const folder = t.testdir({ a: 'x' })
  const server = await aServer(t, { 'POST /api/v1/services/{service}/imports': { body: counted } })
  t.match(await type(`import --service nope ${folder}/a`, server.url), { exit: 2, err: 'nothing here' })
  t.match(await type(`import --service nope ${folder}/a ${folder}/b`, server.url), { exit: 2, err: 'PLIMSOLL_NO_FILE' })
  t.match(await type(`import --service nope ${folder}`, server.url), { exit: 2, err: 'is a folder' })
  t.notOk(server.asked.some((a) => a.url.includes('imports')))
})

t.test('a file the server refuses is said, and the others are still sent', async (t) => {
  const folder = t.testdir({ a: 'x', b: 'y' })
  const server = await aServer(t, {
    'GET /api/v1/services/{service}': { body: detail },
    'POST /api/v1/services/{service}/imports': { status: 400, body: problem(400, 'not a log') }
  })
  const shown = await type(`import --service shop-api ${folder}/a ${folder}/b`, server.url)
  t.equal(shown.exit, 1)
  t.match(shown.out, /a: refused: No: not a log\n.*b: refused: No: not a log/)
})

t.test('a connection lost in the middle of a file says how far it came and what to do', async (t) => {
  const server = createServer((request, response) => {
    if (request.method === 'GET')
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(detail))
    else request.once('data', () => request.destroy())
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const file = `${t.testdir({ big: 'x'.repeat(5_000_000) })}/big`
  const shown = await type(
    `import --service shop-api ${file}`,
    `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  )
  t.equal(shown.exit, 2)
  t.match(shown.err, /big: lost after .*PLIMSOLL_CONNECTION_LOST.*\n.*not counted twice/)
})
