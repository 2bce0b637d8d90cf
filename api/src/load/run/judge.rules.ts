import type { Reason, State } from '../../contract/primitives.ts'
import { dispersion } from '../../slo/statistics/evidence.rules.ts'
import type { Promised } from '../line/hold.rules.ts'
import { shareBounds, type Counted } from '../share.rules.ts'

/** What a run came to, as far as its verdict goes. */
export interface RunCounts {
  readonly total: number
  readonly slow: number
  readonly bad: number
  /** Slow, and bad, requests of each second. */
  readonly slowPerSecond: readonly number[]
  readonly badPerSecond: readonly number[]
  /** Replies with a status of 300 to 399, 304 apart, and of 400 to 499. */
  readonly redirects: number
  readonly clientErrors: number
  readonly p95Ms: number | null
  readonly partial: boolean
  readonly senderLimited: boolean
}

export interface Judged {
  readonly state: State
  readonly reasons: readonly Reason[]
}

/** Chance of a wrong verdict, per promise and side. */
const alpha = 0.05
/** When this share of the replies is 3xx or 4xx, the run measured something else than the service. */
const elsewhereShare = 0.5

/** Whether the promise held in a run: each promise by the bounds of its share, with the reasons. */
export const judgeRun = (counts: RunCounts, promised: Promised): Judged => {
  const cannot = whyNot(counts)
  if (cannot) return { state: 'could_not_measure', reasons: [cannot] }
  const parts = [judgeSlow(counts, promised), judgeErrors(counts, promised)]
  const reasons = parts.map(({ reason }) => reason)
  if (parts.some(({ state }) => state === 'fail')) return { state: 'fail', reasons }
  if (counts.partial) return { state: 'not_enough_evidence', reasons: [...reasons, endedEarly] }
  const sure = parts.every(({ state }) => state === 'pass')
  return { state: sure ? 'pass' : 'not_enough_evidence', reasons }
}

const endedEarly: Reason = {
  code: 'partial',
  text: 'the run was ended before its time',
  next: 'let it run to its end'
}

const whyNot = (counts: RunCounts): Reason | null => {
  const { total, senderLimited, redirects, clientErrors } = counts
  if (senderLimited) {
    return {
      code: 'generator_limit',
      text: 'the sender could not keep up with its schedule: nothing is said of the server',
      next: 'ask for a lower rate, or give the sender a machine of its own'
    }
  }
  if (total === 0) {
    return { code: 'no_samples', text: 'no request was counted', next: 'run longer, or at a higher rate' }
  }
  if (redirects >= elsewhereShare * total) {
    return {
      code: 'redirects',
      text: `${redirects} of ${total} replies were redirects (3xx): they are not followed`,
      value: redirects,
      samples: total,
      next: 'load the address they name'
    }
  }
  if (clientErrors < elsewhereShare * total) return null
  return {
    code: 'client_errors',
    text: `${clientErrors} of ${total} replies were client errors (4xx): the run measured the error page`,
    value: clientErrors,
    samples: total,
    next: 'check path, headers and credentials with curl'
  }
}

interface Part {
  readonly state: State
  readonly reason: Reason
}

const judgeSlow = ({ total, slow, slowPerSecond, p95Ms }: RunCounts, { thresholdMs, slowRatio }: Promised): Part => {
  const counted = { total, bad: slow, clustering: dispersion(slowPerSecond) }
  const p95 = p95Ms === null ? '' : `, ${percentileName(slowRatio)} ${round(p95Ms)} ms`
  return part(counted, slowRatio, {
    code: 'latency',
    text: `${share(slow, total)} took more than ${thresholdMs} ms or failed, ${percent(slowRatio)} may${p95}`,
    rule: `${percentileName(slowRatio)} < ${thresholdMs} ms`
  })
}

const judgeErrors = ({ total, bad, badPerSecond }: RunCounts, { errorRatio }: Promised): Part => {
  // without failures there is nothing that could cluster
  const clustering = bad < 10 ? 1 : dispersion(badPerSecond)
  return part({ total, bad, clustering }, errorRatio, {
    code: 'errors',
    text: `${share(bad, total)} failed, ${percent(errorRatio)} may`,
    rule: `errors < ${percent(errorRatio)}`
  })
}

const part = (counted: Counted, limit: number, reason: Pick<Reason, 'code' | 'text' | 'rule'>): Part => {
  const [low, high] = shareBounds(counted, alpha)
  const state = low > limit ? 'fail' : high <= limit ? 'pass' : 'not_enough_evidence'
  const interval: [number, number] = [low, high]
  return {
    state,
    reason: {
      ...reason,
      limit,
      value: counted.bad / counted.total,
      interval,
      unit: 'ratio',
      samples: counted.total,
      ...(state === 'not_enough_evidence' && { next: nextOf(counted, limit) })
    }
  }
}

/** How many requests would settle it, were they like these. */
const nextOf = (counted: Counted, limit: number): string => {
  for (let factor = 1.25; factor <= 1_024; factor *= 1.25) {
    const more = { ...counted, total: counted.total * factor, bad: counted.bad * factor }
    const [low, high] = shareBounds(more, alpha)
    if (low > limit || high <= limit) return `about ${round(more.total - counted.total)} more requests like these`
  }
  return 'the share is too near its limit to tell'
}

const percent = (ratio: number): string => `${round(ratio * 100)} %`
const share = (part: number, total: number): string => `${part} of ${total} (${percent(part / total)})`
const percentileName = (slowRatio: number): string => `p${round((1 - slowRatio) * 100)}`
/** Three digits are enough to read. */
const round = (value: number): number => (value >= 1_000 ? Math.round(value) : Number(value.toPrecision(3)))
