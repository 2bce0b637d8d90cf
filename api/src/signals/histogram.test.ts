import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { bucketCount, bucketLowerUs, bucketOf, bucketWidthUs, maxLatencyUs } from './histogram.rules.ts'
import { Histogram } from './histogram.ts'

interface Vectors {
  histIndex: { us: number; index: number; lower: number; upperExclusive: number }[]
  histQuantile: { valuesUs: number[]; q: Record<string, number> }[]
}
const vectors = JSON.parse(
  readFileSync(new URL('../../test/vectors/histogram.json', import.meta.url), 'utf8')
) as Vectors

const histogramOf = (valuesUs: readonly number[]): Histogram => {
  const histogram = new Histogram()
  for (const us of valuesUs) histogram.record(us)
  return histogram
}
const bucketsOf = (histogram: Histogram): [number, number][] => {
  const buckets: [number, number][] = []
  histogram.forEachBucket((index, count) => buckets.push([index, count]))
  return buckets
}
/** What the histogram of these values must hold, counted by a map. */
const expected = (valuesUs: readonly number[]): [number, number][] => {
  const counts = new Map<number, number>()
  for (const us of valuesUs) counts.set(bucketOf(us), (counts.get(bucketOf(us)) ?? 0) + 1)
  return [...counts].toSorted(([a], [b]) => a - b)
}

const latencyUs = fc.oneof(
  fc.integer({ min: 0, max: 200 }),
  fc.integer({ min: 0, max: 300_000 }),
  fc.integer({ min: 0, max: 2 * maxLatencyUs })
)
const latencies = fc.array(latencyUs, { maxLength: 200 })

t.test('buckets lie where the method says', async (t) => {
  for (const { us, index, lower, upperExclusive } of vectors.histIndex) {
    t.equal(bucketOf(us), index, `${us} µs`)
    t.equal(bucketLowerUs(index), lower)
    t.equal(bucketLowerUs(index + 1), upperExclusive)
  }
})

t.test('buckets cover 0 to 60 s without gap or overlap, none wider than 1/64 of its lower edge', async (t) => {
  for (let index = 0; index < bucketCount; index++) {
    const lowerUs = bucketLowerUs(index)
    const lastUs = bucketLowerUs(index + 1) - 1
    if (bucketOf(lowerUs) !== index || (index < bucketCount - 1 && bucketOf(lastUs) !== index))
      t.fail(`bucket ${index}`)
    if (lowerUs >= 64 && bucketWidthUs(index) > lowerUs / 64) t.fail(`bucket ${index} is too wide`)
  }
  t.equal(bucketOf(maxLatencyUs), bucketCount - 1)
  t.equal(bucketOf(maxLatencyUs * 30), bucketCount - 1, 'slower than 60 s is in the last one')
  t.equal(bucketOf(-5), 0, 'a clock that stepped back makes no negative latency')
})

t.test('quantiles are those of the method', async (t) => {
  for (const { valuesUs, q } of vectors.histQuantile) {
    const histogram = histogramOf(valuesUs)
    for (const [share, us] of Object.entries(q)) t.equal(histogram.quantileUs(Number(share)), us, `q ${share}`)
    const halves = histogramOf(valuesUs.slice(0, 100)).merge(histogramOf(valuesUs.slice(100)))
    t.same(bucketsOf(halves), bucketsOf(histogram), 'and merging halves gives the same')
  }
})

t.test('every event is in its bucket, in whatever order they come', async (t) => {
  fc.assert(fc.property(latencies, (us) => t.same(bucketsOf(histogramOf(us)), expected(us)) && true))
})

t.test('a quantile is within 0.78 % of the event of its rank', async () => {
  const share = fc.double({ min: 0.001, max: 1, noNaN: true })
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: maxLatencyUs }), { minLength: 1, maxLength: 300 }),
      share,
      (us, q) => {
        const exactUs = us.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(q * us.length)) - 1]!
        const foundUs = histogramOf(us).quantileUs(q)!
        // with several events in the bucket, interpolation may be a bucket's width off
        return Math.abs(foundUs - exactUs) <= Math.max(1, bucketWidthUs(bucketOf(exactUs)))
      }
    )
  )
  fc.assert(
    fc.property(fc.integer({ min: 64, max: maxLatencyUs }), (us) => {
      return Math.abs(histogramOf([us]).quantileUs(0.5)! - us) <= us / 128
    })
  )
})

