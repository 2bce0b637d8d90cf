import type { ExternalEvidence } from '../../../contract/gate.ts'
import type { Reason, State } from '../../../contract/primitives.ts'
import type { RequiredEvidence } from '../../../plan/model.ts'
import type { GateFacts } from '../facts.ts'
import { rank, worst, type Rule } from '../rule.ts'

/** What others have to say was said, of this version, not too long ago, and is good. */
export const externalEvidence: Rule = {
  name: 'external_evidence',
  title: 'What others say',
  judge: (facts, policy) => {
    if (policy.evidence.length === 0) return null
    const judged = policy.evidence.map((required) => judge(required, facts))
    const state = worst(judged.map((each) => each.state))
    const deciding = judged.find((each) => each.state === state)!
    return {
      state,
      text: state === 'pass' ? `all ${judged.length} are good` : deciding.part.text,
      limit: judged.length,
      value: judged.filter((each) => each.state === 'pass').length,
      unit: 'statements',
      source: 'external evidence',
      freshAt: deciding.part.freshAt ?? null,
      next: state === 'pass' ? null : (deciding.part.next ?? null),
      parts: judged.map(({ part }) => part)
    }
  }
}

const judge = (
  { kind, name, keepsMs, anyVersion }: RequiredEvidence,
  { evidence, version, environment, atMs, service }: GateFacts
): { readonly state: State; readonly part: Reason } => {
  const newest = newestOfEach(
    evidence
      .filter((each) => each.kind === kind && each.name === name)
      .filter((each) => each.version === version || anyVersion)
      .filter((each) => each.environment === null || each.environment === environment)
  ).toSorted((a, b) => rank(a.state) - rank(b.state))[0]
  const rule = `${kind}/${name}`
  const next = `POST /api/v1/services/${service}/evidence/${rule}?version=${version}`
  if (!newest) {
    const text = `${rule} has said nothing of ${version}`
    return { state: 'could_not_measure', part: { code: 'evidence_missing', text, rule, next } }
  }
  const about = { rule, source: newest.id, freshAt: newest.receivedAt }
  const endsMs = Math.min(
    Date.parse(newest.receivedAt) + keepsMs,
    newest.expiresAt === null ? Infinity : Date.parse(newest.expiresAt)
  )
  if (atMs >= endsMs) {
    const text = `what ${rule} said counted until ${new Date(endsMs).toISOString()}`
    return { state: 'could_not_measure', part: { ...about, code: 'evidence_expired', text, next } }
  }
  const text = `${rule}: ${newest.text}`
  return { state: newest.state, part: { ...about, code: `evidence_${newest.state}`, text } }
}

/** The newest of each group. Of two that came within one millisecond nobody knows the order: the worse counts. */
const newestOfEach = (evidence: GateFacts['evidence']): ExternalEvidence[] => {
  const newest = new Map<string | null, ExternalEvidence>()
  for (const each of evidence) {
    const other = newest.get(each.group)
    const laterMs = other ? Date.parse(each.receivedAt) - Date.parse(other.receivedAt) : Infinity
    if (laterMs > 0 || (laterMs === 0 && rank(each.state) < rank(other!.state))) newest.set(each.group, each)
  }
  return [...newest.values()]
}
