import t from 'tap'
import type { LiveSlices } from '../../contract/index.ts'
import { ManualClock } from '../../platform/clock.ts'
import { emptyCounts } from '../counts.ts'
import { Histogram } from '../histogram.ts'
import type { SliceDelta, Stream } from '../slice.ts'
import { LatencyRing } from './latency-ring.ts'
import { LiveJob } from './live.job.ts'
import { Recent } from './recent.ts'
import { noSums, SlotRing } from './slot-ring.ts'
import { trafficNow, type TrafficSubject } from './traffic.ts'

const nowMs = Date.UTC(2026, 10, 22, 12, 0, 5)
const minute = 60_000

const aDelta = (
  ageMs: number,
  total = 1,
  change: Partial<Stream> = {},
  widthMs: 1_000 | 60_000 = 1_000
): SliceDelta => {
  const counts = emptyCounts()
  counts.total = total
  counts.status2xx = total
  counts.slow.set(200, total)
  for (let n = 0; n < total; n++) counts.latency.record(1_000 * (ageMs / 1_000 + 1))
  const stream: Stream = {
    service: 'shop',
    release: '',
    trafficClass: 'user',
    route: '/',
    scope: '',
    origin: 'requests',
    ...change
  }
  return { stream, startMs: Math.floor((nowMs - ageMs) / widthMs) * widthMs, widthMs, counts }
}

const aSubject = (change: Partial<TrafficSubject> = {}): TrafficSubject => ({
  service: 'shop',
  origin: 'requests',
  promisedMs: 200,
  isMeasured: () => true,
  ...change
})

const bench = () => {
  const clock = new ManualClock(nowMs)
  const recent = new Recent({ clock, thresholdOf: () => 200 })
  return { clock, recent, now: (change = {}) => trafficNow(recent, aSubject(change), clock.nowMs()) }
}

const one = { total: 1, status5xx: 0, slow: 0, aborted: 0 }
const totalOf = (ring: SlotRing, fromMs: number, toMs: number): number => {
  const sums = noSums()
  ring.addTo(sums, fromMs, toMs)
  return sums.total
}

t.test('a ring of slots forgets what is overwritten and ignores what is too old', async (t) => {
  const ring = new SlotRing(1_000, 10)
  for (let second = 0; second < 25; second++) ring.add(second * 1_000, one)
  t.equal(totalOf(ring, 0, 100_000), 0, 'nothing in the last ten seconds before 100 s')
  t.equal(totalOf(ring, 0, 25_000), 10)
  t.equal(totalOf(ring, 20_000, 23_000), 3)
  ring.add(3_000, one)
  t.equal(totalOf(ring, 0, 25_000), 10, 'the place of an old second is taken')
  ring.add(24_000, one)
  t.equal(totalOf(ring, 24_000, 25_000), 2)
})

t.test('a ring of latencies keeps slots that are past, and takes late events into them', async (t) => {
  const ring = new LatencyRing(10_000, 6)
  const of = (us: number): Histogram => {
    const histogram = new Histogram()
    histogram.record(us)
    return histogram
  }
  for (let slot = 0; slot < 9; slot++) ring.add(slot * 10_000, of((slot + 1) * 1_000))
  ring.add(50_000, of(50))
  ring.add(50_000, of(60).encode())
  ring.add(10_000, of(1))
  const sum = new Histogram()
  ring.addTo(sum, 0, 90_000)
  t.equal(sum.total, 8)
  t.equal(sum.minUs, 50)
})

t.test('the rate is that of the last minute, the percentile that of the last five', async (t) => {
  const { recent, now } = bench()
  t.match(now(), { ratePerS: 0, errorRatio: null, p95Ms: null, p95LimitMs: 200 })
  recent.add([
    aDelta(5_000, 55),
    aDelta(4 * minute, 100),
    aDelta(6 * minute, 1_000),
    aDelta(30 * minute, 7, {}, 60_000)
  ])
  const { ratePerS, errorRatio, p95Ms, lastHour } = now()
  t.equal(ratePerS, 1)
  t.equal(errorRatio, 0)
  t.ok(p95Ms! > 230 && p95Ms! < 250)
  t.same(lastHour, { total: 1_162, status5xx: 0, aborted: 0 })
})

