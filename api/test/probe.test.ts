import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createServer as createRawServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { ProbeSignal } from '../src/plan/model.ts'
import { ManualClock, systemClock } from '../src/platform/clock.ts'
import { Places } from '../src/signals/probe/places.ts'
import { startProbe, type ProbeDeps } from '../src/signals/probe/probe.ts'
import { runProbe, type ProbeResult } from '../src/signals/probe/run.ts'

const aProbe = (changes: Partial<ProbeSignal>): ProbeSignal => ({
  kind: 'probe',
  id: 'probe:0',
  name: null,
  url: 'http://127.0.0.1:1/',
  everyMs: 10_000,
  timeoutMs: 2_000,
  method: 'GET',
  headers: {},
  secretHeaders: {},
  body: null,
  expect: { status: [{ from: 200, to: 299 }], body: null },
  tls: { verify: true, expiryWarningMs: 0 },
  maxRedirects: 0,
  family: 'any',
  ...changes
})

const listen = async (t: Test, server: Server, host = '127.0.0.1'): Promise<number> => {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

const serve = (t: Test, handler: RequestListener, host?: string): Promise<number> =>
  listen(t, createServer(handler), host)

const never = new AbortController().signal
const run = (changes: Partial<ProbeSignal>, secrets: Record<string, string> = {}): Promise<ProbeResult> =>
  runProbe(aProbe(changes), { clock: systemClock, secret: (name) => secrets[name] }, never)

t.test('a probe sends what the plan says and accepts what it expects', async (t) => {
  const seen: string[] = []
  const port = await serve(t, (request, reply) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      seen.push(
        `${request.method} ${request.url} ${String(request.headers['x-a'])} ${request.headers.authorization} ${body}`
      )
      reply.writeHead(request.url === '/teapot' ? 418 : 200).end('all is well')
    })
  })
  const url = `http://127.0.0.1:${port}/health`
  const sent = await run(
    { url, method: 'POST', body: 'ping', headers: { 'x-a': '1' }, secretHeaders: { authorization: 'TOKEN' } },
    { TOKEN: 'Bearer s' }
  )
  t.match(sent, { finding: { kind: 'ok' }, status: 200, certificateExpiresMs: null })
  t.ok(sent.durationUs > 0)
  t.same(seen, ['POST /health 1 Bearer s ping'])

  const teapot = { url: `http://127.0.0.1:${port}/teapot` }
  t.match(await run(teapot), {
    finding: { kind: 'failed', code: 'unexpected_status', text: 'answered 418, expected 200-299' }
  })
  t.match(await run({ ...teapot, expect: { status: [{ from: 418, to: 418 }], body: null } }), {
    finding: { kind: 'ok' }
  })
  const expecting = (body: ProbeSignal['expect']['body']) => ({
    url,
    expect: { status: [{ from: 200, to: 200 }], body }
  })
  t.match(await run(expecting({ kind: 'contains', text: 'well' })), { finding: { kind: 'ok' } })
  t.match(await run(expecting({ kind: 'contains', text: 'ill' })), {
    finding: { code: 'unexpected_body' },
    status: 200
  })
  t.match(await run(expecting({ kind: 'matches', pattern: '^all .* well$' })), { finding: { kind: 'ok' } })
})

t.test('a missing secret is our fault, not the service’s', async (t) => {
  const result = await run({ secretHeaders: { authorization: 'NOT_SET' } })
  t.match(result.finding, { kind: 'not_run', code: 'secret_missing', hint: /NOT_SET/ })
})

t.test('what never ends is given up at the timeout, or when enough was read', async (t) => {
  const silent = await serve(t, () => {})
  t.match(await run({ url: `http://127.0.0.1:${silent}/`, timeoutMs: 150 }), {
    finding: { kind: 'failed', code: 'timeout' },
    status: null
  })
  const trickle = await serve(t, (_, reply) => {
    reply.writeHead(200)
    const timer = setInterval(() => reply.write('x'), 10)
    reply.on('close', () => clearInterval(timer))
  })
  t.match(await run({ url: `http://127.0.0.1:${trickle}/`, timeoutMs: 150 }), { finding: { code: 'timeout' } })
  const flood = await serve(t, (_, reply) => {
    const more = (): void => {
      while (!reply.destroyed && reply.write(Buffer.alloc(65_536)));
    }
    reply.writeHead(200).on('drain', more)
    more()
  })
  t.match(await run({ url: `http://127.0.0.1:${flood}/` }), { finding: { kind: 'ok' }, status: 200 })
})

