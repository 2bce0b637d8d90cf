import { burnRate, type Tally } from '../burn.rules.ts'
import type { Tier } from '../tiers.rules.ts'

/** The counts behind one tier. Evidence is asked for only when both windows burn too fast. */
export interface TierReading {
  readonly tier: Tier
  readonly long: Tally
  readonly short: Tally
  /** Natural logarithm of the long window's e-value, counting only what came from `sinceMs` on. */
  readonly logE: (sinceMs: number) => number
  /** Counts of the long window from `sinceMs` on. */
  readonly longSince: (sinceMs: number) => Tally
}

/** What is remembered of an objective between two looks. */
export interface BurnMemory {
  /** The tier that fires, fastest first in the objective's list; null: none. */
  readonly firing: number | null
  /** Since when the short window of the firing tier has been calm; null while it burns. */
  readonly calmSinceMs: number | null
  /** The last alert that ended: which tier, and since when it had been calm. */
  readonly last: { readonly tier: number; readonly calmSinceMs: number } | null
}

export const quiet: BurnMemory = { firing: null, calmSinceMs: null, last: null }

export interface BurnStep {
  readonly memory: BurnMemory
  readonly event: 'none' | 'opened' | 'escalated' | 'resolved'
}

/**
 * One look at an objective's tiers.
 *
 * A tier fires when both windows burn faster than its factor and the long one holds evidence that
 * this is no bad luck. Only the fastest tier counts; one that fires gives way only to a faster one
 * and ends when its short window has been calm for that window's length. What a slower tier then
 * still sees of the same incident is old news: it fires only on what came after. A window without
 * events is no calm: an outage may keep requests away.
 *
 * @param tiers - fastest first
 */
export const lookAtTiers = (tiers: readonly TierReading[], memory: BurnMemory, nowMs: number, targetRatio: number): BurnStep => {
  const faster = tiers.findIndex(
    (reading, at) => (memory.firing === null || at < memory.firing) && fires(reading, at, memory, nowMs, targetRatio)
  )
  if (faster >= 0) {
    const event = memory.firing === null ? 'opened' : 'escalated'
    return { event, memory: { firing: faster, calmSinceMs: null, last: memory.last } }
  }
  if (memory.firing === null) return { event: 'none', memory }
  const reading = tiers[memory.firing]
  if (!reading) return { event: 'resolved', memory: { ...quiet, last: memory.last } } // the plan has fewer tiers now
  return lookForEnd(reading, memory, nowMs, targetRatio)
}

const fires = (reading: TierReading, at: number, { last }: BurnMemory, nowMs: number, targetRatio: number): boolean => {
  const { tier, long, short } = reading
  if (!burnsFaster(long, tier.factor, targetRatio) || !burnsFaster(short, tier.factor, targetRatio)) return false
  const isAftermath = last !== null && at > last.tier && nowMs - last.calmSinceMs < tier.longMs
  const sinceMs = isAftermath ? last.calmSinceMs : -Infinity
  if (isAftermath && !burnsFaster(reading.longSince(sinceMs), tier.factor, targetRatio)) return false
  return reading.logE(sinceMs) >= Math.log(tier.evidenceNeeded)
}

const lookForEnd = ({ tier, long, short }: TierReading, memory: BurnMemory, nowMs: number, targetRatio: number): BurnStep => {
  const isCalm = short.total > 0 && !burnsFaster(short, tier.factor, targetRatio)
  const calmSinceMs = isCalm ? (memory.calmSinceMs ?? nowMs) : short.total > 0 ? null : memory.calmSinceMs
  const calmEnough = calmSinceMs !== null && nowMs - calmSinceMs >= tier.shortMs
  if (calmEnough || long.total === 0) {
    const last = { tier: memory.firing!, calmSinceMs: calmSinceMs ?? nowMs }
    return { event: 'resolved', memory: { firing: null, calmSinceMs: null, last } }
  }
  return { event: 'none', memory: { ...memory, calmSinceMs } }
}

const burnsFaster = (tally: Tally, factor: number, targetRatio: number): boolean =>
  (burnRate(tally, targetRatio) ?? 0) > factor
