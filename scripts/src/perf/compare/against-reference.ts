import type { LoadSession } from '../../../../api/src/load/run/load.ts'
import { aReason, brokenPromise, checkOf, hopeless, roundText } from './checks.rules.ts'
import type { Compared, ComparePlan, CompareWatch } from './compared.ts'
import { difference, goodPerS, invalid, limitsOf, measureAgainst, type Measured, type Side } from './measures.rules.ts'
import type { Reference } from './reference.rules.ts'
import { oneSide, saturated, type LeftOut } from './rounds.ts'

/** Of a saturation run that is repeated, beside its saturation: a rate that any server carries. */
const calmPerS = 50

/** Compares a running version with one stored run, at the load of that run. */
export async function compareWithReference(
  session: LoadSession,
  reference: Reference,
  plan: ComparePlan,
  { signal, onRound }: CompareWatch
): Promise<Compared> {
  const limits = limitsOf(plan.marginRatio, plan.maxRounds)
  const { asked } = reference.run
  const ratePerS = asked.ratePerS ?? plan.ratePerS ?? calmPerS
  const connections = reference.measure === 'capacity' ? (asked.connections ?? plan.connections) : plan.connections
  const repeated = { ...plan, ratePerS, connections, arrivals: asked.arrivals ?? 'poisson' }
  await session.run(saturated(repeated), { signal }) // to get warm
  const sides: Side[] = []
  const left: LeftOut[] = []
  const decide = (): Measured => {
    const worse = sides.map((side) => worseThan(reference, side))
    const highs = worse.map(({ high }) => high).filter((high) => high !== null)
    return measureAgainst(
      worse.map(({ low }) => low),
      highs.length === worse.length ? highs : null,
      limits
    )
  }
  while (!signal.aborted && decide().state === 'running' && !hopeless(sides, left)) {
    const side = await oneSide(session, repeated, signal)
    const why = invalid([side])
    if (why === null) sides.push(side)
    else left.push({ why })
    onRound(roundText(sides.length, left.length, decide()))
  }
  const { marginRatio } = plan
  const check = checkOf(reference.measure, decide(), { marginRatio, left, aborted: signal.aborted, instead: null })
  return {
    checks: [{ ...check, reasons: [...check.reasons, drift] }, ...brokenPromise(sides.map(({ paced }) => paced))],
    rounds: sides.map((head) => ({ first: 'head', base: null, head })),
    leftOut: left,
    ratePerS
  }
}

const drift = aReason(
  'drift',
  'a stored run knows nothing of what else the machine did since: compare two commits when in doubt'
)

/** How much worse than both ends of the reference's interval, as ln of a ratio. */
const worseThan = (reference: Reference, { paced, saturated: full }: Side): { low: number; high: number | null } => {
  const { low, high } = reference
  const against = (end: number): number =>
    reference.measure === 'capacity' ? difference(end, goodPerS(full)) : difference(paced.latencyMs.p95!, end)
  return { low: against(low), high: high === null ? null : against(high) }
}
