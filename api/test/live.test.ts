import { connect, type Socket } from 'node:net'
import t from 'tap'
import type { LiveEvents } from '../src/contract/index.ts'
import { ManualClock } from '../src/platform/clock.ts'
import { LiveHub, type LiveClient } from '../src/platform/live.ts'
import { buildTestApp, type TestAppOptions } from './support/app.ts'

const slicesOf = (...services: string[]): LiveEvents['slices'] => ({
  atMs: 1_000,
  services: Object.fromEntries(
    services.map((name) => [name, { seconds: [[1_000, 3, 0, 1]], ratePerS: 3, errorRatio: 0, p95Ms: 12 }])
  )
})
const anAlert: LiveEvents['alert'] = { id: 'a1', service: 'shop', state: 'open', severity: 'page', title: 'burning' }

interface Reader extends LiveClient {
  readonly frames: string[]
  buffered: number
  ended: boolean
}

const aReader = (service: string | null = null): Reader => {
  const reader: Reader = {
    service,
    frames: [],
    buffered: 0,
    ended: false,
    bufferedBytes: () => reader.buffered,
    write: (frame) => void reader.frames.push(frame),
    end: () => void (reader.ended = true)
  }
  return reader
}

const aHub = (options = {}) => {
  const clock = new ManualClock()
  return { clock, hub: new LiveHub({ clock, maxClients: 3, ...options }) }
}

const eventsOf = ({ frames }: Reader): string[] =>
  frames.flatMap((frame) => [...frame.matchAll(/^event: (.*)$/gm)]).map(([, name]) => name!)
const idOf = (frame: string | undefined): string => /^id: (.*)$/m.exec(frame ?? '')?.[1] ?? ''

t.test('every reader gets every event, numbered, as one JSON line', async (t) => {
  const { hub } = aHub()
  const readers = [aReader(), aReader()]
  for (const reader of readers) hub.join(reader)
  hub.publish('alert', { ...anAlert, title: 'two\nlines' })
  hub.publish('plan', { revision: 7 })
  for (const reader of readers) {
    t.match(reader.frames[0], /^retry: \d+\n\n$/)
    t.match(reader.frames[1], /^id: \w+-1\nevent: alert\ndata: \{.*"two\\nlines".*\}\n\n$/)
    t.match(reader.frames[2], /^id: \w+-2\nevent: plan\ndata: \{"revision":7\}\n\n$/)
  }
})

t.test('a reader of one service gets what is about it, and what is about all', async (t) => {
  const { hub } = aHub()
  const shop = aReader('shop')
  hub.join(shop)
  hub.publish('slices', slicesOf('shop', 'blog'))
  hub.publish('slices', slicesOf('blog'))
  hub.publish('alert', { ...anAlert, service: 'blog' })
  hub.publish('alert', anAlert)
  hub.publish('plan', { revision: 1 })
  t.strictSame(eventsOf(shop), ['slices', 'alert', 'plan'])
  t.notMatch(shop.frames.join(''), /blog/)
})

t.test('who comes back gets what was missed, once and in order', async (t) => {
  const { hub } = aHub()
  const first = aReader()
  const leave = hub.join(first)
  hub.publish('plan', { revision: 1 })
  leave()
  hub.publish('plan', { revision: 2 })
  hub.publish('slices', slicesOf('blog'))
  hub.publish('slices', slicesOf('shop'))
  const back = aReader('shop')
  hub.join(back, idOf(first.frames.at(-1)))
  t.strictSame(eventsOf(back), ['plan', 'slices'])
  hub.publish('plan', { revision: 3 })
  t.strictSame(eventsOf(back), ['plan', 'slices', 'plan'])
  const nothingMissed = aReader()
  hub.join(nothingMissed, idOf(back.frames.at(-1)))
  t.strictSame(eventsOf(nothingMissed), [])
})

t.test('who comes back too late, from another process or with nonsense is told to read again', async (t) => {
  const { hub } = aHub({ keptEvents: 2, maxClients: 10 })
  const first = aReader()
  hub.join(first)
  for (let revision = 1; revision <= 5; revision++) hub.publish('plan', { revision })
  const [epoch] = idOf(first.frames.at(-1)).split('-')
  for (const id of [`${epoch}-1`, 'otherprocess-5', `${epoch}-99`, 'nonsense', `${epoch}-x`, `${epoch}-`]) {
    const late = aReader()
    hub.join(late, id)
    t.strictSame(eventsOf(late), ['reset'], id)
    t.equal(idOf(late.frames.at(-1)), `${epoch}-5`, 'and can resume from there')
  }
  const inTime = aReader()
  hub.join(inTime, `${epoch}-3`)
  t.strictSame(eventsOf(inTime), ['plan', 'plan'])
})

t.test('a reader too slow to follow is dropped with a reset; the others do not notice', async (t) => {
  const { hub } = aHub({ maxBufferedBytes: 1_000 })
  let dropped = 0
  hub.onDropped = () => dropped++
  const slow = aReader()
  const quick = aReader()
  hub.join(slow)
  hub.join(quick)
  slow.buffered = 990
  hub.publish('plan', { revision: 1 })
  hub.publish('plan', { revision: 2 })
  t.strictSame(eventsOf(slow), ['reset'])
  t.equal(slow.ended, true)
  t.strictSame(eventsOf(quick), ['plan', 'plan'])
  t.equal(dropped, 1)
  t.equal(hub.clients, 1)
})

