import type { Alert, Reason } from '../../contract/index.ts'
import { budgetRatioOf, burnInterval, burnRate, type Tally } from '../burn.rules.ts'
import type { ObjectiveInForce } from '../objective-in-force.ts'
import { outcomeText } from '../nouns.rules.ts'
import { budgetSpentAtFiring, type Tier } from '../tiers.rules.ts'
import { nameOfWindow, nominalMs } from '../window.rules.ts'
import { countText, instant, numberText, percentText, windowName } from '../words.rules.ts'

/** What a tier saw when it was last looked at. */
export interface BurnFacts {
  readonly objective: ObjectiveInForce
  readonly tier: Tier
  readonly long: Tally
  readonly short: Tally
  /** Natural logarithm of the long window's e-value. */
  readonly logE: number
  readonly freshMs: number | null
}

export const burnTitle = ({ objective, tier, long }: BurnFacts): string =>
  `${objective.service}: ${outcomeText(objective, long)} in the last ${windowName(tier.longMs)}, ` +
  `${numberText(burnRate(long, objective.targetRatio) ?? 0)} times what ${percentText(objective.targetRatio)} bears`

export const burnNumbers = ({ objective, tier, long, short, logE }: BurnFacts): NonNullable<Alert['numbers']> => ({
  longWindowMs: tier.longMs,
  shortWindowMs: tier.shortMs,
  factor: tier.factor,
  longBurnRate: burnRate(long, objective.targetRatio) ?? 0,
  shortBurnRate: burnRate(short, objective.targetRatio) ?? 0,
  total: long.total,
  bad: long.bad,
  evidence: Math.exp(Math.min(logE, 700)),
  evidenceNeeded: tier.evidenceNeeded
})

/** Why a tier fires, and what it means for the budget. */
export const burnReason = (facts: BurnFacts): Reason => {
  const { objective, tier, long, short, logE, freshMs } = facts
  const [longBurn, shortBurn] = [long, short].map((tally) => burnRate(tally, objective.targetRatio) ?? 0)
  const interval = burnInterval(long, objective.targetRatio, 0.05)
  const windowMs = nominalMs(objective.window)
  return {
    code: 'burn_too_fast',
    text:
      `${objective.name}: ${outcomeText(objective, long)} in ${windowName(tier.longMs)} (burn ${numberText(longBurn!)}) ` +
      `and ${countText(short.bad)} of ${countText(short.total)} in ${windowName(tier.shortMs)} (burn ${numberText(shortBurn!)}); ` +
      `the limit of both is ${numberText(tier.factor)}, and luck explains it ${luckText(logE)}`,
    rule: tier.name,
    limit: tier.factor,
    value: longBurn!,
    ...(interval && { interval }),
    unit: 'times the sustainable burn',
    samples: long.total,
    window: windowName(tier.longMs),
    source: `${objective.origin} of class ${objective.classes.join(', ')}`,
    ...(freshMs !== null && { freshAt: instant(freshMs) }),
    next:
      `a burn of ${numberText(tier.factor)} over ${windowName(tier.longMs)} spends ` +
      `${percentText(budgetSpentAtFiring(tier, windowMs))} of the ${nameOfWindow(objective.window)} budget; ` +
      `the alert ends when ${windowName(tier.shortMs)} have been calm`
  }
}

/** `less than once in 1,000 times`. */
const luckText = (logE: number): string =>
  `less than once in ${logE > 20 ? 'a hundred million' : countText(Math.exp(logE))} times`

export const noticeTitle = (objective: ObjectiveInForce): string =>
  `${objective.service}: ${objective.name} spends its budget faster than it lasts`

/** Why the early notice was raised. */
export const noticeReason = (objective: ObjectiveInForce, tally: Tally, windowMs: number): Reason => {
  const burn = burnRate(tally, objective.targetRatio)
  const interval = burnInterval(tally, objective.targetRatio, 0.05)
  return {
    code: 'slow_burn',
    text:
      `${objective.name}: ${outcomeText(objective, tally)} in ${windowName(windowMs)}; sustained, ` +
      `failures above ${percentText(budgetRatioOf(objective.targetRatio))} spend the budget before the window ends`,
    rule: 'slow_burn_notice',
    limit: 1,
    ...(burn !== null && { value: burn }),
    ...(interval && { interval }),
    unit: 'times the sustainable burn',
    samples: tally.total,
    window: windowName(windowMs),
    next: 'look at it in working hours; a faster rule pages if it gets worse'
  }
}
