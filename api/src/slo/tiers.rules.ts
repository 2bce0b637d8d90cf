import type { Severity } from '../contract/index.ts'
import { budgetRatioOf } from './burn.rules.ts'
import { aboutDuration, numberText, percentText } from './words.rules.ts'

export type TierName = 'page-fast' | 'page-slow' | 'ticket-fast' | 'ticket-slow'

/** One rule of the multi-window, multi-burn-rate alert. */
export interface Tier {
  readonly name: TierName
  readonly severity: Severity
  /** Burn rate that both windows must exceed. */
  readonly factor: number
  readonly longMs: number
  readonly shortMs: number
  /** e-value that the long window must reach: a thousand for a page, a hundred for a ticket. */
  readonly evidenceNeeded: number
}

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/**
 * For a budget of 30 days: 14.4 over an hour spends 2 % of it, 6 over six hours 5 %, 3 over a day
 * and 1 over three days 10 %. Short windows are a twelfth of the long ones.
 *
 * @see Site Reliability Workbook, chapter 5, table 5-8
 */
const classic = [
  { name: 'page-fast', severity: 'page', factor: 14.4, longMs: hourMs, evidenceNeeded: 1_000 },
  { name: 'page-slow', severity: 'page', factor: 6, longMs: 6 * hourMs, evidenceNeeded: 1_000 },
  { name: 'ticket-fast', severity: 'ticket', factor: 3, longMs: dayMs, evidenceNeeded: 100 },
  { name: 'ticket-slow', severity: 'ticket', factor: 1, longMs: 3 * dayMs, evidenceNeeded: 100 }
] as const satisfies readonly Omit<Tier, 'shortMs'>[]

/** Windows of 27 to 35 days take the classic tiers as they are: 2 % of the budget is 1.7 to 2.2 % then. */
const classicDays = [27, 35] as const

/** No long window below this, so that the short one is a minute: alerts are evaluated every few seconds. */
const shortestLongMs = 12 * 60_000

/** A factor above half of the highest possible burn would want more than every other request to fail. */
const mostOfHighestBurn = 0.5

/**
 * The tiers of an objective: windows scaled to its window, factors to its target.
 *
 * A burn rate cannot exceed 1 / budget. Where the highest factor would come above half of that, all
 * factors shrink in proportion, down to halves and never below 1: 10/4/2/1 for 95 %.
 *
 * @param windowMs - length of the objective's window; see `nominalMs`
 * @param targetRatio - ratio in (0, 1)
 * @returns none when the target is 50 % or less: such a promise has no burn worth an alert
 */
export const tiersFor = (windowMs: number, targetRatio: number): Tier[] => {
  const highest = mostOfHighestBurn / budgetRatioOf(targetRatio)
  if (highest <= 1) return []
  const shrink = Math.min(1, highest / classic[0].factor)
  const days = windowMs / dayMs
  const stretch = days >= classicDays[0] && days <= classicDays[1] ? 1 : days / 30
  const tiers = classic.map((tier) => {
    const longMs = Math.max(shortestLongMs, wholeMinutes(tier.longMs * stretch))
    return { ...tier, factor: shrunk(tier.factor, shrink), longMs, shortMs: longMs / 12 }
  })
  return tiers.filter((tier, i) => tier.longMs <= windowMs && !tiers.slice(i + 1).some((next) => covers(next, tier)))
}

/** What an operator should know about the tiers of an objective; empty when they are the classic ones. */
export const tierRemarks = (windowMs: number, targetRatio: number): string[] => {
  const tiers = tiersFor(windowMs, targetRatio)
  const budgetRatio = budgetRatioOf(targetRatio)
  if (tiers.length === 0) {
    return [
      `a target of ${percentText(targetRatio)} allows no burn-rate alert: even total failure burns at most ${numberText(1 / budgetRatio)}`
    ]
  }
  const remarks: string[] = []
  const fastest = classic[0].factor
  if (mostOfHighestBurn / budgetRatio < fastest) {
    const factors = tiers.map(({ factor }) => numberText(factor)).join('/')
    remarks.push(
      `a burn of ${fastest} would need ${percentText(Math.min(1, fastest * budgetRatio))} of events to be bad; factors are lowered to ${factors}`
    )
  }
  if (tiers[0]!.longMs !== hourMs) {
    remarks.push(`alert windows are scaled to the objective's: the first looks at ${aboutDuration(tiers[0]!.longMs)}`)
  }
  return remarks
}

/** Share of the whole budget that is gone when a tier fires at exactly its factor, ratio. */
export const budgetSpentAtFiring = (tier: Tier, windowMs: number): number => (tier.factor * tier.longMs) / windowMs

const wholeMinutes = (ms: number): number => Math.round(ms / 60_000) * 60_000

const shrunk = (factor: number, by: number): number =>
  by === 1 ? factor : Math.max(1, Math.floor(factor * by * 2 + 1e-9) / 2)

/** A later tier with the same windows and severity and no higher factor fires whenever this one does. */
const covers = (next: Tier, tier: Tier): boolean =>
  next.longMs === tier.longMs && next.severity === tier.severity && next.factor <= tier.factor
