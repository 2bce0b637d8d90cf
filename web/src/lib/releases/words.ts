import type {
  CanaryAction,
  CanaryChannel,
  CanaryState,
  ReleaseAction,
  ReleaseBrief,
  ReleaseState,
  State,
  TimelineEntry
} from '@plimsoll/api/contract'
import { fixedTo } from '../format.ts'

/** Names of what a release, its canary and their parts are. */

export const STANDS: Readonly<Record<ReleaseState, string>> = {
  announced: 'Announced',
  rolling_out: 'Rolling out',
  canary: 'Canary',
  promoting: 'Being promoted',
  promoted: 'Promoted',
  failing: 'Being stopped',
  failed: 'Failed',
  reverted: 'Reverted',
  superseded: 'Superseded'
}

export const CANARY_STANDS: Readonly<Record<CanaryState, string>> = {
  running: 'being judged',
  hold: 'on hold',
  pass: 'no worse, by evidence',
  fail: 'worse, by evidence',
  warn: 'worse, yet within the promise',
  not_enough_evidence: 'not enough evidence',
  could_not_measure: 'could not be measured'
}

export const SOURCES: Readonly<Record<ReleaseBrief['source'], string>> = {
  deploy: 'make deploy',
  nomad: 'seen in Nomad',
  api: 'announced through the API',
  log: 'seen in the log'
}

export const CHANNELS: Readonly<Record<CanaryChannel['name'], string>> = {
  errors: 'Failures',
  slow_slo: 'Slower than promised',
  slow_p50: 'Slower than usual (p50)',
  slow_p95: 'Slowest 5 % (p95)',
  slow_p99: 'Slowest 1 % (p99)'
}

export const KINDS: Readonly<Record<TimelineEntry['kind'], string>> = {
  announced: 'Announced',
  gate: 'Gate',
  plan_diff: 'Plan',
  evaluation: 'Nomad',
  allocation: 'Allocation',
  canary_healthy: 'Healthy',
  analysis: 'Analysis',
  action: 'Action',
  promoted: 'Promoted',
  failed: 'Failed',
  reverted: 'Reverted',
  superseded: 'Superseded',
  override: 'Override',
  note: 'Note'
}

export const ACTIONS: Readonly<Record<CanaryAction, string>> = { promote: 'Promote', fail: 'Fail', hold: 'Hold' }

/** What became of an action. */
export const SETTLED: Readonly<Record<ReleaseAction['state'], string>> = {
  intended: 'under way',
  done: 'done',
  superseded: 'overtaken',
  failed: 'did not work',
  observed_only: 'only observed'
}

/** The mark an analysis is drawn with: one under way has not enough evidence yet, one on hold asks for a look. */
export const canaryMark = (state: CanaryState): State =>
  state === 'running' ? 'not_enough_evidence' : state === 'hold' ? 'warn' : state

const ENDED: Partial<Readonly<Record<ReleaseState, State>>> = {
  promoted: 'pass',
  failing: 'fail',
  failed: 'fail',
  reverted: 'fail',
  superseded: 'not_enough_evidence'
}

/** The mark a release is drawn with: what it ended as, or where its canary stands. */
export const releaseMark = ({ state, canaryState }: Pick<ReleaseBrief, 'state' | 'canaryState'>): State =>
  ENDED[state] ?? (canaryState === null ? 'not_enough_evidence' : canaryMark(canaryState))

/** `Canary, on hold`; a release that has ended is only that. */
export const standsAs = ({
  state,
  canaryState,
  endedAt
}: Pick<ReleaseBrief, 'state' | 'canaryState' | 'endedAt'>): string =>
  canaryState === null || endedAt !== null ? STANDS[state] : `${STANDS[state]}, ${CANARY_STANDS[canaryState]}`

/** A rate against another: `4.2×`; `0×` and missing ones keep their meaning. */
export const timesAs = (ratio: number | null): string =>
  ratio === null ? '–' : `${fixedTo(ratio, ratio >= 10 ? 0 : ratio >= 1 ? 1 : 2)}×`

/** The ends of an interval of ratios; the upper one may be open. */
export const timesWithin = (interval: CanaryChannel['ratioInterval']): string | null =>
  interval === null
    ? null
    : interval[1] === null
      ? `${timesAs(interval[0])} or more`
      : `${timesAs(interval[0])} to ${timesAs(interval[1])}`
