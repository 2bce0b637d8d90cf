import t, { type Test } from 'tap'
import { aServer, knownServers, simulate, type SimulatedServer } from '../../../test/support/simulated-server.ts'
import { seededRandom } from '../random.rules.ts'
import { housePromise } from './hold.rules.ts'
import { loadSpentMs, type LineProbe } from './probe.rules.ts'
import {
  estimateLine,
  nextStep,
  searchDefaults,
  type ProbeStep,
  type SearchOptions,
  type SearchOutcome
} from './search.rules.ts'

const options = (change: Partial<SearchOptions> = {}): SearchOptions => ({
  ...searchDefaults,
  promised: housePromise,
  ...change
})

type Change = (probe: LineProbe, step: ProbeStep) => LineProbe

/** A whole search against a simulated server. */
const search = (server: SimulatedServer, seed: number, wanted: SearchOptions, change: Change = (probe) => probe) => {
  const { probe } = simulate(server, seed)
  const probes: LineProbe[] = []
  for (;;) {
    const step = nextStep(probes, wanted)
    if (step.kind === 'done') return { outcome: step.outcome, probes }
    probes.push(change(probe(step.ratePerS, step.durationMs, step.settleMs, step.phase), step))
  }
}

const middle = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

const isFound = (test: Test, outcome: SearchOutcome): outcome is Extract<SearchOutcome, { kind: 'found' }> =>
  test.equal(outcome.kind, 'found')

t.test('the known lines are the true ones', async (t) => {
  for (const { server, linePerS } of knownServers) {
    const badRatioAt = (ratePerS: number): number => {
      const { slow, total } = simulate(server, 77).probe(ratePerS, (100_000 / ratePerS) * 1_000, 0)
      return slow / total
    }
    t.ok(badRatioAt(linePerS * 0.9) < 0.05, `${server.name} keeps the promise below`)
    t.ok(badRatioAt(linePerS * 1.1) > 0.05, 'and breaks it above')
  }
})

t.test('the line of known servers is found within 110 s of load', async (t) => {
  const seeds = 20
  const all: number[] = []
  for (const { server, linePerS } of knownServers) {
    const errors: number[] = []
    let lowerBoundHolds = 0
    for (let seed = 1; seed <= seeds; seed++) {
      const startPerS = linePerS * (0.05 + 0.15 * seededRandom(seed * 31 + 7)())
      const { outcome, probes } = search(server, seed * 101, options({ startPerS }))
      if (!isFound(t, outcome)) continue
      errors.push(Math.abs(outcome.estimate.fit.ratePerS / linePerS - 1))
      if (outcome.ratePerS <= linePerS) lowerBoundHolds++
      if (loadSpentMs(probes) > 110_000) t.fail('more load than allowed')
    }
    // a median of twenty is itself uncertain: over 200 runs these are 2.0, 2.6, 2.8 and 2.2 %
    t.ok(middle(errors) <= 0.045, `${server.name}: median error ${(100 * middle(errors)).toFixed(1)} %`)
    t.ok(lowerBoundHolds >= 0.9 * seeds, `published bound valid in ${lowerBoundHolds} of ${seeds}`)
    all.push(...errors)
  }
  t.ok(middle(all) <= 0.03, `over all servers: median error ${(100 * middle(all)).toFixed(1)} %`)
})

t.test('errors that begin at a rate are the limit when they come first', async (t) => {
  for (let seed = 1; seed <= 5; seed++) {
    const server = aServer({ workers: 16, refusesAbovePerS: 300 })
    const { outcome, probes } = search(server, seed, options({ startPerS: 30 }))
    if (!isFound(t, outcome)) continue
    t.equal(outcome.estimate.limitedBy, 'errors')
    t.ok(outcome.ratePerS <= 300.3 && outcome.ratePerS > 240, `${outcome.ratePerS} is below 300 and near`)
    t.ok(loadSpentMs(probes) <= searchDefaults.errorBudgetMs)
  }
})

