// Many seeded canaries: how often a good one is failed, how soon a bad one is, and what is promoted.
import t from 'tap'
import { Histogram } from '../../../signals/histogram.ts'
import { exponential, gaussian, seededRandom, type Random } from '../../../load/random.rules.ts'
import type { Batch } from './batches.rules.ts'
import { CanaryJudge, type Verdict } from './judge.rules.ts'
import { tailsOf } from './latency.rules.ts'
import { defaultPolicy, type CanaryPolicy } from './policy.rules.ts'

const batchS = 5
const batches = 1_800 / batchS

/** A Poisson count; by a normal beyond 200, where the difference is less than the test can see. */
const poisson = (mean: number, random: Random): number => {
  if (mean > 200) return Math.max(0, Math.round(mean + Math.sqrt(mean) * gaussian(random)))
  let count = -1
  for (let at = 0; at <= mean; at += exponential(random)) count++
  return count
}

const binomial = (n: number, p: number, random: Random): number => Math.min(n, poisson(n * p, random))

interface World {
  /** Requests per second of both arms together. */
  readonly ratePerS: number
  /** Share of the canary. */
  readonly share: number
  readonly baselineRatio: number
  readonly canaryRatio: number
  /** `clusters`: failures come four at a time; `outages`: 20 % of both arms fail now and then, for 30 s. */
  readonly kind: 'independent' | 'clusters' | 'outages'
}

const failures = (n: number, ratio: number, kind: World['kind'], random: Random): number => {
  if (kind !== 'clusters') return binomial(n, ratio, random)
  let failed = 0
  for (let bursts = binomial(n, ratio / 4, random); bursts > 0; bursts--) {
    failed += 1 + Math.floor(exponential(random) / -Math.log(1 - 1 / 4))
  }
  return Math.min(n, failed)
}

/** One canary of 30 minutes, judged every 5 s; when and how it was decided. */
function live(world: World, policy: CanaryPolicy, random: Random): { verdict: Verdict; atS: number } {
  const judge = new CanaryJudge(policy)
  let outageS = 0
  for (let i = 0; i < batches && !judge.decided; i++) {
    if (world.kind === 'outages' && outageS <= 0 && random() < batchS / 600) outageS = 30
    const extra = outageS > 0 ? 0.2 : 0
    outageS -= batchS
    const arm = (share: number, ratio: number) => {
      const total = poisson(world.ratePerS * batchS * share, random)
      return { total, bad: failures(total, Math.min(1, ratio + extra), world.kind, random), slow: 0 }
    }
    judge.add({
      fromMs: i * 5_000,
      toMs: (i + 1) * 5_000,
      canary: arm(world.share, world.canaryRatio),
      baseline: arm(1 - world.share, world.baselineRatio),
      tails: null
    })
  }
  return { verdict: judge.verdict, atS: judge.observed.elapsedMs / 1_000 }
}

const errorsOnly: CanaryPolicy = { ...defaultPolicy, slowBudget: null }

const run = (runs: number, world: World, policy = errorsOnly): { verdict: Verdict; atS: number }[] =>
  Array.from({ length: runs }, (_, seed) => live(world, policy, seededRandom(seed * 7_919 + world.ratePerS)))

const share = <T>(all: readonly T[], is: (each: T) => boolean): number => all.filter(is).length / all.length
const failed = ({ verdict }: { verdict: Verdict }): boolean => verdict.state === 'fail'
const passed = ({ verdict }: { verdict: Verdict }): boolean => verdict.state === 'pass'
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

t.test('a release that is no worse is failed in at most 1 % of 30-minute analyses, looked at every 5 s', async (t) => {
  for (const kind of ['independent', 'clusters', 'outages'] as const) {
    for (const [ratePerS, share10, ratio] of [
      [10, 0.1, 0.002],
      [100, 0.1, 0.01],
      [100, 0.5, 0.002]
    ] as const) {
      const world: World = { ratePerS, share: share10, baselineRatio: ratio, canaryRatio: ratio, kind }
      const falseFails = share(run(1_000, world), failed)
      t.ok(falseFails <= 0.01, `${kind}, ${ratePerS}/s, ${share10 * 100} % canary: ${falseFails * 100} %`)
    }
  }
})

t.test('a release that is worse is failed within the time the method promises', async (t) => {
  const cases: [ratePerS: number, share: number, canaryRatio: number, wantedS: number][] = [
    [10, 0.1, 0.102, 40],
    [10, 0.1, 1, 15],
    [10, 0.5, 0.102, 55],
    [100, 0.1, 0.01, 130],
    [100, 0.1, 0.012, 95],
    [100, 0.1, 0.102, 15],
    [100, 0.5, 0.01, 80],
    [100, 0.5, 0.102, 50]
  ]
  for (const [ratePerS, share10, canaryRatio, wantedS] of cases) {
    const world: World = { ratePerS, share: share10, baselineRatio: 0.002, canaryRatio, kind: 'independent' }
    const found = run(60, world)
    const name = `${ratePerS}/s, ${share10 * 100} % canary, ${canaryRatio * 100} % instead of 0.2 %`
    t.ok(share(found, failed) > 0.9, `${name}: found`)
    const medianS = median(found.map(({ atS }) => atS))
    t.ok(medianS >= wantedS * 0.6 && medianS <= wantedS * 1.5, `${name}: ${medianS} s, about ${wantedS} s`)
  }
})

