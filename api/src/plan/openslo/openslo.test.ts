import t from 'tap'
import { parsePlan } from '../parse.rules.ts'
import { writeOpenSlo } from './write.rules.ts'

/** Two documents of OpenSLO's own examples, with what they leave open. */
const foreign = `
apiVersion: openslo/v1
kind: Service
metadata: { name: web, displayName: Web shop }
spec: { description: sells }
---
apiVersion: openslo/v1
kind: SLI
metadata: { name: web-successful }
spec:
  ratioMetric:
    counter: true
    good: { metricSource: { type: Prometheus, spec: { query: 'sum(http_requests{code!~"5.."})' } } }
    total: { metricSource: { type: Prometheus, spec: { query: sum(http_requests) } } }
---
apiVersion: openslo/v1
kind: SLO
metadata: { name: web-availability, displayName: Web works }
spec:
  service: web
  indicatorRef: web-successful
  timeWindow: [{ duration: 1M, isRolling: false, calendar: { startTime: '2026-01-01 00:00:00', timeZone: Europe/Berlin } }]
  budgetingMethod: Occurrences
  objectives:
    - { displayName: usual, target: 0.995 }
    - { targetPercent: 99.9 }
`

t.test('objectives of OpenSLO become objectives, and what is not run is said', async (t) => {
  const { plan, faults } = parsePlan(foreign)
  t.same(
    faults.map(({ line, severity, text }) => `${line} ${severity} ${text}`),
    [
      '2 warning web has no signals: nothing of it can be measured',
      '13 warning the query of Prometheus is not run: availability of all requests is judged instead, as Plimsoll counts them'
    ]
  )
  t.match(plan?.services, [
    {
      name: 'web',
      title: 'Web shop',
      description: 'sells',
      objectives: [
        {
          name: 'availability-1',
          title: 'usual',
          indicator: 'availability',
          targetRatio: 0.995,
          window: { kind: 'calendar', unit: 'month', timeZone: 'Europe/Berlin' }
        },
        { name: 'availability-2', title: 'Web works', targetRatio: 0.999 }
      ]
    }
  ])
})

const slo = (indicator: string, ...rest: string[]): string =>
  [
    'apiVersion: openslo/v1',
    'kind: SLO',
    'metadata: { name: web-a }',
    'spec:',
    '  service: web',
    `  indicator: ${indicator}`,
    ...rest.map((line) => `  ${line}`)
  ].join('\n')

const ratio =
  '{ spec: { ratioMetric: { good: { metricSource: { type: plimsoll, spec: { indicator: errors, path: /api/* } } } } } }'
const threshold = (unit: string) =>
  `{ spec: { thresholdMetric: { metricSource: { type: Datadog, spec: { ${unit} } } } } }`

const cases: { name: string; text: string; faults: string[]; objectives: object[] }[] = [
  {
    name: "Plimsoll's own source says exactly what is judged",
    text: slo(ratio, 'objectives: [{ target: 0.99 }]'),
    faults: [],
    objectives: [
      {
        name: 'a',
        indicator: 'errors',
        path: '/api/*',
        targetRatio: 0.99,
        window: { kind: 'rolling', durationMs: 2_592_000_000 }
      }
    ]
  },
  {
    name: 'a limit with a unit becomes a threshold',
    text: slo(threshold('unit: s'), 'objectives: [{ op: lte, value: 0.25, target: 0.95 }]'),
    faults: [
      '6:57 warning the query of Datadog is not run: latency of all requests is judged instead, as Plimsoll counts them'
    ],
    objectives: [{ indicator: 'latency', thresholdMs: 250, targetRatio: 0.95 }]
  },
  {
    name: 'a limit without a unit is not guessed at',
    text: slo(threshold(''), 'objectives: [{ op: lte, value: 0.25, target: 0.95 }]'),
    faults: [
      '7:16 warning the limit has no unit, and guessing it could be wrong by a thousand; the objective is left out'
    ],
    objectives: []
  },
  {
    name: 'a value that has to stay above a limit has no counterpart',
    text: slo(threshold('unit: ms'), 'objectives: [{ op: gte, value: 5, target: 0.95 }]'),
    faults: ['7:22 warning only values that have to stay below a limit are known here; the objective is left out'],
    objectives: []
  },
  {
    name: 'time slices are kept',
    text: slo(
      ratio,
      'budgetingMethod: Timeslices',
      'timeWindow: [{ duration: 28d, isRolling: true }]',
      'objectives: [{ target: 0.99, timeSliceTarget: 0.9, timeSliceWindow: 5m }]'
    ),
    faults: [],
    objectives: [
      {
        budgeting: { kind: 'timeSlices', sliceMs: 300_000, sliceTargetRatio: 0.9 },
        window: { durationMs: 28 * 86_400_000 }
      }
    ]
  },
  {
    name: 'another way of budgeting is left out, and a rolling month is thirty days',
    text: slo(
      ratio,
      'budgetingMethod: RatioTimeslices',
      'timeWindow: [{ duration: 1M, isRolling: true }]',
      'objectives: [{ target: 0.99 }]'
    ),
    faults: [
      '7:20 warning RatioTimeslices has no counterpart here; the objective is left out',
      '8:28 warning a rolling month is read as 30 days'
    ],
    objectives: []
  },
  {
    name: 'alert policies are left out',
    text: slo(ratio, 'alertPolicies: [x]', 'objectives: [{ target: 0.99 }]'),
    faults: ['7:3 warning alert policies are left out: every objective has the multi-window burn-rate alerts'],
    objectives: [{ name: 'a' }]
  }
]
t.test('what has no counterpart is left out, and says so', async (t) => {
  for (const { name, text, faults, objectives } of cases) {
    const parsed = parsePlan(text)
    const found = parsed.faults.filter(({ text }) => !text.includes('has no signals'))
    t.same(
      found.map(({ line, column, severity, text }) => `${line}:${column} ${severity} ${text}`),
      faults,
      name
    )
    t.match(parsed.plan?.services[0]?.objectives, objectives, name)
    t.equal(parsed.plan?.services[0]?.objectives.length, objectives.length, name)
  }
})

