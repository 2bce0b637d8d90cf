// The senders against real servers of known behaviour, and against targets that cannot be loaded.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { createSecureServer } from 'node:http2'
import { createServer as createTlsServer } from 'node:https'
import { createServer as createRawServer, type AddressInfo, type Server } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import type { LoadRun } from '../src/contract/load.ts'
import { housePromise } from '../src/load/line/hold.rules.ts'
import { resultOf } from '../src/load/run/result.rules.ts'
import { contact, resolveTarget } from '../src/load/sender/contact.ts'
import type { PacedPlan, PlannedRequest, Plan } from '../src/load/sender/plan.ts'
import { Sender } from '../src/load/sender/sender.ts'
import { startKnownServer, type Behaviour } from './support/known-server.ts'

const request: PlannedRequest = {
  method: 'GET',
  path: '/',
  weight: 1,
  headers: { 'x-plimsoll-class': 'load.1.x' },
  body: null
}

const identity = { id: 'r', service: null, release: null, target: '', machine: null, version: '0', commit: null }

type Tap = Pick<typeof t, 'teardown'>

t.setTimeout(180_000) // real seconds of load, repeated when the machine was too busy to be on time

async function known(test: Tap, behaviour: Behaviour) {
  const server = await startKnownServer(behaviour)
  const sender = new Sender()
  test.teardown(async () => {
    await sender.close()
    await server.close()
  })
  const target = await resolveTarget(server.url, { allowed: [], verifyTls: true })
  const paced = (change: Partial<PacedPlan> = {}): PacedPlan => ({
    kind: 'paced',
    target,
    requests: [request],
    durationMs: 2_000,
    warmUpMs: 500,
    timeoutMs: 1_000,
    thresholdMs: 200,
    connections: 1_000,
    ratePerS: 100,
    arrivals: 'constant',
    jitterRatio: 0,
    seed: 1,
    ...change
  })
  const send = async (plan: Plan, signal?: AbortSignal): Promise<LoadRun> =>
    resultOf(plan, await sender.send(plan, { signal }), housePromise, identity)
  return { server, paced, send, target }
}

/**
 * A busy machine makes the sender late, and it says so: only a run that was on time is judged. Null
 * when none was: the case is then not run, which is neither success nor failure.
 */
async function onTime(test: Pick<typeof t, 'pass'>, run: () => Promise<LoadRun>): Promise<LoadRun | null> {
  for (let tries = 0; tries < 3; tries++) {
    const result = await run()
    if (!result.sender?.limited) return result
  }
  test.pass('the machine was too busy to send on time', { skip: true })
  return null
}

t.test('a server that stands still for a second in five has a p95 of 749 ms', async (t) => {
  const { paced, send } = await known(t, { kind: 'freeze', frozenMs: 1_000, everyMs: 5_000 })
  const run = await onTime(t, () => send(paced({ durationMs: 10_000, timeoutMs: 10_000 })))
  if (!run) return
  t.equal(run.total, 1_000, 'every request that was due is counted')
  t.equal(run.bad, 0)
  t.ok(Math.abs(run.latencyMs.p95! / 749 - 1) < 0.05, `p95 ${run.latencyMs.p95} ms`)
  t.ok(run.latencyMs.p50! < 50)
  t.equal(run.state, 'not_enough_evidence', 'two stalls are two events, however many requests they held')
})

t.test('latencies of a queue are those of its own schedule', async (t) => {
  const { server, paced, send } = await known(t, { kind: 'queue', serviceMs: 25, workers: 4 })
  const run = await onTime(t, () => send(paced({ durationMs: 4_000, ratePerS: 120, warmUpMs: 0 })))
  if (!run) return
  const { truthMs } = await server.seen()
  const truth = truthMs.slice(-run.total).toSorted((a, b) => a - b)
  for (const [name, q] of [
    ['p50', 0.5],
    ['p90', 0.9],
    ['p95', 0.95]
  ] as const) {
    const wanted = truth[Math.ceil(q * truth.length) - 1]!
    const found = run.latencyMs[name]!
    // the histogram's own error, and what a busy machine's timers add on both sides
    t.ok(found > wanted * 0.992 && found < wanted * 1.0078 + 15, `${name}: ${found} for ${wanted} ms`)
  }
})

t.test('requests that are never answered are slower than any limit, not absent', async (t) => {
  const { server, paced, send } = await known(t, { kind: 'hang', everyNth: 10 })
  const run = await onTime(t, () => send(paced({ warmUpMs: 0 })))
  if (!run) return
  t.equal(run.total, 200)
  t.equal(run.failures['timeout'], 20)
  t.equal(run.bad, 20)
  t.ok(run.latencyMs.p95! > 59_000)
  t.ok(run.latencyMs.p50! < 100)
  t.match(await server.seen(), { claims: ['load.1.x'] }, 'every request said that it is no user')
})

t.test('a server that holds every connection does not slow the schedule down', async (t) => {
  const { paced, send } = await known(t, { kind: 'constant', delayMs: 500 })
  const run = await onTime(t, () => send(paced({ connections: 5, warmUpMs: 0, timeoutMs: 800 })))
  if (!run) return
  t.equal(run.total, 200, 'all that was due, whether it could be sent or not')
  t.equal(run.sender?.limited, false)
  t.ok(run.sender!.connectionsPeak <= 5)
  t.ok(run.sender!.waitedForConnection > 150)
  t.ok(run.bad > 150, 'what waited too long has failed')
  t.match(run, { state: 'fail', reasons: [{ code: 'latency' }, { code: 'errors' }, { code: 'connections_exhausted' }] })
})

