import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { seededRandom, gaussian } from '../random.rules.ts'
import { compareRounds, defaultCompareLimits } from './decision.rules.ts'
import { signBet } from './sign-bet.rules.ts'
import { hodgesLehmann, signedRankInterval, signedRankP } from './signed-rank.rules.ts'

interface Vectors {
  signBet: { d: number[]; delta: number; up: boolean; logE: number[] }[]
  hodgesLehmann: { d: number[]; hl: number; walshLower95: number; signedRankP?: number }[]
  perfGate: {
    d: number[]
    limit: number
    noise: number
    alpha: number
    min: number
    max: number
    verdict: string
    rounds: number
    ratio: number
  }[]
}
const vectors = JSON.parse(readFileSync(new URL('../../../test/vectors/load.json', import.meta.url), 'utf8')) as Vectors

/** Six digits, relative. */
const near = (test: Test, found: number, wanted: number, name: string): unknown =>
  test.ok(Math.abs(found - wanted) <= 1e-6 * Math.abs(wanted), `${name}: ${found} is ${wanted}`)

t.test('the sign bet grows round by round as the reference says', async (t) => {
  for (const { d, delta, up, logE } of vectors.signBet) {
    const found = signBet(d, delta, up ? 'above' : 'below')
    t.equal(found.length, logE.length)
    logE.forEach((wanted, i) => near(t, found[i]!, wanted, `round ${i + 1}`))
  }
  t.strictSame(signBet([], 0, 'above'), [])
  t.ok(
    signBet([0, 0, 0], 0, 'above').every((logE) => logE === 0),
    'no difference is evidence of nothing'
  )
})

t.test('the middle of paired differences, its bound and its p-value are exact', async (t) => {
  for (const { d, hl, walshLower95, signedRankP: p } of vectors.hodgesLehmann) {
    near(t, hodgesLehmann(d), hl, 'Hodges–Lehmann')
    near(t, signedRankInterval(d, 0.05)[0], walshLower95, 'lower bound')
    if (p !== undefined) near(t, signedRankP(d), p, 'p-value')
  }
  t.strictSame(signedRankInterval([0.1, 0.2, 0.3, 0.4], 0.05), [-Infinity, Infinity], 'four rounds bound nothing')
  t.equal(signedRankP([0, 0]), 1, 'only zeros are no evidence')
})

t.test('the gate decides as the reference says', async (t) => {
  for (const { d, limit, noise, alpha, min, max, verdict, rounds, ratio } of vectors.perfGate) {
    const found = compareRounds(d, { limitRatio: limit, noiseRatio: noise, alpha, minRounds: min, maxRounds: max })
    t.equal(found.verdict, verdict)
    t.equal(found.rounds, rounds)
    near(t, found.ratio, ratio, 'ratio')
  }
  t.equal(compareRounds([]).verdict, 'continue', 'nothing measured decides nothing')
  const wavering = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? 0.4 : -0.3))
  t.equal(compareRounds(wavering).verdict, 'inconclusive', 'twenty rounds that say neither')
})

t.test('on a noisy shared machine the gate is right about what it says', async (t) => {
  // one round: 4 % noise a run, a drift of 10 %, and in 8 % of runs a burst; the order is a coin flip
  const verdicts = (ratio: number, tries: number): Record<string, number> => {
    const counts: Record<string, number> = { pass: 0, fail: 0, inconclusive: 0, continue: 0 }
    for (let seed = 1; seed <= tries; seed++) {
      const random = seededRandom(seed * 7919)
      let drift = 0
      const run = (): number => {
        drift = 0.9 * drift + 0.044 * gaussian(random)
        return drift + 0.04 * gaussian(random) + (random() < 0.08 ? 0.5 * Math.abs(gaussian(random)) : 0)
      }
      const rounds: number[] = []
      let found = compareRounds(rounds)
      while (found.verdict === 'continue') {
        const [first, second] = [run(), run()]
        rounds.push(Math.log(ratio) + (random() < 0.5 ? first - second : second - first))
        found = compareRounds(rounds, defaultCompareLimits)
      }
      counts[found.verdict]!++
    }
    return counts
  }
  const same = verdicts(1, 300)
  t.ok(same['fail']! <= 3, `no change fails in at most 1 %: ${JSON.stringify(same)}`)
  t.ok(same['pass']! >= 0.85 * 300, 'and passes nearly always')
  const slower = verdicts(1.2, 300)
  t.ok(slower['fail']! >= 0.93 * 300, `20 % slower is found: ${JSON.stringify(slower)}`)
  t.ok(slower['pass']! <= 3, 'and never waved through')
})
