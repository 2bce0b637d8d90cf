import { bucketCount, bucketLowerUs, bucketOf, bucketWidthUs } from './histogram.rules.ts'

/** First byte of the stored form; a later layout gets a new number and keeps reading this one. */
const formatVersion = 1

/** Storage grows in whole octaves of 64 buckets: a service's latencies seldom span more than ten. */
const growthBuckets = 64

const maxUint32 = 0xffff_ffff

type BucketCounts = Uint32Array | Float64Array

/**
 * Latencies of any number of events, in microseconds, within 0.78 %. Two histograms merge by
 * addition, exactly and in any order, so they add over time, streams and instances; percentiles do
 * not (METHODS: never average them).
 *
 * Holds only the octaves that were seen: about 300 bytes for a handful of alike requests, 5 kB at most.
 */
export class Histogram {
  #first = 0
  #counts: BucketCounts = new Uint32Array(0)
  #total = 0

  /** Events recorded. */
  get total(): number {
    return this.#total
  }

  /**
   * Counts one event.
   *
   * @param us - latency, microseconds; see {@link bucketOf} for what is out of range
   */
  record(us: number): void {
    const index = bucketOf(us)
    let at = index - this.#first
    if (at < 0 || at >= this.#counts.length) at = this.#cover(index)
    const count = this.#counts[at]! + 1
    if (count > maxUint32) this.#widen()
    this.#counts[at] = count
    this.#total++
  }

  /** Counts `count` events that took equally long. */
  recordMany(us: number, count: number): void {
    this.#add(bucketOf(us), count)
  }

