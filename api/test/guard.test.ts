// What somebody hostile would try, against each guard.
import { execFileSync } from 'node:child_process'
import { createServer, type RequestListener } from 'node:http'
import { connect, type AddressInfo, type LookupFunction } from 'node:net'
import { join } from 'node:path'
import { symlinkSync } from 'node:fs'
import t, { type Test } from 'tap'
import type { HttpCheck, ProbeSignal } from '../src/plan/model.ts'
import { runHttpCheck } from '../src/plan/acceptance/http-check.ts'
import { resolveTarget } from '../src/load/sender/contact.ts'
import { runProbe } from '../src/signals/probe/run.ts'
import { ManualClock, systemClock } from '../src/platform/clock.ts'
import { addressGuard, strictGuard, type AddressGuard } from '../src/platform/guard/address-guard.ts'
import { patternMatches } from '../src/platform/guard/bounded-pattern.ts'
import { openNamedFile } from '../src/platform/guard/path-guard.ts'
import { postWebhook } from '../src/platform/webhook.ts'
import { buildTestApp, type TestApp, type TestAppOptions } from './support/app.ts'

const never = new AbortController().signal

const aSite = async (t: Test, answer: RequestListener): Promise<string> => {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close().closeAllConnections())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const start = async (t: Test, options: TestAppOptions = {}): Promise<TestApp> => {
  const test = await buildTestApp(options)
  t.teardown(() => test.close())
  return test
}

const aProbe = (changes: Partial<ProbeSignal>): ProbeSignal => ({
  kind: 'probe',
  id: 'probe',
  name: null,
  url: 'http://127.0.0.1/',
  everyMs: 10_000,
  timeoutMs: 2_000,
  method: 'GET',
  headers: {},
  secretHeaders: {},
  body: null,
  expect: { status: [{ from: 200, to: 299 }], body: null },
  maxRedirects: 3,
  family: 'any',
  tls: { verify: true, expiryWarningMs: 0 },
  ...changes
})

const probe = (changes: Partial<ProbeSignal>, guard?: AddressGuard) =>
  runProbe(aProbe(changes), { clock: systemClock, secret: () => undefined, ...(guard && { guard }) }, never)

const check = (url: string, guard?: AddressGuard) =>
  runHttpCheck(
    {
      kind: 'http',
      key: 'k',
      title: 'x',
      everyMs: 60_000,
      evidenceMs: 3_600_000,
      url,
      method: 'GET',
      timeoutMs: 2_000,
      expect: { status: [{ from: 200, to: 299 }], body: null }
    } satisfies HttpCheck,
    { clock: systemClock, ...(guard && { guard }) },
    never
  )

const tell = (url: string, guard: AddressGuard = strictGuard) =>
  postWebhook(
    { name: 'x', url, headers: {}, secret: '', timeoutMs: 2_000, wants: () => true },
    { id: 'm', dedupKey: 'k', body: '{}' },
    { clock: systemClock, guard },
    never
  )

// --- addresses ---

const metadata = [
  '169.254.169.254',
  '169.254.0.1',
  '2852039166', // the same as one number
  '0xA9.0xFE.0xA9.0xFE',
  '0251.0376.0251.0376',
  '[::ffff:169.254.169.254]',
  '[::ffff:a9fe:a9fe]',
  '[64:ff9b::a9fe:a9fe]',
  '[2002:a9fe:a9fe::]',
  '[fe80::1]',
  '[fd00:ec2::254]',
  '[fd20:ce::254]',
  '100.100.100.200',
  '192.0.0.192'
]

t.test('metadata of clouds is asked by nobody, however the address is written', async (t) => {
  for (const host of metadata) {
    const url = `http://${host}/latest/meta-data`
    t.match((await probe({ url })).finding, { kind: 'not_run', code: 'address_forbidden' }, `probe ${host}`)
    t.match(await check(url), { state: 'could_not_measure', reasons: [{ code: 'address_forbidden' }] }, `check ${host}`)
    t.match(await tell(url), { status: null, error: 'PLIMSOLL_ADDRESS_FORBIDDEN' }, `webhook ${host}`)
    await t.rejects(
      resolveTarget(url, { allowed: [new URL(url).host], verifyTls: true }),
      { code: 'PLIMSOLL_TARGET_NOT_ALLOWED', message: /link-local/ },
      `load ${host}`
    )
  }
})

/** A name server that an attacker runs: harmless when it is first asked, then the metadata service. */
const rebinding = (): { guard: AddressGuard; asked: () => number } => {
  let asked = 0
  const lookup: LookupFunction = (_name, options, callback) => {
    const address = asked++ === 0 ? '127.0.0.1' : '169.254.169.254'
    // what it says goes through the guard's own lookup, as it would from a real resolver
    strictGuard.lookup(address, options, callback)
  }
  return { guard: { refuseHost: strictGuard.refuseHost, lookup }, asked: () => asked }
}

