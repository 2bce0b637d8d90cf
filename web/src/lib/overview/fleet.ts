import type { ServiceSummary, State } from '@plimsoll/api/contract'
import { heightOf, LOAD_LINE } from '../charts/hull.ts'
import { left, plural } from '../format.ts'
import { countStates } from '../state.ts'

interface FleetColumn {
  readonly name: string
  readonly title: string
  readonly state: State
  /** Percent of the width. */
  readonly x: string
  readonly end: string
  readonly width: string
  readonly y: number
  /** Null where nothing was measured. */
  readonly height: number | null
}

const HEIGHT = 60
const LINE = 15

/** One column a service, in the order given; the load line stands at the same height for all. */
export const fleetOf = (
  services: readonly ServiceSummary[]
): { readonly columns: readonly FleetColumn[]; readonly label: string } => {
  const width = 100 / Math.max(1, services.length)
  const { fail, warn } = countStates(services)
  return {
    columns: services.map(({ name, title, state, remainingRatio }, index) => {
      const share = remainingRatio === null ? null : heightOf(1 - remainingRatio) / LOAD_LINE
      const height = share === null ? null : Math.min(HEIGHT - 1, share * (HEIGHT - LINE))
      return {
        name,
        title: `${title}: ${remainingRatio === null ? 'not measured' : `${left(remainingRatio)} left`}`,
        state,
        x: percent((index + 0.04) * width),
        end: percent((index + 0.96) * width),
        width: percent(width * 0.92),
        y: HEIGHT - (height ?? 0),
        height
      }
    }),
    label: `${plural(services.length, 'service')}: ${fail} under water, ${warn} near the line`
  }
}

const percent = (share: number): string => `${Math.round(share * 1_000) / 1_000}%`
