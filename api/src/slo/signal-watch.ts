import type { Origin } from '../plan/objective.ts'
import type { CoverageBook } from './coverage-book.ts'
import type { SourceStanding } from './judge.rules.ts'
import type { Pulse } from './pulse.rules.ts'
import type { Series } from './series/series.ts'
import { isUnusualSilence, noSignalDelayMs, usualEvents } from './silence.rules.ts'
import { isBroken, sourceStanding, type SourceView } from './sources.rules.ts'

/** The sources of a service, as the room of signals sees them now. */
export type SourcesOf = (service: string) => readonly SourceView[]

interface Found extends Readonly<Record<Origin, SourceStanding>> {
  readonly sources: readonly SourceView[]
}

const absent: SourceStanding = { state: 'absent', reasons: [], freshMs: null }

/** Downtime of our own that a log on disk bridges: it was written meanwhile. */
const bridgedMs = 7 * 86_400_000

/** Remembers since when sources are broken, and marks the time in which they were not. */
export class SignalWatch {
  readonly #sourcesOf: SourcesOf
  readonly #coverage: CoverageBook
  #brokenSince = new Map<string, number>()
  #lookedMs: number | null = null
  #found = new Map<string, Found>()

  constructor(sourcesOf: SourcesOf, coverage: CoverageBook) {
    this.#sourcesOf = sourcesOf
    this.#coverage = coverage
  }

  /** Where the sources of a service stood at the last look. */
  standing(service: string, origin: Origin): SourceStanding {
    return this.#found.get(service)?.[origin] ?? absent
  }

  /** The sources of a service as the last look found them. */
  sources(service: string): readonly SourceView[] {
    return this.#found.get(service)?.sources ?? []
  }

  /**
   * Looks at all sources. After a pause of our own, what is broken counts as broken from now: we
   * did not see it begin.
   */
  look(services: ReadonlyMap<string, readonly Series[]>, nowMs: number, pulse: Pulse): void {
    if (pulse !== 'steady') this.#brokenSince.clear()
    const found = new Map<string, Found>()
    for (const [service, series] of services) {
      const sources = this.#sourcesOf(service)
      const at = (origin: Origin) => this.#lookAt(service, origin, { sources, series, nowMs, pulse })
      found.set(service, { sources, requests: at('requests'), probes: at('probes') })
    }
    this.#found = found
    this.#lookedMs = nowMs
  }

  #lookAt(
    service: string,
    origin: Origin,
    {
      sources,
      series,
      nowMs,
      pulse
    }: { sources: readonly SourceView[]; series: readonly Series[]; nowMs: number; pulse: Pulse }
  ): SourceStanding {
    const own = sources.filter((source) => source.origin === origin)
    if (own.length === 0) return absent
    this.#cover(service, origin, own, nowMs, pulse)
    this.#note(service, own, nowMs)
    const judged = series.filter(({ objective }) => objective.origin === origin)
    return this.#stand(service, own, judged, nowMs)
  }

  #cover(service: string, origin: Origin, sources: readonly SourceView[], nowMs: number, pulse: Pulse): void {
    if (sources.some(isBroken) || sources.every(({ health }) => health === 'waiting')) return
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
    const [newest = null] = series.toSorted(newestFirst)
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

/** The newest event first; of those that saw it, the objective that looks back longest. */
const newestFirst = (a: Series, b: Series): number =>
  (b.newestMs ?? 0) - (a.newestMs ?? 0) || a.bank.span.fromMs - b.bank.span.fromMs

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
