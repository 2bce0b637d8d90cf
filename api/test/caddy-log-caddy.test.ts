// The log of a real Caddy, followed as a file and taken over TCP, against what was sent to it.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, createServer, request, type OutgoingHttpHeaders } from 'node:http'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { systemClock } from '../src/platform/clock.ts'
import { openDatabase } from '../src/platform/database/open.ts'
import { FileTailer } from '../src/signals/caddy-log/tailer.job.ts'
import { TcpLog } from '../src/signals/caddy-log/tcp.ts'
import { signClassClaim } from '../src/signals/class-header.rules.ts'
import { Recorder } from '../src/signals/recorder.ts'
import { createSliceStore } from '../src/signals/store.ts'
import { aLoggedService } from './support/access-log.ts'

const caddy = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((dir) => join(dir, 'caddy'))
  .find((file) => existsSync(file))
const skip = caddy === undefined && 'Caddy is not installed'
const classKey = 'a key of at least sixteen'

const freePort = async (): Promise<number> => {
  const server = createTcpServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

const until = async (done: () => boolean, forMs = 20_000): Promise<boolean> => {
  for (const endMs = Date.now() + forMs; Date.now() < endMs; await delay(20)) if (done()) return true
  return false
}

t.setTimeout(60_000)

t.test('what a real Caddy writes is what was sent', { skip }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'plimsoll-caddy-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const upstream = createServer((request, reply) => {
    const status = Number(/status=(\d+)/.exec(request.url ?? '')?.[1] ?? 200)
    if (request.url?.includes('never')) return // the client will go away
    reply.writeHead(status, { 'X-Release': `v${1 + (status % 2)}`, Etag: '"an \\ etag"' }).end('hello')
  })
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  t.teardown(() => upstream.close())

  // --- Plimsoll
  const database = await openDatabase(':memory:')
  const store = createSliceStore({ db: database.db, clock: systemClock })
  const services = ['file', 'tcp'].map((service) => aLoggedService({ service, objectivePaths: ['/api/*'] }))
  const file = join(dir, 'access.ndjson')
  const tailer = new FileTailer({
    services: services.slice(0, 1),
    classKeys: [classKey],
    source: 'caddyLog:access',
    writer: 'caddyLog:access@test',
    file,
    startAt: 'beginning',
    store,
    db: database.db,
    clock: systemClock,
    pollIntervalMs: 20,
    flushIntervalMs: 50,
    rotationGraceMs: 100
  })
  tailer.start()
  const recorder = new Recorder({
    store,
    clock: systemClock,
    writer: 'self@test',
    flushIntervalMs: 50,
    onError: (error) => t.fail(String(error))
  })
  const tcp = new TcpLog({
    listen: { host: '127.0.0.1', port: 0 },
    reading: { services: services.slice(1), classKeys: [classKey] },
    signals: ['caddyLogTcp:0'],
    clock: systemClock,
    recorder,
    onError: (error) => t.fail(String(error))
  })
  t.ok(await until(() => tcp.address !== null))

  // --- Caddy
  const port = await freePort()
  const caddyfile = join(dir, 'Caddyfile')
  writeFileSync(
    caddyfile,
    `{
  admin off
  auto_https off
  log tap {
    include http.log.access.log0
    output net tcp/127.0.0.1:${tcp.address!.port}
  }
  log default {
    output file ${join(dir, 'caddy.log')}
  }
}
http://:${port} {
  bind 127.0.0.1
  log {
    output file ${file} {
      roll_size 1MiB
    }
  }
  reverse_proxy 127.0.0.1:${(upstream.address() as AddressInfo).port}
}
`
  )
  const server = spawn(caddy!, ['run', '--config', caddyfile], { env: { HOME: dir, PATH: '' }, stdio: 'ignore' })
  t.teardown(() => server.kill('SIGKILL'))

  const agent = new Agent({ keepAlive: true, maxSockets: 16 })
  t.teardown(() => agent.destroy())
  const ask = (path: string, headers: OutgoingHttpHeaders = {}, giveUpMs?: number): Promise<number> =>
    new Promise((resolve) => {
      const sent = request({ host: '127.0.0.1', port, path, headers, agent }, (reply) => {
        reply.resume().on('end', () => resolve(reply.statusCode ?? 0))
      })
      sent.on('error', () => resolve(0))
      sent.end()
      if (giveUpMs !== undefined) setTimeout(() => sent.destroy(), giveUpMs)
    })
  const isUp = async (): Promise<boolean> => {
    for (let n = 0; n < 200; n++) {
      if ((await ask('/up')) === 200) return true
      await delay(50)
    }
    return false
  }
  t.ok(await isUp(), 'Caddy serves')

  // --- traffic
  const hostile = '","status":200,"duration":0.0,"request":{"host":"x"},"y":"'
  const padding = 'p'.repeat(1_500)
  const sent: Record<string, number> = { 'status2xx v1': 1 } // the one that found it up
  const add = (key: string): void => void (sent[key] = (sent[key] ?? 0) + 1)
  const work = Array.from({ length: 2_000 }, (_, n) => async () => {
    const status = [200, 200, 200, 404, 500][n % 5]!
    const load = n % 10 === 0
    const headers: OutgoingHttpHeaders = {
      'User-Agent': n % 3 === 0 ? hostile : `agent ${n}`,
      'X-Padding': padding,
      'X-Plimsoll-Class': load
        ? signClassClaim({ trafficClass: 'load', expiresS: Math.floor(Date.now() / 1_000) + 60 }, classKey)
        : n % 7 === 0
          ? 'load'
          : []
    }
    const answered = await ask(
      `/${n % 2 === 0 ? 'api' : 'pages'}/${n}?status=${status}&q=${encodeURI(hostile)}`,
      headers
    )
    if (answered !== status) t.fail(`${answered} instead of ${status}`)
    add(`status${Math.floor(status / 100)}xx v${1 + (status % 2)}${load ? ' load' : ''}`)
  })
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (let next = work.pop(); next; next = work.pop()) await next()
    })
  )
  await Promise.all(Array.from({ length: 5 }, () => ask('/api/never', {}, 300)))

  const total = 2_006
  t.ok(await until(() => tailer.status('file').counts.counted >= total), 'the file is read')
  t.ok(await until(() => tcp.sources[0]!.report().counts.counted >= total), 'and so is the connection')
  await tailer.close()
  await tcp.stop()
  await recorder.close()

  for (const service of ['file', 'tcp']) {
    const counted: Record<string, number> = {}
    let aborted = 0
    let scoped = 0
    const range = {
      service,
      fromMs: Date.now() - 86_400_000,
      toMs: Date.now() + 86_400_000,
      widthMs: 3_600_000
    } as const
    await store.scan(range, ({ stream, row }) => {
      const suffix = `${stream.release}${stream.trafficClass === 'user' ? '' : ` ${stream.trafficClass}`}`
      for (const [name, count] of Object.entries({
        status2xx: row.status_2xx,
        status4xx: row.status_4xx,
        status5xx: row.status_5xx
      })) {
        if (count > 0) counted[`${name} ${suffix}`] = (counted[`${name} ${suffix}`] ?? 0) + count
      }
      aborted += row.aborted
      if (stream.scope === '/api/*') scoped += row.total + row.aborted
    })
    t.same(counted, sent, `${service}: by status, release and class`)
    t.equal(aborted, 5, `${service}: requests whose client went away`)
    t.equal(scoped, 1_005, `${service}: below /api`)
  }
  const { counts } = tailer.status('file')
  t.match(counts, { counted: total, filtered: 0, skipped: {}, unsignedClaims: 257 })
  t.ok(readdirSync(dir).filter((name) => name.startsWith('access-')).length > 0, 'Caddy has rotated its log meanwhile')
  await database.close()
})
