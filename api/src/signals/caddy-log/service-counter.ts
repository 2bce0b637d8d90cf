import { compileHostPattern, compilePathPattern } from '../../plan/match.rules.ts'
import type { RequestFilter } from '../../plan/model.ts'
import { Accumulator, type StreamSlots } from '../accumulator.ts'
import { classAt, type ClassClaim } from '../class-header.rules.ts'
import { decodePath, earnsRoute, otherRoute, templateOf } from '../route-group.rules.ts'
import { RouteGroups } from '../route-groups.ts'
import type { Stream, TrafficClass } from '../slice.ts'
import type { LoggedService, LogReading } from './options.ts'
import type { ByteRange } from './ranges.rules.ts'
import { countSkipped, type SkipCounts } from './skip-reason.ts'

/** What a line says about one request, besides who asked for what. */
export interface LoggedRequest {
  readonly atMs: number
  readonly durationUs: number
  readonly status: number
  /** It failed because nothing came in time; a 504 says so by itself. */
  readonly timedOut?: boolean
  /** That many equal requests; default 1. */
  readonly count?: number
}

/** What a request claims about its class: nothing, something unsigned (null), or something signed. */
export type Claim = ClassClaim | null | undefined

/** Requests of one route and scope, as one service counts them. */
export interface Target {
  readonly counter: ServiceCounter
  /** Null until a reply has earned the paths of this template a group of their own. */
  route: string | null
  readonly template: string
  readonly scope: string
  /** By release, then by class. */
  readonly streams: Map<string, Map<TrafficClass, StreamSlots>>
}

/** What has become of lines, of one service. */
export interface Tally {
  counted: number
  late: number
  aborted: number
  unsignedClaims: number
  /** Lines of bytes that had been counted before. */
  alreadyCounted: number
  /** Of the oldest and of the newest event counted, Unix time in milliseconds; infinite before the first. */
  fromMs: number
  toMs: number
  skipped: SkipCounts
}

type Filter = (method: string, host: string, path: string) => boolean

/** Most releases that are counted apart; an upstream that sends a new one with each reply must not fill the store. */
const maxReleases = 100

/** A release not seen for this long makes room for another. */
const releaseIdleMs = 3_600_000

const maxReleaseLength = 128

/** Scanners ask for endless paths; those that were forgotten are worked out anew. */
const maxTargets = 5_000

/** Counts the requests of one service. */
export class ServiceCounter {
  readonly service: string
  readonly releaseHeader: string
  /** Whether it depends on the method of a request whether it counts. */
  readonly asksForMethod: boolean
  /** All path patterns that requests are told apart by. */
  readonly patterns: readonly string[]
  readonly accumulator: Accumulator
  tally: Tally = {
    counted: 0,
    late: 0,
    aborted: 0,
    unsignedClaims: 0,
    alreadyCounted: 0,
    fromMs: Infinity,
    toMs: -Infinity,
    skipped: {}
  }

  readonly #filters: readonly Filter[]
  readonly #objectives: readonly { readonly pattern: string; readonly matches: (path: string) => boolean }[]
  readonly #routes: RouteGroups
  readonly #targets = new Map<string, Target>()
  #counted: readonly ByteRange[] = []
  #nextCounted = 0
  /** When each release was last counted, event time in milliseconds. */
  readonly #releases = new Map<string, number>()

  constructor(wanted: LoggedService, reading: Omit<LogReading, 'services'>) {
    this.service = wanted.service
    this.releaseHeader = wanted.releaseHeader.toLowerCase()
    const { filters, objectivePaths, routes } = wanted
    this.patterns = filters
      .flatMap(({ paths, exclude }) => [...paths, ...exclude.paths])
      .concat(objectivePaths, routes.groups)
    this.asksForMethod = filters.some(({ methods, exclude }) => methods.length + exclude.methods.length > 0)
    this.accumulator = new Accumulator({ ...reading, thresholdsMs: wanted.thresholdsMs })
    this.#filters = wanted.filters.map(compileFilter)
    this.#objectives = [...new Set(wanted.objectivePaths)]
      .toSorted()
      .map((pattern) => ({ pattern, matches: compilePathPattern(pattern) }))
    this.#routes = new RouteGroups({ ...wanted.routes, ...(wanted.knownRoutes && { known: wanted.knownRoutes }) })
  }

  /** When the newest event counted happened, Unix time in milliseconds; null before the first. */
  get lastEventMs(): number | null {
    return finite(this.tally.toMs)
  }

  /** When the oldest event counted happened. */
  get firstEventMs(): number | null {
    return finite(this.tally.fromMs)
  }

