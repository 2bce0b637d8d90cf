import t from 'tap'
import { nextShedding, noShedding, pressureOf, shedRatio, turnLevel, type Shedding } from './pressure.rules.ts'

const limits = { eventLoopDelayMs: 50, eventLoopUtilisationRatio: 0, heapUsedBytes: 1_000 }
const calm = { eventLoopDelayMs: 1, eventLoopUtilisationRatio: 0.99, heapUsedBytes: 100 }

t.test('pressure is the worst of what has a limit', async (t) => {
  t.strictSame(pressureOf(calm, limits), { ratio: 0.1, measure: 'heapUsedBytes' })
  t.strictSame(pressureOf({ ...calm, eventLoopDelayMs: 100 }, limits), { ratio: 2, measure: 'eventLoopDelayMs' })
  t.equal(pressureOf(calm, { ...limits, heapUsedBytes: 0 }).ratio, 0.02, 'a limit of 0 is not looked at')
  t.equal(pressureOf({ ...calm, eventLoopDelayMs: Infinity }, limits).ratio, Infinity)
  t.equal(pressureOf({ ...calm, eventLoopUtilisationRatio: 1 }, { ...limits, eventLoopUtilisationRatio: 0.5 }).ratio, 2)
})

t.test('a loop that is slow because others use the machine is no reason to refuse anybody', async (t) => {
  const waiting = { eventLoopDelayMs: 500, eventLoopUtilisationRatio: 0.3, heapUsedBytes: 0 }
  t.equal(pressureOf(waiting, limits).ratio, 0)
  t.equal(pressureOf({ ...waiting, eventLoopUtilisationRatio: 0.9 }, limits).ratio, 10)
})

const table = [
  { name: 'a quiet server sheds nothing', level: 0, shed: { vital: 0, high: 0, normal: 0, low: 0 } },
  { name: 'first a share of the least important', level: 0.4, shed: { vital: 0, high: 0, normal: 0, low: 0.4 } },
  { name: 'then all of it and a share of the next', level: 1.4, shed: { vital: 0, high: 0, normal: 0.4, low: 1 } },
  { name: 'then of the important', level: 2.4, shed: { vital: 0, high: 0.4, normal: 1, low: 1 } },
  { name: 'at the end all but health', level: 3, shed: { vital: 0, high: 1, normal: 1, low: 1 } }
] as const

for (const { name, level, shed } of table) {
  t.test(name, async (t) => {
    for (const priority of ['vital', 'high', 'normal', 'low'] as const) {
      t.ok(Math.abs(shedRatio(level, priority) - shed[priority]) < 1e-9, priority)
    }
  })
}

const at = (level: number): Shedding => ({ level, strained: true })

t.test('the level climbs with the excess, falls slowly and stays in its bounds', async (t) => {
  t.ok(nextShedding(at(0), 3).level > nextShedding(at(0), 1.5).level)
  t.ok(nextShedding(at(0), 1.01).level > 0)
  t.equal(nextShedding(at(0), 0.5).level, 0)
  t.equal(nextShedding(at(3), Infinity).level, 3)
  t.ok(nextShedding(at(0), Infinity).level < 1, 'one bad sample does not shed all of anything')
  const fallen = nextShedding(at(1), 0).level
  t.ok(fallen < 1 && fallen > 0.9, 'one good sample does not let everybody in')
})

t.test('a single bad sample is forgiven, a second one in a row is not', async (t) => {
  const first = nextShedding(noShedding, Infinity)
  t.equal(first.level, 0)
  t.equal(nextShedding(nextShedding(first, 0.2), 5).level, 0, 'a good one in between starts over')
  t.ok(nextShedding(first, 5).level > 0)
})

t.test('under a steady overload the level settles where the load fits', async (t) => {
  // offered: three times what fits, all of it `normal`; delay grows with what is accepted
  let shedding = noShedding
  const seen: number[] = []
  for (let i = 0; i < 400; i++) {
    const accepted = 3 * (1 - shedRatio(shedding.level, 'normal'))
    shedding = nextShedding(shedding, accepted)
    if (i >= 200) seen.push(accepted)
  }
  const mean = seen.reduce((a, b) => a + b, 0) / seen.length
  t.ok(mean > 0.9 && mean < 1.1, `accepted settles at ${mean} of capacity`)
  t.ok(Math.max(...seen) < 1.3 && Math.min(...seen) > 0.7, 'without swinging')
})

t.test('after the overload everything is served again', async (t) => {
  let shedding = at(3)
  let samples = 0
  while (shedding.level > 0 && samples < 1_000) {
    shedding = nextShedding(shedding, 0.1)
    samples++
  }
  t.ok(samples < 60, `${samples} samples`)
})

t.test('what queues up is shed within the turn that works it off', async (t) => {
  const cases = [
    { name: 'a burst after a pause is served', elapsedMs: 60, requests: 100, follows: false, level: 0 },
    { name: 'a long one gives up what matters least', elapsedMs: 120, requests: 100, follows: false, level: 1 },
    { name: 'and then reads', elapsedMs: 180, requests: 100, follows: false, level: 2 },
    { name: 'in a row of turns each begins by serving', elapsedMs: 10, requests: 100, follows: true, level: 0 },
    { name: 'and sheds reads after half the limit', elapsedMs: 30, requests: 100, follows: true, level: 2 },
    { name: 'never more than all', elapsedMs: 60_000, requests: 100, follows: true, level: 3 },
    { name: 'a few requests are not what holds the loop up', elapsedMs: 60_000, requests: 9, follows: true, level: 0 }
  ]
  for (const { name, level, ...turn } of cases) t.equal(turnLevel(turn, 60), level, name)
  t.equal(turnLevel({ elapsedMs: 60_000, requests: 100, follows: true }, 0), 0, 'unless it is not looked at')
})
