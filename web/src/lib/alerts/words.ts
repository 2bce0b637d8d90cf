import type { Alert, Severity, State } from '@plimsoll/api/contract'
import type { Span } from '../time/range.ts'

export const KINDS: Readonly<Record<Alert['kind'], string>> = {
  burn: 'Burn rate',
  slow_burn_notice: 'Slow burn',
  no_signal: 'No signal',
  certificate: 'Certificate'
}

/** What each severity asks of a person. */
export const SEVERITIES: Readonly<Record<Severity, string>> = {
  page: 'Page: somebody must look now',
  ticket: 'Ticket: somebody must look this week',
  notice: 'Notice: nobody need do anything yet'
}

/** The mark an alert is drawn with. */
export const alertState = ({ state, severity }: Pick<Alert, 'state' | 'severity'>): State =>
  state === 'resolved' ? 'pass' : severity === 'page' ? 'fail' : severity === 'ticket' ? 'warn' : 'not_enough_evidence'

/** The service's charts around an alert: half its length before it, at least half an hour, and as much after. */
export const around = ({ openedAt, resolvedAt }: Pick<Alert, 'openedAt' | 'resolvedAt'>, nowMs: number): Span => {
  const fromMs = Date.parse(openedAt)
  const toMs = resolvedAt === null ? nowMs : Date.parse(resolvedAt)
  const margin = Math.max(30 * 60_000, (toMs - fromMs) / 2)
  return { fromMs: Math.round(fromMs - margin), toMs: Math.round(Math.min(nowMs, toMs + margin)) }
}

/** Open alerts by urgency and then the newest first; past ones as they come. */
export const byUrgency = (alerts: readonly Alert[]): Alert[] =>
  alerts.toSorted(
    (a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity) || b.openedAt.localeCompare(a.openedAt)
  )

const ORDER: readonly Severity[] = ['page', 'ticket', 'notice']
