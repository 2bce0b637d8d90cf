import type { LoadLineStatus, Reason, ServiceSummary } from '@plimsoll/api/contract'
import { percent, rate } from '../format.ts'

/** How much of a service's load line is free, in words. */
export interface Headroom {
  readonly kind: 'none' | 'free' | 'over' | 'unknown'
  readonly text: string
  /** The line it is told by is older than lines are believed. */
  readonly stale: boolean
}

/** 1 − traffic / load line: at most 1, below 0 beyond the line; null when either is not known. */
export const headroomRatio = (trafficPerS: number | null, linePerS: number | null): number | null =>
  trafficPerS === null || linePerS === null || linePerS <= 0 ? null : 1 - trafficPerS / linePerS

/** What a page says of a service's headroom, whether or not there is any to speak of. */
export const headroomOf = (
  { loadLine, headroomRatio: ratio }: Pick<ServiceSummary, 'loadLine' | 'headroomRatio'>,
  nowMs: number
): Headroom => {
  if (!loadLine) return { kind: 'none', text: 'no load line yet', stale: false }
  const stale = nowMs > Date.parse(loadLine.staleAt)
  if (ratio === null) return { kind: 'unknown', text: 'headroom unknown', stale }
  return ratio < 0
    ? { kind: 'over', text: `${percent(-ratio, 0)} over the line`, stale }
    : { kind: 'free', text: `${percent(ratio, 0)} headroom`, stale }
}

/** Why there is no headroom to tell, or why it should not be believed; empty while it can be. */
export const headroomReasons = ({ line, staleReasons, trafficPerS }: LoadLineStatus): Reason[] => {
  if (line === null) {
    return [
      {
        code: 'no_load_line',
        text: 'no load line yet: nobody has measured how much this service carries',
        next: `run ${LINE_COMMAND}, or find the line from the service’s load page`
      }
    ]
  }
  if (trafficPerS === null) {
    return [{ code: 'no_traffic', text: 'its traffic is not known: no source tells of it', next: 'see its sources' }]
  }
  return [...staleReasons]
}

/** How a line is measured without this page. */
const LINE_COMMAND = 'npx plimsoll load line URL'

/** The line and what stands against it, for people: `61 /s of 78 /s`. */
export const againstLine = (trafficPerS: number | null, linePerS: number): string =>
  `${rate(trafficPerS)} of ${rate(linePerS)}`

/** Least headroom first; services without a line stand at the end, by name. */
export const fullestFirst = (services: readonly ServiceSummary[]): ServiceSummary[] =>
  services.toSorted(
    (a, b) => (a.headroomRatio ?? Infinity) - (b.headroomRatio ?? Infinity) || a.title.localeCompare(b.title)
  )
