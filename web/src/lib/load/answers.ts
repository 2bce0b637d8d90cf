import type { LoadRun } from '@plimsoll/api/contract'

/** One kind of answer to the requests of a run. */
export interface Answer {
  readonly name: string
  readonly requests: number
  readonly ratio: number
  readonly tone: 'sea' | 'warn' | 'fail'
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

/** Replies by status, then requests without a reply, most first within each. */
export const answersOf = ({ statuses, failures, total }: Pick<LoadRun, 'statuses' | 'failures' | 'total'>): Answer[] =>
  [
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
  ].map((answer) => ({ ...answer, ratio: total > 0 ? answer.requests / total : 0 }))

const sorted = (counts: Readonly<Record<string, number>>): [string, number][] =>
  Object.entries(counts)
    .filter(([, requests]) => requests > 0)
    .toSorted((a, b) => b[1] - a[1])
