import type { SourceReport } from './source.ts'

/** What the sources of one service tell in another instance. */
export interface ReportsElsewhere {
  readonly instance: string
  /** The instance was killed, or is cut off: what it said last is all that is known. */
  readonly isGone: boolean
  readonly reports: readonly SourceReport[]
}

/**
 * What the sources of a service tell in all instances together, one report a source. All follow the
 * same plan, so each has every source, but a log lies on one machine: where it is not there, its
 * source waits, and that says nothing while another reads it. One that is broken anywhere is broken.
 * A log that only an instance read which is gone is broken, too; probes and pushes go on elsewhere.
 */
export const mergeReports = (own: readonly SourceReport[], elsewhere: readonly ReportsElsewhere[]): SourceReport[] =>
  own.map((report) => {
    const others = elsewhere.flatMap(({ instance, isGone, reports }) =>
      reports
        .filter(({ id, kind }) => id === report.id && kind === report.kind)
        .map((other) => ({ instance, isGone, other }))
    )
    const living = [
      report,
      ...others.filter(({ isGone }) => !isGone).map(({ instance, other }) => named(other, instance))
    ]
    const merged = living.length === 1 ? report : mergeLiving(living)
    const gone = others.find(({ isGone, other }) => isGone && isLog(other) && isReading(other))
    return gone && merged.health === 'waiting' ? lost(merged, gone.instance, gone.other) : merged
  })

/** Worst first; what waits gives way to whatever is read. */
const ranks: Record<SourceReport['health'], number> = { broken: 0, live: 1, idle: 2, waiting: 3 }

const isLog = ({ kind }: SourceReport): boolean => kind === 'caddyLog' || kind === 'caddyLogTcp'

const isReading = ({ health }: SourceReport): boolean => health === 'live' || health === 'idle'

const named = (report: SourceReport, instance: string): SourceReport => ({
  ...report,
  reasons: report.reasons.map((reason) => ({ ...reason, text: `instance ${instance}: ${reason.text}` }))
})

const mergeLiving = (reports: readonly SourceReport[]): SourceReport => {
  const [worst] = reports.toSorted((a, b) => ranks[a.health] - ranks[b.health]) as [SourceReport]
  const errors = reports.flatMap(({ lastError }) => lastError ?? []).toSorted((a, b) => b.atMs - a.atMs)
  const certificates = reports.flatMap(({ certificate }) => certificate ?? [])
  const probing = reports.find(({ probe, lastReadMs }) => probe !== undefined && lastReadMs !== null)
  return {
    ...worst,
    lagMs: most(reports.map(({ lagMs }) => lagMs)),
    behindBytes: most(reports.map(({ behindBytes }) => behindBytes)),
    lastEventMs: most(reports.map(({ lastEventMs }) => lastEventMs)),
    lastReadMs: most(reports.map(({ lastReadMs }) => lastReadMs)),
    counts: reports.map(({ counts }) => counts).reduce(addCounts),
    lastError: errors[0] ?? null,
    certificate: certificates.toSorted((a, b) => a.expiresMs - b.expiresMs)[0] ?? null,
    ...(probing?.probe && { probe: probing.probe })
  }
}

const most = (values: readonly (number | null)[]): number | null => {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : Math.max(...known)
}

const addCounts = (a: SourceReport['counts'], b: SourceReport['counts']): SourceReport['counts'] => {
  const skipped = { ...a.skipped }
  for (const [reason, count] of Object.entries(b.skipped)) skipped[reason] = (skipped[reason] ?? 0) + count
  return {
    read: a.read + b.read,
    counted: a.counted + b.counted,
    filtered: a.filtered + b.filtered,
    late: a.late + b.late,
    aborted: a.aborted + b.aborted,
    dropped: a.dropped + b.dropped,
    unsignedClaims: a.unsignedClaims + b.unsignedClaims,
    skipped
  }
}

const lost = (merged: SourceReport, instance: string, last: SourceReport): SourceReport => ({
  ...merged,
  health: 'broken',
  lastEventMs: last.lastEventMs,
  lastReadMs: last.lastReadMs,
  reasons: [
    {
      code: 'instance_gone',
      text: `instance ${instance} read it and is not heard of any more`,
      next: 'start that instance again, or read the source from another one'
    }
  ]
})
