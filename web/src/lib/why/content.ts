import type { Explanation, LoadLineStatus, Objective, Reason, ServiceDetail, State } from '@plimsoll/api/contract'
import { count, errorPercent, latency, left, percent, rate, sentence, utc } from '../format.ts'
import { headroomReasons } from '../load/headroom.ts'
import { versionOf } from '../load/words.ts'
import type { Topic } from './topic.ts'

/** What the dialog behind a number shows. */
export interface WhyContent {
  readonly title: string
  readonly value: string
  readonly state: State | null
  readonly reasons: readonly Reason[]
  readonly formula: string
  readonly inputs: Explanation['inputs']
  readonly window: Explanation['window'] | null
  readonly exclusions: Explanation['exclusions']
  readonly freshAt: string | null
  readonly see: readonly string[]
  readonly notes: readonly string[]
}

/** An objective's number, from the API's own explanation. */
export const whyObjective = (objective: Objective, service: string): WhyContent => ({
  title: `${objective.title}, ${service}`,
  value: `${left(objective.budget.remainingRatio)} of the budget left`,
  state: objective.state,
  reasons: objective.reasons,
  formula: objective.explain?.formula ?? '',
  inputs: objective.explain?.inputs ?? [],
  window: objective.explain?.window ?? objective.window,
  exclusions: objective.explain?.exclusions ?? [],
  freshAt: objective.explain?.freshAt ?? objective.freshAt,
  see: objective.explain?.see ?? [],
  notes: [
    sentence(objective.forecast.text),
    ...(objective.coverageRatio === null ? [] : [`We could know ${percent(objective.coverageRatio)} of the window.`]),
    ...(objective.budgetWithoutMaintenance
      ? [`Without maintenance bands ${left(objective.budgetWithoutMaintenance.remainingRatio)} would be left.`]
      : []),
    `Revision ${objective.revision.number} of the objective.`
  ]
})

/** Numbers of a service that are no objective's: what they are made of, and from when. */
export const whyService = (about: Plain, service: ServiceDetail): WhyContent => {
  const own = { ...plain(service), ...subjects[about](service) }
  return { ...own, title: `${own.title}, ${service.title}` }
}

/** Headroom, from the load line itself: how it is known, and whether to believe it. */
export const whyHeadroom = (status: LoadLineStatus, service: ServiceDetail): WhyContent => {
  const { line, trafficPerS, headroomRatio, stale } = status
  return {
    ...plain(service),
    title: `Headroom, ${service.title}`,
    value: line === null ? 'no load line yet' : percent(headroomRatio, 0),
    state:
      line === null
        ? 'could_not_measure'
        : headroomRatio !== null && headroomRatio < 0
          ? 'fail'
          : stale
            ? 'warn'
            : null,
    reasons: headroomReasons(status),
    formula: 'headroom = 1 - traffic / load line',
    inputs: [
      { name: 'traffic', value: rate(trafficPerS), source: 'mean of the last minute' },
      {
        name: 'load line',
        value: rate(line?.ratePerS ?? null),
        source:
          line === null ? 'not measured yet' : `measured ${utc(Date.parse(line.measuredAt))} on ${versionOf(line)}`
      }
    ],
    notes: [
      ...(line === null
        ? []
        : [
            'The line is the lower bound: the most requests per second at which the promise was seen to hold.',
            ...(line.intervalPerS === null
              ? []
              : [`It breaks between ${rate(line.intervalPerS[0])} and ${rate(line.intervalPerS[1])} (95 % interval).`])
          ]),
      ...(status.advice === null ? [] : [sentence(status.advice.text)])
    ]
  }
}

type Plain = Exclude<Topic['about'], 'objective' | 'headroom'>
type Subject = Partial<WhyContent> & Pick<WhyContent, 'title' | 'value' | 'formula'>

const subjects: Record<Plain, (service: ServiceDetail) => Subject> = {
  state: (service) => ({
    title: 'State',
    value:
      service.remainingRatio === null
        ? 'no budget could be measured'
        : `${left(service.remainingRatio)} left of the scarcest budget`,
    state: service.state,
    reasons: service.reasons,
    formula: 'state = worst state of the objectives',
    inputs: service.objectives.map(({ title, state, remainingRatio }) => ({
      name: title,
      value: left(remainingRatio),
      source: state.replaceAll('_', ' ')
    }))
  }),
  rate: ({ traffic }) => ({
    title: 'Requests per second',
    value: rate(traffic.ratePerS),
    formula: 'rate = user requests of the last minute / 60 s',
    inputs: lastHour(traffic),
    exclusions: [{ text: 'Load tests and probes: they are no users', total: 0, bad: 0 }]
  }),
  errors: ({ traffic }) => ({
    title: 'Share of 5xx',
    value: errorPercent(traffic.errorRatio),
    formula: 'share = replies with status 500 to 599 of the last minute / all of it',
    inputs: lastHour(traffic),
    notes: ['A client that went away (status 0) is neither good nor bad; it is counted apart.']
  }),
  p95: ({ traffic }) => ({
    title: 'p95',
    value: latency(traffic.p95Ms),
    formula: 'p95 = what 95 of 100 user requests of the last 5 minutes took at most',
    inputs: [
      { name: 'limit', value: latency(traffic.p95LimitMs), source: 'the latency objective in the plan' },
      ...lastHour(traffic)
    ],
    notes: ['Read from merged histograms, at most 0.8 % off. The objective itself counts exactly, by the threshold.']
  }),
  coverage: ({ coverageRatio, sources }) => ({
    title: 'Coverage',
    value: percent(coverageRatio),
    formula: 'coverage = time in which its sources could tell us / length of the window',
    inputs: sources.map(({ title, health }) => ({ name: title, value: health, source: 'source' }))
  })
}

const plain = (service: ServiceDetail): WhyContent => ({
  title: '',
  value: '',
  state: null,
  reasons: [],
  formula: '',
  inputs: [],
  window: null,
  exclusions: [],
  freshAt: lastEventAt(service),
  see: [],
  notes: []
})

const lastHour = ({ lastHour: { total, status5xx, aborted } }: ServiceDetail['traffic']): Explanation['inputs'] => [
  { name: 'requests', value: count(total), source: 'last hour' },
  { name: '5xx', value: count(status5xx), source: 'last hour' },
  { name: 'client went away', value: count(aborted), source: 'last hour' }
]

/** When any source of the service brought an event last. */
export const lastEventAt = ({ sources }: Pick<ServiceDetail, 'sources'>): string | null =>
  sources
    .flatMap((source) => source.lastEventAt ?? [])
    .toSorted()
    .at(-1) ?? null

/** The steps of a formula, one a line. */
export const formulaLines = (formula: string): string[] => formula.split(/;\s*/).filter(Boolean)
