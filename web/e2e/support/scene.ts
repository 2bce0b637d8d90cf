import type { Indicator, State } from '@plimsoll/api/contract'

/** What the fixture server pretends to watch: one description per service, from which all its replies follow. */

export interface ObjectiveScene {
  readonly name: string
  readonly title: string
  readonly indicator: Indicator
  readonly targetRatio: number
  readonly thresholdMs: number | null
  readonly state: State
  readonly remainingRatio: number | null
  readonly burnRate: number | null
}

export interface ServiceScene {
  readonly name: string
  readonly title: string
  readonly owner: string | null
  readonly state: State
  readonly why: { readonly code: string; readonly text: string; readonly next?: string }
  /** Mean arrivals in events per second; 0: nothing comes. */
  readonly ratePerS: number
  readonly errorRatio: number
  /** An incident: minutes ago it began and ended, and what it did. */
  readonly incident: {
    readonly fromMin: number
    readonly toMin: number
    readonly errorRatio: number
    readonly slowdown: number
  } | null
  readonly medianMs: number
  readonly headroomRatio: number | null
  /** How long ago its load line was measured, ms. */
  readonly lineAgeMs: number
  readonly objectives: readonly ObjectiveScene[]
  readonly broken: boolean
  readonly alerts: { readonly page: number; readonly ticket: number; readonly notice: number }
}

const promise = (
  availability: readonly [State, number | null, number | null],
  latency: readonly [State, number | null, number | null],
  errors: readonly [State, number | null, number | null]
): ObjectiveScene[] => {
  const of = (
    name: string,
    title: string,
    indicator: Indicator,
    targetRatio: number,
    thresholdMs: number | null,
    [state, remainingRatio, burnRate]: typeof availability
  ) => ({
    name,
    title,
    indicator,
    targetRatio,
    thresholdMs,
    state,
    remainingRatio,
    burnRate
  })
  return [
    of('availability', 'Availability', 'availability', 0.999, null, availability),
    of('p95', 'p95 under 200 ms', 'latency', 0.95, 200, latency),
    of('errors', 'Errors under 0.1 %', 'errors', 0.999, null, errors)
  ]
}

const healthy = promise(['pass', 0.824, 0.21], ['pass', 0.641, 0.4], ['pass', 0.873, 0.13])
const calm = { code: 'objectives_hold', text: 'Every objective holds.' }
const quiet = { page: 0, ticket: 0, notice: 0 }
const base = {
  owner: 'team-shop',
  state: 'pass',
  why: calm,
  errorRatio: 0.0001,
  incident: null,
  medianMs: 46,
  headroomRatio: null,
  lineAgeMs: 3 * 86_400_000,
  broken: false,
  alerts: quiet
} as const

export const SCENES: readonly ServiceScene[] = [
  {
    ...base,
    name: 'checkout',
    title: 'Checkout',
    owner: 'team-payments',
    state: 'fail',
    why: {
      code: 'budget_overspent',
      text: 'Availability has spent 134 % of its budget: 17,512 of 9,720,000 requests failed where 13,068 were allowed.',
      next: 'Ship only what restores it until 3 December, when the incident of 3 November leaves the window.'
    },
    ratePerS: 38,
    errorRatio: 0.0009,
    incident: { fromMin: 46, toMin: 12, errorRatio: 0.17, slowdown: 2.6 },
    medianMs: 64,
    headroomRatio: 0.18,
    objectives: promise(['fail', -0.34, 21.4], ['warn', 0.083, 3.2], ['fail', -0.12, 17.9]),
    alerts: { page: 1, ticket: 1, notice: 0 }
  },
  {
    ...base,
    name: 'search-api',
    title: 'Search API',
    owner: 'team-discovery',
    state: 'warn',
    why: {
      code: 'budget_low',
      text: 'p95 under 200 ms has 7.9 % of its budget left and burns it 2.4 times too fast.',
      next: 'At this pace gone Thursday 14:00.'
    },
    ratePerS: 212,
    medianMs: 118,
    headroomRatio: 0.41,
    objectives: promise(['pass', 0.71, 0.4], ['warn', 0.079, 2.4], ['pass', 0.66, 0.5]),
    alerts: { page: 0, ticket: 1, notice: 0 }
  },
  {
    ...base,
    name: 'payments-webhook',
    title: 'Payments webhook',
    owner: 'team-payments',
    state: 'could_not_measure',
    why: {
      code: 'no_signal',
      text: 'Nothing has been heard of it for 41 minutes: /var/log/caddy/payments.ndjson does not exist.',
      next: 'Let Caddy write its log there, or correct `file` in the plan.'
    },
    ratePerS: 0,
    objectives: promise(
      ['could_not_measure', null, null],
      ['could_not_measure', null, null],
      ['could_not_measure', null, null]
    ),
    broken: true,
    alerts: { page: 0, ticket: 0, notice: 1 }
  },
  {
    ...base,
    name: 'reports',
    title: 'Monthly reports',
    owner: null,
    state: 'not_enough_evidence',
    why: {
      code: 'too_few_requests',
      text: '212 requests in 30 days are too few to judge 99.9 %: one failure more or less would decide.',
      next: '2,788 more requests are needed, about 13 months at today’s traffic; a probe every 10 s would know within 9 hours.'
    },
    ratePerS: 0.0001,
    objectives: promise(['not_enough_evidence', 1, 0], ['not_enough_evidence', 0.91, 0], ['not_enough_evidence', 1, 0])
  },
  {
    ...base,
    name: 'shop-api',
    title: 'Shop API',
    ratePerS: 124,
    headroomRatio: 0.63,
    objectives: [
      ...healthy,
      {
        ...healthy[1]!,
        name: 'checkout-latency',
        title: '/api/checkout/* under 300 ms',
        targetRatio: 0.99,
        thresholdMs: 300,
        remainingRatio: 0.42,
        burnRate: 0.8
      }
    ]
  },
  {
    ...base,
    name: 'catalog',
    title: 'Catalog',
    ratePerS: 310,
    medianMs: 22,
    objectives: promise(['pass', 0.93, 0.1], ['pass', 0.88, 0.1], ['pass', 0.95, 0])
  },
  {
    ...base,
    name: 'accounts',
    title: 'Accounts',
    owner: 'team-identity',
    ratePerS: 17,
    medianMs: 38,
    objectives: promise(['pass', 0.512, 0.9], ['pass', 0.77, 0.2], ['pass', 0.6, 0.4])
  },
  {
    ...base,
    name: 'images',
    title: 'Image resizer',
    owner: 'team-media',
    ratePerS: 61,
    medianMs: 84,
    headroomRatio: 0.22,
    lineAgeMs: 31 * 86_400_000,
    objectives: promise(['pass', 0.69, 0.3], ['pass', 0.31, 1.1], ['pass', 0.74, 0.2])
  },
  { ...base, name: 'mailer', title: 'Mailer', owner: 'team-platform', ratePerS: 1.8, objectives: healthy },
  {
    ...base,
    name: 'plimsoll',
    title: 'Plimsoll',
    owner: 'team-platform',
    ratePerS: 4.1,
    medianMs: 6,
    headroomRatio: 0.97,
    objectives: promise(['pass', 0.994, 0], ['pass', 0.981, 0], ['pass', 0.994, 0])
  }
]
