import type { GateRule, GateRuleName, Verdict } from '@plimsoll/api/contract'

export const RULES: Readonly<Record<GateRuleName, string>> = {
  error_budget: 'Error budget left',
  page_alerts: 'No alert that pages',
  load_run: 'Load run of this version',
  load_line: 'Load line not lower',
  previous_release: 'Previous release finished',
  risks: 'No open risk of the worst kind',
  milestones: 'Milestones reached',
  freeze: 'No freeze',
  dependencies: 'Dependencies are well',
  external_evidence: 'Evidence of others'
}

/** What a rule does to the verdict as it stands now. */
export type Weight = 'blocks' | 'warns' | 'holds' | 'off' | 'overridden'

export const weightOf = ({ state, onFail, onUnmeasured, overriddenBy }: GateRule): Weight => {
  if (overriddenBy !== null && state !== 'pass') return 'overridden'
  if (onFail === 'off' && state === 'pass') return 'off'
  if (state === 'pass') return 'holds'
  if (state === 'warn') return onFail === 'off' ? 'off' : 'warns'
  const effect = state === 'fail' ? onFail : onUnmeasured
  return effect === 'block' ? 'blocks' : effect === 'warn' ? 'warns' : 'off'
}

export const WEIGHTS: Readonly<Record<Weight, string>> = {
  blocks: 'blocks',
  warns: 'warns only',
  holds: 'holds',
  off: 'not asked',
  overridden: 'overridden'
}

const ORDER: readonly Weight[] = ['blocks', 'overridden', 'warns', 'holds', 'off']

/** What decides stands first; rules of one weight stay in the gate's own order. */
export const decisiveFirst = (rules: readonly GateRule[]): GateRule[] =>
  rules.toSorted((a, b) => ORDER.indexOf(weightOf(a)) - ORDER.indexOf(weightOf(b)))

/** Which rules an override would have to name. */
export const blocking = (rules: readonly GateRule[]): GateRuleName[] =>
  rules.filter((rule) => weightOf(rule) === 'blocks').map(({ rule }) => rule)

/** The verdict in two or three words. */
export const shipsAs = ({ state, mayShip }: Pick<Verdict, 'state' | 'mayShip'>): string =>
  mayShip
    ? state === 'warn'
      ? 'May ship, with a warning'
      : 'May ship'
    : state === 'fail'
      ? 'May not ship'
      : 'Not known whether it may ship'

/** A hash as people compare it. */
export const shortHash = (hash: string): string => hash.slice(0, 12)
