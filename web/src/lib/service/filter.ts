import type { Query } from '../address.ts'

export const TRAFFIC_CLASSES = { user: 'Users', synthetic: 'Probes', load: 'Load tests' } as const
export type TrafficClass = keyof typeof TRAFFIC_CLASSES

/** Which streams the traffic charts show. */
export interface Filter {
  readonly class: TrafficClass
  readonly route: string | null
  readonly release: string | null
}

/** The filter of an address; users' traffic unless another class is asked for. */
export const parseFilter = (params: Query): Filter => {
  const own = params.get('class')
  return {
    class: own !== null && Object.hasOwn(TRAFFIC_CLASSES, own) ? (own as TrafficClass) : 'user',
    route: params.get('route'),
    release: params.get('release')
  }
}

/** The filter as the API takes it. */
export const filterQuery = ({
  class: of,
  route,
  release
}: Filter): { class: TrafficClass; route?: string; release?: string } => ({
  class: of,
  ...(route !== null && { route }),
  ...(release !== null && { release })
})
