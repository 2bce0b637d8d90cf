import { Histogram } from '../histogram.ts'

interface Slot {
  readonly startMs: number
  /** Bytes once the slot is past: a tenth of the memory, and few late events come. */
  latency: Histogram | Uint8Array
}

/** Latencies of the last slots, by time; see `SlotRing`. */
export class LatencyRing {
  readonly widthMs: number
  #slots: (Slot | undefined)[]
  /** The slot written last. */
  #open: Slot | undefined

  constructor(widthMs: number, slots: number) {
    this.widthMs = widthMs
    this.#slots = Array.from({ length: slots })
  }

  add(startMs: number, latency: Histogram | Uint8Array): void {
    const at = this.#indexOf(startMs)
    let slot = this.#slots[at]
    if (slot && slot.startMs > startMs) return
    if (slot?.startMs !== startMs) this.#slots[at] = slot = { startMs, latency: new Histogram() }
    if (this.#open !== slot) this.#turnTo(slot)
    mergeInto(slot.latency as Histogram, latency)
  }

  /** Adds the slots that begin in [fromMs, toMs) to `sum`. */
  addTo(sum: Histogram, fromMs: number, toMs: number): void {
    const oldestMs = toMs - this.#slots.length * this.widthMs
    const firstMs = Math.ceil(Math.max(fromMs, oldestMs) / this.widthMs) * this.widthMs
    for (let startMs = firstMs; startMs < toMs; startMs += this.widthMs) {
      const slot = this.#slots[this.#indexOf(startMs)]
      if (slot?.startMs === startMs) mergeInto(sum, slot.latency)
    }
  }

  /** Packs the slot that was open and unpacks the one to write to. */
  #turnTo(slot: Slot): void {
    if (this.#open?.latency instanceof Histogram) this.#open.latency = this.#open.latency.encode()
    if (!(slot.latency instanceof Histogram)) slot.latency = Histogram.decode(slot.latency)
    this.#open = slot
  }

  #indexOf(startMs: number): number {
    return Math.floor(startMs / this.widthMs) % this.#slots.length
  }
}

const mergeInto = (sum: Histogram, latency: Histogram | Uint8Array): void => {
  if (latency instanceof Histogram) sum.merge(latency)
  else sum.mergeEncoded(latency)
}
