import { at, errorAt, itemsOf, textOf, warningAt, type Place } from '../checks/place.rules.ts'
import { writePercent } from '../quantities.rules.ts'
import type { Fault } from '../fault.ts'

/** `target: 0.995` or `targetPercent: 99.5` as a percentage; null, with a fault, when there is none. */
export function readTarget(objective: Place, faults: Fault[]): string | null {
  const ratio = at(objective, 'target')
  const percent = at(objective, 'targetPercent')
  const value =
    typeof ratio.value === 'number'
      ? ratio.value
      : typeof percent.value === 'number'
        ? Number(`${percent.value}e-2`)
        : null
  if (value !== null && value > 0 && value < 1) return writePercent(value)
  const place = ratio.value === undefined && percent.value !== undefined ? percent : ratio
  const text = value === null ? '`target` is missing' : 'the target leaves no error budget, or promises nothing'
  faults.push(
    errorAt(place, {
      text,
      found: value === null ? undefined : String(place.value),
      expected: 'a target between 0 and 1, or a targetPercent between 0 and 100'
    })
  )
  return null
}

const calendarUnits: Readonly<Record<string, string>> = { '1w': 'week', '1M': 'month', '1Q': 'quarter' }

/** The time window in the words of a plan; absent: the default of a plan. */
export function readWindow(timeWindow: Place, faults: Fault[]): unknown {
  const [window, second] = itemsOf(timeWindow)
  if (!window) return '30d'
  if (second)
    faults.push(warningAt(second, { text: 'only the first time window is read', expected: 'one time window' }))
  const place = at(window, 'duration')
  const duration = textOf(place) ?? ''
  if (at(window, 'isRolling').value === false || at(window, 'calendar').value !== undefined) {
    const calendar = calendarUnits[duration]
    if (calendar !== undefined) return { calendar, timeZone: textOf(at(window, 'calendar', 'timeZone')) ?? 'UTC' }
    faults.push(
      errorAt(place, {
        text: 'this calendar window is not kept here',
        found: duration,
        expected: '1w, 1M or 1Q; or a rolling window'
      })
    )
    return null
  }
  const days = /^(\d+)M$/.exec(duration)
  if (days) {
    faults.push(warningAt(place, { text: 'a rolling month is read as 30 days', found: duration, expected: '30d' }))
    return `${Number(days[1]) * 30}d`
  }
  return duration
}

/** How the budget is counted; null, with a warning, when it cannot be counted so here. */
export function readBudgeting(slo: Place, objective: Place, faults: Fault[]): Record<string, unknown> | null {
  const place = at(slo, 'spec', 'budgetingMethod')
  const method = textOf(place) ?? 'Occurrences'
  if (method === 'Occurrences') return { budgeting: 'requests' }
  if (method === 'Timeslices') {
    const share = at(objective, 'timeSliceTarget').value
    const every = textOf(at(objective, 'timeSliceWindow'))
    const target = typeof share === 'number' ? writePercent(share) : undefined
    return { budgeting: { timeSlices: { ...(every !== null && { every }), ...(target !== undefined && { target }) } } }
  }
  faults.push(
    warningAt(place, {
      text: `${method} has no counterpart here; the objective is left out`,
      found: method,
      expected: 'Occurrences or Timeslices'
    })
  )
  return null
}
