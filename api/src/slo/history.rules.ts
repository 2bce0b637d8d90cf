import type { ResolvedWindow } from '../plan/objective.ts'
import { budgetOf } from './budget.rules.ts'
import { burnRate, type Tally } from './burn.rules.ts'
import { spanAt } from './window.rules.ts'

/** Counts that were complete at an edge of time, oldest first: running sums. */
export class RunningSums {
  #atMs: number[] = []
  #totals: number[] = []
  #bads: number[] = []

  /** Adds the counts of the next stretch, which ends at `untilMs`. */
  add(untilMs: number, { total, bad }: Tally): void {
    this.#atMs.push(untilMs)
    this.#totals.push((this.#totals.at(-1) ?? 0) + total)
    this.#bads.push((this.#bads.at(-1) ?? 0) + bad)
  }

  /** Counts of [fromMs, toMs), each rounded down to an edge. */
  between(fromMs: number, toMs: number): Tally {
    const [from, to] = [this.#edgeBefore(fromMs), this.#edgeBefore(toMs)]
    const at = (sums: readonly number[], edge: number): number => (edge < 0 ? 0 : sums[edge]!)
    return { total: at(this.#totals, to) - at(this.#totals, from), bad: at(this.#bads, to) - at(this.#bads, from) }
  }

  /** Index of the last edge at or before a moment; −1: none. */
  #edgeBefore(ms: number): number {
    let low = 0
    let high = this.#atMs.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#atMs[middle]! <= ms) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}

export interface HistoryPoint {
  readonly total: number
  readonly bad: number
  readonly remainingRatio: number | null
  readonly burnRate: number | null
}

/**
 * One point of a budget's history: what came in the step, and what was left of the budget of the
 * window that ended with it.
 */
export const pointOf = (
  sums: RunningSums,
  step: { readonly fromMs: number; readonly toMs: number },
  promise: { readonly window: ResolvedWindow; readonly targetRatio: number }
): HistoryPoint => {
  const tally = sums.between(step.fromMs, step.toMs)
  const span = spanAt(promise.window, step.toMs - 1)
  const fromMs = promise.window.kind === 'rolling' ? step.toMs - promise.window.durationMs : span.fromMs
  const { remainingRatio } = budgetOf(sums.between(fromMs, step.toMs), promise.targetRatio)
  return { ...tally, remainingRatio, burnRate: burnRate(tally, promise.targetRatio) }
}

/** The revision in force at a moment; before the first, the first. */
export const revisionAt = <R extends { readonly fromMs: number }>(
  revisions: readonly R[],
  atMs: number
): R | undefined => revisions.findLast(({ fromMs }) => fromMs <= atMs) ?? revisions[0]
