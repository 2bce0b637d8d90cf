import type { Tally } from '../burn.rules.ts'
import { sliceVerdict } from '../selection.rules.ts'
import { Ring } from './ring.ts'

/** How long after its end a slice is judged: logs and flushes take a moment. */
const graceMs = 2_000

export interface TimeSlicesOptions {
  /** Length of a slice, milliseconds. */
  readonly sliceMs: number
  /** Share of good events that makes a slice good, ratio. */
  readonly sliceTargetRatio: number
  /** How far back late events still change a judgement, milliseconds. */
  readonly spanMs: number
  readonly nowMs: number
  /** Told of every judgement: one slice, good or bad; and of what late events change about it. */
  readonly emit: (startMs: number, change: Tally) => void
}

/**
 * Turns events into good and bad slices of time. A slice is judged when it is over; events that
 * come later may turn it. One without events is neither good nor bad.
 */
export class TimeSlices {
  readonly #options: TimeSlicesOptions
  readonly #ring: Ring
  #judgedUntilMs: number

  constructor(options: TimeSlicesOptions) {
    this.#options = options
    const { sliceMs, spanMs, nowMs } = options
    this.#ring = new Ring(
      { widthMs: sliceMs, slots: Math.ceil(spanMs / sliceMs) + 1 },
      { columns: 1, nowMs, sums: { totals: new Float64Array(0), bads: new Float64Array(0) }, windows: [] }
    )
    this.#judgedUntilMs = this.#overAt(nowMs)
  }

  get sliceMs(): number {
    return this.#options.sliceMs
  }

  add(startMs: number, tally: Tally): void {
    if (startMs >= this.#judgedUntilMs) {
      this.#ring.advance(startMs) // the present may be a few seconds further than the last look at it
      this.#ring.add(0, startMs, tally)
      return
    }
    const before = this.#ring.at(0, startMs)
    if (before === null) return
    this.#ring.add(0, startMs, tally)
    const [was, is] = [this.#verdict(before), this.#verdict(this.#ring.at(0, startMs)!)]
    const change = { total: is.total - was.total, bad: is.bad - was.bad }
    if (change.total !== 0 || change.bad !== 0) this.#options.emit(this.#startOf(startMs), change)
  }

  /** Judges the slices that are over. */
  advance(nowMs: number): void {
    this.#ring.advance(nowMs)
    const untilMs = this.#overAt(nowMs)
    this.#ring.forEach(0, this.#judgedUntilMs, untilMs, (total, bad, startMs) => {
      this.#options.emit(startMs, this.#verdict({ total, bad }))
    })
    this.#judgedUntilMs = Math.max(this.#judgedUntilMs, untilMs)
  }

  /** Start of the first slice that is not over, with grace. */
  #overAt(nowMs: number): number {
    return this.#startOf(nowMs - graceMs)
  }

  #startOf(atMs: number): number {
    return Math.floor(atMs / this.#options.sliceMs) * this.#options.sliceMs
  }

  #verdict(tally: Tally): Tally {
    return sliceVerdict(tally, this.#options.sliceTargetRatio)
  }
}
