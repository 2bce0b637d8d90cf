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
  readonly event: 'none' | 'opened' | 'escalated' | 'eased' | 'resolved'
}

/**
 * One look at an objective's tiers.
 *
 * A tier fires when both windows burn faster than its factor and the long one holds evidence that
 * this is no bad luck. Only the fastest tier counts. One that fires gives way to a faster one, and
 * ends when its short window has been calm for that window's length: then a slower tier takes over
 * if failures go on too fast for it, else all is over. What a slower tier still sees of an incident
 * that is over is old news: it fires only on what came after. A window without events is no calm:
 * an outage may keep requests away.
 *
 * @param tiers - fastest first
 */
export const lookAtTiers = (
  tiers: readonly TierReading[],
  memory: BurnMemory,
  nowMs: number,
  targetRatio: number
): BurnStep => {
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
  const calmSinceMs = calmSince(reading, memory, nowMs, targetRatio)
  const isOver = calmSinceMs !== null && nowMs - calmSinceMs >= reading.tier.shortMs
  if (!isOver && reading.long.total > 0) return { event: 'none', memory: { ...memory, calmSinceMs } }
  const sinceMs = calmSinceMs ?? nowMs
  const slower = tiers.findIndex((reading, at) => at > memory.firing! && takesOver(reading, sinceMs, targetRatio))
  if (slower >= 0) return { event: 'eased', memory: { firing: slower, calmSinceMs: null, last: memory.last } }
  return {
    event: 'resolved',
    memory: { firing: null, calmSinceMs: null, last: { tier: memory.firing, calmSinceMs: sinceMs } }
  }
}

const fires = (reading: TierReading, at: number, { last }: BurnMemory, nowMs: number, targetRatio: number): boolean => {
  const { tier, long, short } = reading
  if (!burnsFaster(long, tier.factor, targetRatio) || !burnsFaster(short, tier.factor, targetRatio)) return false
  const isAftermath = last !== null && at > last.tier && nowMs - last.calmSinceMs < tier.longMs
  const sinceMs = isAftermath ? last.calmSinceMs : -Infinity
  if (isAftermath && !burnsFaster(reading.longSince(sinceMs), tier.factor, targetRatio)) return false
  return reading.logE(sinceMs) >= Math.log(tier.evidenceNeeded)
}

/** Whether failures that came after a faster tier had calmed are still too many for this one. */
const takesOver = (
  { tier, long, short, logE, longSince }: TierReading,
  sinceMs: number,
  targetRatio: number
): boolean =>
  burnsFaster(longSince(sinceMs), tier.factor, targetRatio) &&
  burnsFaster(long, tier.factor, targetRatio) &&
  burnsFaster(short, tier.factor, targetRatio) &&
  logE(-Infinity) >= Math.log(tier.evidenceNeeded)

/** Since when the short window has been calm; a window without events leaves that as it was. */
const calmSince = (
  { tier, short }: TierReading,
  { calmSinceMs }: BurnMemory,
  nowMs: number,
  targetRatio: number
): number | null => {
  if (short.total === 0) return calmSinceMs
  return burnsFaster(short, tier.factor, targetRatio) ? null : (calmSinceMs ?? nowMs)
}

const burnsFaster = (tally: Tally, factor: number, targetRatio: number): boolean =>
  (burnRate(tally, targetRatio) ?? 0) > factor
