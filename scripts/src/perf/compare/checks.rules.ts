import type { LoadRun } from '../../../../api/src/contract/load.ts'
import type { Reason } from '../../../../api/src/contract/primitives.ts'
import type { PerfCheck } from '../report.ts'
import { promiseOver, reasonOf, type MeasureName, type Measured } from './measures.rules.ts'
import type { LeftOut } from './rounds.ts'

/** More rounds without a word than with one, and at least this many: it will not get better. */
const mostLeftOut = 6

/** Whether to give up on rounds that say nothing. */
export const hopeless = (rounds: readonly unknown[], left: readonly LeftOut[]): boolean =>
  left.length >= mostLeftOut && left.length > rounds.length

/** A reason in short. */
export const aReason = (code: string, text: string, next?: string): Reason => ({
  code,
  text,
  ...(next !== undefined && { next })
})

/** One line after each round. */
export const roundText = (rounds: number, left: number, ...measured: readonly Measured[]): string => {
  const ratios = measured.map(
    ({ comparison, state }) => `×${comparison.ratio.toFixed(2)}${state === 'running' ? '' : ` ${state}`}`
  )
  return `round ${rounds}${left > 0 ? `, ${left} left out` : ''}: ${ratios.join(', ')}`
}

export interface Circumstances {
  readonly marginRatio: number
  readonly left: readonly LeftOut[]
  readonly aborted: boolean
  /** Why the measure says nothing whatever it came to. */
  readonly instead: Reason | null
}

/** How a measure is called. */
export const checkNames: Readonly<Record<MeasureName, string>> = {
  p95: 'p95 at a steady rate',
  capacity: 'load carried at saturation'
}

/** A measure as a check, whatever kept it from a verdict. */
export const checkOf = (
  name: MeasureName,
  measured: Measured,
  { marginRatio, left, aborted, instead }: Circumstances
): PerfCheck => {
  const check = { name: checkNames[name], durationMs: 0, run: null }
  const found = reasonOf(name, measured, marginRatio)
  if (instead) return { ...check, state: 'could_not_measure', reasons: [instead, found] }
  if (measured.state !== 'running') return { ...check, state: measured.state, reasons: [found] }
  const why = aborted
    ? aReason('partial', 'it was ended before its time', 'let it run to its end')
    : aReason(
        'rounds_left_out',
        `${left.length} rounds said nothing: ${left.at(-1)?.why}`,
        'lower --rate, or use a quieter machine'
      )
  return { ...check, state: 'could_not_measure', reasons: [why, found] }
}

/** Head may also be plainly broken, which no comparison of percentiles has to show. */
export const brokenPromise = (heads: readonly LoadRun[]): PerfCheck[] => {
  const { state, reasons } = promiseOver(heads)
  return state === 'fail' ? [{ name: 'head keeps its promise', state, reasons, durationMs: 0, run: null }] : []
}
