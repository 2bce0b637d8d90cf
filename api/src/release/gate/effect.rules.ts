import type { GateEffect, GateRule } from '../../contract/gate.ts'
import type { State } from '../../contract/primitives.ts'

type Judged = Pick<GateRule, 'state' | 'onFail' | 'onUnmeasured' | 'overriddenBy'>

/** What a rule's answer does to the verdict: one that is overridden, or only warns, stops nothing. */
export const effectOf = ({ state, onFail, onUnmeasured, overriddenBy }: Judged): State => {
  if (overriddenBy !== null && state !== 'pass') return 'warn'
  if (state === 'pass' || state === 'warn') return onFail === 'off' ? 'pass' : state
  return applied(state, state === 'fail' ? onFail : onUnmeasured)
}

const applied = (state: State, effect: GateEffect): State =>
  effect === 'block' ? state : effect === 'warn' ? 'warn' : 'pass'

/** Whether a rule by itself keeps the version from shipping. */
export const stops = (rule: Judged): boolean => !['pass', 'warn'].includes(effectOf(rule))
