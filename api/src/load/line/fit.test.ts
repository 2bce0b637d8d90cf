import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { errorFit, fitLine, latencyFit } from './fit.rules.ts'
import { crossing, risingBadRatio } from './isotonic.rules.ts'

interface Vectors {
  loadLine: {
    probes: { rate: number; n: number; bad: number }[]
    target: number
    line: number
    lo: number
    hi: number
    phi: number
    slope: number
    next: [number, number]
  }[]
}
const vectors = JSON.parse(readFileSync(new URL('../../../test/vectors/load.json', import.meta.url), 'utf8')) as Vectors

const near = (test: Test, found: number, wanted: number, name: string): unknown =>
  test.ok(Math.abs(found - wanted) <= 1e-6 * Math.abs(wanted), `${name}: ${found} is ${wanted}`)

const probe = (ratePerS: number, total: number, bad: number) => ({ ratePerS, total, bad })

t.test('the fitted line, its interval and the next rates are those of the reference', async (t) => {
  for (const vector of vectors.loadLine) {
    const probes = vector.probes.map(({ rate, n, bad }) => probe(rate, n, bad))
    const fit = fitLine(probes, { ...latencyFit, limitRatio: vector.target })
    near(t, fit.ratePerS, vector.line, 'line')
    near(t, fit.interval[0], vector.lo, 'lower end')
    near(t, fit.interval[1], vector.hi, 'upper end')
    near(t, fit.dispersion, vector.phi, 'dispersion')
    near(t, fit.slope, vector.slope, 'slope')
    near(t, fit.quantile(0.25), vector.next[0], 'next below')
    near(t, fit.quantile(0.75), vector.next[1], 'next above')
  }
})

t.test('a share that falls with the rate is pooled with its neighbours', async (t) => {
  const points = risingBadRatio([probe(300, 100, 1), probe(100, 100, 0), probe(200, 300, 7)])
  t.strictSame(points, [
    { ratePerS: 100, badRatio: 0 },
    { ratePerS: 200, badRatio: 0.02 },
    { ratePerS: 300, badRatio: 0.02 }
  ])
  t.strictSame(crossing([probe(100, 100, 0), probe(200, 100, 50)], 0.05), { within: 100, beyond: 200 })
  t.strictSame(crossing([probe(100, 100, 0)], 0.05), { within: 100, beyond: null })
  t.strictSame(crossing([probe(100, 100, 6)], 0.05), { within: null, beyond: 100 })
})

t.test('without a bracket the line lies beyond what was probed, and says so by its width', async (t) => {
  const above = fitLine([probe(100, 500, 0), probe(150, 750, 0)])
  t.ok(above.interval[1] > 200, 'nothing bad yet: it may be much higher')
  const below = fitLine([probe(100, 500, 300)])
  t.ok(below.ratePerS < 100)
  t.throws(() => fitLine([probe(0, 10, 1)]), RangeError)
  t.throws(() => fitLine([probe(10, 0, 0)]), RangeError)
  t.throws(() => fitLine([probe(10, 5, 6)]), RangeError)
})

t.test('rare errors are found at their cliff', async (t) => {
  const probes = [100, 150, 225, 300, 310, 330].map((rate) => probe(rate, rate * 40, rate > 305 ? rate * 8 : 0))
  const fit = fitLine(probes, errorFit)
  t.ok(fit.ratePerS > 280 && fit.ratePerS < 312, `${fit.ratePerS} lies where the errors begin`)
})
