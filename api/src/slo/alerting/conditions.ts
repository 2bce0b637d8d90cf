import type { SourceStanding } from '../judge.rules.ts'
import type { Series } from '../series/series.ts'
import type { SourceView } from '../sources.rules.ts'
import { aboutDuration, instant, windowName } from '../words.rules.ts'
import type { BurnMemory } from './burn-alert.rules.ts'
import type { BurnReport } from './burn-watch.ts'
import { causeOf, isFailuresOnly, sameRequests, type CauseKind } from './cause.rules.ts'
import type { Condition } from './condition.ts'
import { burnNumbers, burnReason, burnTitle, noticeReason, noticeTitle } from './texts.rules.ts'

export interface Speaking {
  readonly series: Series
  readonly report: BurnReport
  readonly memory: BurnMemory
}

/**
 * What the burning objectives of one service come down to: one condition for each cause, led by the
 * worst of those that share it.
 *
 * @param siblings - all objectives of the service
 */
export const burnConditions = (
  speaking: readonly Speaking[],
  siblings: readonly Series[],
  nowMs: number
): Condition[] => {
  const groups = Map.groupBy(speaking, (each) => causeOfReport(each, siblings, nowMs))
  return [...groups].map(([cause, members]) => conditionOf(cause, members.toSorted(worstFirst)))
}

const conditionOf = (cause: CauseKind, members: readonly Speaking[]): Condition => {
  const { series, report } = members[0]!
  const { objective } = series
  const common = {
    service: objective.service,
    cause,
    objectives: members.map(({ series }) => series.objective.name),
    reasons: members.map(({ series, report }) =>
      report.kind === 'burn' ? burnReason(report.facts) : noticeReason(series.objective, report.tally, report.windowMs)
    ),
    memory: Object.fromEntries(members.map(({ series, memory }) => [series.objective.name, memory]))
  }
  if (report.kind === 'notice') {
    return {
      ...common,
      kind: 'slow_burn_notice',
      severity: 'notice',
      title: noticeTitle(objective),
      tier: null,
      numbers: null
    }
  }
  const { facts, severity } = report
  return {
    ...common,
    kind: 'burn',
    severity,
    title: burnTitle(facts),
    tier: facts.tier.name,
    numbers: burnNumbers(facts)
  }
}

/** Latency that suffers only because failures count as slow belongs to the failures. */
const causeOfReport = ({ series, report }: Speaking, siblings: readonly Series[], nowMs: number): CauseKind => {
  const { objective } = series
  const cause = causeOf(objective)
  if (cause !== 'latency') return cause
  const failures = siblings.find(
    (other) =>
      causeOf(other.objective) === 'failures' &&
      other.objective.budgeting.kind === objective.budgeting.kind &&
      sameRequests(other.objective, objective)
  )
  if (!failures) return cause
  const windowMs = report.kind === 'burn' ? report.facts.tier.longMs : report.windowMs
  const slow = report.kind === 'burn' ? report.facts.long : report.tally
  const factor = report.kind === 'burn' ? report.facts.tier.factor : 1
  const failed = failures.bank.between(failures.column, nowMs - windowMs, Infinity)
  return isFailuresOnly(slow, failed, factor, objective.targetRatio) ? 'failures' : cause
}

const ranks = { page: 0, ticket: 1, notice: 2 } as const

const worstFirst = (a: Speaking, b: Speaking): number => rankOf(a) - rankOf(b)

/** Severity first, then the higher factor, then the higher burn. */
const rankOf = ({ report }: Speaking): number =>
  report.kind === 'notice' ? ranks.notice : ranks[report.severity] - report.facts.tier.factor / 1_000

/** The alert about sources that tell nothing; null while all do. */
export const silenceCondition = (
  service: string,
  standings: readonly { readonly origin: string; readonly standing: SourceStanding }[],
  series: readonly Series[]
): Condition | null => {
  const lost = standings.filter(({ standing }) => standing.state === 'lost')
  if (lost.length === 0) return null
  const blind = series.filter(({ objective }) => lost.some(({ origin }) => origin === objective.origin))
  const reasons = lost.flatMap(({ standing }) => standing.reasons)
  return {
    kind: 'no_signal',
    service,
    cause: 'no_signal',
    severity: 'ticket',
    title: `${service}: ${reasons[0]?.text ?? 'no signal'}`,
    reasons,
    tier: null,
    numbers: null,
    objectives: blind.length === series.length ? [] : blind.map(({ objective }) => objective.name),
    memory: {}
  }
}

/** A certificate this close to its end pages: there is no time for a ticket. */
const urgentMs = 2 * 86_400_000

/** The alert about certificates that end soon; null while none does. */
export const certificateCondition = (
  service: string,
  sources: readonly SourceView[],
  nowMs: number
): Condition | null => {
  const ending = sources
    .flatMap(({ id, title, certificate }) => (certificate ? [{ id, title, ...certificate }] : []))
    .filter(({ expiresMs, warnMs }) => expiresMs - nowMs < warnMs)
    .toSorted((a, b) => a.expiresMs - b.expiresMs)
  const [first] = ending
  if (!first) return null
  const leftMs = first.expiresMs - nowMs
  const when = leftMs > 0 ? `ends in ${aboutDuration(leftMs)}` : `ended ${aboutDuration(-leftMs)} ago`
  return {
    kind: 'certificate',
    service,
    cause: 'certificate',
    severity: leftMs < urgentMs ? 'page' : 'ticket',
    title: `${service}: the certificate of ${first.title} ${when}`,
    reasons: ending.map(({ id, title, expiresMs, warnMs }) => ({
      code: 'certificate_ends',
      text: `the certificate of ${title} is valid until ${instant(expiresMs)}`,
      rule: 'certificate',
      limit: warnMs / 1_000,
      value: (expiresMs - nowMs) / 1_000,
      unit: 's',
      source: id,
      next: `renew it; this warns ${windowName(warnMs)} ahead`
    })),
    tier: null,
    numbers: null,
    objectives: [],
    memory: {}
  }
}
