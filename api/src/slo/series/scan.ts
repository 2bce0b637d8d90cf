import { budgetRatioOf } from '../burn.rules.ts'
import type { Bank } from './bank.ts'
import type { Series } from './series.ts'

/**
 * Finds, among all objectives of a bank, those whose budget burns too fast in both windows of some
 * tier: a few multiplications each, so that ten thousand take less than a millisecond. Only these
 * are looked at more closely.
 */
export class BurnScan {
  readonly #bank: Bank
  readonly #series: readonly Series[]
  /** Share of bad events above which tier t of column c burns too fast, at `t × columns + c`. */
  readonly #limits: Float64Array
  readonly #marks: Uint8Array

  /** @param series - of this bank, in the order of their columns */
  constructor(bank: Bank, series: readonly Series[]) {
    this.#bank = bank
    this.#series = series
    this.#limits = new Float64Array(bank.layout.tiers.length * bank.columns)
    this.#marks = new Uint8Array(bank.columns)
    for (const { tiers, column, objective } of series) {
      for (const [t, { factor }] of tiers.entries()) {
        this.#limits[t * bank.columns + column] = factor * budgetRatioOf(objective.targetRatio)
      }
    }
  }

  burning(): Series[] {
    this.#marks.fill(0)
    let found = 0
    for (let tier = 0; tier < this.#bank.layout.tiers.length; tier++) found += this.#mark(tier)
    return found === 0 ? [] : this.#series.filter(({ column }) => this.#marks[column] === 1)
  }

  #mark(tier: number): number {
    const { columns, layout, sums } = this.#bank
    const { totals, bads } = sums
    const { long, short } = layout.tiers[tier]!
    const [longAt, shortAt, limitAt] = [long * columns, short * columns, tier * columns]
    let found = 0
    for (let column = 0; column < columns; column++) {
      if (bads[shortAt + column] === 0) continue // so it is nearly always: nothing else need be read
      const limit = this.#limits[limitAt + column]!
      if (
        bads[longAt + column]! > limit * totals[longAt + column]! &&
        bads[shortAt + column]! > limit * totals[shortAt + column]!
      ) {
        this.#marks[column] = 1
        found++
      }
    }
    return found
  }
}

/** One scan for each bank of a book. */
export const scansOf = (banks: readonly Bank[], series: readonly Series[]): BurnScan[] => {
  const byBank = Map.groupBy(series, ({ bank }) => bank)
  return banks.map((bank) => new BurnScan(bank, byBank.get(bank) ?? []))
}