const broken: { name: string; text: string; fault: string }[] = [
  {
    name: 'an unknown SLI',
    text: foreign.replace('indicatorRef: web-successful', 'indicatorRef: web-x'),
    fault: '21:17 there is no SLI called `web-x`'
  },
  {
    name: 'two services of one name',
    text: `${foreign}---\napiVersion: openslo/v1\nkind: Service\nmetadata: { name: web }\n`,
    fault: '30:19 another Service is called `web`'
  },
  {
    name: 'a target of one',
    text: slo(ratio, 'objectives: [{ target: 1 }]'),
    fault: '7:26 the target leaves no error budget, or promises nothing'
  },
  { name: 'no target', text: slo(ratio, 'objectives: [{ }]'), fault: '7:16 `target` is missing' },
  {
    name: 'a calendar of years',
    text: slo(ratio, 'timeWindow: [{ duration: 1Y, isRolling: false }]', 'objectives: [{ target: 0.9 }]'),
    fault: '7:28 this calendar window is not kept here'
  },
  {
    name: 'a document of another kind of file',
    text: `${slo(ratio, 'objectives: [{ target: 0.9 }]')}\n---\nplan: plimsoll/v1\n`,
    fault: '9:1 every document of the file has to be OpenSLO v1'
  },
  {
    name: 'a name that cannot be one',
    text: slo(ratio, 'objectives: [{ target: 0.9 }]').replace('web-a', 'Web A'),
    fault: '1:1 `name` cannot be read'
  },
  {
    name: 'a window out of range',
    text: slo(ratio, 'timeWindow: [{ duration: 5m, isRolling: true }]', 'objectives: [{ target: 0.9 }]'),
    fault: '1:1 `window` is less than 1h'
  }
]
t.test('what is wrong is an error at its place in the file', async (t) => {
  for (const { name, text, fault } of broken) {
    const { plan, faults } = parsePlan(text)
    t.equal(plan, null, name)
    t.ok(
      faults.some(
        ({ line, column, severity, text }) => severity === 'error' && `${line}:${column} ${text}`.startsWith(fault)
      ),
      `${name}: ${faults.map(({ line, column, text }) => `${line}:${column} ${text}`).join('; ')}`
    )
  }
})

t.test('a service that no document describes has its name alone', async (t) => {
  const { plan } = parsePlan(slo(ratio, 'description: of the SLO', 'objectives: [{ target: 0.9 }]'))
  t.match(plan?.services, [
    { name: 'web', title: 'web', description: null, objectives: [{ description: 'of the SLO' }] }
  ])
})

t.test('what is written as OpenSLO reads back as the same objectives, and lists what is left out', async (t) => {
  const { plan } = parsePlan(`
plan: plimsoll/v1
services:
  - name: shop-api
    title: Shop
    description: "two\\nlines"
    signals: [self]
    promise: { availability: 99.9%, p95: 200ms, errors: 0.1%, window: { calendar: week, timeZone: Asia/Tokyo } }
    objectives:
      - { name: pay, title: Pay, description: d, indicator: latency, path: /pay/*, threshold: 1500ms, target: 99%, window: 28d, class: [user, load], budgeting: { timeSlices: { every: 5m, target: 95% } } }
      - { name: up, indicator: availability, target: 99.99%, window: quarter, from: probes }
  - name: other
risks: [{ id: R-1, title: x, impact: low, probability: low, owner: y }]
`)
  if (!plan) throw new Error('the example is right')
  const text = writeOpenSlo(plan)
  t.match(
    text,
    /^# OpenSLO v1, written by Plimsoll\.\n# Left out, for OpenSLO has no counterpart: 1 signals, 2 gates, 1 risks\.\n---\n/
  )
  const again = parsePlan(text)
  t.same(
    again.faults.filter(({ severity }) => severity === 'error'),
    []
  )
  t.same(
    again.plan?.services.map(({ name, title, description, objectives }) => ({ name, title, description, objectives })),
    plan.services.map(({ name, title, description, objectives }) => ({ name, title, description, objectives }))
  )
})
