import type { State } from '@plimsoll/api/contract'
import { heightOf } from '../charts/hull.ts'

/** Draught marks at the tide chart, named by what is left. */
export const TIDE_TICKS = [0, 0.25, 0.5, 0.75, 1].map((spent) => ({
  share: heightOf(spent),
  label: `${100 - spent * 100}\u00a0%`
}))

/** The colour of the water: sea, unless the objective is near its line or under water. */
export const tideTone = (state: State): 'sea' | 'warn' | 'fail' =>
  state === 'warn' || state === 'fail' ? state : 'sea'
