import type { LoadRun } from '../../../../api/src/contract/load.ts'
import type { Reason, State } from '../../../../api/src/contract/primitives.ts'
import {
  compareRounds,
  defaultCompareLimits,
  type Comparison
} from '../../../../api/src/load/compare/decision.rules.ts'
import { judgeRun } from '../../../../api/src/load/run/judge.rules.ts'

/** What one version did in one round: a paced run for its p95, a saturated one for what it carries. */
export interface Side {
  readonly paced: LoadRun
  readonly saturated: LoadRun
}

export type Names = 'base' | 'head'

/** One round: both versions, one right after the other. */
export interface Round {
  readonly first: Names
  readonly base: Side
  readonly head: Side
}

export type MeasureName = 'p95' | 'capacity'

/**
 * Requests a second that were answered in time, of a saturation run: a bounded measure of the load
 * line that takes seconds instead of minutes.
 */
export const goodPerS = ({ total, slow, durationMs }: LoadRun): number =>
  durationMs === 0 ? 0 : ((total - (slow ?? total)) / durationMs) * 1_000

/** Beyond a factor of twenty a difference is just large; an infinite one would be no number to reckon with. */
const largest = Math.log(20)

/** ln(head / base) of a measure of which more is worse, bounded. */
export const difference = (headMore: number, baseMore: number): number => {
  if (headMore === baseMore) return 0
  return Math.max(-largest, Math.min(largest, Math.log(headMore / baseMore)))
}

/** How much worse head was than base in one round, as ln of a ratio, for each measure. */
export const differencesOf = ({ base, head }: Round): Record<MeasureName, number> => ({
  p95: difference(head.paced.latencyMs.p95!, base.paced.latencyMs.p95!),
  // less carried is worse
  capacity: difference(goodPerS(base.saturated), goodPerS(head.saturated))
})

/**
 * Why a round says nothing; null: it counts. Only what is not the servers' doing leaves a round out:
 * leaving out slow rounds of one of them would make the comparison one-sided.
 */
export const invalid = (sides: readonly Side[]): string | null => {
  for (const run of sides.flatMap(({ paced, saturated }) => [paced, saturated])) {
    if (run.sender?.limited ?? true) return 'the sender could not keep up'
    if (run.partial) return 'it was ended before its time'
    if (run.total === 0 || run.latencyMs.p95 === null) return 'nothing was answered'
    if (run.state === 'could_not_measure') return run.reasons[0]?.text ?? 'it could not be measured'
  }
  return null
}

/** What a measure came to. */
export interface Measured {
  readonly state: State | 'running'
  readonly comparison: Comparison
}

/** @param marginRatio - how much worse head may be: 0.1 for 10 % */
export const limitsOf = (marginRatio: number, maxRounds = defaultCompareLimits.maxRounds) => ({
  ...defaultCompareLimits,
  maxRounds,
  limitRatio: 1 + marginRatio,
  // at the default margin of 10 % noise is 3 %
  noiseRatio: 1 + 0.3 * marginRatio
})

const stateOf: Readonly<Record<Comparison['verdict'], Measured['state']>> = {
  pass: 'pass',
  fail: 'fail',
  continue: 'running',
  inconclusive: 'not_enough_evidence'
}

/** The verdict of one measure after the rounds so far. */
export const measure = (differences: readonly number[], limits: ReturnType<typeof limitsOf>): Measured => {
  const comparison = compareRounds(differences, limits)
  return { state: stateOf[comparison.verdict], comparison }
}

/**
 * The verdict against one stored run. What that run cannot say counts for head: it fails only when it
 * is worse than the upper end of the interval, and passes only when it is within the margin of the lower.
 *
 * @param fromLow, fromHigh - ln(head / end of the reference's interval), one a round; null: no such end
 */
export const measureAgainst = (
  fromLow: readonly number[],
  fromHigh: readonly number[] | null,
  limits: ReturnType<typeof limitsOf>
): Measured => {
  const low = compareRounds(fromLow, limits)
  const high = fromHigh && compareRounds(fromHigh, limits)
  if (high?.verdict === 'fail') return { state: 'fail', comparison: high }
  if (low.verdict === 'pass') return { state: 'pass', comparison: low }
  return { state: fromLow.length >= limits.maxRounds ? 'not_enough_evidence' : 'running', comparison: low }
}

const words: Readonly<Record<MeasureName, { what: string; rule: string }>> = {
  p95: { what: 'p95', rule: 'p95 at a steady rate' },
  capacity: { what: 'the time a request costs at saturation', rule: 'answered in time at saturation' }
}

/** A check that did not suffice, as a warning: for noisy machines, and never when the estimate is beyond the margin. */
export const warned = <C extends { readonly state: State; readonly reasons: readonly Reason[] }>(check: C): C => {
  const beyond = check.reasons.some(({ value, limit }) => value !== undefined && limit !== undefined && value > limit)
  return check.state === 'not_enough_evidence' && !beyond ? { ...check, state: 'warn' } : check
}

/** Why a measure is judged as it is. */
export const reasonOf = (name: MeasureName, { state, comparison }: Measured, marginRatio: number): Reason => {
  const { rounds, ratio, interval, evidence } = comparison
  const { what, rule } = words[name]
  const shown = Number.isFinite(interval[0]) && Number.isFinite(interval[1])
  const range = shown ? ` (${signed(interval[0] - 1)} to ${signed(interval[1] - 1)})` : ''
  const text = `${what}: head against base ${signed(ratio - 1)}${range} in ${rounds} rounds; at most ${signed(marginRatio)} is allowed`
  return {
    code: name,
    text,
    rule,
    limit: 1 + marginRatio,
    value: ratio,
    ...(shown && { interval: [...interval] as [number, number] }),
    unit: 'ratio',
    samples: rounds,
    ...(state === 'fail' && { next: 'find the change: git bisect, or compare a commit in between' }),
    ...(state !== 'fail' &&
      state !== 'pass' && {
        next: `evidence that it is worse ${round(evidence.worse)}, that it is not ${round(evidence.within)}; 20 decides: more or longer rounds, or a quieter machine`
      })
  }
}

const round = (value: number): string =>
  value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(2)))

const signed = (ratio: number): string => {
  const shown = Number((ratio * 100).toFixed(1))
  return `${shown > 0 ? '+' : ''}${shown} %`
}

/** Whether the promise held over all paced runs of one version together. */
export const promiseOver = (runs: readonly LoadRun[]): { state: State; reasons: readonly Reason[] } => {
  const sum = (value: (run: LoadRun) => number): number => runs.reduce((total, run) => total + value(run), 0)
  const known = (column: readonly (number | null)[]): number[] => column.map((value) => value ?? 0)
  const first = runs[0]
  if (!first) return { state: 'could_not_measure', reasons: [{ code: 'no_samples', text: 'no round was run' }] }
  return judgeRun(
    {
      total: sum(({ total }) => total),
      slow: sum(({ slow }) => slow ?? 0),
      bad: sum(({ bad }) => bad),
      slowPerSecond: runs.flatMap(({ seconds }) => known(seconds.slow)),
      badPerSecond: runs.flatMap(({ seconds }) => known(seconds.bad)),
      // rounds of error pages and of redirects do not count
      clientErrors: 0,
      redirects: 0,
      p95Ms: null,
      partial: false,
      senderLimited: false
    },
    first.promised
  )
}
