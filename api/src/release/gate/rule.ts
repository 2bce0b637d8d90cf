import type { GateRule, GateRuleName } from '../../contract/gate.ts'
import type { GatePolicy } from '../../plan/model.ts'
import type { State } from '../../contract/primitives.ts'
import type { GateFacts } from './facts.ts'

/** What a rule says; what is left out is null, and there are no parts. */
export type RuleAnswer = Pick<GateRule, 'state' | 'text'> &
  Partial<
    Pick<
      GateRule,
      'limit' | 'value' | 'unit' | 'interval' | 'samples' | 'window' | 'source' | 'freshAt' | 'next' | 'parts'
    >
  >

/** A rule: facts in, an answer with its numbers out. Null: the plan asks nothing of this kind. */
export interface Rule {
  readonly name: GateRuleName
  readonly title: string
  readonly judge: (facts: GateFacts, policy: GatePolicy) => RuleAnswer | null
}

const worstFirst: readonly State[] = ['fail', 'could_not_measure', 'not_enough_evidence', 'warn', 'pass']

/** 0: decides before all others. */
export const rank = (state: State): number => worstFirst.indexOf(state)

/** The state that decides among several: a failure, then what is not known, then a warning. */
export const worst = (states: readonly State[]): State => worstFirst.find((state) => states.includes(state)) ?? 'pass'

/** `10 %`, `99.95 %`, `−3.1 %`: four significant digits, no trailing zeros. */
export const percent = (ratio: number): string => `${Number((ratio * 100).toPrecision(4))} %`.replace('-', '\u2212')
