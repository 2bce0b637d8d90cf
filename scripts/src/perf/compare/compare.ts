import type { Reason } from '../../../../api/src/contract/primitives.ts'
import type { LoadRun } from '../../../../api/src/contract/load.ts'
import type { LoadSession } from '../../../../api/src/load/run/load.ts'
import type { PerfCheck } from '../report.ts'
import {
  difference,
  differencesOf,
  goodPerS,
  invalid,
  limitsOf,
  measure,
  measureAgainst,
  promiseOver,
  reasonOf,
  type MeasureName,
  type Measured,
  type Names,
  type Round,
  type Side
} from './measures.rules.ts'
import type { Reference } from './reference.rules.ts'
import { oneSide, runRounds, saturated, type LeftOut, type RoundPlan } from './rounds.ts'

export interface ComparePlan extends Omit<RoundPlan, 'ratePerS'> {
  /** Null: a share of what base carries. */
  readonly ratePerS: number | null
  readonly marginRatio: number
  readonly maxRounds: number
  readonly seed: number
}

export interface CompareWatch {
  readonly signal: AbortSignal
  readonly onRound: (text: string) => void
}

/** What a comparison came to. */
export interface Compared {
  readonly checks: readonly PerfCheck[]
  readonly rounds: readonly { readonly first: Names; readonly base: Side | null; readonly head: Side }[]
  readonly leftOut: readonly LeftOut[]
  readonly ratePerS: number | null
}

/** The rate is this share of what base carries at saturation, at most this much: a calm, steady load. */
const rateShare = 0.4
const mostPerS = 500
/** More rounds without a word than with one, and at least this many: it will not get better. */
const mostLeftOut = 6

const hopeless = (rounds: readonly unknown[], left: readonly LeftOut[]): boolean =>
  left.length >= mostLeftOut && left.length > rounds.length

/** Compares two running versions, round by round, until both measures are decided or the rounds are used up. */
export async function compareVersions(
  sessions: Readonly<Record<Names, LoadSession>>,
  plan: ComparePlan,
  { signal, onRound }: CompareWatch
): Promise<Compared> {
  const limits = limitsOf(plan.marginRatio, plan.maxRounds)
  // both get warm by as much as they carry; base also says at which rate to compare
  const warm = saturated({ ...plan, saturationMs: Math.max(plan.saturationMs, 1_000) })
  const carried = await sessions.base.run(warm, { signal })
  await sessions.head.run(warm, { signal })
  const ratePerS = plan.ratePerS ?? Math.round(Math.min(mostPerS, rateShare * goodPerS(carried)))
  if (ratePerS < 1) return nothingCarried(carried)

  const decide = (rounds: readonly Round[]): Record<MeasureName, Measured> => {
    const differences = rounds.map(differencesOf)
    return {
      p95: measure(
        differences.map(({ p95 }) => p95),
        limits
      ),
      capacity: measure(
        differences.map(({ capacity }) => capacity),
        limits
      )
    }
  }
  const { rounds, left } = await runRounds(sessions, { ...plan, ratePerS }, plan.seed, {
    signal,
    isEnough: (done, leftOut) => {
      const { p95, capacity } = decide(done)
      if (done.length > 0) onRound(roundText(done.length, leftOut.length, p95, capacity))
      return hopeless(done, leftOut) || (p95.state !== 'running' && capacity.state !== 'running')
    }
  })
  const found = decide(rounds)
  const base = promiseOver(rounds.map((round) => round.base.paced))
  const brokenBase =
    base.state === 'fail' ? aReason('no_baseline', `base breaks its own promise: ${base.reasons[0]?.text}`) : null
  const checks = (['p95', 'capacity'] as const).map((name) =>
    checkOf(name, found[name], { marginRatio: plan.marginRatio, left, aborted: signal.aborted, instead: brokenBase })
  )
  const heads = rounds.map((round) => round.head.paced)
  return { checks: [...checks, ...brokenPromise(heads)], rounds, leftOut: left, ratePerS }
}

