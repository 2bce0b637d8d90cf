/** What a probe at one rate came to. */
export interface Probe {
  /** Arrivals per second, above 0. */
  readonly ratePerS: number
  /** Requests counted, above 0. */
  readonly total: number
  /** Those among them that broke the promise, count. */
  readonly bad: number
}

export interface RatePoint {
  readonly ratePerS: number
  readonly badRatio: number
}

/**
 * The share of bad requests over the rate, made never to fall: neighbours that fall are pooled
 * (pool adjacent violators), weighted by their requests.
 *
 * @returns one point a probe, slowest rate first
 * @see Ayer et al., "An empirical distribution function for sampling with incomplete information" (1955)
 */
export const risingBadRatio = (probes: readonly Probe[]): RatePoint[] => {
  const blocks: { rates: number[]; total: number; bad: number }[] = []
  for (const { ratePerS, total, bad } of probes.toSorted((a, b) => a.ratePerS - b.ratePerS)) {
    let block = { rates: [ratePerS], total, bad }
    for (let before = blocks.at(-1); before && before.bad * block.total >= block.bad * before.total;) {
      blocks.pop()
      block = {
        rates: [...before.rates, ...block.rates],
        total: before.total + block.total,
        bad: before.bad + block.bad
      }
      before = blocks.at(-1)
    }
    blocks.push(block)
  }
  return blocks.flatMap(({ rates, total, bad }) => rates.map((ratePerS) => ({ ratePerS, badRatio: bad / total })))
}

/**
 * Between which probed rates the share of bad requests crosses a limit, after pooling.
 *
 * @returns the highest rate within the limit and the lowest beyond it; null where there is none
 */
export const crossing = (
  probes: readonly Probe[],
  limitRatio: number
): { readonly within: number | null; readonly beyond: number | null } => {
  const points = risingBadRatio(probes)
  return {
    within: points.findLast(({ badRatio }) => badRatio <= limitRatio)?.ratePerS ?? null,
    beyond: points.find(({ badRatio }) => badRatio > limitRatio)?.ratePerS ?? null
  }
}
