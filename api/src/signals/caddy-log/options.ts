import type { RequestFilter, RouteGrouping } from '../../plan/model.ts'
import type { DurationUnit } from './formats.rules.ts'

/** What one service wants of an access log. */
export interface LoggedService {
  readonly service: string
  /** A request is counted, once, when any of these lets it through; an empty list lets everything through. */
  readonly filters: readonly RequestFilter[]
  /** Response header that names the release. */
  readonly releaseHeader: string
  /** Latency thresholds in force, milliseconds. */
  readonly thresholdsMs: readonly number[]
  /** Path patterns of the service's objectives: their counts are exact whatever the route groups are. */
  readonly objectivePaths: readonly string[]
  readonly routes: RouteGrouping
  /** Route groups in use before, so that a restart does not hand them out anew. */
  readonly knownRoutes?: readonly string[]
}

/** How a log is read, whoever reads it. */
export interface LogReading {
  readonly services: readonly LoggedService[]
  /** Secrets that sign `X-Plimsoll-Class`; two while one replaces the other. */
  readonly classKeys: readonly (string | Uint8Array)[]
  /** Default: seconds, as Caddy writes them unless told otherwise. */
  readonly durationUnit?: DurationUnit
  /** Start of the oldest slice that is kept; what is older is skipped. */
  readonly oldestKeptMs?: () => number
  readonly futureToleranceMs?: number
}

/** The words a source answers with when asked how it is. */
export interface SourceCounts {
  /** Lines, whatever became of them. */
  read: number
  counted: number
  /** Of other services, paths or methods. */
  filtered: number
  /** Part of `counted`: more than 15 minutes old when they were read. */
  late: number
  /** Part of `counted`: the client went away. */
  aborted: number
  /** Lines lost because there was no room or time for them. */
  dropped: number
  /** Part of `counted`: claimed a class without a signature that holds. */
  unsignedClaims: number
  /** Lines that the scanner left to the parser. */
  jsonFallback: number
  bytes: number
  /** By reason. */
  skipped: Record<string, number>
}
