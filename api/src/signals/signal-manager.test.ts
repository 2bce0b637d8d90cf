import t from 'tap'
import { ManualClock } from '../platform/clock.ts'
import { resolveGate } from '../plan/resolve/gate.rules.ts'
import type { ProbeSignal, ResolvedService, ResolvedSignal } from '../plan/model.ts'
import { feedKey, feedWishesOf, importCountingOf, type FeedWish } from './feed-wishes.rules.ts'
import { SignalManager } from './signal-manager.ts'
import type { Feed, SourceReport } from './source.ts'

const filter = { hosts: [], paths: [], methods: [], exclude: { paths: [], methods: [] } }

const aService = (name: string, signals: ResolvedSignal[], change: Partial<ResolvedService> = {}): ResolvedService => ({
  name,
  title: name,
  description: null,
  owner: null,
  signals,
  objectives: [],
  routes: { groups: [], cap: 50 },
  load: null,
  gate: resolveGate({}),
  release: null,
  ...change
})

const aLog = (file: string, id = 'caddyLog:0', paths: string[] = []): ResolvedSignal => ({
  kind: 'caddyLog',
  id,
  name: null,
  file,
  startAt: 'end',
  releaseHeader: 'X-Release',
  filter: { ...filter, paths }
})

const aProbe = (id = 'probe:0'): ProbeSignal => ({
  kind: 'probe',
  id,
  name: null,
  url: 'http://127.0.0.1/',
  everyMs: 10_000,
  timeoutMs: 5_000,
  method: 'GET',
  headers: {},
  secretHeaders: {},
  body: null,
  expect: { status: [{ from: 200, to: 299 }], body: null },
  tls: { verify: true, expiryWarningMs: 1 },
  maxRedirects: 5,
  family: 'any'
})

const wishes = (...services: ResolvedService[]): FeedWish[] => feedWishesOf({ services }, '/etc/plimsoll')

t.test('a file that several services read is one feed, and relative to the plan', async (t) => {
  const found = wishes(
    aService('a', [aLog('access.log'), aLog('/var/log/b.log', 'caddyLog:1')]),
    aService('b', [aLog('/etc/plimsoll/access.log')])
  )
  t.same(found.map(feedKey), ['caddyLog /etc/plimsoll/access.log', 'caddyLog /var/log/b.log'])
  t.match(found[0], { services: [{ counting: { service: 'a' } }, { counting: { service: 'b' } }] })
})

t.test('two signals of one service on one file count a request once', async (t) => {
  const [wish] = wishes(aService('a', [aLog('x.log', 'api', ['/api/*']), aLog('x.log', 'shop', ['/shop/*'])]))
  t.match(wish, {
    services: [{ signalId: 'api', counting: { filters: [{ paths: ['/api/*'] }, { paths: ['/shop/*'] }] } }]
  })
  t.equal((wish as Extract<FeedWish, { kind: 'caddyLog' }>).services.length, 1)
})

t.test('a log that is brought is counted by the filters of the log signals', async (t) => {
  const service = aService('a', [aLog('x.log', 'api', ['/api/*']), aProbe()])
  t.match(importCountingOf(service), { service: 'a', filters: [{ paths: ['/api/*'] }], releaseHeader: 'X-Release' })
  t.same(importCountingOf(aService('b', [aProbe()])).filters, [])
})

/** Feeds that only say that they run. */
const bench = () => {
  const clock = new ManualClock()
  const log: string[] = []
  const errors: unknown[] = []
  const state = { fails: false }
  const start = async (wish: FeedWish): Promise<Feed> => {
    if (state.fails) throw Object.assign(new Error('the store is away'), { hint: 'bring it back' })
    const key = feedKey(wish)
    log.push(`start ${key}`)
    const service = 'services' in wish ? 'a' : wish.counting.service
    return {
      sources: [{ service, report: () => ({ id: key, health: 'live' }) as unknown as SourceReport }],
      stop: async () => void log.push(`stop ${key}`)
    }
  }
  const manager = new SignalManager({ clock, start, onError: (error) => errors.push(error) })
  const since = (): string[] => log.splice(0)
  return { clock, manager, since, errors, state }
}

t.test('feeds follow the plan; those that did not change are left running', async (t) => {
  const { manager, since } = bench()
  await manager.take(wishes(aService('a', [aProbe(), aLog('/x.log')]), aService('b', [aProbe()])))
  t.same(since(), ['start caddyLog /x.log', 'start probe a probe:0', 'start probe b probe:0'])
  t.same(
    manager.reports('b').map(({ id }) => id),
    ['probe b probe:0']
  )
  await manager.take(
    wishes(aService('a', [aProbe(), aLog('/x.log')]), aService('b', [{ ...aProbe(), everyMs: 1_000 }]))
  )
  t.same(since(), ['stop probe b probe:0', 'start probe b probe:0'])
  await manager.take(wishes(aService('a', [aLog('/x.log')])))
  t.same(since(), ['stop probe a probe:0', 'stop probe b probe:0'])
  await manager.close()
  t.same(since(), ['stop caddyLog /x.log'])
  await manager.take(wishes(aService('a', [aProbe()])))
  t.same(since(), [], 'nothing starts after the end')
})

t.test('plans in quick succession are taken one after the other', async (t) => {
  const { manager, since } = bench()
  await Promise.all([
    manager.take(wishes(aService('a', [aProbe('p1')]))),
    manager.take(wishes(aService('a', [aProbe('p2')]))),
    manager.take(wishes(aService('a', [aProbe('p3')])))
  ])
  const found = since()
  const running = found.reduce((open, line) => open + (line.startsWith('start') ? 1 : -1), 0)
  t.equal(running, 1)
  t.same(
    manager.reports('a').map(({ id }) => id),
    ['probe a p3']
  )
  await manager.close()
})

t.test('what cannot be started is shown as broken, with the reason, and tried again', async (t) => {
  const { manager, since, errors, state, clock } = bench()
  state.fails = true
  await manager.take(wishes(aService('a', [aProbe()])))
  t.match(manager.reports('a'), [
    { id: 'probe:0', kind: 'probe', health: 'broken', reasons: [{ text: 'the store is away', next: 'bring it back' }] }
  ])
  await clock.advanceAsync(5_000)
  t.equal(errors.length, 1, 'said once')
  state.fails = false
  await clock.advanceAsync(5_000)
  await clock.advanceAsync(1)
  t.same(since(), ['start probe a probe:0'])
  t.match(manager.reports('a'), [{ health: 'live' }])
  await manager.close()
})
