import type { Rule } from '../rule.ts'

/** No risk of high impact and high probability is open without anything done about it. */
export const risks: Rule = {
  name: 'risks',
  title: 'No open high risk without mitigation',
  judge: (facts) => {
    const about = { limit: 0, unit: 'risks', source: 'plan' }
    const left = facts.risks.filter(
      ({ impact, probability, open, mitigated }) => impact === 'high' && probability === 'high' && open && !mitigated
    )
    const [first] = left
    if (!first) return { ...about, state: 'pass', value: 0, text: 'no high risk is open without mitigation' }
    return {
      ...about,
      state: 'fail',
      value: left.length,
      text: `${first.id} ${first.title}: high impact, high probability, and nothing done about it`,
      next: 'write a mitigation into the plan, or accept the risk there',
      parts: left.map(({ id, title }) => ({ code: 'risk_open', text: title, rule: id }))
    }
  }
}