t.test('tests, probes and other services do not count as users', async (t) => {
  const { recent, now } = bench()
  recent.add([
    aDelta(1_000, 5, { trafficClass: 'load' }),
    aDelta(1_000, 5, { trafficClass: 'synthetic', origin: 'probes' }),
    aDelta(1_000, 5, { service: 'other' }),
    aDelta(1_000, 2, { release: 'v1' }),
    aDelta(1_000, 3, { release: 'v2', route: '/other' })
  ])
  t.equal(now().lastHour.total, 5)
  t.match(now({ origin: 'probes' }), { lastHour: { total: 5 }, ratePerS: null }, 'probes are no rate')
  t.equal(recent.sums('shop', ({ release }) => release === 'v2', nowMs - minute, nowMs, 1_000).total, 3)
})

t.test('without a source that tells there is no rate, not even zero', async (t) => {
  const { recent, now } = bench()
  t.equal(now({ isMeasured: () => false }).ratePerS, null)
  recent.add([aDelta(1_000, 1)])
  t.ok(now({ isMeasured: () => false }).ratePerS! > 0)
})

t.test('while the past is read from the store, nothing is taken twice', async (t) => {
  const { recent, now } = bench()
  recent.setReached('shop', nowMs - 30 * minute)
  recent.add([aDelta(40 * minute, 1), aDelta(20 * minute, 10)])
  t.equal(now().lastHour.total, 1)
  const { stream, counts } = aDelta(20 * minute, 10)
  recent.restore(stream, Math.floor((nowMs - 20 * minute) / 10_000) * 10_000, counts)
  recent.setReached('shop', null)
  recent.add([aDelta(10 * minute, 100)])
  t.equal(now().lastHour.total, 111)
})

t.test('a service that has been silent for an hour is forgotten', async (t) => {
  const { recent, clock } = bench()
  recent.add([aDelta(0, 1), aDelta(50 * minute, 1, { service: 'old' }, 60_000)])
  clock.advance(20 * minute)
  recent.sweep()
  t.same(recent.services(), ['shop'])
})

t.test('the live stream tells each second once, and falls to nothing when it is quiet', async (t) => {
  const { recent, clock } = bench()
  const told: LiveSlices[] = []
  const live = { publish: (_name: string, data: unknown) => void told.push(data as LiveSlices) }
  const job = new LiveJob({ clock, live, recent, subjectOf: (service) => (service === 'shop' ? aSubject() : null) })
  const commit = (...deltas: SliceDelta[]): void => {
    recent.add(deltas)
    job.add(deltas)
  }
  clock.advance(1_000)
  t.same(told, [], 'nothing happened')
  commit(aDelta(0, 2), aDelta(1_000, 1), aDelta(0, 3, { route: '/b' }), aDelta(0, 9, { service: 'gone' }))
  commit(aDelta(0, 1, { trafficClass: 'load' }), aDelta(20 * minute, 4, {}, 60_000))
  clock.advance(1_000)
  const second = nowMs
  t.same(told[0]?.services['shop']?.seconds, [
    [second - 1_000, 1, 0, 1],
    [second, 5, 0, 5]
  ])
  t.equal(told[0]?.atMs, second)
  t.same(Object.keys(told[0]?.services ?? {}), ['shop'])
  clock.advance(4_000)
  t.equal(told.length, 1)
  clock.advance(1_000)
  t.equal(told.length, 2)
  t.same(told[1]?.services['shop']?.seconds, [])
  job.close()
  commit(aDelta(0, 1))
  clock.advance(10_000)
  t.equal(told.length, 2)
})
