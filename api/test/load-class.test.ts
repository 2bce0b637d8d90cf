// Load never counts as users' traffic: from the sender through a real Caddy and its log, and through Plimsoll's own requests.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import type { LoadRun } from '../src/contract/load.ts'
import type { LiveLoad } from '../src/contract/load-routes.ts'
import { systemClock } from '../src/platform/clock.ts'
import { signClassClaim } from '../src/signals/class-header.rules.ts'
import { buildTestApp } from './support/app.ts'

t.setTimeout(120_000) // some real seconds of load

const caddy = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((dir) => join(dir, 'caddy'))
  .find((file) => existsSync(file))

type Tap = Pick<typeof t, 'teardown'>
type Built = Awaited<ReturnType<typeof buildTestApp>>

const until = async (what: string, check: () => Promise<boolean> | boolean): Promise<void> => {
  for (const endMs = Date.now() + 20_000; Date.now() < endMs; await wait(25)) if (await check()) return
  throw new Error(`never ${what}`)
}

/** Requests of a service by class. */
const byClass = async ({ app }: Built, service: string): Promise<Record<string, number>> => {
  const dayMs = 86_400_000
  const counted: Record<string, number> = {}
  const range = { service, fromMs: Date.now() - dayMs, toMs: Date.now() + dayMs, widthMs: 3_600_000 } as const
  await app.slices.scan(range, ({ stream, total, row }) => {
    counted[stream.trafficClass] = (counted[stream.trafficClass] ?? 0) + total + row.aborted
  })
  return counted
}

/** A run of the plan's target from its start to its kept result. */
async function loadOnce({ app }: Built, service: string): Promise<LoadRun> {
  const url = `/api/v1/services/${service}/runs`
  const started = await app.inject({ method: 'POST', url, payload: { kind: 'run', ratePerS: 40, durationMs: 1_000 } })
  if (started.statusCode !== 202) throw new Error(started.body)
  const id = started.json<LiveLoad>().id
  const now = (): LiveLoad | null => app.load.active.of(service)
  await until('ended', () => now()?.id === id && ['ended', 'failed'].includes(now()!.state))
  return (await app.inject(`${url}/${now()!.result}`)).json<LoadRun>()
}

const nowS = (): number => Math.floor(Date.now() / 1_000)

/** What a client might send to have its own requests left out of the count. */
const tricks = (key: string): Record<string, string> => ({
  'no claim': '',
  'the bare word': 'load',
  'a signature of another key': signClassClaim(
    { trafficClass: 'load', expiresS: nowS() + 60 },
    'another key of length'
  ),
  'a signature of another class': signClassClaim({ trafficClass: 'synthetic', expiresS: nowS() + 60 }, key).replace(
    'synthetic',
    'load'
  ),
  'a claim made to last longer': signClassClaim({ trafficClass: 'load', expiresS: nowS() - 60 }, key).replace(
    String(nowS() - 60),
    String(nowS() + 60)
  ),
  'a claim of a run that is over': signClassClaim({ trafficClass: 'load', expiresS: nowS() - 2 }, key)
})

const ask = (url: string, claim: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const headers = claim === '' ? {} : { 'x-plimsoll-class': claim }
    request(url, { headers, agent: false }, (reply) => {
      reply.resume().on('end', () => resolve(reply.statusCode ?? 0))
    })
      .on('error', reject)
      .end()
  })

t.test('load through Caddy is load in its log, whatever clients claim', { skip: !caddy && 'no Caddy' }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'plimsoll-class-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const seen = new Set<string>()
  const upstream = await listening(t, (claim) => seen.add(claim))
  const origin = `http://127.0.0.1:${await freePort()}`
  const log = join(dir, 'access.ndjson')
  await startCaddy(t, dir, { origin, log, upstream })

  const plan = `plan: plimsoll/v1
services:
  - name: shop
    owner: team-shop
    signals: [{ caddyLog: { file: ${log}, startAt: beginning } }]
    load: { url: "${origin}", requests: [GET /a, { method: POST, path: /b, body: x }] }
`
  const built = await buildTestApp({ plan, clock: systemClock, settings: { FLUSH_INTERVAL_MS: '50' } })
  t.teardown(() => built.close())
  const run = await loadOnce(built, 'shop')
  t.match(run, { total: 40, bad: 0, target: `${origin}/` })
  for (const [name, claim] of Object.entries(tricks(built.app.signals.classKeys[0]!))) {
    t.equal(await ask(`${origin}/c`, claim), 200, name)
  }
  // each request of the mix is sent once before the load
  const wanted = { load: 42, user: 1 + 6 }
  let counted: Record<string, number> = {}
  await until('counted', async () => {
    counted = await byClass(built, 'shop')
    return Object.values(counted).reduce((a, b) => a + b, 0) >= 49
  })
  t.strictSame(counted, wanted, 'one user found Caddy up, six wanted to be load')
  const captured = [...seen].find((claim) => claim.startsWith('load.') && Number(claim.split('.')[1]) > nowS())!
  const [, expiresS] = captured.split('.')
  t.ok(Number(expiresS) - nowS() < 120, 'what a run sends, whoever reads it can use for two minutes at most')
})

t.test('load of Plimsoll itself is load in its own signals', async (t) => {
  const plan = `plan: plimsoll/v1
services:
  - name: plimsoll
    owner: us
    signals: [self]
    load: { url: 'self:/', requests: [GET /api/v1/services] }
`
  const built = await buildTestApp({ plan, clock: systemClock, settings: { FLUSH_INTERVAL_MS: '50' } })
  t.teardown(() => built.close())
  const origin = await built.listen()
  const run = await loadOnce(built, 'plimsoll')
  t.match(run, { total: 40, bad: 0, target: `${origin}/` })
  for (const [name, claim] of Object.entries(tricks(built.app.signals.classKeys[0]!))) {
    t.equal(await ask(`${origin}/api/v1/plan`, claim), 200, name)
  }
  let counted: Record<string, number> = {}
  await until('counted', async () => {
    counted = await byClass(built, 'plimsoll')
    return (counted['load'] ?? 0) >= 41 && (counted['user'] ?? 0) >= 6
  })
  t.equal(counted['load'], 41, 'and nothing that only claimed to be')
})

async function listening(test: Tap, see: (claim: string) => void): Promise<number> {
  const server = createServer((asked, reply) => {
    see(String(asked.headers['x-plimsoll-class'] ?? ''))
    asked.resume().on('end', () => reply.end('ok'))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  test.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function startCaddy(
  test: Tap,
  dir: string,
  { origin, log, upstream }: { origin: string; log: string; upstream: number }
): Promise<void> {
  const file = join(dir, 'Caddyfile')
  const options = `{\n  admin off\n  auto_https off\n  log default {\n    output file ${join(dir, 'caddy.log')}\n  }\n}\n`
  const site = `${origin} {\n  bind 127.0.0.1\n  log {\n    output file ${log}\n  }\n  reverse_proxy 127.0.0.1:${upstream}\n}\n`
  writeFileSync(file, options + site)
  const server = spawn(caddy!, ['run', '--config', file], { env: { HOME: dir, PATH: '' }, stdio: 'ignore' })
  test.teardown(() => server.kill('SIGKILL'))
  await until('up', () =>
    ask(`${origin}/up`, '').then(
      (status) => status === 200,
      () => false
    )
  )
}
