import t from 'tap'
import { Histogram } from '../../signals/histogram.ts'
import { housePromise } from '../line/hold.rules.ts'
import { exponential, seededRandom } from '../random.rules.ts'
import { judgeRun, type RunCounts } from './judge.rules.ts'
import { designEffect, percentileInterval } from './percentile.rules.ts'
import type { PacedPlan, SecondCounts, SenderFacts } from '../sender/plan.ts'
import { resultOf } from './result.rules.ts'

const counts = (change: Partial<RunCounts> = {}): RunCounts => ({
  total: 6_000,
  slow: 12,
  bad: 0,
  slowPerSecond: Array.from({ length: 30 }, (_, i) => (i % 5 === 0 ? 2 : 0)),
  badPerSecond: new Array<number>(30).fill(0),
  redirects: 0,
  clientErrors: 0,
  p95Ms: 80,
  partial: false,
  senderLimited: false,
  ...change
})

t.test('a run is judged by the bounds of its shares', async (t) => {
  const each = (n: number) => new Array<number>(30).fill(n)
  const cases = [
    { name: 'few slow, none failed', change: {}, state: 'pass' },
    { name: 'too many slow', change: { slow: 900, slowPerSecond: each(30) }, state: 'fail' },
    { name: 'too many failed', change: { bad: 60, badPerSecond: each(2) }, state: 'fail' },
    { name: 'too few requests to promise 0.1 %', change: { total: 600 }, state: 'not_enough_evidence' },
    { name: 'two failures of 6,000 prove nothing', change: { bad: 3 }, state: 'not_enough_evidence' },
    { name: 'nothing sent', change: { total: 0, slow: 0 }, state: 'could_not_measure' },
    { name: 'a tired sender', change: { senderLimited: true, slow: 6_000 }, state: 'could_not_measure' },
    { name: 'only 404s', change: { clientErrors: 6_000 }, state: 'could_not_measure' },
    { name: 'only redirects', change: { redirects: 6_000 }, state: 'could_not_measure' },
    { name: 'ended early', change: { partial: true }, state: 'not_enough_evidence' },
    {
      name: 'ended early, and already broken',
      change: { partial: true, bad: 600, badPerSecond: each(20) },
      state: 'fail'
    }
  ]
  for (const { name, change, state } of cases) t.equal(judgeRun(counts(change), housePromise).state, state, name)
  const { reasons } = judgeRun(counts({ total: 600 }), housePromise)
  t.match(reasons[1], { code: 'errors', limit: 0.001, samples: 600, next: /about \d+ more requests/ })
})

t.test('one stall in thirty seconds is one event, not sixty', async (t) => {
  const stalled = Array.from({ length: 30 }, (_, i) => (i === 7 ? 330 : 0))
  t.equal(judgeRun(counts({ slow: 330, slowPerSecond: stalled }), housePromise).state, 'not_enough_evidence')
})

t.test('percentile intervals hold what they promise', async (t) => {
  let covered = 0
  for (let seed = 1; seed <= 200; seed++) {
    const random = seededRandom(seed)
    const seconds = Array.from({ length: 20 }, () => {
      const histogram = new Histogram()
      for (let i = 0; i < 50; i++) histogram.record(exponential(random) * 10_000)
      return histogram
    })
    const all = seconds.reduce((sum, second) => sum.merge(second), new Histogram())
    const [low, high] = percentileInterval(all, 0.95, designEffect(seconds, all.quantileUs(0.95)!, 0.95))!
    const truth = -Math.log(0.05) * 10_000
    if (low <= truth && truth <= high!) covered++
  }
  t.ok(covered >= 184, `the true p95 lies inside in ${covered} of 200`)
  t.equal(percentileInterval(new Histogram(), 0.5, 1), null)
  const few = new Histogram()
  for (let i = 1; i <= 10; i++) few.record(i * 1_000)
  t.equal(percentileInterval(few, 0.99, 1)![1], null, 'ten requests bound no p99 from above')
})

