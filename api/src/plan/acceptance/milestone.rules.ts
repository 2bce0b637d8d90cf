import type { CheckResult, Milestone } from '../../contract/plan.ts'
import type { Reason, State } from '../../contract/primitives.ts'
import type { ResolvedCheck, ResolvedMilestone } from '../model.ts'
import { writeDuration } from '../quantities.rules.ts'
import type { Evidence } from './evidence-store.ts'

/**
 * A check with what its last run has shown, as far as that still counts. Evidence that has expired
 * is none: the state is `could_not_measure`, and says what the evidence was.
 *
 * @param evidence - of the last run; null before the first
 * @param nowMs - Unix time, milliseconds
 */
export function presentCheck(check: ResolvedCheck, evidence: Evidence | null, nowMs: number): CheckResult {
  const about = { key: check.key, kind: check.kind, title: check.title }
  if (evidence === null) {
    const reason = {
      code: 'not_checked_yet',
      text: `${check.title}: not checked yet`,
      next: `checked every ${writeDuration(check.everyMs)}`
    }
    return {
      ...about,
      state: 'could_not_measure',
      reasons: [reason],
      checkedAt: null,
      expiresAt: null,
      durationMs: null
    }
  }
  const expiresMs = evidence.atMs + check.evidenceMs
  const checkedAt = isoOf(evidence.atMs)
  const dated = { ...about, checkedAt, expiresAt: isoOf(expiresMs), durationMs: evidence.durationMs }
  if (nowMs < expiresMs) return { ...dated, state: evidence.state, reasons: [...evidence.reasons] }
  const expired: Reason = {
    code: 'evidence_expired',
    text: `it was ${evidence.state} at ${checkedAt}, and that counted for ${writeDuration(check.evidenceMs)}`,
    freshAt: checkedAt,
    next: 'run the checks of this milestone again'
  }
  return { ...dated, state: 'could_not_measure', reasons: [expired, ...evidence.reasons] }
}

/** The first of these that a check is in is the state of its milestone: one failure fails it, whatever else is unknown. */
const worstFirst: readonly State[] = ['fail', 'could_not_measure', 'not_enough_evidence', 'warn', 'pass']

/**
 * A milestone as its checks show it. Without checks nothing can be said about it.
 *
 * @param nowMs - Unix time, milliseconds; a milestone is overdue from the end of its day, UTC
 */
export function presentMilestone(
  milestone: ResolvedMilestone,
  checks: readonly CheckResult[],
  nowMs: number
): Milestone {
  const state = worstFirst.find((one) => checks.some((check) => check.state === one)) ?? 'could_not_measure'
  const passed = checks.filter((check) => check.state === 'pass').length
  const reasons: Reason[] = [summary(checks.length, passed)]
  const dueMs = milestone.due === null ? null : Date.parse(`${milestone.due}T00:00:00Z`) + 86_400_000
  if (dueMs !== null && nowMs >= dueMs && state !== 'pass')
    reasons.push({ code: 'overdue', text: `it was due ${milestone.due}` })
  return {
    id: milestone.id,
    title: milestone.title,
    owner: milestone.owner,
    reviewer: milestone.reviewer,
    due: milestone.due,
    state,
    reasons,
    passed,
    checks: [...checks]
  }
}

function summary(total: number, passed: number): Reason {
  if (total === 0)
    return { code: 'no_checks', text: 'nothing shows whether it is reached', next: 'add `acceptance` to the milestone' }
  const text = passed === total ? `all ${total} checks pass` : `${passed} of ${total} checks pass`
  return { code: 'checks_passed', text, value: passed, limit: total, unit: 'checks' }
}

const isoOf = (ms: number): string => new Date(ms).toISOString()
