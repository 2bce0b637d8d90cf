import { stakes } from './evidence.rules.ts'

/** How much worse than tolerated a slow burn might be: one bet on each. */
const slowBurnRatios = [1.5, 2, 3, 6, 20, 100] as const

export interface DetectorOptions {
  /** Share of failures that is fine, ratio in (0, 1). */
  readonly tolerated: number
  /** Mean ticks between false alarms while failures stay at or below `tolerated`. */
  readonly ticksBetweenFalseAlarms: number
  readonly ratios?: readonly number[]
}

/**
 * Shiryaev–Roberts e-detector: notices early that failures have become more frequent than
 * tolerated, at an unknown time and by an unknown amount. While they have not, the mean time
 * between false alarms is at least the one asked for.
 *
 * The state lies with the caller, `size` doubles for each detector that shares the same promise:
 * a tick over ten thousand objectives is one loop over one array.
 *
 * @see Shin, Ramdas, Rinaldo, "E-detectors: a nonparametric framework for sequential change detection"
 */
export class SlowBurnDetector {
  readonly #tolerated: number
  readonly #stakes: Float64Array
  readonly #threshold: number

  constructor({ tolerated, ticksBetweenFalseAlarms, ratios = slowBurnRatios }: DetectorOptions) {
    this.#tolerated = tolerated
    this.#stakes = stakes(tolerated, failureRatios(tolerated, ratios))
    this.#threshold = ticksBetweenFalseAlarms
  }

  /** Doubles of state a detector needs. */
  get size(): number {
    return this.#stakes.length
  }

  /**
   * One tick: `bad` failures of `total` events. A tick without events says nothing, but time passes.
   *
   * @param state - at least `size` doubles from `at` on, all zero at first
   * @returns whether the statistic reached the threshold
   */
  tick(state: Float64Array, at: number, { total, bad }: { total: number; bad: number }): boolean {
    const excess = total > 0 ? bad / total - this.#tolerated : 0
    for (let i = 0; i < this.#stakes.length; i++) {
      state[at + i] = (state[at + i]! + 1) * (1 + this.#stakes[i]! * excess)
    }
    return this.statistic(state, at) >= this.#threshold
  }

  /** Mean over the bets, in ticks: compared with the ticks between false alarms. */
  statistic(state: Float64Array, at: number): number {
    let sum = 0
    for (let i = 0; i < this.#stakes.length; i++) sum += state[at + i]!
    return sum / this.#stakes.length
  }

  /** Begins anew, as after an alarm. */
  reset(state: Float64Array, at: number): void {
    state.fill(0, at, at + this.#stakes.length)
  }
}

/** Multiples of what is tolerated; those that would be certain failure bet on half-way to it. */
const failureRatios = (tolerated: number, ratios: readonly number[]): number[] => [
  ...new Set(ratios.map((ratio) => (tolerated * ratio < 1 ? tolerated * ratio : 0.5 + 0.5 * tolerated)))
]

/** Most doubles a detector of the default ratios needs. */
export const detectorStateSize = slowBurnRatios.length
