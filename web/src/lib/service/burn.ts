import type { Burn, Objective } from '@plimsoll/api/contract'
import { logShare } from '../charts/scale.ts'
import { STATES } from '../state.ts'

/** Burn rates stand on one logarithmic scale from a tenth to a hundred times the pace that spends exactly the budget. */
const BURN_LOW = 0.1
const BURN_HIGH = 100
export const BURN_TICKS = [0.1, 1, 10, 100] as const

export const burnShare = (rate: number): number => logShare(rate, BURN_LOW, BURN_HIGH)

/** A burn rate that is nothing at all has no bar; a small one has a short one. */
export const burnBar = ({ rate }: Pick<Burn, 'rate'>): number =>
  rate === null || rate === 0 ? 0 : Math.max(0.01, burnShare(rate))

/** A window burns faster than its tier allows; whether it fires also needs the short window and evidence. */
export const exceeds = ({ rate, limit }: Pick<Burn, 'rate' | 'limit'>): boolean =>
  rate !== null && limit !== null && rate > limit

/** The objective a page shows first: the asked one, or the worst. */
export const chosenObjective = <
  O extends Pick<Objective, 'name' | 'state'> & { readonly budget: Pick<Objective['budget'], 'remainingRatio'> }
>(
  objectives: readonly O[],
  asked: string | null
): O | null =>
  objectives.find(({ name }) => name === asked) ??
  objectives.toSorted(
    (a, b) =>
      STATES.indexOf(a.state) - STATES.indexOf(b.state) ||
      (a.budget.remainingRatio ?? Infinity) - (b.budget.remainingRatio ?? Infinity)
  )[0] ??
  null