t.test('redirects are followed as far as allowed, and secrets stay with the first host', async (t) => {
  const seen: (string | undefined)[] = []
  const other = await serve(t, (request, reply) => {
    seen.push(request.headers['x-key'] as string | undefined, request.method)
    reply.end('there')
  })
  const port = await serve(t, (request, reply) => {
    const to =
      request.url === '/round'
        ? '/round'
        : request.url === '/file'
          ? 'file:///etc/passwd'
          : `http://127.0.0.1:${other}/`
    reply.writeHead(request.url === '/see' ? 303 : 302, { location: to }).end()
  })
  const at = (path: string, maxRedirects = 5) => ({ url: `http://127.0.0.1:${port}${path}`, maxRedirects })
  t.match(await run({ ...at('/away'), secretHeaders: { 'x-key': 'KEY' } }, { KEY: 'k' }), { finding: { kind: 'ok' } })
  t.same(seen, [undefined, 'GET'])
  t.match(await run({ ...at('/see'), method: 'PUT', body: 'x' }), { finding: { kind: 'ok' } })
  t.equal(seen[3], 'GET', '303 asks for a GET')
  t.match(await run(at('/round')), { finding: { kind: 'failed', code: 'too_many_redirects' } })
  t.match(await run(at('/file')), { finding: { kind: 'failed', code: 'redirect_refused' } })
  t.match(await run({ ...at('/away', 0), expect: { status: [{ from: 302, to: 302 }], body: null } }), {
    finding: { kind: 'ok' }
  })
})

t.test('faults of the connection have their own codes', async (t) => {
  const closed = await serve(t, () => {})
  const port = await serve(t, (request) => request.socket.resetAndDestroy())
  t.match(await run({ url: `http://127.0.0.1:${port}/` }), { finding: { kind: 'failed', code: 'connection_reset' } })
  const raw = createRawServer((socket) => socket.end('SSH-2.0-OpenSSH\r\n'))
  await new Promise<void>((resolve) => raw.listen(0, '127.0.0.1', resolve))
  t.teardown(() => raw.close())
  const rawPort = (raw.address() as AddressInfo).port
  t.match(await run({ url: `http://127.0.0.1:${rawPort}/` }), { finding: { kind: 'failed', code: 'invalid_http' } })
  t.match(await run({ url: 'http://127.0.0.1:1/' }), { finding: { kind: 'failed', code: 'connection_refused' } })
  t.match(await run({ url: `https://127.0.0.1:${closed}/`, timeoutMs: 1_000 }), { finding: { kind: 'failed' } })
})

t.test('TLS is verified unless told otherwise, and the certificate’s end is known', async (t) => {
  const directory = t.testdir({})
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '10']
  execFileSync('openssl', request.concat('-subj', '/CN=localhost', '-keyout', key, '-out', cert), { stdio: 'ignore' })
  const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_, reply) => reply.end('ok'))
  const port = await listen(t, server)
  const url = `https://127.0.0.1:${port}/`
  t.match(await run({ url }), { finding: { kind: 'failed', code: 'certificate_not_trusted' } })
  const trusting = await run({ url, tls: { verify: false, expiryWarningMs: 0 } })
  t.match(trusting, { finding: { kind: 'ok' } })
  const days = ((trusting.certificateExpiresMs ?? 0) - Date.now()) / 86_400_000
  t.ok(days > 9 && days < 11, 'ten days from now')
})

t.test('the address family is the one asked for', async (t) => {
  const port = await serve(t, (_, reply) => reply.end('six'), '::1')
  t.match(await run({ url: `http://[::1]:${port}/`, family: 6 }), { finding: { kind: 'ok' } })
  t.match(await run({ url: `http://localhost:${port}/`, family: 4 }), {
    finding: { kind: 'failed', code: 'connection_refused' }
  })
})

