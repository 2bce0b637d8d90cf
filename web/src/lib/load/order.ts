import type { StartLoad } from '@plimsoll/api/contract'

/** A form as it was filled in. */
export interface LoadForm {
  readonly kind: StartLoad['kind']
  readonly ratePerS: number
  readonly durationS: number
  readonly arrivals: 'constant' | 'poisson'
  readonly release: string
}

/** What the API is asked for; a release that was left empty is none. */
export const orderOf = ({ kind, ratePerS, durationS, arrivals, release }: LoadForm): StartLoad => {
  const named = release.trim() === '' ? {} : { release: release.trim() }
  return kind === 'line'
    ? { kind, ...named }
    : { kind, ratePerS, durationMs: Math.round(durationS) * 1_000, arrivals, ...named }
}
