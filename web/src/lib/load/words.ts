import type { LiveLoad, LoadLine, LoadLineBrief, LoadRun, LoadRunBrief, Machine, State } from '@plimsoll/api/contract'
import { count, latency, rate } from '../format.ts'

/** Names of what a run, a line and their parts are. */

export const KINDS: Readonly<Record<LoadRun['kind'], string>> = {
  paced: 'Paced',
  saturation: 'Saturation',
  imported: 'Imported'
}

export const LIMITS: Readonly<Record<NonNullable<LoadLine['limitedBy']>, string>> = {
  latency: 'latency',
  errors: 'errors',
  sender: 'the sender: the service carries more',
  ceiling: 'the highest rate that may be sent: the service carries more'
}

export const PHASES: Readonly<Record<NonNullable<LiveLoad['phase']>, string>> = {
  bracket: 'looking for the range',
  refine: 'narrowing it down',
  hold: 'holding the line to confirm it'
}

/** What made a run: its kind and, when it was not Plimsoll's own sender, the tool. */
export const madeBy = ({ kind, tool }: Pick<LoadRun, 'kind' | 'tool'>): string =>
  tool === 'plimsoll' ? KINDS[kind] : `${KINDS[kind]}, ${tool}`

/** `200 /s constant`, or what a closed loop kept open. */
export const asked = ({ asked: { ratePerS, arrivals, connections } }: Pick<LoadRun, 'asked'>): string => {
  if (ratePerS !== null) return `${rate(ratePerS)}${arrivals === 'poisson' ? ', Poisson arrivals' : ''}`
  return connections === null ? 'not told' : `${count(connections)} connections, as fast as they answer`
}

type Interval = readonly [number, number | null]

/** The ends of a 95 % interval of a latency; the upper one may be open. */
export const within = ([low, high]: Interval): string =>
  high === null ? `${latency(low)} or more` : `${latency(low)} to ${latency(high)}`

/** A latency with the interval it is known by: `102 ms (99 ms to 106 ms)`. */
export const latencyWithin = (ms: number | null, interval: Interval | null): string =>
  ms === null || interval === null ? latency(ms) : `${latency(ms)} (${within(interval)})`

/** A commit as people know it: seven characters, and whether files were changed. */
export const shortCommit = (commit: string): string =>
  commit.slice(0, 7) + (commit.endsWith('-dirty') ? ' (changed)' : '')

/** The version a run was made of: release, commit, or nothing known. */
export const versionOf = ({ release, commit }: Pick<LoadRunBrief | LoadLineBrief, 'release' | 'commit'>): string =>
  release ?? (commit === null ? 'no release named' : shortCommit(commit))

export const shortFingerprint = (fingerprint: string | null): string =>
  fingerprint === null ? 'unknown' : fingerprint.slice(0, 6)

/** What a search that ended came to, in a few words. */
export const lineResult = ({ ratePerS, partial }: Pick<LoadLineBrief, 'ratePerS' | 'partial'>): string =>
  ratePerS === null ? (partial ? 'stopped' : 'none found') : rate(ratePerS)

/** The state load that is being sent is drawn with. */
export const liveState = ({ state }: Pick<LiveLoad, 'state'>): State =>
  state === 'failed' ? 'could_not_measure' : state === 'ended' ? 'pass' : 'not_enough_evidence'

/** A machine in one line. */
export const machineOf = (machine: Machine | null): string =>
  machine === null
    ? 'not told'
    : `${machine.cpu}, ${machine.cores} cores, ${count(machine.memoryGiB)}\u00a0GiB, ${machine.platform}, Node ${machine.node}`

/** How much of a sending is over, 0 to 1; nothing while its end is not known. */
export const shareDone = (tookMs: number, leftMs: number | null): number =>
  leftMs === null ? 0 : tookMs / Math.max(1, tookMs + leftMs)
