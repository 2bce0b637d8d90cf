import type { Tally } from '../burn.rules.ts'
import { CounterGrid, type CellBits } from './counter-grid.ts'
import type { RingLayout } from './layout.rules.ts'

/** A window summed over a ring: its slots, and where its sums lie. */
export interface SlidingSum {
  readonly slots: number
  /** First column of this window in `totals` and `bads`. */
  readonly offset: number
}

/** The sums of all windows and columns, window by window. */
export interface Sums {
  readonly totals: Float64Array
  readonly bads: Float64Array
}

/**
 * The newest slots of one width for many objectives, time-major: all objectives of one slot lie
 * side by side, so that time moving on is a walk over a few rows. Slots are numbered from 1970.
 */
export class Ring {
  readonly widthMs: number
  readonly slots: number
  readonly #totals: CounterGrid
  readonly #bads: CounterGrid
  readonly #sums: Sums
  readonly #windows: readonly SlidingSum[]
  #head: number

  constructor(
    layout: RingLayout,
    options: { columns: number; nowMs: number; sums: Sums; windows: readonly SlidingSum[] }
  ) {
    this.widthMs = layout.widthMs
    this.slots = layout.slots
    const bits: CellBits = layout.widthMs < 300_000 ? 16 : 32
    this.#totals = new CounterGrid(layout.slots, options.columns, bits)
    this.#bads = new CounterGrid(layout.slots, options.columns, bits)
    this.#sums = options.sums
    this.#windows = options.windows
    this.#head = Math.floor(options.nowMs / layout.widthMs)
  }

  get sizeBytes(): number {
    return this.#totals.sizeBytes + this.#bads.sizeBytes
  }

  /** Number of the current slot. */
  get head(): number {
    return this.#head
  }

  /** Start of the oldest slot, Unix time in milliseconds. */
  get fromMs(): number {
    return (this.#head - this.slots + 1) * this.widthMs
  }

  /** Lets slots leave the windows, and the ring, that the present has moved away from. */
  advance(nowMs: number): void {
    const head = Math.floor(nowMs / this.widthMs)
    if (head - this.#head >= this.slots) return this.#jump(head)
    while (this.#head < head) {
      this.#head++
      for (const { slots, offset } of this.#windows) {
        const leaving = this.#row(this.#head - slots)
        this.#totals.subtractRow(leaving, this.#sums.totals, offset)
        this.#bads.subtractRow(leaving, this.#sums.bads, offset)
      }
      this.#totals.clearRow(this.#row(this.#head))
      this.#bads.clearRow(this.#row(this.#head))
    }
  }

  /** Adds counts to the slot of `startMs` and to every window that holds it; what is older than the ring is left out. */
  add(column: number, startMs: number, { total, bad }: Tally): void {
    const slot = Math.floor(startMs / this.widthMs)
    const age = this.#head - slot
    if (age < 0 || age >= this.slots) return
    const row = this.#row(slot)
    this.#totals.add(row, column, total)
    this.#bads.add(row, column, bad)
    for (const { slots, offset } of this.#windows) {
      if (age >= slots) continue
      this.#sums.totals[offset + column]! += total
      this.#sums.bads[offset + column]! += bad
    }
  }

  /** Counts of the slot that holds `atMs`; null when the ring does not reach there. */
  at(column: number, atMs: number): Tally | null {
    const slot = Math.floor(atMs / this.widthMs)
    if (slot > this.#head || slot <= this.#head - this.slots) return null
    const row = this.#row(slot)
    return { total: this.#totals.get(row, column), bad: this.#bads.get(row, column) }
  }

  /** Calls `visit` for every slot that starts in [fromMs, toMs) and holds events, oldest first. */
  forEach(
    column: number,
    fromMs: number,
    toMs: number,
    visit: (total: number, bad: number, startMs: number) => void
  ): void {
    const first = Math.max(this.#head - this.slots + 1, Math.ceil(fromMs / this.widthMs))
    const last = Math.min(this.#head, Math.ceil(toMs / this.widthMs) - 1)
    for (let slot = first; slot <= last; slot++) {
      const row = this.#row(slot)
      const total = this.#totals.get(row, column)
      if (total !== 0) visit(total, this.#bads.get(row, column), slot * this.widthMs)
    }
  }

  #row(slot: number): number {
    return ((slot % this.slots) + this.slots) % this.slots
  }

  /** Nothing of what the ring holds is recent any more. */
  #jump(head: number): void {
    this.#head = head
    this.#totals.clear()
    this.#bads.clear()
    for (const { offset } of this.#windows) {
      this.#sums.totals.fill(0, offset, offset + this.#totals.columns)
      this.#sums.bads.fill(0, offset, offset + this.#totals.columns)
    }
  }
}
