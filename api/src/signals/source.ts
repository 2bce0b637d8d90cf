import type { Reason, Signal } from '../contract/index.ts'
import type { Stream } from './slice.ts'

export interface SourceError {
  readonly atMs: number
  readonly code: string
  readonly text: string
  readonly hint: string
}

/** What a source says of itself when it is asked. Times are Unix time in milliseconds. */
export interface SourceReport {
  /** Unique in its service and stable; see the plan. */
  readonly id: string
  readonly kind: Signal['kind']
  /** What is read: a path, an address, a URL. */
  readonly title: string
  readonly origin: Stream['origin']
  /** Whether it reads a record that goes on being written while nobody looks. */
  readonly remembers: boolean
  readonly health: Signal['health']
  readonly reasons: readonly Reason[]
  /** How long ago what it tells now happened. */
  readonly lagMs: number | null
  readonly behindBytes: number | null
  readonly lastEventMs: number | null
  readonly lastReadMs: number | null
  readonly counts: Signal['counts']
  readonly lastError: SourceError | null
  readonly certificate: { readonly expiresMs: number; readonly warnMs: number } | null
  readonly probe?: Omit<NonNullable<Signal['probe']>, 'certificateExpiresAt'>
}

/** What tells of the requests of one service. */
export interface Source {
  readonly service: string
  report(): SourceReport
}

/** A running reader; a log file that holds requests of several services is one feed with a source for each. */
export interface Feed {
  readonly sources: readonly Source[]
  /** Counts what is still to be counted, then ends. */
  stop(): Promise<void>
}

const instant = (atMs: number): string => new Date(atMs).toISOString()

/** A report as the API gives it. */
export const toSignal = (report: SourceReport): Signal => ({
  id: report.id,
  kind: report.kind,
  title: report.title,
  health: report.health,
  reasons: [...report.reasons],
  lagMs: report.lagMs,
  behindBytes: report.behindBytes,
  lastEventAt: report.lastEventMs === null ? null : instant(report.lastEventMs),
  lastReadAt: report.lastReadMs === null ? null : instant(report.lastReadMs),
  counts: report.counts,
  lastError: report.lastError && {
    at: instant(report.lastError.atMs),
    code: report.lastError.code,
    text: report.lastError.text,
    hint: report.lastError.hint
  },
  ...(report.probe && {
    probe: { ...report.probe, certificateExpiresAt: report.certificate && instant(report.certificate.expiresMs) }
  })
})
