import type { LoadRun } from '@plimsoll/api/contract'

/** One kind of answer to the requests of a run. */
export interface Answer {
  readonly name: string
  readonly requests: number
  readonly ratio: number
  readonly tone: 'sea' | 'warn' | 'fail' | 'soft'
}

const FAILURES: Readonly<Record<string, string>> = {
  timeout: 'No reply in time',
  refused: 'Connection refused',
  reset: 'Connection broken',
  dns: 'Name without an address',
  tls: 'Certificate not accepted',
  protocol: 'Reply not understood',
  too_large: 'Reply too large',
  sender: 'The sender’s own limits',
  other: 'No reply',
  failed: 'Failed'
}

type Measured = Pick<LoadRun, 'statuses' | 'failures' | 'total' | 'partial'>

/** Replies by status, then requests without a reply, most first within each, then what nobody tells of. */
export const answersOf = ({ statuses, failures, total, partial }: Measured): Answer[] => {
  const told = [
    ...sorted(statuses).map(([status, requests]) => ({
      name: `Status ${status}`,
      requests,
      tone: status >= '5' ? ('fail' as const) : status >= '4' ? ('warn' as const) : ('sea' as const)
    })),
    ...sorted(failures).map(([why, requests]) => ({
      name: FAILURES[why] ?? `No reply: ${why.replaceAll('_', ' ')}`,
      requests,
      tone: 'fail' as const
    }))
  ]
  const rest = total - told.reduce((sum, { requests }) => sum + requests, 0)
  const untold = { name: partial ? 'Under way when it ended' : 'Not told', requests: rest, tone: 'soft' as const }
  return [...told, ...(rest > 0 ? [untold] : [])].map((answer) => ({
    ...answer,
    ratio: total > 0 ? answer.requests / total : 0
  }))
}

const sorted = (counts: Readonly<Record<string, number>>): [string, number][] =>
  Object.entries(counts)
    .filter(([, requests]) => requests > 0)
    .toSorted((a, b) => b[1] - a[1])
