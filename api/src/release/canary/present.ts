import type { Canary, CanaryArm, Release, ReleaseAction, ReleaseBrief, TimelineEntry } from '../../contract/releases.ts'
import { anytimeUpper } from '../../slo/statistics/evidence.rules.ts'
import type { Analysis } from './analysis.ts'
import { latencyOf, quantileMs, type ArmsSource } from './arms.ts'
import type { ActionRecord, ReleaseRecord } from './record.ts'
import type { ArmCounts } from './rules/batches.rules.ts'
import { ratioInterval, ratioShown } from './rules/ratio-interval.rules.ts'
import { standingOf } from './standing.rules.ts'
import type { KeptBatch } from './store.ts'
import { reasonsOf, toDecide } from './words.rules.ts'

const instant = (ms: number): string => new Date(ms).toISOString()
const instantOrNull = (ms: number | null): string | null => (ms === null ? null : instant(ms))

/** A release in a list. */
export const presentBrief = (
  release: ReleaseRecord,
  { analysis, budgetSpent }: { analysis: Analysis | null; budgetSpent: ReleaseBrief['budgetSpent'] }
): ReleaseBrief => ({
  id: release.id,
  service: release.service,
  version: release.version,
  previousVersion: release.previousVersion,
  environment: release.environment,
  source: release.source,
  state: release.state,
  text: release.text,
  startedAt: instant(release.startedMs),
  endedAt: instantOrNull(release.endedMs),
  verdict: release.verdict,
  canaryState: analysis && standingOf(analysis).state,
  budgetSpent: [...budgetSpent]
})

/** A release with all that is known of it. */
export const presentRelease = (
  release: ReleaseRecord,
  known: {
    readonly analysis: Analysis | null
    readonly batches: readonly KeptBatch[]
    readonly timeline: readonly TimelineEntry[]
    readonly actions: readonly ActionRecord[]
    readonly budgetSpent: ReleaseBrief['budgetSpent']
    /** Ids of the overrides that its verdicts used. */
    readonly overrides: readonly string[]
    readonly recent: ArmsSource
    readonly act: boolean
    readonly nowMs: number
  }
): Release => ({
  ...presentBrief(release, known),
  nomad: release.nomad,
  timeline: [...known.timeline],
  canary: known.analysis && presentCanary(known.analysis, known),
  actions: known.actions.map(presentAction),
  overrides: [...known.overrides]
})

const presentAction = ({ action, by, reason, intendedMs, state, settledMs, text }: ActionRecord): ReleaseAction => ({
  action,
  by,
  reason,
  intendedAt: instant(intendedMs),
  state,
  settledAt: instantOrNull(settledMs),
  text
})

const totalOf = (batches: readonly KeptBatch[], arm: 'canary' | 'baseline'): ArmCounts =>
  batches.reduce(
    (sum, batch) => ({
      total: sum.total + batch[arm].total,
      bad: sum.bad + batch[arm].bad,
      slow: sum.slow + batch[arm].slow
    }),
    { total: 0, bad: 0, slow: 0 }
  )

const presentCanary = (
  analysis: Analysis,
  known: { batches: readonly KeptBatch[]; recent: ArmsSource; act: boolean; nowMs: number }
): Canary => {
  const { record, judge, arms } = analysis
  const { policy } = record
  const { state, text } = standingOf(analysis)
  const last = known.batches.at(-1)
  const beginMs = record.startedMs + record.warmUpMs
  const deadlineMs = beginMs + policy.deadlineMs + judge.observed.heldMs
  return {
    state,
    text,
    reasons: reasonsOf(judge, policy),
    act: known.act,
    startedAt: instant(record.startedMs),
    judgedAt: last ? instant(last.toMs) : null,
    warmUpMs: record.warmUpMs,
    soakMs: policy.soakMs,
    deadlineAt: instant(deadlineMs),
    decidedAt: judge.decided && last ? instant(last.toMs) : null,
    arms: {
      canary: presentArm('canary', arms.canary, analysis, known),
      baseline: presentArm('baseline', arms.baseline, analysis, known)
    },
    evidence: {
      failLogE: judge.failLogE,
      failNeeded: Math.log(1 / policy.alphaFail),
      passLogE: judge.passLogE,
      passNeeded: Math.log(1 / policy.alphaPass)
    },
    channels: judge.channels.map(({ name, failLogE, passLogE, votes }) => {
      const [from, to] = ratioInterval(votes, policy.alphaPass)
      return { name, failLogE, passLogE, ratio: ratioShown(votes), ratioInterval: from === null ? null : [from, to] }
    }),
    curve: presentCurve(analysis, known.batches),
    toDecide: toDecide(judge, policy)
  }
}

const presentArm = (
  arm: 'canary' | 'baseline',
  version: string,
  { record, arms }: Analysis,
  { batches, recent, nowMs }: { batches: readonly KeptBatch[]; recent: ArmsSource; nowMs: number }
): CanaryArm => {
  const { total, bad, slow } = totalOf(batches, arm)
  const fromMs = record.startedMs + record.warmUpMs
  const latency = latencyOf(recent, arms.service, version, fromMs, batches.at(-1)?.toMs ?? nowMs)
  const { clustering } = record.policy
  return {
    version,
    allocations: record.allocations[arm],
    total,
    bad,
    slow,
    badRatio: total === 0 ? null : bad / total,
    badUpperRatio: total === 0 ? null : anytimeUpper({ total, bad, clustering }, record.policy.alphaPass),
    p50Ms: quantileMs(latency, 0.5),
    p95Ms: quantileMs(latency, 0.95),
    p99Ms: quantileMs(latency, 0.99),
    seconds: {
      ...axisOf(batches),
      ...columnsOf(batches, {
        total: (batch) => batch[arm].total,
        bad: (batch) => batch[arm].bad,
        p95Ms: (batch) => batch.p95Ms?.[arm] ?? null
      })
    }
  }
}

const stepMs = 5_000

/** Batches may be longer than a step: then the steps in between are empty. */
const axisOf = (batches: readonly KeptBatch[]) => {
  const fromMs = batches[0]?.fromMs ?? 0
  const toMs = batches.at(-1)?.toMs ?? fromMs
  return { fromAt: instant(fromMs), toAt: instant(fromMs + Math.ceil((toMs - fromMs) / stepMs) * stepMs), stepMs }
}

function columnsOf<Name extends string>(
  batches: readonly KeptBatch[],
  pick: Readonly<Record<Name, (batch: KeptBatch) => number | null>>
): Record<Name, (number | null)[]> {
  const fromMs = batches[0]?.fromMs ?? 0
  const steps = Math.ceil(((batches.at(-1)?.toMs ?? fromMs) - fromMs) / stepMs)
  const columns = Object.fromEntries(
    Object.keys(pick).map((name) => [name, Array.from<number | null>({ length: steps }).fill(null)])
  ) as Record<Name, (number | null)[]>
  for (const batch of batches) {
    const at = Math.floor((batch.fromMs - fromMs) / stepMs)
    for (const name of Object.keys(pick) as Name[]) columns[name][at] = pick[name](batch)
  }
  return columns
}

const presentCurve = ({ judge }: Analysis, batches: readonly KeptBatch[]): Canary['curve'] => {
  const points = new Map(judge.curve.map((point) => [point.atMs, point]))
  return {
    ...axisOf(batches),
    ...columnsOf(batches, {
      failLogE: ({ toMs }) => points.get(toMs)?.failLogE ?? null,
      passLogE: ({ toMs }) => points.get(toMs)?.passLogE ?? null
    })
  }
}
