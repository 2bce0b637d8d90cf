/**
 * Where a latency falls in the histogram, and what a bucket stands for. Log-linear: one bucket per
 * microsecond below 64 µs, then 64 buckets per octave, so a bucket is at most 1/64 of its lower
 * edge wide and its middle is at most 1/128 (0.78 %) from anything in it.
 */

const subBucketBits = 6
const subBuckets = 1 << subBucketBits

/** Slower events are counted in the last bucket, which therefore means "60 s or more". */
export const maxLatencyUs = 60_000_000

/** Buckets 0 … 1330: 64 exact ones, then 64 for each of the octaves from 64 µs up to 60 s. */
export const bucketCount = 1_331

/**
 * The bucket of a latency.
 *
 * @param us - latency, integer microseconds; negative counts as 0, more than 60 s as 60 s
 * @returns index, 0 … 1330
 */
export const bucketOf = (us: number): number => {
  if (us < subBuckets) return us < 0 ? 0 : us | 0
  const value = us > maxLatencyUs ? maxLatencyUs : us | 0
  const octave = 31 - Math.clz32(value) - subBucketBits
  return (octave << subBucketBits) + (value >>> octave)
}

/**
 * Smallest latency of a bucket, microseconds.
 *
 * @param index - 0 … 1331; the upper edge of bucket i is `bucketLowerUs(i + 1)`
 */
export const bucketLowerUs = (index: number): number => {
  if (index < 2 * subBuckets) return index
  const octave = (index >>> subBucketBits) - 1
  return (index - (octave << subBucketBits)) << octave
}

/** How many whole microseconds share a bucket. */
export const bucketWidthUs = (index: number): number => bucketLowerUs(index + 1) - bucketLowerUs(index)
