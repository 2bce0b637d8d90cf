import type { State } from '../../../api/src/contract/primitives.ts'
import type { ExitCode } from './command.ts'

/**
 * The exit code that stands for these states together: one broken promise is a no, whatever could not be judged
 * makes the rest unsure, and nothing at all was never measured. A warning still holds.
 */
export function exitOf(states: readonly State[]): ExitCode {
  if (states.includes('fail')) return 1
  const unsure = states.some((s) => s === 'not_enough_evidence' || s === 'could_not_measure')
  return unsure || states.length === 0 ? 2 : 0
}

/** How a state is said to a person. */
export const stateWords: Readonly<Record<State, string>> = {
  pass: 'pass',
  fail: 'FAIL',
  warn: 'warn',
  not_enough_evidence: 'not enough evidence',
  could_not_measure: 'could not measure'
}

/** How a state looks. */
export const stateTones = {
  pass: 'good',
  fail: 'bad',
  warn: 'careful',
  not_enough_evidence: 'quiet',
  could_not_measure: 'quiet'
} as const satisfies Readonly<Record<State, string>>
