import type { ServiceSummary, Signal, State } from '@plimsoll/api/contract'

/** Worst first. What could not be measured stands above what lacks evidence: it is a fault somebody can mend. */
export const STATES = [
  'fail',
  'warn',
  'could_not_measure',
  'not_enough_evidence',
  'pass'
] as const satisfies readonly State[]

export const stateLabel: Readonly<Record<State, string>> = {
  fail: 'Fail',
  warn: 'Warn',
  could_not_measure: 'Could not measure',
  not_enough_evidence: 'Not enough evidence',
  pass: 'Pass'
}

export const isState = (text: string | null): text is State => text !== null && Object.hasOwn(stateLabel, text)

export const healthLabel: Readonly<Record<Signal['health'], string>> = {
  live: 'Live',
  idle: 'Idle',
  waiting: 'Waiting',
  broken: 'Broken'
}

/** The state a source's health is drawn with. */
export const healthState: Readonly<Record<Signal['health'], State>> = {
  live: 'pass',
  idle: 'pass',
  waiting: 'not_enough_evidence',
  broken: 'could_not_measure'
}

/** How many services are in each state. */
export const countStates = (services: readonly Pick<ServiceSummary, 'state'>[]): Record<State, number> => {
  const counts: Record<State, number> = { fail: 0, warn: 0, could_not_measure: 0, not_enough_evidence: 0, pass: 0 }
  for (const { state } of services) counts[state]++
  return counts
}

/** Worst state first, then least budget left, then by name. What has no budget to compare stands after what has. */
export const worstFirst = (a: Judged, b: Judged): number =>
  STATES.indexOf(a.state) - STATES.indexOf(b.state) ||
  (a.remainingRatio ?? Infinity) - (b.remainingRatio ?? Infinity) ||
  a.name.localeCompare(b.name)

interface Judged {
  readonly name: string
  readonly state: State
  readonly remainingRatio: number | null
}
