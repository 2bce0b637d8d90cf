import { Temporal } from 'temporal-polyfill'
import type { FreezeWindow } from '../../../plan/model.ts'
import type { Rule } from '../rule.ts'

/** Now is not a time in which nothing ships. */
export const freeze: Rule = {
  name: 'freeze',
  title: 'No freeze',
  judge: ({ atMs }, { freezes }) => {
    if (freezes.length === 0) return null
    const inForce = freezes.flatMap((window) => {
      const untilMs = frozenUntil(window, atMs)
      return untilMs === null ? [] : [{ window, untilMs }]
    })
    const [last] = inForce.toSorted((a, b) => b.untilMs - a.untilMs)
    const source = 'plan'
    if (!last) return { state: 'pass', text: 'no freeze is in force', source }
    const until = new Date(last.untilMs).toISOString()
    return {
      state: 'fail',
      text: `nothing ships until ${until}: ${last.window.reason}`,
      source,
      next: `wait until ${until}`,
      parts: inForce.map(({ window, untilMs }) => ({
        code: 'frozen',
        text: `${window.reason}, until ${new Date(untilMs).toISOString()}`
      }))
    }
  }
}

const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

/**
 * When a freeze that holds now ends.
 *
 * @param atMs - Unix time, milliseconds
 * @returns Unix time, milliseconds; null: it does not hold now
 */
export const frozenUntil = (window: FreezeWindow, atMs: number): number | null => {
  if (window.kind === 'once') return window.fromMs <= atMs && atMs < window.toMs ? window.toMs : null
  const now = Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(window.timeZone)
  // one that ends at an earlier minute began yesterday
  for (const began of [now, now.subtract({ days: 1 })]) {
    if (!window.days.includes(days[began.dayOfWeek - 1]!)) continue
    const date = began.toPlainDate()
    const from = atMinute(date, window.fromMinute, window.timeZone)
    const lastDay = window.toMinute <= window.fromMinute ? date.add({ days: 1 }) : date
    const to = atMinute(lastDay, window.toMinute, window.timeZone)
    if (from <= atMs && atMs < to) return to
  }
  return null
}

/** Wall-clock minutes: on the day a clock is put forward, 18:00 stays 18:00. */
const atMinute = (date: Temporal.PlainDate, minute: number, timeZone: string): number => {
  const day = date.add({ days: Math.floor(minute / 1_440) })
  const time = Temporal.PlainTime.from({ hour: Math.floor((minute % 1_440) / 60), minute: minute % 60 })
  return day.toZonedDateTime({ timeZone, plainTime: time }).epochMilliseconds
}
