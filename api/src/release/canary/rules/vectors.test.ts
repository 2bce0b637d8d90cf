import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import type { Batch } from './batches.rules.ts'
import { CanaryJudge } from './judge.rules.ts'
import { defaultPolicy } from './policy.rules.ts'
import { ratioInterval } from './ratio-interval.rules.ts'
import { splitEvidence, splitIsOff } from './sample-ratio.rules.ts'
import { betterRatios, RatioEvidence, worseRatios, type Votes } from './votes.rules.ts'

type Four = [canary: number, baseline: number, canaryBad: number, baselineBad: number]

interface Vectors {
  relE: { rho0: number; psi: number[]; batches: Four[]; logE: number[] }[]
  relEBetter: { rho: number; psi: number[]; batches: Four[]; logE: number[] }[]
  srm: { nC: number; nB: number; share: number; logE: number }[]
  ratioInterval: { batch4: Four[]; repeat: number; alpha: number; lo: number; hi: number }[]
  verdict: {
    name: string
    checkpoints: { i: number; logFail: number; logPass: number }[]
    final: { t: number; state: string; logFail: number; logPass: number; N: number; X: number }
  }[]
}

const vectors = JSON.parse(
  readFileSync(new URL('../../../../test/vectors/canary.json', import.meta.url), 'utf8')
) as Vectors

/** Six digits, relative; absolute near zero. */
const near = (t: Test, found: number, wanted: number, name: string): unknown =>
  t.ok(Math.abs(found - wanted) <= 1e-6 * Math.max(Math.abs(wanted), 1e-6), `${name}: ${found} is ${wanted}`)

const votes = ([canary, baseline, canaryBad, baselineBad]: Four): Votes => ({
  canary,
  canaryBad,
  baseline,
  baselineBad
})

t.test('evidence that the canary is worse grows as the reference says, vote by vote', async (t) => {
  for (const { rho0, psi, batches, logE } of vectors.relE) {
    t.strictSame([...worseRatios], psi)
    const evidence = new RatioEvidence(rho0, worseRatios)
    batches.forEach((batch, i) => {
      evidence.vote(votes(batch))
      near(t, evidence.logE, logE[i]!, `ratio ${rho0}, vote ${i + 1}`)
    })
  }
  t.throws(() => new RatioEvidence(0, worseRatios), RangeError)
})

t.test('evidence that the canary is better than the margin is that of the reference', async (t) => {
  for (const { rho, batches, logE } of vectors.relEBetter) {
    const evidence = new RatioEvidence(rho, betterRatios)
    batches.forEach((batch, i) => {
      evidence.vote(votes(batch))
      near(t, evidence.logE, logE[i]!, `margin ${rho}, vote ${i + 1}`)
    })
  }
})

t.test('a split of traffic that is not the configured one is told by evidence and size', async (t) => {
  for (const { nC, nB, share, logE } of vectors.srm) {
    near(t, splitEvidence({ canary: nC, baseline: nB, share }), logE, `${nC} : ${nB}`)
  }
  t.ok(splitIsOff({ canary: 150, baseline: 9_000, share: 0.1 }))
  t.notOk(splitIsOff({ canary: 4_000, baseline: 41_000, share: 0.1 }), 'surely, but by a ninth only')
  t.notOk(splitIsOff({ canary: 0, baseline: 0, share: 0.1 }))
})

t.test('the interval of the ratio is that of the reference', async (t) => {
  for (const { batch4, repeat, alpha, lo, hi } of vectors.ratioInterval) {
    const batches = Array.from({ length: repeat }, () => batch4)
      .flat()
      .map(votes)
    const [from, to] = ratioInterval(batches, alpha)
    near(t, from!, lo, 'from')
    near(t, to!, hi, 'to')
  }
  t.strictSame(ratioInterval([], 0.05), [null, null], 'nothing is known of nothing')
})

/** The patterns of the five reference runs: requests and failures of batch i, from 1. */
const patterns: Record<string, (i: number) => Four> = {
  'healthy 50/50 100 req/s': (i) => [250, 250, i % 40 === 0 ? 1 : 0, i % 40 === 20 ? 1 : 0],
  'canary +1% 10/90 100 req/s': (i) => [50, 450, i % 2 === 0 ? 1 : 0, i % 9 === 0 ? 1 : 0],
  'canary dead': () => [50, 450, 50, 0],
  'shared outage then healthy': (i) => [250, 250, i >= 5 && i <= 10 ? 50 : 0, i >= 5 && i <= 10 ? 50 : 0],
  'low traffic': () => [2, 8, 0, 0]
}

const batchOf = ([canary, baseline, canaryBad, baselineBad]: Four, i: number): Batch => ({
  fromMs: i * 5_000,
  toMs: (i + 1) * 5_000,
  canary: { total: canary, bad: canaryBad, slow: 0 },
  baseline: { total: baseline, bad: baselineBad, slow: 0 },
  tails: null
})

const stateOf = (judge: CanaryJudge): string => {
  const { verdict } = judge
  if (verdict.state === 'not_enough_evidence') return 'inconclusive'
  return verdict.state === 'fail' ? `fail:${verdict.why}` : verdict.state
}

t.test('five runs from beginning to end, as the reference judges them', async (t) => {
  for (const { name, checkpoints, final } of vectors.verdict) {
    const judge = new CanaryJudge({ ...defaultPolicy, slowBudget: null, clustering: 1 })
    const states: string[] = []
    for (let i = 0; !judge.decided; i++) {
      judge.add(batchOf(patterns[name]!(i + 1), i))
      states.push(judge.verdict.state)
      const checkpoint = checkpoints.find((each) => each.i === i + 1)
      if (!checkpoint) continue
      near(t, judge.failLogE, checkpoint.logFail, `${name}, against after ${i + 1}`)
      near(t, judge.passLogE, checkpoint.logPass, `${name}, for after ${i + 1}`)
    }
    t.equal(stateOf(judge), final.state, name)
    t.equal(judge.observed.elapsedMs / 1_000, final.t, name)
    near(t, judge.failLogE, final.logFail, `${name}, against`)
    near(t, judge.passLogE, final.logPass, `${name}, for`)
    t.match(judge.samples.errors, { total: final.N, bad: final.X })
    if (name.startsWith('shared')) t.equal(states.filter((state) => state === 'hold').length, 6)
  }
})