t.test(
  'a name that says something else a moment later gains nothing: what is connected to is what was checked',
  async (t) => {
    const site = await aSite(t, (_request, response) => void response.end('ok'))
    const { port } = new URL(site)
    for (const ask of [
      async (guard: AddressGuard) => (await probe({ url: `http://rebind.example:${port}/` }, guard)).finding.kind,
      async (guard: AddressGuard) => (await check(`http://rebind.example:${port}/`, guard)).state,
      async (guard: AddressGuard) => (await tell(`http://rebind.example:${port}/`, guard)).status
    ]) {
      const { guard, asked } = rebinding()
      const first = await ask(guard)
      t.ok(['ok', 'pass', 200].includes(first as string), String(first))
      t.equal(asked(), 1, 'resolved once a connection')
      const second = await ask(guard)
      t.ok(['not_run', 'could_not_measure', null].includes(second as string), String(second))
    }
  }
)

t.test('a redirect to such an address is not followed', async (t) => {
  const site = await aSite(t, (_request, response) => {
    response.writeHead(302, { location: 'http://169.254.169.254/latest/' }).end()
  })
  t.match((await probe({ url: site })).finding, { kind: 'not_run', code: 'address_forbidden' })
  t.match(await check(site), { state: 'fail', reasons: [{ code: 'redirected' }] })
  t.match(await tell(site), { status: 302 }, 'webhooks follow none')
})

t.test('where the operator allows it, such addresses are asked', async (t) => {
  const guard = addressGuard(true)
  t.doesNotThrow(() => guard.refuseHost(new URL('http://169.254.169.254/')))
  t.equal(addressGuard(false), strictGuard)
  const { finding } = await probe({ url: 'http://169.254.169.254:1/', timeoutMs: 50 }, guard)
  t.not(finding.kind === 'not_run' && finding.code, 'address_forbidden')
})

// --- files ---

t.test('a plan reads logs, not the kernel, and never waits for the other end of a pipe', async (t) => {
  const directory = t.testdir({ 'access.log': '{}\n' })
  symlinkSync('/proc/self/environ', join(directory, 'link.log'))
  for (const path of ['/proc/self/environ', '/dev/zero', '/sys/kernel/notes', join(directory, 'link.log')]) {
    await t.rejects(openNamedFile(path), { code: /PATH_FORBIDDEN|ENOENT/ }, path)
  }
  const file = await openNamedFile(join(directory, 'access.log'))
  await file.close()
  const pipe = join(directory, 'pipe.log')
  execFileSync('mkfifo', [pipe])
  const opened = await openNamedFile(pipe)
  t.ok((await opened.stat()).isFIFO(), 'opened at once, to be refused as no file')
  await opened.close()
})

t.test('a plan that names one says why it is not read', async (t) => {
  const plan = `plan: plimsoll/v1
services:
  - { name: a, signals: [{ caddyLog: { file: /proc/self/environ } }] }
`
  const { app, clock } = await start(t, { plan })
  const reasons = async () =>
    ((await app.inject('/api/v1/services/a')).json() as { sources: { lastError: { code: string } | null }[] })
      .sources[0]?.lastError?.code
  for (let i = 0; i < 200 && (await reasons()) === undefined; i++) await (clock as ManualClock).advanceAsync(100)
  t.equal(await reasons(), 'log_path_forbidden')
})

// --- texts ---

t.test('an expression that backtracks without end is cut off, and nobody is judged by it', async (t) => {
  const hostile = `${'a'.repeat(5_000)}!`
  t.throws(() => patternMatches('^(a+)+$', 'us', hostile), { code: 'PLIMSOLL_PATTERN_TOO_SLOW' })
  t.equal(patternMatches('a+!$', 'us', hostile), true)
  t.throws(() => patternMatches('(', 'us', ''), { name: 'SyntaxError' })
  t.equal(patternMatches('^{"ok":true}$', 's', '{"ok":true}'), true)
  const site = await aSite(t, (_request, response) => void response.end(hostile))
  const { finding } = await probe({
    url: site,
    expect: { status: [{ from: 200, to: 299 }], body: { kind: 'matches', pattern: '^(a+)+$' } }
  })
  t.match(finding, { kind: 'not_run', code: 'pattern_too_slow' })
})

const yaml = { 'content-type': 'application/yaml' }

