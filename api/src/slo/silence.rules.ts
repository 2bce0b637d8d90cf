import { nominalMs } from './window.rules.ts'
import type { ResolvedObjective } from '../plan/objective.ts'
import { budgetRatioOf, type Tally } from './burn.rules.ts'

/** Share of the budget that an unseen outage may have spent before we speak: what a fast ticket stands for. */
const unseenShare = 0.1
const shortestDelayMs = 2 * 60_000
const longestDelayMs = 6 * 3_600_000

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** A week: weekends are part of the rhythm, and fewer days do not show it. */
const daysLookedAt = 7

/** −ln 1e-5: so many expected events stay away by luck once in 100,000 times (Poisson). */
const surprising = 11.5

/**
 * How long a promise may go unwatched before somebody is told: the time in which a total outage
 * would spend a tenth of the budget, `0.1 × (1 − target) × window`, at least 2 minutes and at most
 * 6 hours. 99.9 % over 30 days: 4.3 minutes.
 *
 * @returns milliseconds
 */
export const noSignalDelayMs = (objective: Pick<ResolvedObjective, 'targetRatio' | 'window'>): number => {
  const delayMs = unseenShare * budgetRatioOf(objective.targetRatio) * nominalMs(objective.window)
  return Math.min(longestDelayMs, Math.max(shortestDelayMs, delayMs))
}

/**
 * How many events a service usually has in this stretch of the day, going by the quietest of the
 * last seven days at the same hours. An hour counts for no more than the hours beside it: where
 * traffic begins or ends, its edge is not known to the minute.
 *
 * @param between - counts of the slots that start in a stretch
 * @param knownSinceMs - when the first events were counted
 * @returns expected events; null when less than a week is known
 */
export const usualEvents = (
  between: (fromMs: number, toMs: number) => Tally,
  { fromMs, toMs, knownSinceMs }: { fromMs: number; toMs: number; knownSinceMs: number }
): number | null => {
  const firstHour = Math.floor(fromMs / hourMs) * hourMs
  const days: number[] = []
  for (let day = 1; day <= daysLookedAt && firstHour - hourMs - day * dayMs >= knownSinceMs; day++) {
    const hourly = (hour: number): number => between(hour - day * dayMs, hour + hourMs - day * dayMs).total
    let expected = 0
    for (let hour = firstHour; hour < toMs; hour += hourMs) {
      const share = (Math.min(toMs, hour + hourMs) - Math.max(fromMs, hour)) / hourMs
      expected += share * Math.min(hourly(hour - hourMs), hourly(hour), hourly(hour + hourMs))
    }
    days.push(expected)
  }
  return days.length < daysLookedAt ? null : Math.min(...days)
}

/** Whether so many expected events stay away more surely than by luck. */
export const isUnusualSilence = (expected: number | null): boolean => expected !== null && expected >= surprising
