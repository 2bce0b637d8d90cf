import type { Origin } from '../plan/objective.ts'
import type { CoverageBook } from './coverage-book.ts'
import type { SourceStanding } from './judge.rules.ts'
import type { Pulse } from './pulse.rules.ts'
import type { Series } from './series/book.ts'
import { isUnusualSilence, noSignalDelayMs, usualEvents } from './silence.rules.ts'
import { isBroken, sourceStanding, type SourceView } from './sources.rules.ts'

/** The sources of a service, as the room of signals sees them now. */
export type SourcesOf = (service: string) => readonly SourceView[]

/** Downtime of our own that a log on disk bridges: it was written meanwhile. */
const bridgedMs = 7 * 86_400_000

/** Remembers since when sources are broken, and marks the time in which they were not. */
export class SignalWatch {
  readonly #sourcesOf: SourcesOf
  readonly #coverage: CoverageBook
  #brokenSince = new Map<string, number>()
  #lookedMs: number | null = null
  #standings = new Map<string, SourceStanding>()

  constructor(sourcesOf: SourcesOf, coverage: CoverageBook) {
    this.#sourcesOf = sourcesOf
    this.#coverage = coverage
  }

  /** Where the sources of a service stood at the last look. */
  standing(service: string, origin: Origin): SourceStanding {
    return this.#standings.get(`${origin} ${service}`) ?? { state: 'absent', reasons: [], freshMs: null }
  }

  /**
   * Looks at all sources. After a pause of our own, what is broken counts as broken from now: we
   * did not see it begin.
   */
  look(services: ReadonlyMap<string, readonly Series[]>, nowMs: number, pulse: Pulse): void {
    if (pulse !== 'steady') this.#brokenSince.clear()
    for (const [service, series] of services) {
      const sources = this.#sourcesOf(service)
      for (const origin of ['requests', 'probes'] as const) {
        const own = sources.filter((source) => source.origin === origin)
        this.#cover(service, origin, own, nowMs, pulse)
        this.#note(service, own, nowMs)
        const judged = series.filter(({ objective }) => objective.origin === origin)
        this.#standings.set(`${origin} ${service}`, this.#stand(service, own, judged, nowMs))
      }
    }
    this.#lookedMs = nowMs
  }

  #cover(service: string, origin: Origin, sources: readonly SourceView[], nowMs: number, pulse: Pulse): void {
    if (sources.length === 0 || sources.some(isBroken) || sources.every(({ health }) => health === 'waiting')) return
    const watched = pulse === 'steady' && this.#lookedMs !== null
    const remembers = sources.every((source) => source.remembers)
    const fromMs = watched ? this.#lookedMs! : nowMs - 1
    this.#coverage.mark(service, origin, { fromMs, toMs: nowMs }, watched || !remembers ? 0 : bridgedMs)
  }

  #note(service: string, sources: readonly SourceView[], nowMs: number): void {
    for (const source of sources) {
      const key = `${service} ${source.id}`
      if (!isBroken(source)) this.#brokenSince.delete(key)
      else if (!this.#brokenSince.has(key)) this.#brokenSince.set(key, nowMs)
    }
  }

  #stand(service: string, sources: readonly SourceView[], series: readonly Series[], nowMs: number): SourceStanding {
    const newest = series.reduce<Series | null>(
      (newest, each) => ((each.newestMs ?? -Infinity) > (newest?.newestMs ?? -Infinity) ? each : newest),
      null
    )
    return sourceStanding({
      sources,
      brokenSinceMs: new Map(
        sources.flatMap(({ id }) => {
          const sinceMs = this.#brokenSince.get(`${service} ${id}`)
          return sinceMs === undefined ? [] : [[id, sinceMs]]
        })
      ),
      delayMs: Math.min(...series.map(({ objective }) => noSignalDelayMs(objective))),
      newestMs: newest?.newestMs ?? null,
      unusual: newest && unusualSilence(newest, nowMs),
      nowMs
    })
  }
}

const unusualSilence = (series: Series, nowMs: number) => {
  const { bank, column, newestMs, firstMs, objective } = series
  if (series.reachedMs !== null) return null // what is newest is still being read
  if (newestMs === null || firstMs === null || nowMs - newestMs < noSignalDelayMs(objective)) return null
  const expected = usualEvents((fromMs, toMs) => bank.between(column, fromMs, toMs), {
    fromMs: newestMs,
    toMs: nowMs,
    knownSinceMs: firstMs
  })
  return isUnusualSilence(expected) ? { expected: expected!, silentMs: nowMs - newestMs } : null
}
