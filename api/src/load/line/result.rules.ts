import type { LoadLine } from '../../contract/load.ts'
import type { Reason } from '../../contract/primitives.ts'
import type { ErrorFinding } from './errors.rules.ts'
import { holdEvidence, type HoldJudgement, type Promised } from './hold.rules.ts'
import { loadSpentMs, type LineProbe } from './probe.rules.ts'
import { estimateLine, type SearchOutcome } from './search.rules.ts'

type Found = Pick<
  LoadLine,
  | 'ratePerS'
  | 'estimatePerS'
  | 'intervalPerS'
  | 'limitedBy'
  | 'errorFloorRatio'
  | 'loadMs'
  | 'probes'
  | 'state'
  | 'reasons'
  | 'partial'
>

/**
 * What a search came to, with its reasons.
 *
 * @param outcome - null: it was ended before its time, and no line is published
 */
export const describeLine = (
  probes: readonly LineProbe[],
  outcome: SearchOutcome | null,
  promised: Promised
): Found => {
  const estimate = estimateLine(probes, promised)
  const errors = estimate?.errors ?? (outcome?.kind === 'broken' ? outcome.errors : null)
  const verdict = outcome === null ? endedEarly : verdictOf(outcome, promised)
  return {
    ...verdict,
    partial: outcome === null,
    estimatePerS: estimate?.fit.ratePerS ?? null,
    intervalPerS: estimate ? [...estimate.fit.interval] : null,
    errorFloorRatio: errors?.kind === 'floor' ? errors.ratio : null,
    loadMs: loadSpentMs(probes),
    probes: probes.map(shown),
    reasons: [...verdict.reasons, ...floorReason(errors)]
  }
}

type Verdict = Pick<Found, 'ratePerS' | 'limitedBy' | 'state' | 'reasons'>

const endedEarly: Verdict = {
  ratePerS: null,
  limitedBy: null,
  state: 'could_not_measure',
  reasons: [{ code: 'partial', text: 'the search was ended before its time', next: 'let it run to its end' }]
}

const verdictOf = (outcome: SearchOutcome, promised: Promised): Verdict => {
  const { ratePerS } = outcome
  switch (outcome.kind) {
    case 'found':
      return {
        ratePerS,
        limitedBy: outcome.estimate.limitedBy,
        state: 'pass',
        reasons: [limit(outcome.estimate.limitedBy, promised, ratePerS), held(outcome.hold, ratePerS)]
      }
    case 'unconfirmed':
      return {
        ratePerS: null,
        limitedBy: outcome.estimate.limitedBy,
        state: 'not_enough_evidence',
        reasons: [limit(outcome.estimate.limitedBy, promised, ratePerS), notHeld(outcome.hold, ratePerS)]
      }
    case 'at_least':
      return { ratePerS, limitedBy: outcome.limitedBy, state: 'warn', reasons: [atLeast(outcome.limitedBy, ratePerS)] }
    case 'broken':
      return { ratePerS: null, limitedBy: null, state: 'fail', reasons: [broken(ratePerS)] }
    case 'unknown':
      return {
        ratePerS: null,
        limitedBy: outcome.why === 'sender_limit' ? 'sender' : null,
        state: outcome.why === 'sender_limit' ? 'could_not_measure' : 'not_enough_evidence',
        reasons: [unknown(outcome.why, ratePerS)]
      }
  }
}

const limit = (by: 'latency' | 'errors', { thresholdMs, slowRatio, errorRatio }: Promised, ratePerS: number): Reason =>
  by === 'latency'
    ? {
        code: 'limited_by_latency',
        text: `above about ${rate(ratePerS)} more than ${percent(slowRatio)} of the requests take longer than ${thresholdMs} ms`,
        value: ratePerS,
        unit: 'per second'
      }
    : {
        code: 'limited_by_errors',
        text: `above about ${rate(ratePerS)} more than ${percent(errorRatio)} of the requests fail`,
        value: ratePerS,
        unit: 'per second'
      }

const held = ({ evidence, errorUpperRatio }: HoldJudgement, ratePerS: number): Reason => ({
  code: 'held',
  text: `the promise held at ${rate(ratePerS)} for the whole hold; failures are below ${percent(errorUpperRatio)}`,
  value: Math.min(evidence, 1e9),
  limit: holdEvidence
})

const notHeld = ({ evidence, tooManyErrors }: HoldJudgement, ratePerS: number): Reason => ({
  code: 'not_held',
  text: tooManyErrors
    ? `too many requests failed at ${rate(ratePerS)} to confirm it`
    : `the hold at ${rate(ratePerS)} did not show that the promise is kept`,
  value: Math.min(evidence, 1e9),
  limit: holdEvidence,
  next: 'the machine drifts: measure again when it is quiet'
})

const atLeast = (by: 'sender' | 'ceiling', ratePerS: number): Reason =>
  by === 'sender'
    ? {
        code: 'generator_limit',
        text: `the promise held at ${rate(ratePerS)}, and the sender could not send more: the line is higher`,
        value: ratePerS,
        next: 'give the sender a machine of its own'
      }
    : {
        code: 'ceiling',
        text: `the promise held at ${rate(ratePerS)}, the most that may be sent: the line is higher`,
        value: ratePerS,
        next: 'allow a higher rate'
      }

const broken = (ratePerS: number): Reason => ({
  code: 'broken_at_any_rate',
  text: `the promise is broken at ${rate(ratePerS)} already, the lowest rate tried`,
  value: ratePerS,
  next: 'this is no matter of load: look at one slow request'
})

const unknown = (why: 'too_few_requests' | 'sender_limit', ratePerS: number): Reason =>
  why === 'sender_limit'
    ? {
        code: 'generator_limit',
        text: `the sender could not keep up at ${rate(ratePerS)}: nothing is said of the server`,
        next: 'give the sender a machine of its own'
      }
    : {
        code: 'too_few_requests',
        text: `${rate(ratePerS)} gives too few requests to judge a percentile`,
        next: 'begin at a higher rate'
      }

const floorReason = (errors: ErrorFinding | null): Reason[] =>
  errors?.kind !== 'floor'
    ? []
    : [
        {
          code: 'error_floor',
          text: `${percent(errors.ratio)} of the requests fail at any rate: not related to load, and left out of the line`,
          value: errors.ratio,
          interval: [errors.interval[0], errors.interval[1]],
          unit: 'ratio',
          next: 'find what fails without load'
        }
      ]

const rate = (perS: number): string => `${Number(perS.toPrecision(3))}/s`
const percent = (ratio: number): string => `${Number((ratio * 100).toPrecision(2))} %`

const shown = (probe: LineProbe): Found['probes'][number] => ({
  phase: probe.phase,
  ratePerS: probe.ratePerS,
  achievedPerS: probe.achievedPerS,
  durationMs: probe.durationMs,
  total: probe.total,
  slow: probe.slow,
  failed: probe.failed,
  p50Ms: probe.p50Ms,
  p95Ms: probe.p95Ms,
  p99Ms: probe.p99Ms,
  senderLimited: probe.senderLimited
})
