import type { Batch } from './batches.rules.ts'
import { isIncident, PromiseChannel } from './channel.rules.ts'
import { tailQuantiles } from './latency.rules.ts'
import { breaker, cleanLogE, type CanaryPolicy } from './policy.rules.ts'
import { meanEvidence, RatioEvidence, worseRatios, type Votes } from './votes.rules.ts'

/** Why an analysis stands where it stands. */
export type Verdict =
  /** Under way. */
  | { readonly state: 'running' }
  /** Both arms suffer the same: not the release, and no moment to judge. */
  | { readonly state: 'hold'; readonly why: 'incident' | 'page' }
  | { readonly state: 'pass' }
  | { readonly state: 'fail'; readonly why: 'evidence' | 'breaker' }
  /** It keeps the promise, and is worse than the baseline. */
  | { readonly state: 'warn' }
  /** The deadline came first. */
  | { readonly state: 'not_enough_evidence' }

export interface ChannelEvidence {
  readonly name: 'errors' | 'slow_slo' | 'slow_p50' | 'slow_p95' | 'slow_p99'
  readonly failLogE: number
  /** Null: this channel only speaks against. */
  readonly passLogE: number | null
  readonly votes: readonly Votes[]
}

/** The point of the evidence curve after a batch. */
export interface CurvePoint {
  readonly atMs: number
  readonly failLogE: number
  readonly passLogE: number
}

/**
 * Judges a canary batch by batch. Its state is a function of the policy and the batches in order, so
 * an analysis that was interrupted is rebuilt from its kept batches to the last digit.
 *
 * Looking after every batch is free: each channel keeps an e-value, and these average over channels.
 * Once passed or failed it stays so.
 */
export class CanaryJudge {
  readonly #policy: CanaryPolicy
  readonly #errors: PromiseChannel
  readonly #slow: PromiseChannel | null
  readonly #tails = tailQuantiles.map(() => new RatioEvidence(1, worseRatios))
  readonly #tailVotes: Votes[][] = tailQuantiles.map(() => [])
  readonly #curve: CurvePoint[] = []
  readonly #requests = { canary: 0, baseline: 0 }
  #deadBatches = 0
  #elapsedMs = 0
  #heldMs = 0
  #verdict: Verdict = { state: 'running' }

  constructor(policy: CanaryPolicy) {
    this.#policy = policy
    this.#errors = new PromiseChannel(policy.errorBudget, policy)
    this.#slow = policy.slowBudget === null ? null : new PromiseChannel(policy.slowBudget, policy)
  }