const deps = (changes: Partial<ProbeDeps> = {}): ProbeDeps & { results: ProbeResult[] } => {
  const results: ProbeResult[] = []
  return {
    clock: new ManualClock(),
    lease: { isLeader: true, fencing: 1 },
    secret: () => undefined,
    places: new Places(8),
    onResult: (result) => results.push(result),
    random: () => 0.5,
    ...changes,
    results
  }
}

const until = async (done: () => boolean, move: () => void = () => {}): Promise<void> => {
  while (!done()) {
    move()
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}

t.test('a probe comes round by the clock and never overlaps itself', async (t) => {
  let out = 0
  let most = 0
  const held: (() => void)[] = []
  const port = await serve(t, (_, reply) => {
    most = Math.max(most, ++out)
    held.push(() => {
      out--
      reply.end('ok')
    })
  })
  const clock = new ManualClock()
  const tools = deps({ clock })
  const probe = startProbe(aProbe({ url: `http://127.0.0.1:${port}/`, everyMs: 10_000, timeoutMs: 60_000 }), tools)
  clock.advance(5_000)
  await until(() => held.length === 1)
  clock.advance(25_000)
  held[0]!()
  await until(() => tools.results.length === 1)
  t.equal(held.length, 1, 'while one is out no other is sent')
  await until(
    () => held.length === 2,
    () => clock.advance(500)
  )
  t.equal(clock.monotonicMs() >= 30_000 && clock.monotonicMs() <= 36_000, true, 'then it takes up its grid again')
  held[1]!()
  await until(() => tools.results.length === 2)
  t.equal(most, 1)
  t.match(probe.status(), { runs: 2, ok: 2, failed: 0, notRun: {}, last: { finding: { kind: 'ok' } } })
  await probe.stop()
})

t.test('a probe that is stopped while it waits for an answer says nothing of the service', async (t) => {
  let asked = 0
  const port = await serve(t, () => void asked++)
  const clock = new ManualClock()
  const tools = deps({ clock })
  const probe = startProbe(aProbe({ url: `http://127.0.0.1:${port}/` }), tools)
  clock.advance(5_000)
  await until(() => asked === 1)
  await probe.stop()
  t.same(tools.results, [])
  t.match(probe.status(), { runs: 0, last: null })
})

t.test('a dead host costs the others nothing while places are left', async (t) => {
  const dead = await serve(t, () => {})
  const well = await serve(t, (_, reply) => reply.end('ok'))
  const clock = new ManualClock()
  const tools = deps({ clock, places: new Places(2) })
  const hung = startProbe(aProbe({ url: `http://127.0.0.1:${dead}/`, timeoutMs: 3_600_000 }), tools)
  const fine = startProbe(aProbe({ url: `http://127.0.0.1:${well}/`, everyMs: 1_000 }), tools)
  await until(
    () => fine.status().ok >= 3,
    () => clock.advance(250)
  )
  t.equal(hung.status().runs, 0)
  await Promise.all([hung.stop(), fine.stop()])
})

t.test(
  'who does not lead stands by, takes over when it does, and tells nothing of a probe it was frozen over',
  async (t) => {
    let asked = 0
    const held: (() => void)[] = []
    const port = await serve(t, (_, reply) => {
      asked++
      held.push(() => void reply.end('ok'))
    })
    const clock = new ManualClock()
    const lease = { isLeader: false, fencing: 0 }
    const tools = deps({ clock, lease })
    const probe = startProbe(aProbe({ url: `http://127.0.0.1:${port}/`, timeoutMs: 3_600_000 }), tools)
    for (let i = 0; i < 60; i++) await clock.advanceAsync(1_000)
    t.strictSame([asked, probe.status().standsBy], [0, true])

    Object.assign(lease, { isLeader: true, fencing: 1 })
    await until(
      () => held.length === 1,
      () => clock.advance(250)
    )
    lease.fencing = 3 // another led in between, and this one again
    held[0]!()
    await until(
      () => held.length === 2,
      () => clock.advance(250)
    )
    t.same(tools.results, [], 'how long that took says nothing of the service')
    held[1]!()
    await until(() => tools.results.length === 1)
    t.match(probe.status(), { runs: 1, ok: 1, standsBy: false })
    await probe.stop()
  }
)
