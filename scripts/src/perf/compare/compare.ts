import type { LoadRun } from '../../../../api/src/contract/load.ts'
import { aReason, brokenPromise, checkNames, checkOf, hopeless, roundText } from './checks.rules.ts'
import type { Compared, ComparePlan, CompareWatch } from './compared.ts'
import {
  differencesOf,
  goodPerS,
  limitsOf,
  measure,
  promiseOver,
  type MeasureName,
  type Measured,
  type Round
} from './measures.rules.ts'
import { runRounds, saturated, type Pair } from './rounds.ts'

/** The rate is this share of what base carries at saturation, at most this much: a calm, steady load. */
const rateShare = 0.4
const mostPerS = 500

/**
 * A process of the same program is a little faster or slower than another for its whole life (how it lies
 * in memory, what was compiled when). After so many rounds both are started anew, so that this counts as noise.
 */
const roundsPerPair = 3

/** Compares two running versions, round by round, until both measures are decided or the rounds are used up. */
export async function compareVersions(
  sessions: Pair,
  plan: ComparePlan,
  { signal, onRound, renew }: CompareWatch
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
  let pair = sessions
  const pairFor = async (round: number): Promise<Pair> => {
    if (!renew || round === 0 || round % roundsPerPair !== 0) return pair
    pair = await renew()
    await pair.base.run(warm, { signal })
    await pair.head.run(warm, { signal })
    return pair
  }
  const { rounds, left } = await runRounds(pairFor, { ...plan, ratePerS, arrivals: 'poisson' }, plan.seed, {
    signal,
    isEnough: (done, leftOut) => {
      const { p95, capacity } = decide(done)
      if (done.length + leftOut.length > 0) onRound(roundText(done.length, leftOut.length, p95, capacity))
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

const nothingCarried = (run: LoadRun): Compared => ({
  checks: [
    {
      name: checkNames.capacity,
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
