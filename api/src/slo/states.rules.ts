import type { State } from '../contract/index.ts'

/** What asks for attention first: broken, about to break, blind, too early to say, fine. */
const order: readonly State[] = ['fail', 'warn', 'could_not_measure', 'not_enough_evidence', 'pass']

/** Place of a state among all, 0 for the worst. */
export const rankOfState = (state: State): number => order.indexOf(state)

/** The state of a whole: that of its worst part; of nothing, nothing was measured. */
export const worstOf = (states: readonly State[]): State =>
  states.length === 0 ? 'could_not_measure' : states.reduce((a, b) => (rankOfState(a) <= rankOfState(b) ? a : b))
