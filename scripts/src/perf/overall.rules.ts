import type { State } from '../../../api/src/contract/primitives.ts'

/** From the one that decides first to the one that needs all others to agree. */
const order: readonly State[] = ['fail', 'could_not_measure', 'not_enough_evidence', 'warn', 'pass']

/** The state of several checks together; of none: nothing was measured. */
export const overallOf = (states: readonly State[]): State =>
  order.find((state) => states.includes(state)) ?? 'could_not_measure'
