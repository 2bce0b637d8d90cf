import fc from 'fast-check'
import t from 'tap'
import { Accumulator, recentMs, type AccumulatorOptions } from './accumulator.ts'
import { addCounts, emptyCounts } from './counts.ts'
import type { Counts, SliceDelta, Stream } from './slice.ts'

const nowMs = Date.UTC(2026, 10, 22, 12)

const aStream = (change: Partial<Stream> = {}): Stream => ({
  service: 'shop',
  release: '',
  trafficClass: 'user',
  route: '/',
  scope: '',
  origin: 'requests',
  ...change
})
const anAccumulator = (change: Partial<AccumulatorOptions> = {}): Accumulator => {
  const accumulator = new Accumulator({ thresholdsMs: [300, 200, 200], ...change })
  accumulator.setTime(nowMs)
  return accumulator
}
const totalOf = (deltas: readonly SliceDelta[]): Counts => {
  const total = emptyCounts()
  for (const { counts } of deltas) addCounts(total, counts)
  return total
}

t.test('events are counted by status, and status 0 apart', async (t) => {
  const accumulator = anAccumulator()
  const slots = accumulator.stream(aStream())
  for (const status of [101, 200, 204, 301, 404, 499, 500, 504, 599, 0, 0, 999, 42]) {
    accumulator.record(slots, nowMs, 1_000, status)
  }
  accumulator.record(slots, nowMs, 1_000, 502, true)
  const counts = totalOf(accumulator.drain())
  t.match(counts, {
    total: 12,
    status1xx: 1,
    status2xx: 2,
    status3xx: 1,
    status4xx: 2,
    status5xx: 6,
    timeouts: 2,
    aborted: 2
  })
  t.equal(counts.latency.total, 12, 'an aborted request has no latency of ours')
})

t.test('a request is fast when it took at most the threshold, a failed one is slow whatever it took', async (t) => {
  const cases = [
    { name: 'exactly the threshold', us: 200_000, status: 200, slow: [0, 0] },
    { name: 'a microsecond more', us: 200_001, status: 200, slow: [1, 0] },
    { name: 'over both', us: 300_001, status: 404, slow: [1, 1] },
    { name: 'a fast error', us: 10, status: 500, slow: [1, 1] },
    { name: 'an aborted one is neither', us: 900_000, status: 0, slow: [0, 0] }
  ]
  for (const { name, us, status, slow } of cases) {
    const accumulator = anAccumulator()
    accumulator.record(accumulator.stream(aStream()), nowMs, us, status)
    const counts = totalOf(accumulator.drain())
    t.same([counts.slow.get(200), counts.slow.get(300)], slow, name)
    t.equal(counts.slow.size, 2, 'a threshold that is not in force is absent')
  }
})

t.test('events of the last 15 minutes count by the second, older ones by the minute', async (t) => {
  const accumulator = anAccumulator()
  const slots = accumulator.stream(aStream())
  const edgeMs = nowMs - recentMs
  t.equal(accumulator.record(slots, nowMs - 1, 1, 200), 'counted')
  t.equal(accumulator.record(slots, nowMs - 1_000, 1, 200), 'counted')
  t.equal(accumulator.record(slots, edgeMs, 1, 200), 'counted')
  t.equal(accumulator.record(slots, edgeMs - 1, 1, 200), 'late')
  t.equal(accumulator.record(slots, edgeMs - 60_000, 1, 200), 'late')
  t.equal(accumulator.openSlots, 3)
  const slices = accumulator.drain().map(({ startMs, widthMs, counts }) => [startMs - nowMs, widthMs, counts.total])
  t.same(slices, [
    [-1_000, 1_000, 2],
    [-recentMs, 1_000, 1],
    [-recentMs - 60_000, 60_000, 2]
  ])
  t.equal(accumulator.openSlots, 0)
  t.same(accumulator.drain(), [])
})

t.test('what is too far ahead or too long ago is not counted', async (t) => {
  const accumulator = anAccumulator({ oldestKeptMs: () => nowMs - 3_600_000, futureToleranceMs: 5_000 })
  const slots = accumulator.stream(aStream())
  t.equal(accumulator.record(slots, nowMs + 5_000, 1, 200), 'counted')
  t.equal(accumulator.record(slots, nowMs + 5_001, 1, 200), 'from_future')
  t.equal(accumulator.record(slots, nowMs - 3_600_000, 1, 200), 'late')
  t.equal(accumulator.record(slots, nowMs - 3_600_001, 1, 200), 'too_old')
  t.equal(totalOf(accumulator.drain()).total, 2)
  accumulator.setTime(nowMs + 1_000)
  t.equal(accumulator.record(slots, nowMs + 5_001, 1, 200), 'counted', 'time goes on')
})

t.test('streams that are equal are one, whatever order events come in', async (t) => {
  const event = fc.record({
    route: fc.constantFrom('/a', '/b'),
    agoMs: fc.nat(40 * 60_000),
    us: fc.nat(500_000),
    status: fc.constantFrom(0, 200, 404, 500)
  })
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), fc.nat(59), (events, cut) => {
      const record = (accumulator: Accumulator, some: typeof events): void => {
        for (const { route, agoMs, us, status } of some) {
          accumulator.record(accumulator.stream(aStream({ route })), nowMs - agoMs, us, status)
        }
      }
      const inOrder = anAccumulator()
      record(inOrder, events)
      const inTwo = anAccumulator()
      record(inTwo, events.slice(cut).toReversed())
      const first = inTwo.drain()
      record(inTwo, events.slice(0, cut))
      t.same(byRoute([...first, ...inTwo.drain()]), byRoute(inOrder.drain()))
    }),
    { numRuns: 50 }
  )
})

const byRoute = (deltas: readonly SliceDelta[]) =>
  ['/a', '/b'].map((route) => {
    const { latency, slow, ...counts } = totalOf(deltas.filter(({ stream }) => stream.route === route))
    return [counts, [...slow].filter(([, count]) => count > 0), [...latency.encode()]]
  })
