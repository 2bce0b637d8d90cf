import { judgeErrors, type ErrorFinding } from './errors.rules.ts'
import { fitLine, latencyFit, type Fit } from './fit.rules.ts'
import { judgeHold, type HoldJudgement, type Promised } from './hold.rules.ts'
import { crossing, type Probe } from './isotonic.rules.ts'
import { asFailed, asSlow, isOverloaded, loadSpentMs, searched, type LineProbe, type Phase } from './probe.rules.ts'

export interface SearchOptions {
  readonly promised: Promised
  /** First rate, arrivals per second. */
  readonly startPerS: number
  /** Never more arrivals than this, per second. */
  readonly maxPerS: number
  /** Load until the estimate stands, milliseconds; the hold that confirms it comes on top. */
  readonly budgetMs: number
  /** The same when errors are the limit: they are rare, and want longer probes. */
  readonly errorBudgetMs: number
  readonly holdMs: number
}

export const searchDefaults: Omit<SearchOptions, 'promised'> = {
  startPerS: 20,
  maxPerS: 100_000,
  budgetMs: 110_000,
  errorBudgetMs: 170_000,
  holdMs: 30_000
}

/** Options for a time under load; errors are rare, and get the same larger share of it as by default. */
export const searchWithin = (given: Omit<SearchOptions, 'errorBudgetMs'>): SearchOptions => ({
  ...given,
  errorBudgetMs: (given.budgetMs * searchDefaults.errorBudgetMs) / searchDefaults.budgetMs
})

/** What is known of the line so far. */
export interface Estimate {
  readonly fit: Fit
  readonly limitedBy: 'latency' | 'errors'
  readonly errors: ErrorFinding
  /** What was fitted: the requests that count against the limiting promise, probe by probe. */
  readonly counts: readonly Probe[]
}

export interface ProbeStep {
  readonly kind: 'probe'
  readonly phase: Phase
  readonly ratePerS: number
  readonly durationMs: number
  /** The beginning that is not counted, milliseconds. */
  readonly settleMs: number
}

export type Step = ProbeStep | { readonly kind: 'done'; readonly outcome: SearchOutcome }

export type SearchOutcome =
  /** The promise held at `ratePerS` for the whole hold. */
  | { readonly kind: 'found'; readonly ratePerS: number; readonly hold: HoldJudgement; readonly estimate: Estimate }
  /** There is an estimate, but no hold confirmed it. */
  | {
      readonly kind: 'unconfirmed'
      readonly ratePerS: number
      readonly hold: HoldJudgement
      readonly estimate: Estimate
    }
  /** The promise held at the highest rate that could be sent, or that may be: the line is higher. */
  | { readonly kind: 'at_least'; readonly ratePerS: number; readonly limitedBy: 'sender' | 'ceiling' }
  /** The promise is broken at the lowest rate that was tried. */
  | { readonly kind: 'broken'; readonly ratePerS: number; readonly errors: ErrorFinding }
  /** Too few requests, or a sender that could not keep up even with the first rate. */
  | { readonly kind: 'unknown'; readonly ratePerS: number; readonly why: 'too_few_requests' | 'sender_limit' }

/** Rates grow by this, and by its square while the server does not notice. */
const growth = 1.5
/** Not noticed: nothing slow, and a p95 below this share of the limit. */
const unnoticedShare = 0.1
/** Rates shrink by this while even the lowest one is too much. */
const shrinkage = 4
const lowestPerS = 5
/** A share of slow requests that is surely beyond the line. */
const surelyBeyond = 0.2
/** A probe lasts until this many requests are counted, within its limits; below the second it says nothing. */
const wantedRequests = 100
const fewestRequests = 20
/** Half-width of the interval, ln(rate), at which the line is known: hardly wider than the machine's drift. An early narrow one is luck. */
const preciseEnough = 0.052
const fewestRefined = 8
const oneSidedAfter = 5
const holdAttempts = 3
/** A sender that is late so often in a row cannot keep up; once or twice, something else kept the machine busy. */
const senderTries = 3
const holdStepDown = 0.9