  /**
   * Takes in a batch; without effect once decided.
   *
   * @param paged - whether a page about the baseline is open
   */
  add(batch: Batch, { paged = false }: { paged?: boolean } = {}): Verdict {
    if (this.decided) return this.#verdict
    const { canary, baseline, tails } = batch
    const errors = { canary: canary.total, canaryBad: canary.bad, baseline: baseline.total, baselineBad: baseline.bad }
    const slow = { ...errors, canaryBad: canary.slow, baselineBad: baseline.slow }
    this.#requests.canary += canary.total
    this.#requests.baseline += baseline.total
    this.#errors.vote(errors)
    this.#slow?.vote(slow)
    tails?.forEach((tail, i) => this.#voteTail(i, tail))
    this.#countDead(errors)
    const held = paged ? 'page' : isIncident(errors) ? 'incident' : null
    const durationMs = batch.toMs - batch.fromMs
    this.#elapsedMs += durationMs
    if (held !== null) this.#heldMs += durationMs
    this.#curve.push({ atMs: batch.toMs, failLogE: this.failLogE, passLogE: this.passLogE })
    this.#verdict = this.#decide(held)
    return this.#verdict
  }

  get verdict(): Verdict {
    return this.#verdict
  }

  /** Passed, warned, failed or out of time: nothing more is taken in. */
  get decided(): boolean {
    return this.#verdict.state !== 'running' && this.#verdict.state !== 'hold'
  }

  /** Time under observation, and how much of it on hold, ms. */
  get observed(): { elapsedMs: number; heldMs: number } {
    return { elapsedMs: this.#elapsedMs, heldMs: this.#heldMs }
  }

  /** Requests of each arm so far, count. */
  get requests(): { readonly canary: number; readonly baseline: number } {
    return this.#requests
  }

  /** Evidence against the canary over all channels, ln of an e-value; it fails at ln(1/alphaFail). */
  get failLogE(): number {
    const latency = this.#latencyFailLogE()
    return latency === null ? this.#errors.failLogE : meanEvidence([this.#errors.failLogE, latency])
  }

  /** Least evidence for the canary among the channels of the promise; it passes at ln(1/alphaPass). */
  get passLogE(): number {
    return Math.min(this.#errors.passLogE, this.#slow?.passLogE ?? Infinity)
  }

  get curve(): readonly CurvePoint[] {
    return this.#curve
  }

  /** The canary's requests that count for it, per channel of the promise. */
  get samples(): { errors: PromiseChannel['sample']; slow: PromiseChannel['sample'] | null } {
    return { errors: this.#errors.sample, slow: this.#slow?.sample ?? null }
  }

  get channels(): ChannelEvidence[] {
    const { failLogE, passLogE, votes } = this.#errors
    const slow = this.#slow
    return [
      { name: 'errors', failLogE, passLogE, votes },
      ...(slow === null
        ? []
        : [{ name: 'slow_slo' as const, failLogE: slow.failLogE, passLogE: slow.passLogE, votes: slow.votes }]),
      ...(['slow_p50', 'slow_p95', 'slow_p99'] as const).flatMap((name, i) =>
        this.#tailVotes[i]!.length === 0
          ? []
          : [{ name, failLogE: this.#tails[i]!.logE, passLogE: null, votes: this.#tailVotes[i]! }]
      )
    ]
  }

  /** Null: nothing is known of latency. */
  #latencyFailLogE(): number | null {
    if (this.#slow === null && this.#tailVotes[0]!.length === 0) return null
    const mean = meanEvidence([this.#slow?.worseLogE ?? 0, ...this.#tails.map(({ logE }) => logE)])
    // slower only fails where the promise is broken as well
    return this.#policy.withinPromise === 'fail' ? mean : Math.min(mean, this.#slow?.failLogE ?? 0)
  }

  #voteTail(i: number, tail: NonNullable<Batch['tails']>[number]): void {
    const { canary, canaryAbove: canaryBad, baseline, baselineAbove: baselineBad } = tail
    const votes = { canary, canaryBad, baseline, baselineBad }
    this.#tails[i]!.vote(votes)
    this.#tailVotes[i]!.push(votes)
  }

  #countDead({ canary, canaryBad, baseline, baselineBad }: Votes): void {
    const dead =
      canary >= breaker.leastRequests &&
      canaryBad / canary >= breaker.badRatio &&
      baseline > 0 &&
      baselineBad / baseline <= breaker.baselineRatio
    this.#deadBatches = dead ? this.#deadBatches + 1 : 0
  }

  #decide(held: 'incident' | 'page' | null): Verdict {
    const { alphaFail, soakMs, deadlineMs } = this.#policy
    if (this.#deadBatches >= breaker.batches) return { state: 'fail', why: 'breaker' }
    if (this.failLogE >= Math.log(1 / alphaFail)) return { state: 'fail', why: 'evidence' }
    if (held !== null) return { state: 'hold', why: held }
    const isOver = this.#elapsedMs - this.#heldMs >= deadlineMs
    if (this.#elapsedMs >= soakMs && this.keepsPromise) {
      if (this.worseLogE < cleanLogE) return { state: 'pass' }
      // one that is to fail for being slower needs a little more evidence: it is on its way
      const isWorse = this.worseLogE >= Math.log(1 / alphaFail)
      if (isWorse && (isOver || this.#policy.withinPromise === 'warn')) return { state: 'warn' }
    }
    return { state: isOver ? 'not_enough_evidence' : 'running' }
  }

  /** Enough evidence that it keeps the promise. */
  get keepsPromise(): boolean {
    return this.passLogE >= Math.log(1 / this.#policy.alphaPass)
  }

  /** Evidence that it is worse than the baseline, whatever the promise says: ln of an e-value. */
  get worseLogE(): number {
    return meanEvidence([this.#errors.worseLogE, this.#slow?.worseLogE ?? 0, ...this.#tails.map(({ logE }) => logE)])
  }
}
