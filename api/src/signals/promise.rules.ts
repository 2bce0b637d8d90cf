import type { ResolvedService } from '../plan/model.ts'

type Objectives = ResolvedService['objectives']

/** Latency thresholds in force, ms, in rising order: each gets an exact counter. */
export const thresholdsOf = (objectives: Objectives): number[] => {
  const thresholds = objectives.flatMap(({ thresholdMs }) => (thresholdMs === null ? [] : [thresholdMs]))
  return [...new Set(thresholds)].toSorted((a, b) => a - b)
}

/** The latency that a service promises as a whole, ms: of an objective without a path before one with; null: none. */
export const promisedMs = (objectives: Objectives): number | null => {
  const latency = objectives.filter(({ thresholdMs }) => thresholdMs !== null)
  return (latency.find(({ path }) => path === null) ?? latency[0])?.thresholdMs ?? null
}

/** Whether nothing but our own probes tells of a service. */
export const isProbedOnly = (signals: ResolvedService['signals']): boolean =>
  signals.length > 0 && signals.every(({ kind }) => kind === 'probe')

/** The longest window over which a service is judged, ms; 0 when nothing is promised. */
export const longestWindowMs = (objectives: Objectives): number =>
  Math.max(
    0,
    ...objectives.map(({ window }) => (window.kind === 'rolling' ? window.durationMs : calendarMs[window.unit]))
  )

const dayMs = 86_400_000
const calendarMs = { week: 7 * dayMs, month: 31 * dayMs, quarter: 92 * dayMs }