t.test('what is promoted: good releases with enough traffic, hardly ever one at the margin', async (t) => {
  const at = (ratePerS: number, share: number, canaryRatio: number, baselineRatio: number): World => ({
    ratePerS,
    share,
    canaryRatio,
    baselineRatio,
    kind: 'independent'
  })
  const policy = { ...errorsOnly, clustering: 1 }
  t.ok(share(run(100, at(100, 0.5, 0.0002, 0.0002), policy), passed) >= 0.95, 'a good one at 100/s')
  t.equal(share(run(100, at(1, 0.1, 0.0002, 0.0002), policy), passed), 0, 'a good one at 1/s: nobody can know')
  for (const ratePerS of [10, 100]) {
    const promoted = share(run(400, at(ratePerS, 0.5, 0.001, 0.0005), policy), passed)
    t.ok(promoted <= 0.05, `at the promise and twice the baseline, ${ratePerS}/s: ${promoted * 100} %`)
  }
})

interface Latencies {
  readonly ratePerS: number
  readonly share: number
  /** Factor of the canary's latencies. */
  readonly slowdown: number
  /** Common drift of both arms, and stalls of single instances. */
  readonly correlated: boolean
}

type Arms = { canary: Histogram; baseline: Histogram }

/** As {@link live}, for latencies of log-normal requests around 60 ms, promised 200 ms. */
function liveLatency({ ratePerS, share, slowdown, correlated }: Latencies, random: Random) {
  const judge = new CanaryJudge(defaultPolicy)
  const past: Histogram[] = []
  let drift = 0
  let carried: Arms | null = null
  const arm = (rate: number, factor: number) => {
    const histogram = new Histogram()
    let slow = 0
    const stalledShare = correlated && random() < (batchS * 2) / 60 ? 0.2 * random() : 0
    for (let n = poisson(rate * batchS, random); n > 0; n--) {
      const stallMs = random() < stalledShare ? 300 : 0
      const ms = 60 * Math.exp(0.7 * gaussian(random) + drift) * factor + stallMs
      histogram.record(Math.round(ms * 1_000))
      if (ms > 200) slow++
    }
    return { histogram, slow }
  }
  for (let i = 0; i < batches && !judge.decided; i++) {
    if (correlated) drift = drift * 0.6 + 0.2 * gaussian(random)
    const canary = arm(ratePerS * share, slowdown)
    const baseline = arm(ratePerS * (1 - share), 1)
    // latencies are kept by 10 s: two batches of counts make one vote about the tails
    const two: Arms | null = carried
      ? { canary: carried.canary.merge(canary.histogram), baseline: carried.baseline.merge(baseline.histogram) }
      : null
    const before = past.slice(-6).reduce((sum, each) => sum.merge(each), new Histogram())
    const tails: Batch['tails'] = two && tailsOf(before, two, defaultPolicy.toleratedSlowdown)
    if (two) past.push(two.baseline)
    carried = two ? null : { canary: canary.histogram, baseline: baseline.histogram }
    judge.add({
      fromMs: i * 5_000,
      toMs: (i + 1) * 5_000,
      canary: { total: canary.histogram.total, bad: 0, slow: canary.slow },
      baseline: { total: baseline.histogram.total, bad: 0, slow: baseline.slow },
      tails
    })
  }
  return { verdict: judge.verdict, atS: judge.observed.elapsedMs / 1_000 }
}

const runLatency = (runs: number, world: Latencies) =>
  Array.from({ length: runs }, (_, seed) => liveLatency(world, seededRandom(seed * 104_729 + 1)))

t.test('a release that is no slower is not failed, also while all latencies drift and instances stall', async (t) => {
  for (const correlated of [false, true]) {
    const falseFails = share(runLatency(100, { ratePerS: 10, share: 0.1, slowdown: 1, correlated }), failed)
    t.ok(falseFails <= 0.02, `${correlated ? 'correlated' : 'independent'}: ${falseFails * 100} %`)
  }
})

t.test('a release that is slower is failed; 10 % slower is tolerated', async (t) => {
  const at = (slowdown: number): Latencies => ({ ratePerS: 100, share: 0.5, slowdown, correlated: false })
  for (const [slowdown, wantedS] of [
    [1.5, 90],
    [2, 65]
  ] as const) {
    const found = runLatency(12, at(slowdown))
    t.equal(share(found, failed), 1, `×${slowdown}: found`)
    const medianS = median(found.map(({ atS }) => atS))
    t.ok(medianS >= wantedS * 0.5 && medianS <= wantedS * 2, `×${slowdown}: ${medianS} s, about ${wantedS} s`)
  }
  t.ok(share(runLatency(6, { ...at(1.1), ratePerS: 20 }), failed) <= 0.2, '×1.1 is what the plan tolerates')
})
