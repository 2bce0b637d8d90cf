import type { PlanChange } from '../../contract/plan.ts'
import type { MaintenanceBand, ResolvedMilestone, ResolvedPlan } from '../model.ts'
import { toBand, toMilestone, toReceiver } from '../resolve/document.rules.ts'
import { fieldChanges, match } from './lists.rules.ts'
import { diffServices } from './services.rules.ts'

/**
 * What differs between two plans, in words and with what it costs; empty when they mean the same,
 * whatever their comments, order and shorthand.
 */
export function diffPlans(from: ResolvedPlan, to: ResolvedPlan): PlanChange[] {
  return [
    ...fieldChanges({ title: from.title }, { title: to.title }, { path: '', name: 'plan', effect: () => 'none' }).map(
      (change) => ({ ...change, path: 'title' })
    ),
    ...diffServices(from.services, to.services),
    ...diffBands(from.maintenance, to.maintenance),
    ...diffNamed(from.risks, to.risks, {
      kind: 'risks',
      keyOf: ({ id }) => id,
      titleOf: ({ id, title }) => `${id} ${title}`
    }),
    ...diffMilestones(from.milestones, to.milestones),
    ...diffNamed(from.receivers.map(toReceiver), to.receivers.map(toReceiver), {
      kind: 'receivers',
      keyOf: ({ name }) => name,
      titleOf: ({ name }) => name,
      effect: 'alerts from now on'
    })
  ]
}

function diffBands(before: readonly MaintenanceBand[], after: readonly MaintenanceBand[]): PlanChange[] {
  const { added, removed, both } = match(before, after, ({ service, fromMs, toMs }) =>
    JSON.stringify([service, fromMs, toMs])
  )
  const words = (band: MaintenanceBand): { path: string; text: string } => {
    const { service = 'every service', from, to, reason } = toBand(band)
    return {
      path: `maintenance/${band.service ?? '*'}/${from}`,
      text: `maintenance of ${service}, ${from} to ${to}: ${reason}`
    }
  }
  const effect = 'budgets are shown with and without it, also of the past'
  return [
    ...removed.map((band) => ({ kind: 'removed' as const, ...words(band), effect })),
    ...added.map((band) => ({ kind: 'added' as const, ...words(band), effect })),
    ...both
      .filter((pair) => pair.before.reason !== pair.after.reason)
      .map((pair) => ({
        kind: 'changed' as const,
        ...words(pair.after),
        from: pair.before.reason,
        to: pair.after.reason,
        effect: 'none'
      }))
  ]
}

interface Named<T> {
  readonly kind: 'risks' | 'milestones' | 'receivers'
  readonly keyOf: (item: T) => string
  readonly titleOf: (item: T) => string
  readonly effect?: string
}

function diffNamed<T extends object>(
  before: readonly T[],
  after: readonly T[],
  { kind, keyOf, titleOf, effect = 'none' }: Named<T>
): PlanChange[] {
  const { added, removed, both } = match(before, after, keyOf)
  const noun = kind.slice(0, -1)
  const change = (item: T, made: 'added' | 'removed'): PlanChange => ({
    kind: made,
    path: `${kind}/${keyOf(item)}`,
    text: `${noun} ${titleOf(item)} is ${made}`,
    effect
  })
  return [
    ...removed.map((item) => change(item, 'removed')),
    ...added.map((item) => change(item, 'added')),
    ...both.flatMap((pair) =>
      fieldChanges(pair.before, pair.after, {
        path: `${kind}/${keyOf(pair.after)}`,
        name: keyOf(pair.after),
        effect: () => effect
      })
    )
  ]
}

function diffMilestones(before: readonly ResolvedMilestone[], after: readonly ResolvedMilestone[]): PlanChange[] {
  const titles = (milestones: readonly ResolvedMilestone[]) =>
    milestones.map((milestone) => toMilestone({ ...milestone, acceptance: [] }))
  const checks = (milestones: readonly ResolvedMilestone[]) =>
    milestones.flatMap(({ id, acceptance }) => acceptance.map((check) => ({ id, check })))
  const { added, removed } = match(checks(before), checks(after), ({ id, check }) => `${id} ${check.key}`)
  const kept = new Set(after.map(({ id }) => id).filter((id) => before.some((other) => other.id === id)))
  const change =
    (made: 'added' | 'removed', effect: string) =>
    ({ id, check }: (typeof added)[number]): PlanChange => ({
      kind: made,
      path: `milestones/${id}/acceptance/${check.key}`,
      text: `${id} ${made === 'added' ? 'is' : 'is no longer'} reached only when ${check.title}`,
      effect
    })
  return [
    ...diffNamed(titles(before), titles(after), {
      kind: 'milestones',
      keyOf: ({ id }) => id,
      titleOf: ({ id, title }) => `${id} ${title}`
    }),
    ...removed.filter(({ id }) => kept.has(id)).map(change('removed', 'its evidence stays until it expires')),
    ...added
      .filter(({ id }) => kept.has(id))
      .map(change('added', 'it is checked at once; until then it could not be measured'))
  ]
}