/**
 * How long a probe lasts, and how much of its beginning is not counted. A queue needs seconds to
 * build up: on simulated servers, refining by 5 s with 1 s uncounted read lines up to 3.5 % too high,
 * 8 s with 2 s uncounted at most 1.3 %.
 */
const pace = {
  bracket: { shortestMs: 3_000, longestMs: 8_000, settleMs: 500 },
  refine: { shortestMs: 8_000, longestMs: 10_000, settleMs: 2_000 },
  rareErrors: { shortestMs: 10_000, longestMs: 10_000, settleMs: 2_000 }
}

/**
 * The next step of the search for the load line: bracket the line in steps, refine at the quartiles
 * of the posterior, then hold the lower bound. A function of the probes so far alone.
 */
export const nextStep = (probes: readonly LineProbe[], options: SearchOptions): Step => {
  const last = probes.at(-1)
  if (!last) return bracketAt(Math.min(options.startPerS, options.maxPerS))
  const lateInARow = probes.length - 1 - probes.findLastIndex(({ senderLimited }) => !senderLimited)
  if (lateInARow > 0 && lateInARow < senderTries) return again(last, options)
  if (last.phase === 'hold') return afterHold(probes, options)
  if (last.total < fewestRequests && !isOverloaded(last)) return unknown(last, 'too_few_requests')
  const known = searched(probes)
  const { within, beyond } = bracketOf(known, options.promised)
  if (last.senderLimited) return within === null ? unknown(last, 'sender_limit') : holdAt(within, options)
  if (within === null) return lower(known, options)
  if (beyond === null) return last.ratePerS >= options.maxPerS ? holdAt(within, options) : raise(known, options)
  return refine(known, options)
}

/**
 * The line as known so far: where latency crosses its limit or where errors do, whichever is lower.
 *
 * @returns null until one probe was within the promise and one surely beyond
 */
export const estimateLine = (probes: readonly LineProbe[], promised: Promised): Estimate | null => {
  const known = searched(probes)
  const { within, beyond } = bracketOf(known, promised)
  if (within === null || beyond === null) return null
  const slow = known.map(asSlow)
  const failed = asFailed(known)
  const latency = fitLine(slow, { ...latencyFit, limitRatio: promised.slowRatio })
  const errors = judgeErrors(failed, promised.errorRatio)
  return errors.kind === 'line' && errors.fit.ratePerS < latency.ratePerS
    ? { fit: errors.fit, limitedBy: 'errors', errors, counts: failed }
    : { fit: latency, limitedBy: 'latency', errors, counts: slow }
}

/** The highest rate within the promise, and the lowest surely beyond it. */
const bracketOf = (probes: readonly LineProbe[], { slowRatio }: Promised) => {
  const counts = probes.map(asSlow)
  return { within: crossing(counts, slowRatio).within, beyond: crossing(counts, surelyBeyond).beyond }
}

const probeAt = (
  phase: Phase,
  ratePerS: number,
  { shortestMs, longestMs, settleMs }: typeof pace.bracket
): ProbeStep => {
  const wantedMs = settleMs + (wantedRequests / ratePerS) * 1_000
  return { kind: 'probe', phase, ratePerS, settleMs, durationMs: Math.min(longestMs, Math.max(shortestMs, wantedMs)) }
}

const bracketAt = (ratePerS: number): ProbeStep => probeAt('bracket', ratePerS, pace.bracket)

const holdAt = (ratePerS: number, { holdMs }: SearchOptions): ProbeStep => {
  const { settleMs } = pace.refine
  return { kind: 'probe', phase: 'hold', ratePerS, settleMs, durationMs: settleMs + holdMs }
}

const again = ({ phase, ratePerS }: LineProbe, options: SearchOptions): ProbeStep =>
  phase === 'hold' ? holdAt(ratePerS, options) : probeAt(phase, ratePerS, pace[phase])

