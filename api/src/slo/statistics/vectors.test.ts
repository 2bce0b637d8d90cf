import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { burnRate } from '../burn.rules.ts'
import { SlowBurnDetector } from './detector.rules.ts'
import {
  ExcessEvidence,
  anytimeUpper,
  cleanRequestsNeeded,
  dispersion,
  logRarer,
  worseRatios
} from './evidence.rules.ts'
import { minFailures, poissonLower, poissonTail, poissonUpper } from './poisson.rules.ts'

interface Vectors {
  absUpE: { p0: number; p1: number[]; batches: [number, number][]; logE: number[] }[]
  absDownE: { N: number; X: number; p0: number; deff: number; logE: number }[]
  cleanRequestsNeeded: { p0: number; alpha: number; deff: number; n: number }[]
  dispersion: { counts: number[]; deff: number }[]
  poissonTail: { k: number; mu: number; p: number }[]
  poissonLower: { k: number; alpha: number; bound: number }[]
  poissonUpper: { k: number; alpha: number; bound: number }[]
  minFailures: { n: number; budget: number; burn: number; alpha: number; k: number }[]
  burnTier: {
    budget: number
    burn: number
    alpha: number
    long: { n: number; x: number }
    short: { n: number; x: number }
    burnLong: number
    burnShort: number
    pValue: number
    burnLowerBound: number
    fire: boolean
  }[]
  srDetector: {
    p0: number
    ratios: number[]
    arl: number
    ticks: [number, number][]
    stat: number[]
    fire: boolean[]
  }[]
  anytimeUpper: { N: number; X: number; alpha: number; deff: number; p: number }[]
  windowEvidence: { p0: number; slots: [number, number][]; logE: number }[]
}

const vectors = JSON.parse(
  readFileSync(new URL('../../../test/vectors/statistics.json', import.meta.url), 'utf8')
) as Vectors

/** Six digits, relative; absolute near zero. */
const near = (test: Test, found: number, wanted: number, name: string): unknown =>
  test.ok(Math.abs(found - wanted) <= 1e-6 * Math.max(Math.abs(wanted), 1e-300), `${name}: ${found} is ${wanted}`)

t.test('evidence of too many failures grows as the reference says, vote by vote', async (t) => {
  for (const { p0, p1, batches, logE } of vectors.absUpE) {
    t.strictSame(
      worseRatios(p0).map((ratio) => Number(ratio.toFixed(6))),
      p1,
      'the failure ratios bet on'
    )
    const evidence = new ExcessEvidence(p0)
    batches.forEach(([total, bad], i) => {
      evidence.vote(total, bad)
      near(t, evidence.logE, logE[i]!, `after vote ${i + 1}`)
    })
  }
})

t.test('evidence of a window is that of its slots', async (t) => {
  for (const { p0, slots, logE } of vectors.windowEvidence) {
    const evidence = new ExcessEvidence(p0)
    for (const [total, bad] of slots) evidence.vote(total, bad)
    near(t, evidence.logE, logE, `${slots.length} slots`)
  }
})

t.test('slots without failures may be counted together', async (t) => {
  const [one, many] = [new ExcessEvidence(0.001), new ExcessEvidence(0.001)]
  for (let i = 0; i < 50; i++) one.vote(7, 0)
  one.vote(7, 2)
  many.vote(7, 2)
  many.voteClean(50)
  many.vote(0, 0)
  near(t, many.logE, one.logE, 'the same evidence')
})

t.test('evidence of few failures is that of the reference', async (t) => {
  for (const { N, X, p0, deff, logE } of vectors.absDownE) {
    near(t, logRarer({ total: N, bad: X, clustering: deff }, p0), logE, `${X} of ${N}`)
  }
})

t.test('how many clean requests prove a promise', async (t) => {
  for (const { p0, alpha, deff, n } of vectors.cleanRequestsNeeded) {
    t.equal(cleanRequestsNeeded(p0, alpha, deff), n, `${p0} at ${alpha}, clustering ${deff}`)
  }
})

t.test('what some traffic proves, read at any time', async (t) => {
  for (const { N, X, alpha, deff, p } of vectors.anytimeUpper) {
    near(t, anytimeUpper({ total: N, bad: X, clustering: deff }, alpha), p, `${X} of ${N}`)
  }
  t.equal(anytimeUpper({ total: 0, bad: 0, clustering: 1 }, 0.05), 1, 'no request proves nothing')
})

t.test('how many failures come at a time', async (t) => {
  for (const { counts, deff } of vectors.dispersion) near(t, dispersion(counts), deff, `${counts.length} seconds`)
})

t.test('Poisson tails and limits are those of the reference, far tails included', async (t) => {
  for (const { k, mu, p } of vectors.poissonTail) near(t, poissonTail(k, mu), p, `at least ${k} of ${mu}`)
  for (const { k, alpha, bound } of vectors.poissonLower) near(t, poissonLower(k, alpha), bound, `lower limit of ${k}`)
  for (const { k, alpha, bound } of vectors.poissonUpper) near(t, poissonUpper(k, alpha), bound, `upper limit of ${k}`)
})

t.test('the limits hold for counts of any size', async (t) => {
  for (const count of [1, 30, 1_000, 100_000, 3_000_000]) {
    near(t, poissonTail(count, poissonLower(count, 0.025)), 0.025, `lower limit of ${count}`)
    near(t, 1 - poissonTail(count + 1, poissonUpper(count, 0.025)), 0.025, `upper limit of ${count}`)
  }
})

t.test('fewest failures that fire a tier', async (t) => {
  for (const { n, budget, burn, alpha, k } of vectors.minFailures) {
    t.equal(minFailures(n, budget, burn, alpha), k, `${n} requests at ${burn}`)
  }
})

t.test('burn, chance of it by luck and its lower bound', async (t) => {
  for (const { budget, burn, alpha, long, short, ...wanted } of vectors.burnTier) {
    const title = `${long.x} of ${long.n}`
    const burnLong = burnRate({ total: long.n, bad: long.x }, 1 - budget)!
    const burnShort = burnRate({ total: short.n, bad: short.x }, 1 - budget)!
    const pValue = poissonTail(long.x, long.n * budget)
    near(t, burnLong, wanted.burnLong, `${title}, long`)
    near(t, burnShort, wanted.burnShort, `${title}, short`)
    near(t, pValue, wanted.pValue, `${title}, by luck`)
    near(t, poissonLower(long.x, alpha) / (long.n * budget), wanted.burnLowerBound, `${title}, lower bound`)
    t.equal(burnLong > burn && burnShort > burn && pValue <= alpha, wanted.fire, `${title}, fires`)
  }
})

t.test('the slow-burn detector follows the reference and begins anew after an alarm', async (t) => {
  for (const { p0, ratios, arl, ticks, stat, fire } of vectors.srDetector) {
    const detector = new SlowBurnDetector({ tolerated: p0, ratios, ticksBetweenFalseAlarms: arl })
    const state = new Float64Array(detector.size)
    ticks.forEach(([total, bad], i) => {
      const alarm = detector.tick(state, 0, { total, bad })
      near(t, detector.statistic(state, 0), stat[i]!, `tick ${i + 1}`)
      t.equal(alarm, fire[i], `tick ${i + 1} raises the alarm`)
      if (alarm) detector.reset(state, 0)
    })
  }
})

t.test('a promise outside (0, 1) is refused', async (t) => {
  t.throws(() => new ExcessEvidence(0), RangeError)
  t.throws(() => new ExcessEvidence(1), RangeError)
  t.throws(() => burnRate({ total: 1, bad: 0 }, 1), RangeError)
})