t.test('errors that come at any rate are reported and do not move the line', async (t) => {
  const { outcome } = search(aServer({ faultRatio: 0.005 }), 3, options({ startPerS: 30 }))
  if (!isFound(t, outcome)) return
  t.equal(outcome.estimate.limitedBy, 'latency')
  const { errors } = outcome.estimate
  t.equal(errors.kind, 'floor')
  if (errors.kind === 'floor') t.ok(errors.interval[0] < 0.005 && errors.interval[1] > 0.005)
  t.ok(Math.abs(outcome.ratePerS / 181.8 - 1) < 0.15)
})

t.test('a service that breaks its promise at any rate is called broken, not slow', async (t) => {
  const { outcome } = search(aServer({ faultRatio: 0.2 }), 1, options({ startPerS: 40 }))
  t.match(outcome, { kind: 'broken', errors: { kind: 'floor' } })
  const slow = search(aServer({ serviceMs: 400, workers: 8, variation: 0.1 }), 1, options({ startPerS: 40 })).outcome
  t.match(slow, { kind: 'broken', errors: { kind: 'none' } })
})

t.test('a start above the line comes down and finds it', async (t) => {
  const { outcome } = search(aServer(), 5, options({ startPerS: 2_000 }))
  if (isFound(t, outcome)) t.ok(Math.abs(outcome.ratePerS / 181.8 - 1) < 0.15)
})

t.test('a sender that cannot keep up is never blamed on the server', async (t) => {
  const limit: Change = (probe) => ({ ...probe, senderLimited: probe.ratePerS > 100 })
  const { outcome, probes } = search(aServer(), 1, options(), limit)
  t.match(outcome, { kind: 'at_least', limitedBy: 'sender' })
  t.ok(outcome.ratePerS <= 100)
  t.equal(estimateLine(probes, housePromise), null)
  const atOnce = search(aServer(), 1, options(), (probe) => ({ ...probe, senderLimited: true })).outcome
  t.match(atOnce, { kind: 'unknown', why: 'sender_limit' })
})

t.test('a machine that was busy for a moment is asked again', async (t) => {
  let hiccups = 0
  const busy: Change = (probe) => ({ ...probe, senderLimited: ++hiccups % 4 === 0 })
  const { outcome } = search(aServer(), 3, options({ startPerS: 30 }), busy)
  if (isFound(t, outcome)) t.ok(Math.abs(outcome.ratePerS / 181.8 - 1) < 0.2)
})

t.test('a rate that may not be exceeded is held, and the line is at least that', async (t) => {
  const { outcome } = search(aServer(), 1, options({ maxPerS: 90 }))
  t.match(outcome, { kind: 'at_least', ratePerS: 90, limitedBy: 'ceiling' })
})

t.test('a probe that could not send counts as overloaded whatever came back', async (t) => {
  const held: Change = (probe) => (probe.ratePerS > 150 ? { ...probe, achievedPerS: 140, slow: 0 } : probe)
  const { outcome } = search(aServer(), 1, options(), held)
  t.ok(outcome.kind === 'found' && outcome.ratePerS < 151)
})

t.test('too few requests say nothing', async (t) => {
  const { outcome } = search(aServer(), 1, options({ startPerS: 1 }))
  t.match(outcome, { kind: 'unknown', why: 'too_few_requests' })
})

t.test('a hold that fails steps down, and after three nothing is called confirmed', async (t) => {
  const failing: Change = (probe, { phase }) =>
    phase === 'hold' ? { ...probe, slow: probe.total, slowPerSecond: probe.slowPerSecond.map(() => 100) } : probe
  const { outcome, probes } = search(aServer(), 2, options({ startPerS: 30 }), failing)
  t.equal(outcome.kind, 'unconfirmed')
  const holds = probes.filter(({ phase }) => phase === 'hold').map(({ ratePerS }) => ratePerS)
  t.equal(holds.length, 3)
  t.ok(Math.abs(holds[2]! / holds[0]! - 0.81) < 1e-9)
  t.equal(outcome.ratePerS, holds[2])
})