const plan: PacedPlan = {
  kind: 'paced',
  target: { origin: 'http://127.0.0.1:1', address: '127.0.0.1', verifyTls: true },
  requests: [{ method: 'GET', path: '/', weight: 1, headers: {}, body: null }],
  durationMs: 3_000,
  warmUpMs: 0,
  timeoutMs: 10_000,
  thresholdMs: 200,
  connections: 100,
  ratePerS: 100,
  arrivals: 'constant',
  jitterRatio: 0,
  seed: 1
}

const aSecond = (second: number, change: Partial<SecondCounts> = {}): SecondCounts => {
  const latency = new Histogram()
  for (let i = 0; i < 100; i++) latency.record(20_000)
  return {
    second,
    total: 100,
    slow: 0,
    statuses: { 200: 100 },
    failures: {},
    latency: latency.encode(),
    maxUs: 20_100,
    ...change
  }
}

const facts: SenderFacts = {
  countedMs: 3_000,
  due: 300,
  sent: 300,
  lagP99Ms: 1,
  lagMaxMs: 2,
  lateRatio: 0,
  connectionsOpened: 3,
  connectionsPeak: 3,
  waitedForConnection: 0,
  neverSent: 0,
  unfinished: 0,
  cpuUsPerRequest: 18,
  stopped: false
}

const identity = {
  id: 'r1',
  service: null,
  release: null,
  target: 'http://127.0.0.1:1/',
  machine: null,
  version: '0',
  commit: null
}

t.test('seconds become one result, a gap stays a gap', async (t) => {
  const seconds = [aSecond(2), aSecond(0, { statuses: { 200: 99, 502: 1 }, slow: 1 })]
  const run = resultOf(plan, { startedAtMs: 0, seconds, facts }, housePromise, identity)
  t.match(run, {
    kind: 'paced',
    tool: 'plimsoll',
    startedAt: '1970-01-01T00:00:00.000Z',
    offeredPerS: 100,
    achievedPerS: 100,
    total: 200,
    bad: 1,
    slow: 1,
    statuses: { 200: 199, 502: 1 },
    partial: false
  })
  t.strictSame(run.seconds.total, [100, null, 100])
  t.ok(Math.abs(run.latencyMs.p95! - 20) < 0.16, 'within the histogram')
  t.equal(run.latencyMs.max, 20.1)
  t.equal(
    run.histogram.reduce((sum, [, count]) => sum + count, 0),
    200
  )
})

t.test('a sender that ended before its time leaves a partial result', async (t) => {
  const died = resultOf(plan, { startedAtMs: 0, seconds: [aSecond(0)], facts: null }, housePromise, identity)
  t.match(died, { partial: true, durationMs: 1_000, state: 'not_enough_evidence' })
  t.ok(died.reasons.some(({ code }) => code === 'sender_died'))
  const nothing = resultOf(plan, { startedAtMs: 0, seconds: [], facts: null }, housePromise, identity)
  t.match(nothing, { total: 0, state: 'could_not_measure', latencyMs: { p95: null } })
})

t.test('a sender that was late says so, a server that held every connection is not excused', async (t) => {
  const seconds = [aSecond(0), aSecond(1), aSecond(2)]
  const late = resultOf(plan, { startedAtMs: 0, seconds, facts: { ...facts, lateRatio: 0.1 } }, housePromise, identity)
  t.match(late, { state: 'could_not_measure', sender: { limited: true }, reasons: [{ code: 'generator_limit' }] })
  const held = { ...facts, sent: 250, waitedForConnection: 60, neverSent: 50 }
  const run = resultOf(plan, { startedAtMs: 0, seconds, facts: held }, housePromise, identity)
  t.equal(run.sender?.limited, false)
  t.ok(run.reasons.some(({ code }) => code === 'connections_exhausted'))
})
