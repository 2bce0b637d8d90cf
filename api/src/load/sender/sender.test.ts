import t from 'tap'
import { seededRandom } from '../random.rules.ts'
import { arrivals, cycle, drawing } from './arrivals.rules.ts'
import { failureOf } from './failure.rules.ts'
import { Tally } from './tally.ts'
import { isLoopbackAddress, isNamed, shownTarget } from './target.rules.ts'

const aSchedule = (change: Partial<Parameters<typeof arrivals>[0]> = {}) =>
  arrivals({ ratePerS: 100, arrivals: 'constant', jitterRatio: 0, seed: 1, ...change })

const take = (next: () => number, count: number): number[] => Array.from({ length: count }, next)

t.test('constant arrivals are evenly spaced and do not drift', async (t) => {
  t.strictSame(take(aSchedule(), 4), [0, 10, 20, 30])
  const last = take(aSchedule({ ratePerS: 300 }), 300_001).at(-1)!
  t.ok(Math.abs(last - 1_000_000) < 1e-6)
  const moved = take(aSchedule({ jitterRatio: 1 }), 1_000)
  t.ok(
    moved.every((atMs, i) => atMs >= i * 10 && atMs < (i + 1) * 10),
    'jitter moves each within its gap'
  )
  t.throws(() => aSchedule({ ratePerS: 0 }), RangeError)
  t.throws(() => aSchedule({ jitterRatio: 2 }), RangeError)
})

t.test('Poisson arrivals keep the rate, with gaps that vary like those of independent users', async (t) => {
  const times = take(aSchedule({ arrivals: 'poisson', seed: 7 }), 20_000)
  t.ok(Math.abs(times.at(-1)! / 200_000 - 1) < 0.02, 'the rate')
  const gaps = times.map((atMs, i) => atMs - (times[i - 1] ?? 0))
  const longer = gaps.filter((gapMs) => gapMs > 10).length / gaps.length
  t.ok(Math.abs(longer - Math.exp(-1)) < 0.02, 'e⁻¹ of the gaps are longer than the mean')
  t.strictSame(take(aSchedule({ arrivals: 'poisson', seed: 7 }), 5), times.slice(0, 5), 'the same seed, the same run')
})

t.test('a mix keeps its weights', async (t) => {
  const requests = [{ weight: 8 }, { weight: 1 }, { weight: 1 }]
  const drawn = take(drawing(requests, seededRandom(3)), 10_000)
  t.ok(Math.abs(drawn.filter((index) => index === 0).length / 10_000 - 0.8) < 0.02)
  t.strictSame(new Set(drawn), new Set([0, 1, 2]))
  t.strictSame(take(drawing([{ weight: 5 }], seededRandom(1)), 3), [0, 0, 0])
  const list = cycle(requests)
  t.equal(list.length, 10)
  t.equal(list.filter((index) => index === 0).length, 8)
  t.strictSame(cycle([{ weight: 1 }, { weight: 1 }]), [0, 1])
  t.equal(cycle([{ weight: 10_000 }, { weight: 1 }]).length, 200, 'never endless')
})

t.test('what is slow, bad and unknown', async (t) => {
  const tally = new Tally(200)
  for (let i = 0; i < 6; i++) tally.begin(0)
  tally.answered(0, 200, 50_000)
  tally.answered(0, 200, 200_001)
  tally.answered(0, 503, 1_000)
  tally.failed(0, 'reset')
  t.strictSame([...tally.takeFinal(1)], [], 'a second is handed out when nothing of it is outstanding')
  t.ok(tally.cut(0, 300_000), 'what already took too long when the run was stopped is slow')
  t.notOk(tally.cut(0, 100_000), 'what did not is unknown')
  const [second] = [...tally.takeFinal(1)]
  t.match(second, { total: 5, slow: 4, statuses: { 200: 2, 503: 1 }, failures: { reset: 1 }, maxUs: 60_000_000 })
  t.strictSame(tally.totals, { settled: 5, bad: 2, slow: 4 })
  t.strictSame([...tally.takeFinal(Infinity)], [], 'each second once')
})

t.test('errors of connections are told apart', async (t) => {
  const error = (code: string, cause?: Error) => Object.assign(new Error('x', { cause }), { code })
  const cases = [
    { name: 'refused', error: error('ECONNREFUSED'), wanted: 'refused' },
    { name: 'reset', error: error('ECONNRESET'), wanted: 'reset' },
    { name: 'closed while waiting', error: error('UND_ERR_SOCKET'), wanted: 'reset' },
    { name: 'no such name', error: error('ENOTFOUND'), wanted: 'dns' },
    { name: 'slow to connect', error: error('UND_ERR_CONNECT_TIMEOUT'), wanted: 'timeout' },
    { name: 'own certificate', error: error('DEPTH_ZERO_SELF_SIGNED_CERT'), wanted: 'tls' },
    { name: 'expired', error: error('CERT_HAS_EXPIRED'), wanted: 'tls' },
    { name: 'no HTTP', error: Object.assign(new Error('x'), { name: 'HTTPParserError' }), wanted: 'protocol' },
    { name: 'a cause below', error: new Error('fetch failed', { cause: error('ECONNREFUSED') }), wanted: 'refused' },
    { name: 'anything else', error: new Error('?'), wanted: 'other' }
  ]
  for (const { name, error, wanted } of cases) t.equal(failureOf(error), wanted, name)
})

t.test('only this machine is loaded without being named', async (t) => {
  for (const address of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) t.ok(isLoopbackAddress(address), address)
  for (const address of ['10.0.0.1', '0.0.0.0', '::', '127.evil.example', '::ffff:10.0.0.1']) {
    t.notOk(isLoopbackAddress(address), address)
  }
  const url = new URL('https://Shop.example:8443/a?token=1')
  t.ok(isNamed(url, ['shop.example']))
  t.ok(isNamed(url, ['other', 'SHOP.example:8443']))
  for (const name of ['', 'example', 'shop.example:443', 'evil-shop.example']) t.notOk(isNamed(url, [name]), name)
  t.ok(isNamed(new URL('http://[fd00::1]/'), ['fd00::1']))
  t.equal(shownTarget(new URL('http://user:secret@shop.example/a?token=1#x')), 'http://shop.example/a')
})