/** Compares a running version with one stored run, at the load of that run. */
export async function compareWithReference(
  session: LoadSession,
  reference: Reference,
  plan: ComparePlan,
  { signal, onRound }: CompareWatch
): Promise<Compared> {
  const limits = limitsOf(plan.marginRatio, plan.maxRounds)
  const { asked } = reference.run
  const ratePerS = asked.ratePerS ?? plan.ratePerS ?? mostPerS
  const connections = reference.measure === 'capacity' ? (asked.connections ?? plan.connections) : plan.connections
  await session.run(saturated(plan), { signal })
  const sides: Side[] = []
  const left: LeftOut[] = []
  const decide = (): Measured => {
    const worse = sides.map((side): [low: number, high: number | null] => {
      const { low, high } = reference
      if (reference.measure === 'capacity') {
        const good = difference(low, goodPerS(side.saturated))
        return [good, good]
      }
      const p95 = side.paced.latencyMs.p95!
      return [difference(p95, low), high === null ? null : difference(p95, high)]
    })
    const highs = worse.map(([, high]) => high).filter((high) => high !== null)
    return measureAgainst(
      worse.map(([low]) => low),
      highs.length === worse.length ? highs : null,
      limits
    )
  }
  while (!signal.aborted && decide().state === 'running' && !hopeless(sides, left)) {
    const side = await oneSide(session, { ...plan, ratePerS, connections }, signal)
    const why = invalid([side])
    if (why === null) sides.push(side)
    else left.push({ why })
    onRound(roundText(sides.length, left.length, decide()))
  }
  const instead = null
  const check = checkOf(reference.measure, decide(), {
    marginRatio: plan.marginRatio,
    left,
    aborted: signal.aborted,
    instead
  })
  const drift = aReason(
    'drift',
    'a stored run knows nothing of what else the machine did since: compare two commits when in doubt'
  )
  return {
    checks: [{ ...check, reasons: [...check.reasons, drift] }, ...brokenPromise(sides.map(({ paced }) => paced))],
    rounds: sides.map((head) => ({ first: 'head', base: null, head })),
    leftOut: left,
    ratePerS
  }
}

const aReason = (code: string, text: string, next?: string): Reason => ({
  code,
  text,
  ...(next !== undefined && { next })
})

const roundText = (rounds: number, left: number, ...measured: readonly Measured[]): string => {
  const ratios = measured.map(
    ({ comparison, state }) => `×${comparison.ratio.toFixed(2)}${state === 'running' ? '' : ` ${state}`}`
  )
  return `round ${rounds}${left > 0 ? `, ${left} left out` : ''}: ${ratios.join(', ')}`
}

interface Circumstances {
  readonly marginRatio: number
  readonly left: readonly LeftOut[]
  readonly aborted: boolean
  /** Why the measure says nothing whatever it came to. */
  readonly instead: Reason | null
}

const names: Readonly<Record<MeasureName, string>> = {
  p95: 'p95 at a steady rate',
  capacity: 'load carried at saturation'
}

const checkOf = (
  name: MeasureName,
  measured: Measured,
  { marginRatio, left, aborted, instead }: Circumstances
): PerfCheck => {
  const check = { name: names[name], durationMs: 0, run: null }
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
const brokenPromise = (heads: readonly LoadRun[]): PerfCheck[] => {
  const { state, reasons } = promiseOver(heads)
  return state === 'fail' ? [{ name: 'head keeps its promise', state, reasons, durationMs: 0, run: null }] : []
}

const nothingCarried = (run: LoadRun): Compared => ({
  checks: [
    {
      name: names.capacity,
      state: 'could_not_measure',
      reasons: [aReason('no_baseline', 'base answered nothing in time'), ...run.reasons],
      durationMs: run.durationMs,
      run
    }
  ],
  rounds: [],
  leftOut: [],
  ratePerS: null
})