  /** How requests are to be counted here; null when they are none of ours. */
  target(method: string, host: string, path: string): Target | null {
    const decoded = decodePath(path)
    const wanted = this.#filters.length === 0 || this.#filters.some((lets) => lets(method, host, decoded))
    if (!wanted) return null
    const scope = this.#objectives
      .filter(({ matches }) => matches(decoded))
      .map(({ pattern }) => pattern)
      .join(' ')
    const route = this.#routes.declared(decoded)
    const template = route ?? templateOf(decoded)
    const key = `${route === null ? '' : 'declared'} ${template} ${scope}`
    let target = this.#targets.get(key)
    if (target === undefined) {
      if (this.#targets.size >= maxTargets) this.#targets.clear()
      target = { counter: this, route, template, scope, streams: new Map() }
      this.#targets.set(key, target)
    }
    return target
  }

  record(target: Target, request: LoggedRequest, release: string, claim: Claim): void {
    const { atMs, durationUs, status, timedOut = false, count = 1 } = request
    const trafficClass = claim ? classAt(claim, atMs) : 'user'
    const slots = this.#streamOf(target, release, trafficClass, status, atMs)
    const recorded = this.accumulator.record(slots, atMs, durationUs, status, timedOut, count)
    const { tally } = this
    if (recorded === 'from_future' || recorded === 'too_old') return countSkipped(tally.skipped, recorded)
    tally.counted++
    if (recorded === 'late') tally.late++
    if (status === 0) tally.aborted++
    if (claim === null || (claim && trafficClass !== claim.trafficClass)) tally.unsignedClaims++
    if (atMs > tally.toMs) tally.toMs = atMs
    if (atMs < tally.fromMs) tally.fromMs = atMs
  }

  /** Whether the line at an offset lies in the ranges counted before; offsets only grow between two {@link leaveOut}. */
  hasCounted(offset: number): boolean {
    const ranges = this.#counted
    while (this.#nextCounted < ranges.length && ranges[this.#nextCounted]![1] <= offset) this.#nextCounted++
    return this.#nextCounted < ranges.length && ranges[this.#nextCounted]![0] <= offset
  }

  /** Says which bytes of the file have been counted before. */
  leaveOut(ranges: readonly ByteRange[]): void {
    this.#counted = ranges
    this.#nextCounted = 0
  }

  #streamOf(target: Target, release: string, trafficClass: TrafficClass, status: number, atMs: number): StreamSlots {
    if (target.route === null) {
      target.route = this.#routes.automatic(target.template, earnsRoute(status))
      if (target.route === null) return this.#stream(target, otherRoute, release, trafficClass, atMs)
    }
    let classes = target.streams.get(release)
    if (classes === undefined) target.streams.set(release, (classes = new Map()))
    let slots = classes.get(trafficClass)
    if (slots === undefined) {
      slots = this.#stream(target, target.route, release, trafficClass, atMs)
      // A release without a place may get one later.
      if (slots.stream.release === release) classes.set(trafficClass, slots)
    }
    return slots
  }

  #stream(target: Target, route: string, release: string, trafficClass: TrafficClass, atMs: number): StreamSlots {
    const { service } = this
    const stream: Stream = {
      service,
      release: this.#placeOf(release, atMs),
      trafficClass,
      route,
      scope: target.scope,
      origin: 'requests'
    }
    return this.accumulator.stream(stream)
  }

  #placeOf(given: string, atMs: number): string {
    const release = given.trim().slice(0, maxReleaseLength)
    if (release === '') return ''
    if (!this.#releases.has(release) && this.#releases.size >= maxReleases) {
      for (const [known, seenMs] of this.#releases) if (atMs - seenMs > releaseIdleMs) this.#releases.delete(known)
      if (this.#releases.size >= maxReleases) return otherRoute
    }
    this.#releases.set(release, atMs)
    return release
  }
}

const finite = (ms: number): number | null => (Number.isFinite(ms) ? ms : null)

const compileFilter = ({ hosts, paths, methods, exclude }: RequestFilter): Filter => {
  const hostTests = hosts.map(compileHostPattern)
  const pathTests = paths.map(compilePathPattern)
  const excludedPaths = exclude.paths.map(compilePathPattern)
  return (method, host, path) =>
    (methods.length === 0 || methods.includes(method)) &&
    !exclude.methods.includes(method) &&
    (hostTests.length === 0 || hostTests.some((matches) => matches(host))) &&
    (pathTests.length === 0 || pathTests.some((matches) => matches(path))) &&
    !excludedPaths.some((matches) => matches(path))
}
