import type { Rule } from '../rule.ts'

/** Nobody is being paged about this service. */
export const pageAlerts: Rule = {
  name: 'page_alerts',
  title: 'No alert that pages',
  judge: ({ alerts: { pages, lookedAt }, objectives }) => {
    const about = { limit: 0, unit: 'alerts', source: 'alerts', freshAt: lookedAt }
    if (pages === null || (objectives.length === 0 && pages.length === 0)) {
      return {
        ...about,
        state: 'could_not_measure',
        text: pages === null ? 'alerts have not been evaluated yet' : 'nothing is promised, so nothing can alert',
        next: pages === null ? 'ask again in a few seconds' : 'add a promise to the plan'
      }
    }
    const [first] = pages
    if (!first) return { ...about, state: 'pass', value: 0, text: 'no alert that pages is open' }
    return {
      ...about,
      state: 'fail',
      value: pages.length,
      text: pages.length === 1 ? `open: ${first.title}` : `${pages.length} alerts page, the first: ${first.title}`,
      next: 'end the incident first; an override is for the release that ends it',
      parts: pages.map(({ id, title, openedAt }) => ({ code: 'page_open', text: title, source: id, freshAt: openedAt }))
    }
  }
}
