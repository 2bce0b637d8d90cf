import { seededRandom } from '../../../../api/src/load/random.rules.ts'
import type { LoadOrder, LoadSession } from '../../../../api/src/load/run/load.ts'
import { invalid, type Names, type Round, type Side } from './measures.rules.ts'

/** Both versions, running. */
export type Pair = Readonly<Record<Names, LoadSession>>

/** What is sent to a version in each round. */
export interface RoundPlan {
  readonly ratePerS: number
  readonly arrivals: 'constant' | 'poisson'
  readonly durationMs: number
  readonly saturationMs: number
  readonly warmUpMs: number
  readonly connections: number
}

export interface RoundsWatch {
  readonly signal: AbortSignal
  /** Told after each round; true ends the comparison. */
  readonly isEnough: (rounds: readonly Round[], left: readonly LeftOut[]) => boolean
}

/** A round that said nothing, and why. */
export interface LeftOut {
  readonly why: string
}

const paced = (plan: RoundPlan): LoadOrder => ({
  kind: 'paced',
  ratePerS: plan.ratePerS,
  arrivals: plan.arrivals,
  jitterRatio: 0,
  durationMs: plan.durationMs,
  warmUpMs: plan.warmUpMs,
  connections: null
})

/** As much as a few connections carry. */
export const saturated = (plan: Omit<RoundPlan, 'ratePerS' | 'arrivals'>): LoadOrder => ({
  kind: 'saturation',
  durationMs: plan.saturationMs,
  warmUpMs: plan.warmUpMs,
  connections: plan.connections,
  pipelining: 1
})

/** Both runs of one version in one round. */
export async function oneSide(session: LoadSession, plan: RoundPlan, signal: AbortSignal): Promise<Side> {
  const first = await session.run(paced(plan), { signal })
  return { paced: first, saturated: await session.run(saturated(plan), { signal }) }
}

/**
 * Measures two versions round by round until it is enough; a coin decides which goes first, so that
 * whatever drifts on the machine favours neither.
 *
 * @param pairFor - the versions to measure in a round, counted from 0
 */
export async function runRounds(
  pairFor: (round: number) => Promise<Pair>,
  plan: RoundPlan,
  seed: number,
  { signal, isEnough }: RoundsWatch
): Promise<{ rounds: Round[]; left: LeftOut[] }> {
  const coin = seededRandom(seed)
  const rounds: Round[] = []
  const left: LeftOut[] = []
  while (!signal.aborted && !isEnough(rounds, left)) {
    const sessions = await pairFor(rounds.length + left.length)
    const first: Names = coin() < 0.5 ? 'base' : 'head'
    const sides: Partial<Record<Names, Side>> = {}
    for (const name of first === 'base' ? (['base', 'head'] as const) : (['head', 'base'] as const)) {
      sides[name] = await oneSide(sessions[name], plan, signal)
    }
    const round = { first, base: sides.base!, head: sides.head! }
    const why = invalid([round.base, round.head])
    if (why === null) rounds.push(round)
    else left.push({ why })
  }
  return { rounds, left }
}
