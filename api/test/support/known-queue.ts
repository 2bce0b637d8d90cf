// A queue whose schedule is known beforehand: the truth that measurements are held against.
import { exponential, seededRandom, type Random } from '../../src/load/random.rules.ts'

/** First come, first served by `workers` that take `serviceMs` on average, half of it always. */
export interface QueueKind {
  readonly workers: number
  readonly serviceMs: number
}

/** The schedule of a queue: who comes when is told, when each is done is known at once. */
export class Queue {
  readonly #free: Float64Array
  readonly #serviceMs: number
  readonly #random: Random

  constructor({ workers, serviceMs }: QueueKind, random: Random) {
    this.#free = new Float64Array(workers)
    this.#serviceMs = serviceMs
    this.#random = random
  }

  /** @returns milliseconds until the one who comes at `atMs` is done; times may not fall */
  take(atMs: number): number {
    let worker = 0
    for (let i = 1; i < this.#free.length; i++) if (this.#free[i]! < this.#free[worker]!) worker = i
    const endMs = Math.max(atMs, this.#free[worker]!) + this.#serviceMs * (0.5 + 0.5 * exponential(this.#random))
    this.#free[worker] = endMs
    return endMs - atMs
  }
}

/** Share of the requests that take longer than `thresholdMs` when Poisson arrivals come at a rate, ratio. */
export function slowShareOf(kind: QueueKind, ratePerS: number, thresholdMs: number, seed = 1): number {
  const [service, arrival] = [seededRandom(seed), seededRandom(seed + 1)]
  const queue = new Queue(kind, service)
  const requests = 400_000
  let slow = 0
  for (let i = 0, atMs = 0; i < requests; i++) {
    atMs += (exponential(arrival) / ratePerS) * 1_000
    if (queue.take(atMs) > thresholdMs) slow++
  }
  return slow / requests
}

/** The rate at which 5 % take longer than 200 ms, by bisection to half a percent. */
export function lineOfQueue(kind: QueueKind): number {
  let [low, high] = [0, (kind.workers / kind.serviceMs) * 1_000]
  while (high - low > 0.005 * high) {
    const middle = (low + high) / 2
    if (slowShareOf(kind, middle, 200) > 0.05) high = middle
    else low = middle
  }
  return (low + high) / 2
}

/** The value below which a share of the values lies: the one at rank ⌈q n⌉. */
export const quantileOf = (values: readonly number[], q: number): number =>
  values.toSorted((a, b) => a - b)[Math.ceil(q * values.length) - 1] ?? NaN
