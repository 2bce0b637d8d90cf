import type { Rule } from '../rule.ts'

/** No other version is still on its way: two at once cannot be told apart. */
export const previousRelease: Rule = {
  name: 'previous_release',
  title: 'Previous release has ended',
  judge: ({ inFlight, inFlightUnreadable, environment }) => {
    const about = { limit: 0, unit: 'releases', source: 'releases' }
    if (!inFlight) {
      return {
        ...about,
        state: 'could_not_measure',
        text: `whether another release is under way could not be read: ${inFlightUnreadable ?? 'nobody knows why'}`
      }
    }
    const [first] = inFlight
    if (!first) {
      return { ...about, state: 'pass', value: 0, text: `no other release is on its way into ${environment}` }
    }
    return {
      ...about,
      state: 'fail',
      value: inFlight.length,
      text: `${first.version} has not ended: ${first.text}`,
      freshAt: first.startedAt,
      next: 'promote it or fail it first',
      parts: inFlight.map(({ version, text, startedAt }) => ({
        code: 'release_under_way',
        text: `${version}: ${text}`,
        freshAt: startedAt
      }))
    }
  }
}