/** Up until a probe is surely beyond. */
const raise = (probes: readonly LineProbe[], { maxPerS, promised }: SearchOptions): Step => {
  const highest = probes.reduce((a, b) => (b.ratePerS >= a.ratePerS ? b : a))
  const unnoticed = highest.slow === 0 && (highest.p95Ms ?? Infinity) < unnoticedShare * promised.thresholdMs
  return bracketAt(Math.min(maxPerS, highest.ratePerS * (unnoticed ? growth ** 2 : growth)))
}

const lower = (probes: readonly LineProbe[], { promised }: SearchOptions): Step => {
  const lowest = Math.min(...probes.map(({ ratePerS }) => ratePerS))
  if (lowest > lowestPerS) return bracketAt(Math.max(lowestPerS, lowest / shrinkage))
  const errors = judgeErrors(asFailed(probes), promised.errorRatio)
  return { kind: 'done', outcome: { kind: 'broken', ratePerS: lowest, errors } }
}

const refine = (probes: readonly LineProbe[], options: SearchOptions): Step => {
  const { fit, limitedBy, counts } = estimateLine(probes, options.promised)!
  const rare = limitedBy === 'errors'
  const refined = probes.filter(({ phase }) => phase === 'refine').length
  const middle = stepOut(
    counts.slice(-refined),
    rare ? options.promised.errorRatio : options.promised.slowRatio,
    counts
  )
  const ratePerS = middle ?? fit.quantile(refined % 2 === 0 ? 0.25 : 0.75)
  const next = probeAt('refine', Math.min(options.maxPerS, ratePerS), rare ? pace.rareErrors : pace.refine)
  const [low, high] = fit.interval
  const known = refined >= fewestRefined && Math.log(high / low) / 2 < preciseEnough
  const spentMs = loadSpentMs(probes) + next.durationMs
  return known || spentMs > (rare ? options.errorBudgetMs : options.budgetMs) ? holdAt(low, options) : next
}

/**
 * The middle of the bracket, once so many refining probes in a row fell on one side of the limit
 * that the quartiles of the posterior cannot be what they say: a curve that is flat up to a cliff
 * bends the fit.
 */
const stepOut = (refined: readonly Probe[], limitRatio: number, all: readonly Probe[]): number | null => {
  const recent = refined.slice(-oneSidedAfter)
  const beyondLimit = recent.filter(({ total, bad }) => bad / total > limitRatio).length
  if (recent.length < oneSidedAfter || (beyondLimit !== 0 && beyondLimit !== recent.length)) return null
  const { within, beyond } = crossing(all, limitRatio)
  return within === null || beyond === null ? null : Math.sqrt(within * beyond)
}

const afterHold = (probes: readonly LineProbe[], options: SearchOptions): Step => {
  const last = probes.at(-1)!
  const estimate = estimateLine(probes, options.promised)
  const judgement = judgeHold(last, options.promised, estimate?.errors.kind === 'floor')
  const held = judgement.held && !isOverloaded(last) && !last.senderLimited
  const attempts = probes.filter(({ phase, senderLimited }) => phase === 'hold' && !senderLimited).length
  if (!held && !last.senderLimited && attempts < holdAttempts) return holdAt(last.ratePerS * holdStepDown, options)
  const outcome = ((): SearchOutcome => {
    if (estimate) {
      return { kind: held ? 'found' : 'unconfirmed', ratePerS: last.ratePerS, hold: judgement, estimate }
    }
    if (!held) return { kind: 'unknown', ratePerS: last.ratePerS, why: 'sender_limit' }
    const bySender = probes.some(({ senderLimited }) => senderLimited)
    return { kind: 'at_least', ratePerS: last.ratePerS, limitedBy: bySender ? 'sender' : 'ceiling' }
  })()
  return { kind: 'done', outcome }
}

const unknown = ({ ratePerS }: LineProbe, why: 'too_few_requests' | 'sender_limit'): Step => ({
  kind: 'done',
  outcome: { kind: 'unknown', ratePerS, why }
})
