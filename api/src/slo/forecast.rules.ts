import { burnInterval, burnRate, burnsSurely, type Tally } from './burn.rules.ts'
import { aboutDuration, percentText, whenText, windowName } from './words.rules.ts'

export interface Pace {
  readonly durationMs: number
  readonly tally: Tally
}

export interface ForecastInput {
  readonly nowMs: number
  readonly targetRatio: number
  /** Share of the budget that is left, ratio; null when nothing was measured. */
  readonly remainingRatio: number | null
  /** Length of the objective's window, milliseconds. */
  readonly windowMs: number
  /** When a calendar window begins anew; null for a rolling one. */
  readonly renewsAtMs: number | null
  /** Recent counts, shortest window first. */
  readonly paces: readonly Pace[]
  /** IANA name, for the words. */
  readonly timeZone: string
}

export interface Forecast {
  /** Null: not at this pace, not before the window renews, or too little is known. */
  readonly exhaustedAtMs: number | null
  /** Where the moment lies with 95 %; the later end is null when it may never come. */
  readonly intervalMs: readonly [number, number | null] | null
  readonly text: string
}

const alpha = 0.05

/**
 * When the budget will be gone if failures go on as in the shortest recent window that tells: one
 * whose burn is surely above 1, the pace that lasts exactly to the end. What leaves a rolling window
 * on its far side is not counted as regained, so the real end is rather later.
 */
export const forecastExhaustion = (input: ForecastInput): Forecast => {
  const { remainingRatio, paces, targetRatio } = input
  if (remainingRatio === null) return none('nothing was measured, so there is no pace')
  if (remainingRatio <= 0) return none('the budget is spent')
  const telling = paces.find(({ tally }) => burnsSurely(tally, 1, targetRatio, alpha / 2))
  if (telling) return exhaustion(input, telling, remainingRatio)
  const longest = paces.at(-1)
  const burn = longest && burnRate(longest.tally, targetRatio)
  if (!longest || burn === null || burn === undefined) return none('nothing happened lately, so there is no pace')
  if (burn > 1) return none('too few failures lately to tell when the budget would be gone')
  return none(`at the pace of the last ${windowName(longest.durationMs)} the budget lasts`)
}

const exhaustion = (input: ForecastInput, pace: Pace, remainingRatio: number): Forecast => {
  const { nowMs, windowMs, renewsAtMs, targetRatio, timeZone } = input
  const after = (burn: number): number => nowMs + (remainingRatio * windowMs) / burn
  const burn = burnRate(pace.tally, targetRatio)!
  const [low, high] = burnInterval(pace.tally, targetRatio, alpha)!
  const atMs = after(burn)
  const since = `at the pace of the last ${windowName(pace.durationMs)}`
  if (renewsAtMs !== null && atMs >= renewsAtMs) {
    const left = remainingRatio - (burn * (renewsAtMs - nowMs)) / windowMs
    return none(
      `${since}, ${percentText(left)} of the budget is left when the window renews ${whenText(renewsAtMs, nowMs, timeZone)}`
    )
  }
  const latestMs = renewsAtMs !== null && after(low) >= renewsAtMs ? null : after(low)
  const range = `${whenText(after(high), nowMs, timeZone)} at the earliest`
  return {
    exhaustedAtMs: atMs,
    intervalMs: [after(high), latestMs],
    text: `${since} gone ${whenText(atMs, nowMs, timeZone)}, in ${aboutDuration(atMs - nowMs)} (${range})`
  }
}

const none = (text: string): Forecast => ({ exhaustedAtMs: null, intervalMs: null, text })
