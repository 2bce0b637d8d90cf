import type { Reason, Signal } from '../contract/index.ts'
import type { Origin } from '../plan/objective.ts'
import type { SourceStanding } from './judge.rules.ts'
import { aboutDuration, counted, instant } from './words.rules.ts'

/** What judging wants to know of a source; part of what it reports. */
export interface SourceView {
  readonly id: string
  readonly origin: Origin
  /** What is read: a path, an address, a URL. */
  readonly title: string
  readonly health: Signal['health']
  readonly reasons: readonly Reason[]
  /** When its newest event happened, Unix time in milliseconds. */
  readonly lastEventMs: number | null
  /** Whether it reads a record that goes on being written while nobody looks. */
  readonly remembers: boolean
  readonly certificate: { readonly expiresMs: number; readonly warnMs: number } | null
}

/** What is known of the sources of one service and origin at one moment. */
export interface SourcesAtMoment {
  readonly sources: readonly SourceView[]
  /** Since when each that is broken has been, by id. */
  readonly brokenSinceMs: ReadonlyMap<string, number>
  /** How long the promise bears not to know, milliseconds; see `noSignalDelayMs`. */
  readonly delayMs: number
  /** Start of the newest slice with events, Unix time in milliseconds. */
  readonly newestMs: number | null
  /** Set when events have stayed away longer than the service's rhythm explains. */
  readonly unusual: { readonly expected: number; readonly silentMs: number } | null
  readonly nowMs: number
}

/** A source that cannot tell now. One that was never there is waited for without alarm. */
export const isBroken = ({ health, lastEventMs }: SourceView): boolean =>
  health === 'broken' || (health === 'waiting' && lastEventMs !== null)

/**
 * Whether the sources tell what happens. One broken source is enough: what it would have counted is
 * missing. Silence of a healthy one counts only when the same hours of the last days were not silent.
 */
export const sourceStanding = (at: SourcesAtMoment): SourceStanding => {
  const freshMs = at.newestMs
  if (at.sources.length === 0) return { state: 'absent', reasons: [], freshMs }
  const broken = at.sources.filter(isBroken).map((source) => brokenReason(source, at))
  const lost = at.sources.filter((source) => isBroken(source) && lostFor(source, at) >= at.delayMs)
  if (lost.length > 0) return { state: 'lost', reasons: broken, freshMs }
  if (at.unusual && at.unusual.silentMs >= at.delayMs) {
    return { state: 'lost', reasons: [silentReason(at, at.unusual)], freshMs }
  }
  const waiting = at.sources.filter(({ health }) => health === 'waiting').flatMap(({ reasons }) => reasons)
  return { state: 'alive', reasons: [...broken, ...waiting], freshMs }
}

const lostFor = ({ id }: SourceView, { brokenSinceMs, nowMs }: SourcesAtMoment): number =>
  nowMs - (brokenSinceMs.get(id) ?? nowMs)

const brokenReason = (source: SourceView, at: SourcesAtMoment): Reason => {
  const why = source.reasons[0]
  return {
    code: 'source_broken',
    text: `${source.title} has told nothing for ${aboutDuration(lostFor(source, at))}${why ? `: ${why.text}` : ''}`,
    rule: 'no_signal',
    limit: at.delayMs / 1_000,
    value: lostFor(source, at) / 1_000,
    unit: 's',
    source: source.id,
    ...(source.lastEventMs !== null && { freshAt: instant(source.lastEventMs) }),
    next: why?.next ?? 'see the source; the RUNBOOK names the usual causes'
  }
}

const silentReason = (at: SourcesAtMoment, { expected, silentMs }: { expected: number; silentMs: number }): Reason => ({
  code: 'unusual_silence',
  text: `nothing for ${aboutDuration(silentMs)}, while at these hours of the last days at least ${counted(expected, 'event')} came`,
  rule: 'no_signal',
  limit: at.delayMs / 1_000,
  value: silentMs / 1_000,
  unit: 's',
  ...(at.newestMs !== null && { freshAt: instant(at.newestMs) }),
  next: 'look whether traffic reaches the service: DNS, the proxy, the network'
})
