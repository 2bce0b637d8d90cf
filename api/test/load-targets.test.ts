// Targets that cannot be loaded, and targets that go bad under load: each ends in time, with the reason.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { createSecureServer } from 'node:http2'
import { createServer as createTlsServer } from 'node:https'
import { createServer as createRawServer, type AddressInfo, type Server } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import type { LoadRun } from '../src/contract/load.ts'
import { housePromise } from '../src/load/line/hold.rules.ts'
import { LoadSession, type LoadOrder, type LoadSubject } from '../src/load/run/load.ts'
import { oneGet, readRequests } from '../src/load/run/requests.rules.ts'
import { resultOf } from '../src/load/run/result.rules.ts'
import { contact, resolveTarget } from '../src/load/sender/contact.ts'
import type { Plan } from '../src/load/sender/plan.ts'
import { Sender } from '../src/load/sender/sender.ts'
import { systemClock } from '../src/platform/clock.ts'
import { buildTestApp } from './support/app.ts'

t.setTimeout(120_000)

type Tap = Pick<typeof t, 'teardown' | 'testdir'>

const originOf = (server: Server, scheme = 'http'): string =>
  `${scheme}://localhost:${(server.address() as AddressInfo).port}`

const listening = async <S extends Server>(test: Tap, server: S): Promise<S> => {
  await new Promise<void>((resolve) => void server.listen(0, 'localhost', resolve))
  test.teardown(() => {
    if ('closeAllConnections' in server) (server.closeAllConnections as () => void)()
    server.close()
  })
  return server
}

const certified = (test: Tap): { key: Buffer; cert: Buffer } => {
  const folder = test.testdir({})
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  execFileSync('openssl', [...args, '-keyout', key, '-out', cert, ...subject], { stdio: 'ignore' })
  return { key: readFileSync(key), cert: readFileSync(cert) }
}

/** Pours a reply that does not end. */
const pour: RequestListener = (_, reply) => {
  const chunk = Buffer.alloc(1_024 * 1_024)
  const more = (): void => {
    while (!reply.destroyed && reply.write(chunk));
  }
  reply.on('drain', more)
  more()
}

interface BadTarget {
  readonly name: string
  readonly url: string
  /** Without PLIMSOLL_TARGET_. */
  readonly code: string
  /** The plan of a service always verifies. */
  readonly unverified?: boolean
  /** The plan cannot name it, or names it on purpose. */
  readonly notInPlan?: boolean
}

async function badTargets(test: Tap): Promise<{ bad: BadTarget[]; selfSigned: string }> {
  const identity = certified(test)
  const http = async (handler: RequestListener) => originOf(await listening(test, createServer(handler)))
  const gone = createServer()
  await new Promise<void>((resolve) => void gone.listen(0, 'localhost', resolve))
  const refused = originOf(gone)
  await new Promise((resolve) => void gone.close(resolve))
  const tls = createTlsServer(identity, (_, reply) => reply.end('ok'))
  const selfSigned = originOf(await listening(test, tls), 'https')
  const onlyH2 = originOf(await listening(test, createSecureServer({ ...identity, allowHTTP1: false })), 'https')
  const raw = createRawServer((socket) => void socket.on('error', () => {}).end('SSH-2.0-x\r\n'))
  const trickles = await http((_, reply) => {
    const drip = setInterval(() => reply.write('.'), 50)
    reply.on('close', () => clearInterval(drip))
  })
  const elsewhere = { location: 'https://elsewhere.example/' }
  const bad = [
    { name: 'nothing listens', url: refused, code: 'REFUSED' },
    { name: 'no such name', url: 'http://no-such-host.invalid/', code: 'NOT_FOUND' },
    { name: 'an unknown certificate', url: selfSigned, code: 'TLS' },
    { name: 'HTTP/2 only', url: onlyH2, code: 'PROTOCOL' },
    { name: 'HTTP/2 only, unverified', url: onlyH2, code: 'PROTOCOL', unverified: true },
    { name: 'something else than HTTP', url: originOf(await listening(test, raw)), code: 'PROTOCOL' },
    { name: 'a reply that trickles', url: trickles, code: 'SILENT' },
    { name: 'no reply at all', url: await http(() => {}), code: 'SILENT' },
    { name: 'a reply without end', url: await http(pour), code: 'ENDLESS' },
    { name: 'a redirect', url: await http((_, reply) => reply.writeHead(302, elsewhere).end()), code: 'REDIRECTS' },
    { name: 'a connection cut off', url: await http((asked) => asked.destroy()), code: 'BROKEN' },
    { name: 'another machine', url: 'http://192.0.2.1/', code: 'NOT_ALLOWED', notInPlan: true },
    { name: 'no URL', url: 'shop:80', code: 'INVALID', notInPlan: true }
  ]
  return { bad, selfSigned }
}