  /** Adds the events of another histogram to this one. */
  merge(other: Histogram): this {
    if (other.#total === 0) return this
    this.#cover(other.#first)
    this.#cover(other.#first + other.#counts.length - 1)
    if (this.#total + other.#total > maxUint32) this.#widen()
    const shift = other.#first - this.#first
    for (let at = 0; at < other.#counts.length; at++) this.#counts[at + shift]! += other.#counts[at]!
    this.#total += other.#total
    return this
  }

  /** Adds the events of a stored histogram without building it; see {@link Histogram.encode}. */
  mergeEncoded(bytes: Uint8Array): this {
    forEachEncoded(bytes, (index, count) => this.#add(index, count))
    return this
  }

  clone(): Histogram {
    return new Histogram().merge(this)
  }

  /** Calls `visit` for every bucket that holds events, fastest first. */
  forEachBucket(visit: (index: number, count: number) => void): void {
    for (let at = 0; at < this.#counts.length; at++) {
      const count = this.#counts[at]!
      if (count > 0) visit(this.#first + at, count)
    }
  }

  /**
   * The latency that a share `q` of the events did not exceed: nearest rank, interpolated inside
   * its bucket, at most 0.78 % from the event of that rank.
   *
   * @param q - ratio in (0, 1]
   * @returns microseconds, or null when nothing was recorded
   * @throws RangeError when q is out of range
   */
  quantileUs(q: number): number | null {
    if (!(q > 0 && q <= 1)) throw new RangeError(`a quantile is in (0, 1], not ${q}`)
    if (this.#total === 0) return null
    const rank = Math.max(1, Math.ceil(q * this.#total))
    let below = 0
    for (let at = 0; at < this.#counts.length; at++) {
      const count = this.#counts[at]!
      if (below + count >= rank) {
        const index = this.#first + at
        return bucketLowerUs(index) + (bucketWidthUs(index) * (rank - below - 0.5)) / count
      }
      below += count
    }
    throw new RangeError('the buckets hold fewer events than the total says')
  }

  /**
   * How many events took longer than a threshold, read from the buckets. The bucket that holds the
   * threshold is shared out evenly, so the answer is off by at most that bucket's count (about
   * 0.1 percentage points of ordinary traffic); slices keep exact counters for thresholds in force.
   *
   * @param thresholdUs - microseconds
   * @returns events, possibly fractional; 0 from 60 s up, where latencies are not told apart
   */
  countAbove(thresholdUs: number): number {
    const edge = bucketOf(thresholdUs)
    let above = 0
    this.forEachBucket((index, count) => {
      if (index > edge) above += count
      else if (index === edge && index < bucketCount - 1) {
        const slowerUs = bucketLowerUs(index + 1) - 1 - Math.max(bucketLowerUs(index), Math.floor(thresholdUs))
        above += (count * slowerUs) / bucketWidthUs(index)
      }
    })
    return above
  }

  /** Lower edge of the fastest event's bucket, microseconds; null when nothing was recorded. */
  get minUs(): number | null {
    const at = this.#counts.findIndex((count: number) => count > 0)
    return at < 0 ? null : bucketLowerUs(this.#first + at)
  }

  /** Largest latency of the slowest event's bucket, microseconds; null when nothing was recorded. */
  get maxUs(): number | null {
    const at = this.#counts.findLastIndex((count: number) => count > 0)
    return at < 0 ? null : bucketLowerUs(this.#first + at + 1) - 1
  }

  /**
   * The stored form: a version byte, then for each bucket that holds events the number of empty
   * buckets before it and its count, both as unsigned LEB128. 103 bytes for 60 ordinary events,
   * 1.5 kB for 60,000.
   */
  encode(): Uint8Array {
    const bytes: number[] = [formatVersion]
    let next = 0
    this.forEachBucket((index, count) => {
      pushVarint(bytes, index - next)
      pushVarint(bytes, count)
      next = index + 1
    })
    return Uint8Array.from(bytes)
  }

  /**
   * Reads {@link Histogram.encode}'s bytes.
   *
   * @throws RangeError when they are of another version, cut off or out of range
   */
  static decode(bytes: Uint8Array): Histogram {
    return new Histogram().mergeEncoded(bytes)
  }

  #add(index: number, count: number): void {
    if (this.#total + count > maxUint32) this.#widen()
    const at = this.#cover(index) // first: it may replace #counts
    this.#counts[at]! += count
    this.#total += count
  }

  /** Makes room for a bucket, if need be, and returns where it lies. */
  #cover(index: number): number {
    const at = index - this.#first
    if (at >= 0 && at < this.#counts.length) return at
    const size = this.#counts.length
    const octave = index - (index % growthBuckets)
    // Doubles towards the new bucket, so that a histogram that is filled grows a few times only.
    const from = size === 0 ? octave : at < 0 ? Math.max(0, Math.min(octave, this.#first - size)) : this.#first
    const end = at < 0 && size > 0 ? this.#first + size : Math.max(octave + growthBuckets, this.#first + 2 * size)
    const to = Math.min(end, bucketCount)
    const wide = this.#counts instanceof Float64Array
    const grown: BucketCounts = wide ? new Float64Array(to - from) : new Uint32Array(to - from)
    grown.set(this.#counts, size === 0 ? 0 : this.#first - from)
    this.#counts = grown
    this.#first = from
    return index - from
  }

  /** Past 2^32 events one bucket might overflow 32 bits: doubles count exactly to 2^53. */
  #widen(): void {
    if (this.#counts instanceof Uint32Array) this.#counts = Float64Array.from(this.#counts)
  }
}

const pushVarint = (bytes: number[], value: number): void => {
  let rest = value
  while (rest > 127) {
    bytes.push((rest % 128) | 128)
    rest = Math.floor(rest / 128)
  }
  bytes.push(rest)
}

const forEachEncoded = (bytes: Uint8Array, visit: (index: number, count: number) => void): void => {
  if (bytes[0] !== formatVersion)
    throw new RangeError(`histogram format ${bytes[0]} is not known, only ${formatVersion}`)
  let at = 1
  const varint = (): number => {
    let value = 0
    for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
      const byte = bytes[at++]
      if (byte === undefined) throw new RangeError('histogram bytes are cut off')
      value += (byte & 127) * scale
      if (byte < 128 && value <= Number.MAX_SAFE_INTEGER) return value
    }
    throw new RangeError('histogram bytes hold a number above 2^53')
  }
  for (let next = 0; at < bytes.length; next++) {
    next += varint()
    const count = varint()
    if (next >= bucketCount) throw new RangeError(`histogram bytes name bucket ${next} of ${bucketCount}`)
    visit(next, count)
  }
}