t.test('warm-up and requests of an ended run are not counted', async (t) => {
  const { server, paced, send } = await known(t, { kind: 'status', status: 200 })
  const run = await send(paced({ durationMs: 1_000, warmUpMs: 1_000 }))
  t.equal(run.total, 100)
  t.ok((await server.seen()).served >= 195)
  const interrupted = new AbortController()
  setTimeout(() => interrupted.abort(), 700)
  const partial = await send(paced({ durationMs: 60_000, warmUpMs: 0 }), interrupted.signal)
  t.equal(partial.partial, true)
  t.not(partial.state, 'pass')
  t.ok(partial.total > 0 && partial.total < 1_000)
  t.ok(partial.durationMs < 10_000)
})

t.test('a server that refuses what is above its rate is found out by its status', async (t) => {
  const { paced, send } = await known(t, { kind: 'refuse', abovePerS: 50 })
  const run = await send(paced({ warmUpMs: 0 }))
  t.ok(run.statuses['503']! > 50)
  t.equal(run.bad, run.statuses['503'])
  t.ok(run.slow! >= run.bad, 'fast errors are slow')
})

t.test('a saturated server is measured by every reply, lost ones included', async (t) => {
  const { send, target } = await known(t, { kind: 'hang', everyNth: 10 })
  const plan: Plan = {
    kind: 'saturation',
    target,
    requests: [request],
    durationMs: 3_000,
    warmUpMs: 0,
    timeoutMs: 1_000,
    thresholdMs: 200,
    connections: 10,
    pipelining: 1
  }
  const run = await send(plan)
  t.match(run, { kind: 'saturation', tool: 'autocannon', offeredPerS: null, state: 'fail' })
  t.ok(run.failures['timeout']! >= 10)
  t.ok(run.slow! >= run.failures['timeout']!)
  const settled = Object.values({ ...run.statuses, ...run.failures }).reduce((a, b) => a + b, 0)
  t.ok(run.total >= settled && run.total <= settled + 10, 'besides at most what still hung at the end')
  t.ok(run.latencyMs.p99! > 200)
})

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

t.test('a target that cannot be loaded is refused with the reason, in time', async (t) => {
  const folder = t.testdir({})
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  execFileSync('openssl', [...args, '-keyout', key, '-out', cert, ...subject], { stdio: 'ignore' })
  const identity = { key: readFileSync(key), cert: readFileSync(cert) }
  const http = async (handler: RequestListener) => originOf(await listening(t, createServer(handler)))

  const gone = createServer()
  await new Promise<void>((resolve) => void gone.listen(0, 'localhost', resolve))
  const refused = originOf(gone)
  await new Promise((resolve) => void gone.close(resolve))
  const tls = await listening(
    t,
    createTlsServer(identity, (_, reply) => reply.end('ok'))
  )
  const onlyH2 = await listening(t, createSecureServer({ ...identity, allowHTTP1: false }))
  const raw = await listening(
    t,
    createRawServer((socket) => void socket.on('error', () => {}).end('SSH-2.0-x\r\n'))
  )
  const slow = await http((_, reply) => {
    const drip = setInterval(() => reply.write('.'), 50)
    reply.on('close', () => clearInterval(drip))
  })
  const endless = await http((_, reply) => {
    const chunk = Buffer.alloc(1_024 * 1_024)
    const pour = (): void => {
      while (!reply.destroyed && reply.write(chunk));
    }
    reply.on('drain', pour)
    pour()
  })
  const cases = [
    { name: 'nothing listens', url: refused, code: 'REFUSED' },
    { name: 'no such name', url: 'http://no-such-host.invalid/', code: 'NOT_FOUND' },
    { name: 'an unknown certificate', url: originOf(tls, 'https'), code: 'TLS' },
    { name: 'HTTP/2 only', url: originOf(onlyH2, 'https'), verifyTls: false, code: 'PROTOCOL' },
    { name: 'something else than HTTP', url: originOf(raw), code: 'PROTOCOL' },
    { name: 'a reply that trickles', url: slow, code: 'SILENT' },
    { name: 'no reply at all', url: await http(() => {}), code: 'SILENT' },
    { name: 'a reply without end', url: endless, code: 'ENDLESS' },
    {
      name: 'a redirect',
      url: await http((_, reply) => reply.writeHead(302, { location: 'https://elsewhere.example/' }).end()),
      code: 'REDIRECTS'
    },
    { name: 'a connection cut off', url: await http((asked) => asked.destroy()), code: 'BROKEN' },
    { name: 'another machine', url: 'http://192.0.2.1/', code: 'NOT_ALLOWED' },
    { name: 'no URL', url: 'shop:80', code: 'INVALID' }
  ]
  for (const { name, url, code, verifyTls = true } of cases) {
    const attempt = resolveTarget(url, { allowed: [], verifyTls }).then((target) =>
      contact(target, [request], { timeoutMs: 1_500 })
    )
    await t.rejects(attempt, { code: `PLIMSOLL_TARGET_${code}` }, name)
  }
  const trusting = await resolveTarget(originOf(tls, 'https'), { allowed: [], verifyTls: false })
  t.match(await contact(trusting, [request], { timeoutMs: 1_500 }), [{ status: 200 }], 'unverified when told')
  t.match(await resolveTarget('http://192.0.2.1/', { allowed: ['192.0.2.1'], verifyTls: true }), {
    address: '192.0.2.1'
  })
})
