import type { Canary } from '../../contract/releases.ts'
import type { Reason } from '../../contract/primitives.ts'
import { anytimeUpper, cleanRequestsNeeded } from '../../slo/statistics/evidence.rules.ts'
import type { CanaryJudge } from './rules/judge.rules.ts'
import type { CanaryPolicy } from './rules/policy.rules.ts'
import { ratioInterval, ratioShown } from './rules/ratio-interval.rules.ts'
import { progressRatio, type Votes } from './rules/votes.rules.ts'

/** 0.0123 → `1.2 %`, 0.00004 → `0.004 %`. */
export const share = (ratio: number): string =>
  ratio === 0 ? '0 %' : `${Number((ratio * 100).toPrecision(ratio * 100 >= 10 ? 3 : 2))} %`

const times = (ratio: number): string => `${Number(ratio.toPrecision(2))}×`

const minutes = (ms: number): string =>
  ms < 90_000
    ? `${Math.round(ms / 1_000)} s`
    : ms < 5_400_000
      ? `${Math.round(ms / 60_000)} min`
      : `${Math.round(ms / 3_600_000)} h`

const channelWords: Readonly<Record<string, string>> = {
  errors: 'failures',
  slow_slo: 'requests slower than promised',
  slow_p50: 'the usual latency',
  slow_p95: 'the slowest 5 %',
  slow_p99: 'the slowest 1 %'
}

/** How often bad events came in the canary. */
const rateOf = (votes: readonly Votes[]): number | null => {
  const total = votes.reduce((sum, { canary }) => sum + canary, 0)
  return total === 0 ? null : votes.reduce((sum, { canaryBad }) => sum + canaryBad, 0) / total
}

/** Where an analysis stands, in one sentence with its numbers. */
export function sentenceOf(judge: CanaryJudge, policy: CanaryPolicy): string {
  const { verdict } = judge
  const upper = anytimeUpper(judge.samples.errors, policy.alphaPass)
  switch (verdict.state) {
    case 'running':
      return `evidence against: ${percentOf(judge.failLogE, policy.alphaFail)} of what is needed, for: ${percentOf(judge.passLogE, policy.alphaPass)}`
    case 'hold':
      return verdict.why === 'page'
        ? 'a page about the service is open: the canary is not promoted meanwhile'
        : 'both arms fail: not the release; the clock is paused'
    case 'pass':
      return `failures below ${share(upper)} with ${share(1 - policy.alphaPass)} confidence, and no sign that it is worse than the version before`
    case 'warn':
      return 'it keeps the promise, and is worse than the version before: a person decides'
    case 'fail':
      return verdict.why === 'breaker'
        ? 'half of its requests or more failed for three batches, while the version before is well'
        : worstSentence(judge, policy)
    case 'not_enough_evidence': {
      if (judge.keepsPromise) {
        return `it keeps the promise, and may be worse than the version before: evidence of that is at ${percentOf(judge.worseLogE, policy.alphaFail)} of what is needed`
      }
      const { total, bad } = judge.samples.errors
      const needed = share(policy.errorBudget)
      return `${bad} failures in ${total} requests prove less than ${share(upper)}; the promise is ${needed}`
    }
  }
}

const percentOf = (logE: number, alpha: number): string => `${Math.round(progressRatio(logE, alpha) * 100)} %`

/** Which channel speaks loudest, and by how much it is worse. */
const worstSentence = (judge: CanaryJudge, policy: CanaryPolicy): string => {
  const worst = judge.channels.toSorted((a, b) => b.failLogE - a.failLogE)[0]!
  const ratio = ratioShown(worst.votes)
  const [from, to] = ratioInterval(worst.votes, 0.05)
  const rate = rateOf(worst.votes)
  const than = ratio === null ? 'more than before' : `${times(ratio)} those of the version before`
  const interval =
    from === null && to === null ? '' : ` (${from === null ? '0' : times(from)} to ${to === null ? 'any' : times(to)})`
  const promised = worst.name === 'errors' ? `, promised ${share(policy.errorBudget)}` : ''
  return `${channelWords[worst.name]}: ${than}${interval}, ${rate === null ? '' : share(rate)}${promised}; the chance of this by luck is below ${share(policy.alphaFail)}`
}

/** The sentence and, for each channel, how much it says. */
export const reasonsOf = (judge: CanaryJudge, policy: CanaryPolicy): Reason[] =>
  judge.channels.map(({ name, failLogE, votes }) => {
    const rate = rateOf(votes)
    const seen = rate === null ? 'no request' : `${share(rate)} of the canary’s requests`
    return {
      code: `canary_${name}`,
      text: `${channelWords[name]}: ${seen}; evidence against ${percentOf(failLogE, policy.alphaFail)}`
    }
  })

/**
 * What it takes to decide: clean requests that are missing for the promise, and how long that is at
 * the canary's traffic. Null once decided.
 */
export function toDecide(judge: CanaryJudge, policy: CanaryPolicy): Canary['toDecide'] {
  if (judge.decided) return null
  const { total, bad, clustering } = judge.samples.errors
  const { elapsedMs } = judge.observed
  const soakLeftMs = Math.max(0, policy.soakMs - elapsedMs)
  if (judge.keepsPromise && soakLeftMs === 0) {
    return {
      requests: null,
      durationMs: null,
      text: 'it keeps the promise, and may be worse than the version before: the next requests tell'
    }
  }
  if (judge.keepsPromise) {
    return {
      requests: 0,
      durationMs: soakLeftMs,
      text: `enough evidence for it; ${minutes(soakLeftMs)} of the soak are left`
    }
  }
  const needed = cleanRequestsNeeded(policy.errorBudget, policy.alphaPass, clustering)
  const requests = Math.max(1, needed - total)
  if (bad > 0) {
    return {
      requests: null,
      durationMs: null,
      text: 'it has failures of its own: how long it takes depends on the next ones'
    }
  }
  if (total === 0 || elapsedMs === 0) {
    return { requests: needed, durationMs: null, text: `${count(needed)} clean requests; it has none yet` }
  }
  const durationMs = Math.max(soakLeftMs, Math.ceil((requests / total) * elapsedMs))
  return {
    requests,
    durationMs,
    text: `about ${count(requests)} more clean requests, ${minutes(durationMs)} at this traffic`
  }
}

const count = (value: number): string => value.toLocaleString('en-US')
