/** Bits of a cell: 16 where slots are short, 32 where they hold hours. */
export type CellBits = 16 | 32

/**
 * Counts in rows (time) and columns (objectives), two or four bytes each. A count too large for its
 * cell fills it up and lies in a map beside: exact to 2^53, and rare, so the bytes stay few.
 */
export class CounterGrid {
  readonly columns: number
  readonly #cells: Uint16Array | Uint32Array
  readonly #full: number
  readonly #spilled = new Map<number, number>()

  constructor(rows: number, columns: number, bits: CellBits) {
    this.columns = columns
    this.#cells = bits === 16 ? new Uint16Array(rows * columns) : new Uint32Array(rows * columns)
    this.#full = bits === 16 ? 0xffff : 0xffff_ffff
  }

  get sizeBytes(): number {
    return this.#cells.byteLength + this.#spilled.size * 64
  }

  get(row: number, column: number): number {
    return this.#read(row * this.columns + column)
  }

  /** Adds `count`, which may be negative where a judgement is taken back. */
  add(row: number, column: number, count: number): void {
    const at = row * this.columns + column
    const value = this.#read(at) + count
    if (value < this.#full) {
      if (this.#cells[at] === this.#full) this.#spilled.delete(at)
      this.#cells[at] = value
    } else {
      this.#cells[at] = this.#full
      this.#spilled.set(at, value)
    }
  }

  /** Takes a whole row off `sums`, which begin at `offset`. */
  subtractRow(row: number, sums: Float64Array, offset: number): void {
    const { columns } = this
    const [cells, full, start] = [this.#cells, this.#full, row * columns] // read once: this loop is the cost of a look
    for (let column = 0; column < columns; column++) {
      const value = cells[start + column]!
      if (value !== 0) sums[offset + column]! -= value === full ? this.#read(start + column) : value
    }
  }

  clearRow(row: number): void {
    const start = row * this.columns
    if (this.#spilled.size > 0) {
      for (let at = start; at < start + this.columns; at++) this.#spilled.delete(at)
    }
    this.#cells.fill(0, start, start + this.columns)
  }

  clear(): void {
    this.#cells.fill(0)
    this.#spilled.clear()
  }

  #read(at: number): number {
    const value = this.#cells[at]!
    return value === this.#full ? this.#spilled.get(at)! : value
  }
}