t.test('a heartbeat comes every 15 seconds and counts as nothing', async (t) => {
  const { hub, clock } = aHub()
  const reader = aReader()
  hub.join(reader)
  clock.advance(45_000)
  t.equal(reader.frames.filter((frame) => frame === ': heartbeat\n\n').length, 3)
  hub.publish('plan', { revision: 1 })
  t.match(reader.frames.at(-1), /^id: \w+-1\n/)
})

t.test('a closed hub ends its readers and takes no new ones', async (t) => {
  const { hub } = aHub()
  const reader = aReader()
  hub.join(reader)
  hub.close()
  t.equal(reader.ended, true)
  t.equal(hub.isFull, true)
  hub.publish('plan', { revision: 1 })
  t.strictSame(eventsOf(reader), [])
})

// --- over HTTP ---

const start = async (t: { teardown(fn: () => Promise<void>): void }, options: TestAppOptions = {}) => {
  const test = await buildTestApp({ clock: new ManualClock(), ...options })
  t.teardown(() => test.close())
  return { ...test, clock: test.clock as ManualClock, origin: await test.listen() }
}

/** Reads an open stream until its text holds `wanted`. */
const readUntil = async (response: Response, wanted: RegExp): Promise<string> => {
  const reader = response.body!.getReader()
  const decoder = new TextDecoder()
  let text = ''
  while (!wanted.test(text)) {
    const { done, value } = await reader.read()
    if (done) break
    text += decoder.decode(value, { stream: true })
  }
  reader.releaseLock()
  return text
}

t.test('the stream opens at once, carries events and resumes by Last-Event-ID', async (t) => {
  const { app, origin } = await start(t)
  const open = new AbortController()
  const response = await fetch(`${origin}/api/v1/live`, { signal: open.signal })
  t.equal(response.status, 200)
  t.match(response.headers.get('content-type'), /^text\/event-stream/)
  t.match(response.headers.get('cache-control'), /no-store/)
  t.equal(response.headers.get('x-content-type-options'), 'nosniff')
  app.live.publish('alert', anAlert)
  const text = await readUntil(response, /event: alert\n/)
  open.abort()
  app.live.publish('plan', { revision: 2 })
  const again = new AbortController()
  const resumed = await fetch(`${origin}/api/v1/live`, {
    headers: { 'last-event-id': idOf(text) },
    signal: again.signal
  })
  const missed = await readUntil(resumed, /event: plan\n/)
  t.notMatch(missed, /alert/)
  again.abort()
})

t.test('a filter that is no name, an Accept that wants no events and a full house are refused', async (t) => {
  const { app, origin } = await start(t, { settings: { LIVE_CLIENTS: '1' } })
  t.equal((await app.inject('/api/v1/live?service=No%20Name')).statusCode, 400)
  const json = await app.inject({ url: '/api/v1/live', headers: { accept: 'application/json' } })
  t.match(json.json(), { status: 406, code: 'PLIMSOLL_NOT_ACCEPTABLE', hint: /event-stream/ })
  t.equal((await app.inject({ method: 'HEAD', url: '/api/v1/live' })).statusCode, 405)
  const open = new AbortController()
  await fetch(`${origin}/api/v1/live`, { signal: open.signal })
  const second = await fetch(`${origin}/api/v1/live`)
  t.equal(second.status, 503)
  t.ok(Number(second.headers.get('retry-after')) > 0)
  t.match(await second.json(), { code: 'PLIMSOLL_TOO_MANY_LIVE_CLIENTS' })
  open.abort()
  for (let i = 0; i < 1_000 && app.live.clients > 0; i++) await new Promise<void>((resolve) => setImmediate(resolve))
  t.equal(app.live.clients, 0, 'who leaves makes room')
})

t.test('a reader that takes nothing off the network is cut off, and costs bounded memory', async (t) => {
  const { app, clock, origin } = await start(t)
  const socket: Socket = connect(Number(new URL(origin).port), '127.0.0.1')
  socket.on('error', () => {})
  await new Promise<void>((resolve) => {
    socket.once('data', () => {
      socket.pause()
      resolve()
    })
    socket.write('GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n')
  })
  const services = Array.from({ length: 200 }, (_, i) => `service-${i}`)
  let published = 0
  while (app.live.clients > 0 && published < 5_000) {
    app.live.publish('slices', slicesOf(...services))
    published++
    if (published % 20 === 0) await new Promise<void>((resolve) => setImmediate(resolve))
  }
  t.ok(published < 5_000, `dropped after ${published} events`)
  t.match((await app.inject('/metrics')).body, /plimsoll_live_dropped_total 1/)
  clock.advance(5_000)
  socket.destroy()
})

t.test('open streams do not keep the server from closing', async (t) => {
  const test = await buildTestApp()
  const origin = await test.listen()
  const responses = await Promise.all([fetch(`${origin}/api/v1/live`), fetch(`${origin}/api/v1/live?service=shop`)])
  t.equal(test.app.live.clients, 2)
  await test.close()
  for (const response of responses) t.match(await response.text(), /^retry:/, 'the stream ended in order')
})