const aSubject = (url: string, change: Partial<LoadSubject> = {}): LoadSubject => ({
  url: new URL(url),
  requests: [oneGet(new URL(url))],
  allowed: [],
  verifyTls: true,
  classKey: 'a key of the test alone',
  promised: housePromise,
  timeoutMs: 1_000,
  service: null,
  release: null,
  directory: null,
  ...change
})

const orders: readonly LoadOrder[] = [
  {
    kind: 'paced',
    ratePerS: 50,
    arrivals: 'constant',
    jitterRatio: 0,
    durationMs: 1_000,
    warmUpMs: 0,
    connections: null
  },
  { kind: 'saturation', durationMs: 1_000, warmUpMs: 0, connections: 4, pipelining: 1 }
]

async function load(subject: LoadSubject, order: LoadOrder): Promise<LoadRun> {
  const session = await LoadSession.open(subject)
  try {
    return await session.run(order)
  } finally {
    await session.close()
  }
}

t.test('a target that cannot be loaded is refused with the reason, in time', async (t) => {
  const { bad, selfSigned } = await badTargets(t)
  await t.test('by both senders', async (t) => {
    const attempts = bad.flatMap(({ name, url, code, unverified }) =>
      orders.map(async (order) => {
        const attempt = load(aSubject(url, { verifyTls: !unverified }), order)
        await t.rejects(attempt, { code: `PLIMSOLL_TARGET_${code}`, hint: String }, `${order.kind}: ${name}`)
      })
    )
    await Promise.all(attempts)
    const trusting = await resolveTarget(selfSigned, { allowed: [], verifyTls: false })
    const { requests } = aSubject(selfSigned)
    t.match(await contact(trusting, requests, { timeoutMs: 1_500 }), [{ status: 200 }], 'unverified when told')
    t.match(await resolveTarget('http://192.0.2.1/', { allowed: ['192.0.2.1'], verifyTls: true }), {
      address: '192.0.2.1'
    })
  })

  await t.test('and when the plan names it', async (t) => {
    const planned = bad.filter(({ unverified, notInPlan }) => !unverified && !notInPlan)
    const service = ({ url }: BadTarget, i: number): string =>
      `  - { name: bad-${i}, owner: us, load: { url: "${url}", requests: [GET /], timeout: 1s } }\n`
    const plan = `plan: plimsoll/v1\nservices:\n${planned.map(service).join('')}`
    const { app, close } = await buildTestApp({ plan, clock: systemClock })
    t.teardown(close)
    for (const [i, { name, code }] of planned.entries()) {
      const url = `/api/v1/services/bad-${i}/runs`
      const payload = { kind: 'run', ratePerS: 50, durationMs: 1_000 }
      const started = await app.inject({ method: 'POST', url, payload })
      t.equal(started.statusCode, 202, started.body)
      for (let tries = 0; tries < 1_000 && app.load.active.of(`bad-${i}`)?.state !== 'failed'; tries++) await wait(10)
      const error = { code: `PLIMSOLL_TARGET_${code}`, text: String, hint: String }
      t.match((await app.inject(url)).json(), { runs: [], active: { state: 'failed', error } }, name)
    }
  })
})

