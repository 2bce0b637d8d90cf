import { Temporal } from 'temporal-polyfill'
import type { CalendarUnit, ResolvedWindow } from '../plan/objective.ts'
import { windowName } from './words.rules.ts'

const dayMs = 86_400_000

/** How long a calendar window counts as when burn rates are scaled to it. */
const nominalDays: Record<CalendarUnit, number> = { week: 7, month: 30, quarter: 90 }

/** Longest it can be, with the hour that a change of clocks adds. */
const longestDays: Record<CalendarUnit, number> = { week: 7, month: 31, quarter: 92 }

/** The stretch of time a judgement is made over, Unix time in milliseconds, `toMs` exclusive. */
export interface WindowSpan {
  readonly fromMs: number
  /** The end of a calendar window, ahead of now; now for a rolling one. */
  readonly toMs: number
}

/** Length that burn rates are scaled to, milliseconds: 30 days for any month. */
export const nominalMs = (window: ResolvedWindow): number =>
  window.kind === 'rolling' ? window.durationMs : nominalDays[window.unit] * dayMs

/** Length that never falls short, milliseconds. */
export const longestMs = (window: ResolvedWindow): number =>
  window.kind === 'rolling' ? window.durationMs : longestDays[window.unit] * dayMs + 3_600_000

/** `30d`, `month`. */
export const nameOfWindow = (window: ResolvedWindow): string =>
  window.kind === 'rolling' ? windowName(window.durationMs) : window.unit

/**
 * The window that `nowMs` lies in. Calendar windows begin at the first moment of a Monday, a month
 * or a quarter in their time zone, whatever the clocks do that day.
 *
 * @throws RangeError when the time zone is not known
 */
export const spanAt = (window: ResolvedWindow, nowMs: number): WindowSpan => {
  if (window.kind === 'rolling') return { fromMs: nowMs - window.durationMs, toMs: nowMs }
  const today = Temporal.Instant.fromEpochMilliseconds(Math.floor(nowMs))
    .toZonedDateTimeISO(window.timeZone)
    .toPlainDate()
  const first = firstDay(today, window.unit)
  const next = first.add(window.unit === 'week' ? { weeks: 1 } : { months: window.unit === 'month' ? 1 : 3 })
  return { fromMs: midnightMs(first, window.timeZone), toMs: midnightMs(next, window.timeZone) }
}

const firstDay = (day: Temporal.PlainDate, unit: CalendarUnit): Temporal.PlainDate => {
  if (unit === 'week') return day.subtract({ days: day.dayOfWeek - 1 })
  if (unit === 'month') return day.with({ day: 1 })
  return day.with({ day: 1, month: day.month - ((day.month - 1) % 3) })
}

/** First moment of a day; 01:00 where the clocks skip midnight. */
const midnightMs = (day: Temporal.PlainDate, timeZone: string): number =>
  day.toZonedDateTime(timeZone).epochMilliseconds

/** `2026-11`, `2026-Q4`, `2026-W47`, or the length of a rolling window: how reasons name it. */
export const labelOf = (window: ResolvedWindow, span: WindowSpan): string => {
  if (window.kind === 'rolling') return windowName(window.durationMs)
  const first = Temporal.Instant.fromEpochMilliseconds(span.fromMs).toZonedDateTimeISO(window.timeZone)
  if (window.unit === 'month') return first.toPlainDate().toString().slice(0, 7)
  if (window.unit === 'quarter') return `${first.year}-Q${Math.ceil(first.month / 3)}`
  return `${first.yearOfWeek}-W${String(first.weekOfYear).padStart(2, '0')}`
}
