import type { GateRuleName } from '../../contract/gate.ts'
import type { FreezeWindow, GatePolicy, RequiredEvidence, ResolvedGate } from '../model.ts'
import { writeDuration, writeInstant, writePercent } from '../quantities.rules.ts'
import type { GateEntry, GatePolicyEntry } from '../schema/gate.ts'
import { durationMs, instantMs, listOf, ratioOf } from './values.rules.ts'

/** Every rule of the gate, in the order in which a verdict lists them. */
export const gateRuleNames: readonly GateRuleName[] = [
  'error_budget',
  'page_alerts',
  'load_run',
  'load_line',
  'previous_release',
  'risks',
  'milestones',
  'freeze',
  'dependencies',
  'external_evidence'
]

/** What a service's gate asks, and what it asks instead in named environments. */
export function resolveGate({ environments = {}, repository, ...base }: GateEntry): ResolvedGate {
  return {
    repository: repository ?? null,
    ...resolvePolicy(base),
    environments: Object.fromEntries(
      Object.entries(environments).map(([name, differs]) => [
        name,
        resolvePolicy({ ...base, ...differs, rules: { ...base.rules, ...differs.rules } })
      ])
    )
  }
}

/** A policy in the plan's words, with every default filled. */
export const resolvePolicy = (entry: GatePolicyEntry): GatePolicy => ({
  minimumBudgetRatio: ratioOf(entry.minimumBudget ?? '10%'),
  loadLineDropRatio: ratioOf(entry.loadLineDrop ?? '10%'),
  requireRun: entry.requireRun ?? false,
  runKeepsMs: durationMs(entry.runMaxAge ?? '7d'),
  loadLineReference: entry.loadLineReference ?? null,
  milestones: [...new Set(entry.milestones)],
  freezes: (entry.freezes ?? []).map(resolveFreeze),
  dependencies: [...new Set(entry.dependencies)],
  evidence: (entry.evidence ?? []).map(resolveEvidence),
  rules: Object.fromEntries(gateRuleNames.map((rule) => [rule, entry.rules?.[rule] ?? 'block'])) as GatePolicy['rules'],
  unmeasured: entry.unmeasured ?? null
})

type FreezeEntry = NonNullable<GatePolicyEntry['freezes']>[number]

const resolveFreeze = ({ from, to, weekly, reason }: FreezeEntry): FreezeWindow =>
  weekly
    ? {
        kind: 'weekly',
        days: [...new Set(listOf(weekly.days))],
        fromMinute: minuteOf(weekly.from ?? '00:00'),
        toMinute: minuteOf(weekly.to ?? '24:00'),
        timeZone: weekly.timeZone ?? 'UTC',
        reason
      }
    : { kind: 'once', fromMs: instantMs(from ?? ''), toMs: instantMs(to ?? ''), reason }

const resolveEvidence = ({
  kind,
  name,
  maxAge = '1d',
  anyVersion = false,
  signingSecret
}: NonNullable<GatePolicyEntry['evidence']>[number]): RequiredEvidence => ({
  kind,
  name,
  keepsMs: durationMs(maxAge),
  anyVersion,
  signingSecret: signingSecret ?? null
})

const minuteOf = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3))
const timeOf = (minute: number): string =>
  `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`

/** The way back: a gate in the plan's words that says everything. */
export const toGate = ({ environments, repository, ...base }: ResolvedGate): GateEntry => ({
  ...toPolicy(base),
  ...(repository !== null && { repository }),
  ...(Object.keys(environments).length > 0 && {
    environments: Object.fromEntries(Object.entries(environments).map(([name, policy]) => [name, toPolicy(policy)]))
  })
})

const toPolicy = (policy: GatePolicy): GatePolicyEntry => ({
  minimumBudget: writePercent(policy.minimumBudgetRatio),
  loadLineDrop: writePercent(policy.loadLineDropRatio),
  requireRun: policy.requireRun,
  runMaxAge: writeDuration(policy.runKeepsMs),
  ...(policy.loadLineReference !== null && { loadLineReference: policy.loadLineReference }),
  milestones: [...policy.milestones],
  freezes: policy.freezes.map(toFreeze),
  dependencies: [...policy.dependencies],
  evidence: policy.evidence.map(({ keepsMs, signingSecret, ...evidence }) => ({
    ...evidence,
    maxAge: writeDuration(keepsMs),
    ...(signingSecret !== null && { signingSecret })
  })),
  rules: { ...policy.rules },
  ...(policy.unmeasured !== null && { unmeasured: policy.unmeasured })
})

const toFreeze = (freeze: FreezeWindow): FreezeEntry =>
  freeze.kind === 'once'
    ? { from: writeInstant(freeze.fromMs), to: writeInstant(freeze.toMs), reason: freeze.reason }
    : {
        weekly: {
          days: [...freeze.days],
          from: timeOf(freeze.fromMinute),
          to: timeOf(freeze.toMinute),
          timeZone: freeze.timeZone
        },
        reason: freeze.reason
      }
