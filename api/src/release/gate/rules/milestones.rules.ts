import { worst, type Rule } from '../rule.ts'

/** The milestones that the policy names are reached. */
export const milestones: Rule = {
  name: 'milestones',
  title: 'Required milestones',
  judge: (facts, policy) => {
    if (policy.milestones.length === 0) return null
    const judged = policy.milestones.map(
      (id) =>
        facts.milestones.find((milestone) => milestone.id === id) ?? {
          id,
          title: id,
          state: 'could_not_measure' as const,
          text: 'it is not in the plan'
        }
    )
    const state = worst(judged.map((each) => each.state))
    const reached = judged.filter((each) => each.state === 'pass').length
    const deciding = judged.find((each) => each.state === state)!
    return {
      state,
      text:
        state === 'pass'
          ? `all ${judged.length} required milestones are reached`
          : `${deciding.id} ${deciding.title}: ${deciding.text}`,
      limit: judged.length,
      value: reached,
      unit: 'milestones',
      source: 'plan',
      next: state === 'pass' ? null : 'see the checks of the milestone in the plan',
      parts: judged.map(({ id, title, state: each, text }) => ({
        code: `milestone_${each}`,
        text: `${title}: ${text}`,
        rule: id
      }))
    }
  }
}