t.test('YAML bombs are told as faults, and the process goes on', async (t) => {
  const { app } = await start(t)
  const laughs = ['a: &a [x, x, x, x, x, x, x, x, x, x]']
  for (const [i, name] of [...'bcdefghi'].entries()) {
    const before = [...'abcdefgh'][i]!
    laughs.push(`${name}: &${name} [${Array.from({ length: 10 }, () => `*${before}`).join(', ')}]`)
  }
  const bombs = {
    'a billion laughs': laughs.join('\n'),
    'an alias inside of itself': 'a: &a [*a]',
    'brackets without end': '['.repeat(100_000),
    'levels without end': Array.from({ length: 900 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
    'merges without end': `a: &a { b: 1 }\n${Array.from({ length: 2_000 }, (_, i) => `k${i}: { <<: [${Array.from({ length: 50 }, () => '*a').join(', ')}] }`).join('\n')}`
  }
  for (const [name, payload] of Object.entries(bombs)) {
    const response = await app.inject({ method: 'POST', url: '/api/v1/plan/diff', headers: yaml, payload })
    t.equal(response.statusCode, 200, name)
    const { faults } = response.json() as { faults: object[] }
    t.ok(faults.length > 0, `${name} is a fault`)
  }
  t.equal((await app.inject('/healthz')).statusCode, 200)
})

t.test('JSON cannot reach a prototype, nor be too deep for the stack', async (t) => {
  const { app } = await start(t)
  const post = (payload: string) =>
    app.inject({ method: 'POST', url: '/api/v1/tokens', headers: { 'content-type': 'application/json' }, payload })
  for (const payload of [
    '{"__proto__":{"role":"admin"},"name":"x"}',
    '{"constructor":{"prototype":{"role":"admin"}},"name":"x"}',
    '{"name":"x","role":"viewer","services":[{"__proto__":[]}]}'
  ]) {
    t.equal((await post(payload)).statusCode, 400, payload)
  }
  t.equal(({} as { role?: string }).role, undefined)
  t.match((await post('['.repeat(100_000) + ']'.repeat(100_000))).json(), { code: 'PLIMSOLL_BODY_TOO_DEEP' })
  const query = await app.inject('/api/v1/alerts?__proto__[limit]=1&constructor=2')
  t.equal(query.statusCode, 400)
})

t.test('nothing from outside makes a header or a line of its own', async (t) => {
  const { app } = await start(t, {
    settings: {
      PUBLIC_URL: 'http://localhost:3000',
      OIDC_ISSUER: 'http://127.0.0.1:1',
      OIDC_CLIENT_ID: 'x',
      OIDC_ROLES: 'viewer: *'
    }
  })
  const response = await app.inject(`/api/v1/sign-in?returnTo=${encodeURIComponent('/x\r\nset-cookie: evil=1')}`)
  t.equal(response.headers['set-cookie'], undefined)
  t.notMatch(String(response.headers.location), /evil|\r|\n/)
  const named = await app.inject({ url: '/healthz', headers: { 'x-request-id': 'abcdefgh\r\nevil: 1' } })
  t.equal(named.headers['evil'], undefined)
  t.notMatch(String(named.headers['x-request-id']), /evil/)
  const plan = `plan: plimsoll/v1
services:
  - { name: a, signals: [{ probe: { url: http://127.0.0.1/, headers: { x-a: "1\\r\\nevil: 1" } } }] }
`
  const { faults } = (
    await app.inject({ method: 'POST', url: '/api/v1/plan/diff', headers: yaml, payload: plan })
  ).json() as { faults: object[] }
  t.ok(faults.length > 0, 'a plan cannot smuggle one into a probe')
})

// --- slowness ---

const drip = (port: number, first: string, dripped: string, everyMs: number): Promise<string> =>
  new Promise((resolve) => {
    let text = ''
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(first)
      const timer = setInterval(() => socket.write(dripped), everyMs)
      socket.on('close', () => {
        clearInterval(timer)
        resolve(text)
      })
    })
    socket.on('data', (chunk) => (text += String(chunk)))
    socket.on('error', () => {})
  })

t.test('whoever sends a byte now and then is cut off: headers and bodies', async (t) => {
  const { listen, app } = await start(t, {
    clock: systemClock,
    settings: { HEADERS_TIMEOUT_MS: '300', BODY_TIMEOUT_MS: '300' }
  })
  const port = Number(new URL(await listen()).port)
  const [headers, body] = await Promise.all([
    drip(port, 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n', 'X-A: b\r\n', 50),
    drip(
      port,
      'POST /api/v1/tokens HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{',
      ' ',
      50
    )
  ])
  t.match(headers, /^HTTP\/1\.1 408 [\s\S]*PLIMSOLL_REQUEST_TIMEOUT/)
  t.match(body, /^HTTP\/1\.1 408 [\s\S]*PLIMSOLL_REQUEST_TIMEOUT/)
  t.equal((await app.inject('/healthz')).statusCode, 200)
})
