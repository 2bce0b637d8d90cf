import { worst, type Rule } from '../rule.ts'

/** What this service needs is well. */
export const dependencies: Rule = {
  name: 'dependencies',
  title: 'Dependencies are well',
  judge: (facts, policy) => {
    if (policy.dependencies.length === 0) return null
    const judged = policy.dependencies.map(
      (name) =>
        facts.dependencies.find((dependency) => dependency.name === name) ?? {
          name,
          state: 'could_not_measure' as const,
          text: 'nobody has looked at it'
        }
    )
    const state = worst(judged.map((each) => each.state))
    const deciding = judged.find((each) => each.state === state)!
    return {
      state,
      text: state === 'pass' ? `all ${judged.length} dependencies are well` : `${deciding.name}: ${deciding.text}`,
      limit: judged.length,
      value: judged.filter((each) => each.state === 'pass').length,
      unit: 'dependencies',
      source: 'plan',
      next: state === 'pass' ? null : `see to ${deciding.name} first`,
      parts: judged.map(({ name, state: each, text }) => ({ code: `dependency_${each}`, text, rule: name }))
    }
  }
}
