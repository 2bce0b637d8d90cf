import { betterRatios, RatioEvidence, worseRatios, type Votes } from './votes.rules.ts'

const gridBase = 1.05
/** 1.05^-60 = 0.054, 1.05^100 = 131. */
const gridFrom = -60
const gridTo = 100

/**
 * Ratios of the canary's rate to the baseline's that the votes do not speak against, valid at any
 * time of looking.
 *
 * @param batches - in order of time
 * @param alpha - chance that the true ratio is ever outside, ratio in (0, 1)
 * @returns from and to, on a grid of 5 %; null as an end: nothing is known on that side
 */
export function ratioInterval(batches: readonly Votes[], alpha: number): [number | null, number | null] {
  const limit = Math.log(2 / alpha)
  const reaches = (ratio: number, bets: readonly number[]): boolean => {
    const evidence = new RatioEvidence(ratio, bets)
    return batches.some((batch) => {
      evidence.vote(batch)
      return evidence.logE >= limit
    })
  }
  const at = (k: number): number => gridBase ** k
  const indices = Array.from({ length: gridTo - gridFrom + 1 }, (_, i) => gridFrom + i)
  const from = indices.find((k) => !reaches(at(k), worseRatios))
  const to = indices.findLast((k) => !reaches(at(k), betterRatios))
  return [from === undefined || from === gridFrom ? null : at(from), to === undefined || to === gridTo ? null : at(to)]
}

/** The ratio that the counts show; null without bad events of the baseline, or without requests. */
export function ratioShown(batches: readonly Votes[]): number | null {
  const sum = (pick: (batch: Votes) => number): number => batches.reduce((total, batch) => total + pick(batch), 0)
  const [canary, baseline] = [sum((b) => b.canary), sum((b) => b.baseline)]
  const baselineBad = sum((b) => b.baselineBad)
  return canary === 0 || baselineBad === 0 ? null : sum((b) => b.canaryBad) / canary / (baselineBad / baseline)
}
