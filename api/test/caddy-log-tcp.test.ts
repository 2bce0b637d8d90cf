import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { ManualClock } from '../src/platform/clock.ts'
import type { Accumulator } from '../src/signals/accumulator.ts'
import { LineCutter } from '../src/signals/caddy-log/line-cutter.ts'
import { TcpLog, type TcpLogOptions } from '../src/signals/caddy-log/tcp.ts'

const nowMs = Date.UTC(2026, 10, 22, 12)

const aLine = (n: number, extra = ''): string =>
  `{"level":"info","ts":${nowMs / 1_000 - 1},"logger":"http.log.access.log0","msg":"handled request","request":{"remote_ip":"127.0.0.1","remote_port":"4${n}","proto":"HTTP/1.1","method":"GET","host":"shop.example","uri":"/items/${n}${extra}","headers":{"Accept":["*/*"]}},"user_id":"","duration":0.012,"size":7,"status":200,"resp_headers":{"Content-Length":["7"]}}\n`

const everything = { hosts: [], paths: [], methods: [], exclude: { paths: [], methods: [] } }

const open = (t: Test, changes: Partial<TcpLogOptions> = {}) => {
  const clock = new ManualClock(nowMs)
  const accumulators = new Set<Accumulator>()
  const recorder = {
    isFull: false,
    adopt(accumulator: Accumulator) {
      accumulators.add(accumulator)
      return () => void accumulators.delete(accumulator)
    }
  }
  const service = {
    service: 'shop',
    filters: [everything],
    releaseHeader: 'X-Release',
    thresholdsMs: [200],
    objectivePaths: [],
    routes: { groups: [], cap: 50 }
  }
  const log = new TcpLog({
    listen: { host: '127.0.0.1', port: 0 },
    reading: { services: [service], classKeys: [] },
    signals: ['caddyLogTcp:0'],
    clock,
    recorder,
    onError: (error) => t.comment(error),
    ...changes
  })
  t.teardown(() => log.stop())
  const [source] = log.sources
  const counted = (): number => [...accumulators].flatMap((a) => a.drain()).reduce((sum, d) => sum + d.counts.total, 0)
  return { log, clock, recorder, report: () => source!.report(), counted, stop: () => log.stop() }
}

const until = async (done: () => boolean): Promise<void> => {
  while (!done()) await new Promise<void>((resolve) => setImmediate(resolve))
}

const dial = async (log: TcpLog): Promise<Socket> => {
  await until(() => log.address !== null)
  const socket = connect(log.address!.port, '127.0.0.1')
  await new Promise<void>((resolve) => socket.once('connect', resolve))
  return socket
}

const send = (socket: Socket, data: string | Buffer): Promise<void> =>
  new Promise((resolve) => socket.write(data, () => resolve()))

t.test('lines are put together again however the stream is cut', async (t) => {
  const text = Array.from({ length: 50 }, (_, n) => aLine(n, n % 7 === 0 ? 'x'.repeat(n * 40) : '')).join('')
  for (const size of [1, 7, 64, 1_000, 65_536]) {
    let seen = ''
    const cutter = new LineCutter({
      maxLineBytes: 10_000,
      onLines: (lines) => (seen += Buffer.from(lines).toString()),
      onTooLong: () => t.fail('no line is too long')
    })
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length; at += size) cutter.add(bytes.subarray(at, at + size))
    t.equal(seen, text, `pieces of ${size} bytes`)
    t.equal(cutter.heldBytes, 0)
  }
})

t.test('a line that never ends takes bounded room and costs only itself', async (t) => {
  let tooLong = 0
  const seen: string[] = []
  const cutter = new LineCutter({
    maxLineBytes: 100,
    onLines: (lines) => seen.push(Buffer.from(lines).toString()),
    onTooLong: () => tooLong++
  })
  for (let n = 0; n < 1_000; n++) cutter.add(Buffer.alloc(60, 'x'))
  t.ok(cutter.heldBytes <= 100)
  cutter.add(Buffer.from('tail\nnext\nha'))
  cutter.add(Buffer.from('lf\n'))
  t.same(seen, ['next\n', 'half\n'])
  t.equal(tooLong, 1)
})

t.test('many proxies at once are counted exactly, whatever else they send', async (t) => {
  const { log, report, counted } = open(t)
  t.equal(report().health, 'waiting')
  const sockets = await Promise.all(Array.from({ length: 20 }, () => dial(log)))
  await Promise.all(
    sockets.map(async (socket, s) => {
      for (let n = 0; n < 200; n++) {
        const line = aLine(s * 1_000 + n)
        await send(socket, line.slice(0, 100 + n))
        await send(socket, line.slice(100 + n) + (n % 50 === 0 ? 'not json\n\n{"level":"info","msg":"other"}\n' : ''))
      }
      socket.end()
    })
  )
  await until(() => report().counts.counted === 4_000 && report().counts.skipped['blank'] === 80)
  t.match(report(), {
    health: 'live',
    counts: { read: 4_240, counted: 4_000, dropped: 0, skipped: { not_json: 80, blank: 80, not_access_log: 80 } }
  })
  t.equal(counted(), 4_000, 'and that is what the store will be given')
})

t.test('half a line at the end of a connection is said to be cut off', async (t) => {
  const { log, report } = open(t)
  const socket = await dial(log)
  await send(socket, aLine(1) + aLine(2).slice(0, 200))
  socket.destroy()
  await until(() => report().counts.read === 2)
  t.match(report().counts, { counted: 1, skipped: { cut_off: 1 } })
})

t.test('while there is no room the socket is drained all the same, and the loss is counted', async (t) => {
  const { log, report, recorder, counted } = open(t)
  recorder.isFull = true
  const socket = await dial(log)
  const many = Buffer.from(aLine(1).repeat(20_000))
  await send(socket, many)
  await until(() => report().counts.dropped === 20_000)
  recorder.isFull = false
  await send(socket, aLine(2))
  await until(() => report().counts.counted === 1)
  t.equal(counted(), 1)
  socket.destroy()
})

t.test('a flood may take half of the time; what is more is dropped, counted, and over in a second', async (t) => {
  const clock = new ManualClock(nowMs)
  const recorder = {
    adopt: () => () => {},
    get isFull() {
      clock.advance(300) // so long does each piece take to be read
      return false
    }
  }
  const { log, report } = open(t, { clock, recorder })
  const socket = await dial(log)
  for (let n = 0; n < 12; n++) {
    await send(socket, aLine(n))
    await until(() => report().counts.counted + report().counts.dropped === n + 1)
  }
  t.match(report().counts, { counted: 6, dropped: 6 }, 'two in each second, when there is time for four')
  socket.destroy()
})

t.test('an address in use is said to be, and taken as soon as it is free', async (t) => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as AddressInfo
  const errors: unknown[] = []
  const { log, clock, report } = open(t, {
    listen: { host: '127.0.0.1', port },
    onError: (error) => errors.push(error)
  })
  await until(() => report().health === 'broken')
  t.match(report().lastError, { code: 'cannot_listen', text: /EADDRINUSE/ })
  await new Promise<void>((resolve) => other.close(() => resolve()))
  await until(() => {
    clock.advance(1_000)
    return log.address !== null
  })
  t.equal(report().health, 'waiting')
  t.equal(errors.length, 1, 'told once')
})