const planFor = async (origin: string, change: Partial<Plan> = {}, requests = '["GET /"]'): Promise<Plan> =>
  ({
    kind: 'saturation',
    target: await resolveTarget(origin, { allowed: [], verifyTls: true }),
    requests: readRequests(requests),
    durationMs: 1_000,
    warmUpMs: 0,
    timeoutMs: 500,
    thresholdMs: 200,
    connections: 4,
    pipelining: 1,
    ...change
  }) as Plan

const identity = { id: 'r', service: null, release: null, target: '', machine: null, version: '0', commit: null }

/** Sends a plan without the first request that would have refused it. */
async function send(test: Tap, plan: Plan, during?: () => void): Promise<LoadRun> {
  const sender = new Sender()
  test.teardown(() => sender.close())
  return resultOf(plan, await sender.send(plan, { onProgress: during }), housePromise, identity)
}

t.test('a saturation run follows the end of connections and loses no request', async (t) => {
  const closing = createServer((_, reply) => reply.end('ok'))
  closing.maxRequestsPerSocket = 50 // what comes after the fiftieth would get a 503
  const origin = originOf(await listening(t, closing))
  const ended = await send(t, await planFor(origin))
  t.strictSame(Object.keys(ended.statuses), ['200'], 'the last reply of a connection says so')
  t.strictSame(ended.failures, {})
  t.ok(ended.total > 200)

  let cut = 0
  const cutting = createServer((asked, reply) => {
    if (++cut % 10 === 0) return void asked.destroy()
    reply.end('ok')
  })
  const broken = await send(t, await planFor(originOf(await listening(t, cutting))))
  t.match(broken, { failures: { reset: Number }, state: 'fail' })
  t.ok(
    Math.abs(broken.failures['reset']! - Math.floor(cut / 10)) <= 4,
    'as many as the server cut, the last four apart'
  )
  t.ok(broken.latencyMs.p50! < 200, 'and the next replies are not paired with the lost requests')

  const heads = await send(t, await planFor(origin, { durationMs: 500 }, '["HEAD /"]'))
  t.strictSame([Object.keys(heads.statuses), heads.failures], [['200'], {}], 'a HEAD has no body to wait for')
})

t.test('no request of either sender reaches a server whose certificate is not accepted', async (t) => {
  let asked = 0
  const tls = createTlsServer(certified(t), (_, reply) => {
    asked++
    reply.end('ok')
  })
  const origin = originOf(await listening(t, tls), 'https')
  const paced = { kind: 'paced', ratePerS: 50, arrivals: 'constant', jitterRatio: 0, seed: 1 } as const
  for (const change of [{}, paced]) {
    const run = await send(t, await planFor(origin, change))
    t.strictSame(run.statuses, {}, run.kind)
    t.ok(run.failures['tls']! > 0)
    t.equal(run.bad, run.total)
  }
  t.equal(asked, 0)
})

t.test('a target that goes bad under load ends the run in time, with what was seen', async (t) => {
  /** Twenty good replies, then something else. */
  const goesBad = (bad: RequestListener) => (): RequestListener => {
    let asked = 0
    return (request, reply) => (++asked > 20 ? bad(request, reply) : reply.end('ok'))
  }
  const cases: [string, () => RequestListener][] = [
    ['it begins to pour', goesBad(pour)],
    ['it falls silent', goesBad(() => {})],
    ['it cuts every connection', goesBad((request) => request.destroy())]
  ]
  for (const [name, handler] of cases) {
    const runs = orders.map(async (order) => {
      const server = await listening(t, createServer(handler()))
      const run = await load(aSubject(originOf(server)), order)
      const what = `${order.kind}: ${name}`
      t.equal(run.statuses['200'], 19, what) // and one before the load
      t.ok(run.slow! > 0, what)
      t.not(run.state, 'pass', what)
    })
    await Promise.all(runs)
  }
})
