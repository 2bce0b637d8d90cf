import { sliceWidthsMs, widthFor, type Retention } from './store/widths.rules.ts'

/** A stretch of time cut into steps, Unix milliseconds; both ends are multiples of the step. */
export interface SteppedRange {
  readonly fromMs: number
  readonly toMs: number
  readonly stepMs: number
}

/** What a caller asks for, as the contract's `RangeQuery` lets it. */
export interface RangeWish {
  /** RFC 3339. */
  readonly from?: string | undefined
  readonly to?: string | undefined
  /** `10s`, `1m`, `1h`, `1d`. */
  readonly step?: string | undefined
}

/** Why there is no answer, and what would have worked. */
export interface RangeFault {
  readonly fault: string
  readonly hint: string
}

const unitsMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** Steps that people think in; the finest that gives few enough points is taken when none is wished. */
const stepsMs = [
  ...[10, 20, 30].map((seconds) => seconds * 1_000),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * 60_000),
  ...[1, 2, 3, 6, 12].map((hours) => hours * hourMs),
  ...[1, 7].map((days) => days * dayMs)
]

/** A chart is not wider in points than this. */
const pointsUnlessWished = 720

/** About 30 days in minutes: a megabyte of numbers. */
export const mostSeriesPoints = 50_000

export interface RangeLimits {
  readonly nowMs: number
  readonly retention: Retention
  /** Most steps an answer may have when a step is wished; default 50,000. */
  readonly mostPoints?: number
}

/**
 * The range and step that a query means: the last hour unless said; at most 720 points unless a step
 * is wished, and `mostPoints` then. Ends are widened to whole steps.
 *
 * @returns the range, or what is wrong with the wish and what would work
 */
export const rangeOf = (
  wish: RangeWish,
  { nowMs, retention, mostPoints = mostSeriesPoints }: RangeLimits
): SteppedRange | RangeFault => {
  const toMs = wish.to === undefined ? nowMs : Date.parse(wish.to)
  const fromMs = wish.from === undefined ? toMs - hourMs : Date.parse(wish.from)
  if (!(fromMs < toMs)) return { fault: 'from is not before to', hint: 'leave both out for the last hour' }
  const kept = (range: SteppedRange): boolean => widthFor(range.fromMs, range.stepMs, nowMs, retention) !== null
  const chosen = stepsMs
    .map((stepMs) => wholeSteps(fromMs, toMs, stepMs))
    .find((range) => pointsIn(range) <= pointsUnlessWished && kept(range))
  if (!chosen) {
    return { fault: 'nothing is kept that long', hint: `ask for the last ${retention[3_600_000] / dayMs} days` }
  }
  if (wish.step === undefined) return chosen
  const wished = wholeSteps(fromMs, toMs, stepOf(wish.step))
  if (pointsIn(wished) > mostPoints) {
    return {
      fault: `steps of ${wish.step} make ${pointsIn(wished)} points, more than ${mostPoints}`,
      hint: `ask for a shorter range, or for steps of ${stepText(chosen.stepMs)}`
    }
  }
  return kept(wished)
    ? wished
    : { fault: `no counts are kept in steps of ${wish.step} that far back`, hint: stepHint(wished, nowMs, retention) }
}

/** How many steps a range has. */
const pointsIn = ({ fromMs, toMs, stepMs }: SteppedRange): number => (toMs - fromMs) / stepMs

/** @param step - as the contract writes it: `90s`, `5m` */
const stepOf = (step: string): number => Number.parseInt(step, 10) * unitsMs[step.slice(-1)]!

const stepHint = ({ fromMs }: SteppedRange, nowMs: number, retention: Retention): string => {
  const finest = sliceWidthsMs.find((widthMs) => fromMs >= nowMs - retention[widthMs]) ?? hourMs
  return `leave step out, or ask for a multiple of ${stepText(finest)}`
}

/** `300000` → `5m`. */
const stepText = (stepMs: number): string => {
  const [unit, unitMs] = Object.entries(unitsMs).findLast(([, unitMs]) => stepMs % unitMs === 0) ?? ['s', 1_000]
  return `${stepMs / unitMs}${unit}`
}

const wholeSteps = (fromMs: number, toMs: number, stepMs: number): SteppedRange => ({
  fromMs: Math.floor(fromMs / stepMs) * stepMs,
  toMs: Math.ceil(toMs / stepMs) * stepMs,
  stepMs
})
