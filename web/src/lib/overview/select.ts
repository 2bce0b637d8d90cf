import type { Query } from '../address.ts'
import type { ServiceSummary, State } from '@plimsoll/api/contract'
import { isState, worstFirst } from '../state.ts'

/** What the overview shows, from its address. */
export interface Selection {
  readonly state: State | null
  readonly text: string
}

export const parseSelection = (params: Query): Selection => {
  const state = params.get('state')
  return { state: isState(state) ? state : null, text: params.get('q') ?? '' }
}

/** The services that are asked for, worst first. Every word must stand in the name, the title or the owner. */
export const select = (services: readonly ServiceSummary[], { state, text }: Selection): ServiceSummary[] => {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  return services
    .filter((service) => state === null || service.state === state)
    .filter(({ name, title, owner }) => {
      const all = `${name} ${title} ${owner ?? ''}`.toLowerCase()
      return words.every((word) => all.includes(word))
    })
    .toSorted(worstFirst)
}
