/** Sums of some slots. Events, count. */
export interface SlotSums {
  readonly total: number
  readonly status5xx: number
  /** Slower than the promise, failed ones included. */
  readonly slow: number
  readonly aborted: number
}

const fields = 4

/**
 * Counts of the last slots, by time. A slot that has turned old is overwritten by the one that takes
 * its place; what is older than the ring reaches is ignored. Nothing has to move when time does.
 */
export class SlotRing {
  readonly widthMs: number
  #starts: Float64Array
  #sums: Float64Array

  constructor(widthMs: number, slots: number) {
    this.widthMs = widthMs
    this.#starts = new Float64Array(slots).fill(-Infinity)
    this.#sums = new Float64Array(slots * fields)
  }

  /** Adds to the slot that begins at `startMs`, a multiple of the width. */
  add(startMs: number, { total, status5xx, slow, aborted }: SlotSums): void {
    const slot = this.#slotOf(startMs)
    if (this.#starts[slot]! > startMs) return
    const at = slot * fields
    if (this.#starts[slot]! < startMs) {
      this.#starts[slot] = startMs
      this.#sums.fill(0, at, at + fields)
    }
    this.#sums[at]! += total
    this.#sums[at + 1]! += status5xx
    this.#sums[at + 2]! += slow
    this.#sums[at + 3]! += aborted
  }

  /** Adds the slots that begin in [fromMs, toMs) to `sums`. */
  addTo(sums: { -readonly [K in keyof SlotSums]: number }, fromMs: number, toMs: number): void {
    const oldestMs = toMs - this.#starts.length * this.widthMs
    const firstMs = Math.ceil(Math.max(fromMs, oldestMs) / this.widthMs) * this.widthMs
    for (let startMs = firstMs; startMs < toMs; startMs += this.widthMs) {
      const slot = this.#slotOf(startMs)
      if (this.#starts[slot] !== startMs) continue
      const at = slot * fields
      sums.total += this.#sums[at]!
      sums.status5xx += this.#sums[at + 1]!
      sums.slow += this.#sums[at + 2]!
      sums.aborted += this.#sums[at + 3]!
    }
  }

  #slotOf(startMs: number): number {
    return Math.floor(startMs / this.widthMs) % this.#starts.length
  }
}

export const noSums = (): { -readonly [K in keyof SlotSums]: number } => ({
  total: 0,
  status5xx: 0,
  slow: 0,
  aborted: 0
})
