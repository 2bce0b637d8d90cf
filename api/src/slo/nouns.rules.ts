import type { ResolvedObjective } from '../plan/objective.ts'
import { countText, counted, windowName } from './words.rules.ts'

/** What an objective counts, for sentences. */
export interface Nouns {
  /** `1 request`, `12 probes`, `3 slices of 1m`. */
  readonly events: (count: number) => string
  /** `1 failure`, `3 slow requests`, `2 bad slices`. */
  readonly bad: (count: number) => string
}

type Counted = Pick<ResolvedObjective, 'indicator' | 'origin' | 'budgeting'>

export const nounsOf = ({ indicator, origin, budgeting }: Counted): Nouns => {
  if (budgeting.kind === 'timeSlices') {
    const length = windowName(budgeting.sliceMs)
    return {
      events: (count) => `${counted(count, 'slice')} of ${length}`,
      bad: (count) => counted(count, 'bad slice')
    }
  }
  const event = origin === 'probes' ? 'probe' : 'request'
  return {
    events: (count) => counted(count, event),
    bad: (count) =>
      indicator === 'latency'
        ? counted(count, `slow ${event}`)
        : counted(count, origin === 'probes' ? 'failed probe' : 'failure')
  }
}

/** `3 of 1,200 requests failed`, `3 of 1,200 probes were slow`. */
export const outcomeText = (objective: Counted, { total, bad }: { total: number; bad: number }): string => {
  const events = `${countText(bad)} of ${nounsOf(objective).events(total)}`
  if (objective.budgeting.kind === 'timeSlices') return `${events} were bad`
  return objective.indicator === 'latency' ? `${events} were slow` : `${events} failed`
}
