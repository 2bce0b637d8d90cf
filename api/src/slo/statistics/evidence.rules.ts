/**
 * Evidence as e-values: what is expected to stay at or below 1 while nothing is wrong. Reaching
 * 1/alpha at any time then has a chance of at most alpha (Ville 1939), so looking often is free.
 * Everything is kept as natural logarithms.
 */

/** ln(e^a + e^b + …) without overflow; -Infinity of nothing. */
export const logSumExp = (logs: ArrayLike<number>): number => {
  let most = -Infinity
  for (let i = 0; i < logs.length; i++) most = Math.max(most, logs[i]!)
  if (most === -Infinity) return -Infinity
  let sum = 0
  for (let i = 0; i < logs.length; i++) sum += Math.exp(logs[i]! - most)
  return most + Math.log(sum)
}

/** How much worse than tolerated the truth might be: one bet on each. */
const upRatios = [1.5, 2, 3, 5, 10, 30, 100, 1000] as const

/**
 * The failure ratios that are bet on against "at most `tolerated`": multiples of it, capped
 * half-way to 1, each once.
 */
export const worseRatios = (tolerated: number): number[] => [
  ...new Set(upRatios.map((ratio) => Math.min(tolerated * ratio, 0.5 + 0.5 * tolerated)))
]

/** Stake of each bet: the factor of a vote f is 1 + stake × (f − tolerated), 0 < factor. */
export const stakes = (tolerated: number, worse: readonly number[]): Float64Array =>
  Float64Array.from(worse, (ratio) => (ratio / tolerated - 1) / (1 - tolerated))

/**
 * Evidence that failures are more frequent than tolerated. Each slot is one vote, its share of
 * failures, so failures within a slot may depend on each other as they like (retries, one dead
 * upstream) and the guarantee holds.
 */
export class ExcessEvidence {
  readonly #tolerated: number
  readonly #stakes: Float64Array
  /** What a slot without failures takes from each bet. */
  readonly #clean: Float64Array
  readonly #logs: Float64Array

  /** @param tolerated - share of failures that is fine, ratio in (0, 1) */
  constructor(tolerated: number) {
    if (!(tolerated > 0 && tolerated < 1)) throw new RangeError(`a tolerated ratio is in (0, 1), not ${tolerated}`)
    this.#tolerated = tolerated
    this.#stakes = stakes(tolerated, worseRatios(tolerated))
    this.#clean = this.#stakes.map((stake) => Math.log1p(-stake * tolerated))
    this.#logs = new Float64Array(this.#stakes.length)
  }

  /** Forgets every vote. */
  reset(): void {
    this.#logs.fill(0)
  }

  /** One slot: `bad` failures of `total` events; a slot without events does not vote. */
  vote(total: number, bad: number): void {
    if (total <= 0) return
    if (bad === 0) return this.voteClean(1)
    const excess = bad / total - this.#tolerated
    for (let i = 0; i < this.#logs.length; i++) this.#logs[i]! += Math.log1p(this.#stakes[i]! * excess)
  }

  /** That many slots with events and without failures. */
  voteClean(slots: number): void {
    for (let i = 0; i < this.#logs.length; i++) this.#logs[i]! += slots * this.#clean[i]!
  }

  /** Natural logarithm of the e-value so far. */
  get logE(): number {
    return logSumExp(this.#logs) - Math.log(this.#logs.length)
  }
}

/** Bets that failures are rarer than tolerated: divisors of the tolerated ratio, and how much is put on each. */
const downBets = [
  { divisor: 1.5, weight: 0.15 },
  { divisor: 2, weight: 0.2 },
  { divisor: 4, weight: 0.2 },
  { divisor: 10, weight: 0.15 },
  { divisor: 1e9, weight: 0.3 }
] as const

export interface Sample {
  /** Events, count. */
  readonly total: number
  /** Failures among them, count. */
  readonly bad: number
  /** How many failures come at a time, 1 when they are independent; see {@link dispersion}. */
  readonly clustering: number
}

/**
 * Evidence that failures are rarer than `tolerated`, as the logarithm of an e-value.
 *
 * @param tolerated - ratio in (0, 1)
 */
export const logRarer = ({ total, bad, clustering }: Sample, tolerated: number): number =>
  logSumExp(
    downBets.map(({ divisor, weight }) => {
      const rarer = tolerated / divisor
      const log = bad * Math.log(rarer / tolerated) + (total - bad) * (Math.log1p(-rarer) - Math.log1p(-tolerated))
      return log / clustering + Math.log(weight)
    })
  )

/**
 * How many requests without a failure prove the promise, by the "rarer than" evidence and the half
 * of it that a verdict shares out.
 *
 * @param tolerated - share of failures promised, ratio in (0, 1)
 * @param alpha - chance of being wrong, ratio in (0, 1)
 * @param clustering - failures that come at a time, 1 or more
 * @returns requests, count: 4,891 for 99.9 % at 5 %
 */
export const cleanRequestsNeeded = (tolerated: number, alpha: number, clustering: number): number =>
  Math.ceil((clustering * Math.log(2 / (alpha * 0.3))) / -Math.log1p(-tolerated))

/**
 * Upper bound of the failure ratio that may be read at any time, however often one looks.
 *
 * @param alpha - chance that it is ever wrong, ratio in (0, 1)
 * @returns ratio; 1 when nothing is known yet
 */
export const anytimeUpper = (sample: Sample, alpha: number): number => {
  if (sample.total <= 0) return 1
  const needed = Math.log(1 / alpha)
  let low = sample.bad / sample.total
  let high = 1
  for (let step = 0; step < 100 && high - low > 1e-14; step++) {
    const middle = (low + high) / 2
    if (logRarer(sample, middle) < needed) low = middle
    else high = middle
  }
  return high
}

/** With fewer failures than this their clustering cannot be told. */
const clusteringUnknownBelow = 10

/**
 * Index of dispersion of failures per second, variance over mean: how many come at a time.
 *
 * @param counts - failures in each second outside incidents
 * @returns in [1, 100]; 2 when there were fewer than ten failures
 */
export const dispersion = (counts: readonly number[]): number => {
  const events = counts.reduce((sum, count) => sum + count, 0)
  if (events < clusteringUnknownBelow) return 2
  const mean = events / counts.length
  const squares = counts.reduce((sum, count) => sum + (count - mean) ** 2, 0)
  return Math.min(100, Math.max(1, squares / counts.length / mean))
}
