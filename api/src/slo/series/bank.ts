import type { ResolvedWindow } from '../../plan/objective.ts'
import type { Tally } from '../burn.rules.ts'
import type { ExcessEvidence } from '../statistics/evidence.rules.ts'
import { labelOf, spanAt, type WindowSpan } from '../window.rules.ts'
import type { SeriesLayout } from './layout.rules.ts'
import { Ring, type Sums } from './ring.ts'

interface Waiting {
  readonly column: number
  readonly startMs: number
  readonly tally: Tally
}

/**
 * The counts of all objectives that share a window, one column each, at three resolutions, and the
 * sums of every window their tiers look at. Adding is exact whenever the events come, late ones
 * included; moving on costs a few rows; reading a window costs nothing.
 */
export class Bank {
  readonly layout: SeriesLayout
  readonly columns: number
  /** Sums of window w and column c lie at `w × columns + c`. */
  readonly sums: Sums
  readonly #rings: readonly Ring[]
  readonly #window: ResolvedWindow
  #span: WindowSpan
  #label: string
  #nowMs: number
  #waiting: Waiting[] = []

  constructor(layout: SeriesLayout, window: ResolvedWindow, columns: number, nowMs: number) {
    this.layout = layout
    this.columns = columns
    this.#window = window
    this.#nowMs = nowMs
    this.#span = spanAt(window, nowMs)
    this.#label = labelOf(window, this.#span)
    const cells = layout.windows.length * columns
    this.sums = { totals: new Float64Array(cells), bads: new Float64Array(cells) }
    this.#rings = layout.rings.map((ring, at) => {
      const windows = layout.windows.flatMap(({ ring, slots }, w) =>
        ring === at && !(this.#isCalendar && w === layout.budget) ? [{ slots, offset: w * columns }] : []
      )
      return new Ring(ring, { columns, nowMs, sums: this.sums, windows })
    })
  }

  get sizeBytes(): number {
    const sums = this.sums.totals.byteLength + this.sums.bads.byteLength
    return this.#rings.reduce((bytes, ring) => bytes + ring.sizeBytes, sums)
  }

  /** Where the budget's window begins and ends now; a rolling one begins at a slot's edge. */
  get span(): WindowSpan {
    if (this.#isCalendar) return this.#span
    const { widthMs } = this.#rings[2]!
    const { slots } = this.layout.windows[this.layout.budget]!
    return { fromMs: (this.#rings[2]!.head - slots + 1) * widthMs, toMs: this.#nowMs }
  }

  /** How reasons name the budget's window: `30d`, `2026-11`. */
  get label(): string {
    return this.#label
  }

  /** Moves the present on; it never moves back. */
  advance(nowMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, nowMs)
    for (const ring of this.#rings) ring.advance(this.#nowMs)
    if (this.#isCalendar && this.#nowMs >= this.#span.toMs) this.#turnOver()
    if (this.#waiting.length === 0) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const { column, startMs, tally } of waiting) this.add(column, startMs, tally)
  }

  /** Counts events of a slot that began at `startMs`. Events ahead of the present wait for it. */
  add(column: number, startMs: number, tally: Tally): void {
    const fine = this.#rings[0]!
    if (Math.floor(startMs / fine.widthMs) > fine.head) {
      this.#waiting.push({ column, startMs, tally })
      return
    }
    for (const ring of this.#rings) ring.add(column, startMs, tally)
    if (!this.#isCalendar || startMs < this.#span.fromMs) return
    const at = this.layout.budget * this.columns + column
    this.sums.totals[at]! += tally.total
    this.sums.bads[at]! += tally.bad
  }

  /** Counts of a window of the layout. */
  tally(window: number, column: number): Tally {
    const at = window * this.columns + column
    return { total: this.sums.totals[at]!, bad: this.sums.bads[at]! }
  }

  /** Counts of the slots that start in [fromMs, toMs), at the finest resolution that still holds them. */
  between(column: number, fromMs: number, toMs: number): Tally {
    let total = 0
    let bad = 0
    this.#ringFrom(fromMs).forEach(column, fromMs, toMs, (slotTotal, slotBad) => {
      total += slotTotal
      bad += slotBad
    })
    return { total, bad }
  }

  /** Lets the slots of a window vote, from `sinceMs` on. */
  vote(evidence: ExcessEvidence, window: number, column: number, sinceMs = -Infinity): void {
    const { ring: at, slots } = this.layout.windows[window]!
    const ring = this.#rings[at]!
    const fromMs = Math.max(sinceMs, (ring.head - slots + 1) * ring.widthMs)
    let clean = 0
    ring.forEach(column, fromMs, Infinity, (total, bad) => {
      if (bad === 0) clean++
      else evidence.vote(total, bad)
    })
    evidence.voteClean(clean)
  }

  /** Takes over a column of a bank of the same layout that stands at the same present. */
  copyColumn(column: number, from: Bank, fromColumn: number): void {
    // coarse slots hold all that finer ones do, so each ring is copied by itself and sums are rebuilt by adding
    this.#rings.forEach((ring, i) => {
      from.#rings[i]!.forEach(fromColumn, -Infinity, Infinity, (total, bad, startMs) => {
        ring.add(column, startMs, { total, bad })
      })
    })
    if (this.#isCalendar) {
      const { total, bad } = from.tally(from.layout.budget, fromColumn)
      this.sums.totals[this.layout.budget * this.columns + column] = total
      this.sums.bads[this.layout.budget * this.columns + column] = bad
    }
    for (const waiting of from.#waiting) {
      if (waiting.column === fromColumn) this.#waiting.push({ ...waiting, column })
    }
  }

  get #isCalendar(): boolean {
    return this.#window.kind === 'calendar'
  }

  /** A new week, month or quarter begins with nothing spent. */
  #turnOver(): void {
    this.#span = spanAt(this.#window, this.#nowMs)
    this.#label = labelOf(this.#window, this.#span)
    const from = this.layout.budget * this.columns
    this.sums.totals.fill(0, from, from + this.columns)
    this.sums.bads.fill(0, from, from + this.columns)
  }

  #ringFrom(fromMs: number): Ring {
    return this.#rings.find((ring) => ring.fromMs <= fromMs) ?? this.#rings.at(-1)!
  }
}
