import type { LoadRun, Reason } from '@plimsoll/api/contract'
import { latencyWithin } from './words.ts'
import { burn, errorPercent, fixedTo, latency, rate } from '../format.ts'

/** Whether two runs may be held against each other. */
export interface Comparability {
  /** Differences are told: neither run is of another machine, kind, or nothing. */
  readonly comparable: boolean
  /** Why not, or what to mind. */
  readonly reasons: readonly Reason[]
}

/** What keeps two runs from being compared, and what only makes it doubtful. */
export const comparability = (a: LoadRun, b: LoadRun): Comparability => {
  const refused = refusals(a, b)
  return { comparable: refused.length === 0, reasons: [...refused, ...doubts(a, b)] }
}

const refusals = (a: LoadRun, b: LoadRun): Reason[] => {
  const reasons: Reason[] = []
  if (!a.machine || !b.machine) {
    reasons.push({
      code: 'machine_unknown',
      text: 'it is not known on which machine one of them was measured, so no difference is told',
      next: 'compare runs that Plimsoll made'
    })
  } else if (a.machine.fingerprint !== b.machine.fingerprint) {
    reasons.push({
      code: 'other_machine',
      text: 'they were measured on different machines: a difference would be the machines’, so none is told',
      next: 'measure both on one machine, as make perf-compare does'
    })
  }
  if (a.kind !== b.kind) {
    reasons.push({
      code: 'other_kind',
      text: 'one kept its rate whatever the answers did, the other waited for them: their latencies are not the same thing'
    })
  }
  if ([a, b].some(({ state, total }) => state === 'could_not_measure' || total === 0)) {
    reasons.push({ code: 'nothing_measured', text: 'one of them measured nothing of the service' })
  }
  return reasons
}

const doubts = (a: LoadRun, b: LoadRun): Reason[] => {
  const reasons: Reason[] = []
  if (a.partial || b.partial) {
    reasons.push({ code: 'partial', text: 'one of them ended before its time; a partial run is never a baseline' })
  }
  if (a.target !== b.target) {
    reasons.push({ code: 'other_target', text: `they loaded different targets: ${a.target} and ${b.target}` })
  }
  if (a.asked.ratePerS !== null && b.asked.ratePerS !== null && a.asked.ratePerS !== b.asked.ratePerS) {
    reasons.push({
      code: 'other_rate',
      text: `they were sent at different rates: ${rate(a.asked.ratePerS)} and ${rate(b.asked.ratePerS)}`
    })
  }
  return reasons
}

/** One measure of both runs. */
export interface Measure {
  readonly name: string
  readonly a: string
  readonly b: string
  /** b against a, `1.12×`; null when it is not told. */
  readonly ratio: string | null
  /** Whether the intervals of the two leave room for no difference at all; null where there are none. */
  readonly apart: boolean | null
}

type Interval = readonly [number, number | null] | null

/** Both runs, measure by measure. */
export const measures = (a: LoadRun, b: LoadRun, comparable: boolean): Measure[] => {
  const percentile = (name: 'p50' | 'p90' | 'p95' | 'p99'): Measure => ({
    name,
    a: latencyWithin(a.latencyMs[name], a.intervalsMs[name]),
    b: latencyWithin(b.latencyMs[name], b.intervalsMs[name]),
    ratio: comparable ? ratioOf(a.latencyMs[name], b.latencyMs[name]) : null,
    apart: comparable ? areApart(a.intervalsMs[name], b.intervalsMs[name]) : null
  })
  const plain = (name: string, of: (run: LoadRun) => number | null, show: (value: number | null) => string) => ({
    name,
    a: show(of(a)),
    b: show(of(b)),
    ratio: comparable ? ratioOf(of(a), of(b)) : null,
    apart: null
  })
  return [
    ...(['p50', 'p90', 'p95', 'p99'] as const).map(percentile),
    plain('slowest', ({ latencyMs }) => latencyMs.max, latency),
    plain('failed', ({ bad, total }) => (total === 0 ? null : bad / total), errorPercent),
    plain('achieved', ({ achievedPerS }) => achievedPerS, rate)
  ]
}

const ratioOf = (a: number | null, b: number | null): string | null => {
  if (a === null || b === null || a === 0) return null
  const ratio = b / a
  return ratio >= 10 ? burn(ratio) : `${fixedTo(ratio, 2)}×`
}

/** Two 95 % intervals that do not touch differ by more than chance; those that touch say nothing. */
const areApart = (a: Interval, b: Interval): boolean | null =>
  a === null || b === null ? null : (a[1] ?? Infinity) < b[0] || (b[1] ?? Infinity) < a[0]
