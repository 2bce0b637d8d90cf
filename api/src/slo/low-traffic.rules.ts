import { minFailures } from './statistics/poisson.rules.ts'
import type { Tier } from './tiers.rules.ts'

/** Below this, a page needs minutes of total outage, and probes are worth their requests. */
export const lowTrafficPerMinute = 3

/** Chance of a false page that the count of failures below stands for. */
const pageAlpha = 1e-5

export interface DetectableOutage {
  /** Failures in a row that page. */
  readonly failures: number
  /** How long a total outage lasts until then at this traffic, milliseconds. */
  readonly durationMs: number
}

/**
 * The smallest total outage that the fastest tier can tell from bad luck.
 *
 * @param perMinute - requests per minute, above 0
 * @param budgetRatio - share of failures promised, ratio in (0, 1)
 * @returns null when even an hour of failures could not
 */
export const detectableOutage = (perMinute: number, budgetRatio: number, tier: Tier): DetectableOutage | null => {
  const requests = (perMinute * tier.longMs) / 60_000
  const failures = minFailures(Math.max(1, Math.round(requests)), budgetRatio, tier.factor, pageAlpha)
  return failures > requests ? null : { failures, durationMs: (failures / perMinute) * 60_000 }
}
