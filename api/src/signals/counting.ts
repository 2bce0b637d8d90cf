import type { RequestFilter, ResolvedService } from '../plan/model.ts'
import type { LoggedService } from './caddy-log/options.ts'

/** How a source counts the requests of a service. */
export interface CountingOptions {
  readonly filters?: readonly RequestFilter[]
  readonly releaseHeader?: string
  /** Route groups in use before; see `SliceStore.routes`. */
  readonly knownRoutes: readonly string[]
}

/** What the plan says of a service, as its sources need it. */
export const countingOf = (
  { name, objectives, routes }: ResolvedService,
  { filters = [], releaseHeader = 'X-Release', knownRoutes }: CountingOptions
): LoggedService => ({
  service: name,
  filters,
  releaseHeader,
  thresholdsMs: thresholdsOf(objectives),
  objectivePaths: objectives.flatMap(({ path }) => (path === null ? [] : [path])),
  routes,
  knownRoutes
})

/** Latency thresholds in force, ms, in rising order: each gets an exact counter. */
export const thresholdsOf = (objectives: ResolvedService['objectives']): number[] => {
  const thresholds = objectives.flatMap(({ thresholdMs }) => (thresholdMs === null ? [] : [thresholdMs]))
  return [...new Set(thresholds)].toSorted((a, b) => a - b)
}

/** The latency that a service promises as a whole, ms: of an objective without a path before one with; null: none. */
export const promisedMs = ({ objectives }: ResolvedService): number | null => {
  const latency = objectives.filter(({ thresholdMs }) => thresholdMs !== null)
  return (latency.find(({ path }) => path === null) ?? latency[0])?.thresholdMs ?? null
}
