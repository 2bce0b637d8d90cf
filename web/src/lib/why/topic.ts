/** What a reader asks about, as it stands in the address: `why=checkout:objective:availability`. */
export type Topic =
  | { readonly service: string; readonly about: 'objective'; readonly objective: string }
  | { readonly service: string; readonly about: (typeof SUBJECTS)[number] }

const SUBJECTS = ['state', 'rate', 'errors', 'p95', 'headroom', 'coverage'] as const

export const topicParam = (topic: Topic): string =>
  topic.about === 'objective' ? `${topic.service}:objective:${topic.objective}` : `${topic.service}:${topic.about}`

/** The topic of an address; null when there is none or it is malformed. */
export const parseTopic = (text: string | null): Topic | null => {
  const [service, about, objective] = text?.split(':') ?? []
  if (!service) return null
  if (about === 'objective') return objective ? { service, about, objective } : null
  const subject = SUBJECTS.find((each) => each === about)
  return subject ? { service, about: subject } : null
}