t.test('merging is addition: any order, any grouping, nothing lost', async (t) => {
  fc.assert(
    fc.property(latencies, latencies, latencies, (a, b, c) => {
      const [x, y, z] = [histogramOf(a), histogramOf(b), histogramOf(c)]
      const left = x.clone().merge(y).merge(z)
      const right = z.clone().merge(y.clone().merge(x))
      t.same(bucketsOf(left), bucketsOf(right))
      t.same(bucketsOf(left), expected([...a, ...b, ...c]))
      t.equal(left.total, a.length + b.length + c.length)
      t.same(bucketsOf(x), expected(a), 'what was merged is as it was')
    }),
    { numRuns: 50 }
  )
})

t.test('the stored form gives back the same histogram, and is small', async (t) => {
  fc.assert(
    fc.property(latencies, (us) => {
      const histogram = histogramOf(us)
      const read = Histogram.decode(histogram.encode())
      t.same(bucketsOf(read), bucketsOf(histogram))
      t.equal(read.total, histogram.total)
      t.same(bucketsOf(histogramOf(us).mergeEncoded(histogram.encode())), bucketsOf(histogramOf([...us, ...us])))
    }),
    { numRuns: 50 }
  )
  const many = new Histogram()
  for (let n = 0; n < 60_000; n++) many.record(Math.round(20_000 * Math.exp(Math.sin(n) + Math.cos(n * 7))))
  t.ok(many.encode().length < 1_600, `${many.encode().length} bytes for 60,000 events`)
})

t.test('bytes that are no histogram are refused', async (t) => {
  t.throws(() => Histogram.decode(new Uint8Array([])), { message: /format undefined/ })
  t.throws(() => Histogram.decode(new Uint8Array([2, 1, 1])), { message: /format 2 is not known/ })
  t.throws(() => Histogram.decode(new Uint8Array([1, 5])), { message: /cut off/ })
  t.throws(() => Histogram.decode(new Uint8Array([1, 0x80])), { message: /cut off/ })
  t.throws(() => Histogram.decode(new Uint8Array([1, 0xff, 0xff, 1, 1])), { message: /bucket \d+ of 1331/ })
  t.throws(() => Histogram.decode(new Uint8Array([1, ...Array.from({ length: 9 }, () => 0xff), 1])), RangeError)
})

t.test('nothing recorded has no quantile and no extremes', async (t) => {
  const empty = new Histogram()
  t.equal(empty.quantileUs(0.95), null)
  t.equal(empty.minUs, null)
  t.equal(empty.maxUs, null)
  t.equal(empty.countAbove(0), 0)
  t.same([...empty.encode()], [1])
  t.throws(() => empty.quantileUs(0), RangeError)
  t.throws(() => empty.quantileUs(95), RangeError, 'a ratio, not percent')
})

t.test('the share above a threshold is off by at most the share of its bucket', async (t) => {
  const histogram = histogramOf([1_000, 2_000, 199_000, 200_000, 200_500, 300_000, 70_000_000])
  t.equal(histogram.countAbove(100_000), 5)
  t.equal(histogram.countAbove(400_000), 1)
  t.equal(histogram.countAbove(60_000_000), 0, 'past 60 s nothing is told apart')
  const above = histogram.countAbove(200_000)
  t.ok(above >= 2 && above <= 5, `${above}: the bucket of 200 ms holds three`)
  t.equal(histogram.minUs, bucketLowerUs(bucketOf(1_000)))
  t.ok(histogram.maxUs! >= maxLatencyUs)
})

t.test('more than 2^32 events of one latency are still counted one by one', async (t) => {
  const histogram = histogramOf([1_000])
  histogram.recordMany(1_000, 2 ** 32 - 1)
  histogram.record(1_000)
  t.same(bucketsOf(histogram), [[bucketOf(1_000), 2 ** 32 + 1]])
  const doubled = histogram.clone().merge(histogram)
  t.equal(doubled.total, 2 ** 33 + 2)
  t.equal(Histogram.decode(doubled.encode()).total, doubled.total)
})
