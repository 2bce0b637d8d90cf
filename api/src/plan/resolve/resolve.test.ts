import fc from 'fast-check'
import t from 'tap'
import { stringify } from 'yaml'
import { diffPlans } from '../diff/diff.rules.ts'
import { parsePlan } from '../parse.rules.ts'
import { toDocument } from './document.rules.ts'
import type { ResolvedPlan } from '../model.ts'

const resolved = (text: string): ResolvedPlan => {
  const { plan, faults } = parsePlan(text)
  if (plan === null) throw new Error(JSON.stringify(faults))
  return plan
}

const services = (...entries: string[]): ResolvedPlan =>
  resolved(`plan: plimsoll/v1\nservices:\n${entries.map((entry) => `  - ${entry}\n`).join('')}`)

t.test('a promise becomes objectives, each part one', async (t) => {
  const [service] = services(
    '{ name: shop, signals: [self], promise: { availability: 99.95%, p50: 20ms, p99: 1s, errors: 0.1%, window: 7d } }'
  ).services
  const window = { kind: 'rolling', durationMs: 7 * 86_400_000 }
  const shared = {
    service: 'shop',
    description: null,
    origin: 'requests',
    classes: ['user'],
    path: null,
    budgeting: { kind: 'requests' },
    window
  }
  t.same(service?.objectives, [
    {
      ...shared,
      name: 'availability',
      title: 'Availability 99.95%',
      indicator: 'availability',
      thresholdMs: null,
      targetRatio: 0.9995
    },
    { ...shared, name: 'p50', title: 'p50 under 20ms', indicator: 'latency', thresholdMs: 20, targetRatio: 0.5 },
    { ...shared, name: 'p99', title: 'p99 under 1s', indicator: 'latency', thresholdMs: 1_000, targetRatio: 0.99 },
    {
      ...shared,
      name: 'errors',
      title: 'Errors under 0.1%',
      indicator: 'errors',
      thresholdMs: null,
      targetRatio: 0.999
    }
  ])
})

t.test('what a service does not say comes from the defaults, and then from Plimsoll', async (t) => {
  const names = (plan: ResolvedPlan) =>
    plan.services.map(({ objectives }) => objectives.map(({ name }) => name).join(' '))
  t.same(names(services('{ name: a }', '{ name: b, objectives: [] }', '{ name: c, promise: { p99: 1s } }')), [
    'availability p95 errors',
    '',
    'p99'
  ])
  const plan = resolved(
    'plan: plimsoll/v1\ndefaults: { owner: me, window: month, promise: { p90: 1s }, gate: { minimumBudget: 5% }, evidence: 2h }\n' +
      'services: [{ name: a, gate: { loadLineDrop: 1% } }, { name: b, owner: you }]\n' +
      'milestones: [{ id: M, title: x, owner: y, acceptance: [{ file: a }, { file: b, evidence: 1h }] }]'
  )
  t.same(names(plan), ['p90', 'p90'])
  t.same(
    plan.services.map(({ owner }) => owner),
    ['me', 'you']
  )
  t.same(plan.services[0]?.objectives[0]?.window, { kind: 'calendar', unit: 'month', timeZone: 'UTC' })
  t.match(plan.services[0]?.gate, { minimumBudgetRatio: 0.05, loadLineDropRatio: 0.01, requireRun: false })
  t.same(
    plan.milestones[0]?.acceptance.map(({ evidenceMs }) => evidenceMs),
    [7_200_000, 3_600_000]
  )
})

t.test('a service that is only probed is judged by its probes', async (t) => {
  const origins = (signals: string) =>
    services(`{ name: a, signals: ${signals}, promise: { p95: 1s } }`).services[0]?.objectives.map(
      ({ origin, classes }) => [origin, ...classes]
    )
  t.same(origins('[{ probe: https://a.example }]'), [['probes', 'synthetic']])
  t.same(origins('[{ probe: https://a.example }, self]'), [['requests', 'user']])
  t.same(origins('[]'), [['requests', 'user']])
})

t.test('a signal keeps its id while others of another kind come and go', async (t) => {
  const ids = (signals: string) => services(`{ name: a, signals: ${signals} }`).services[0]?.signals.map(({ id }) => id)
  t.same(ids('[{ caddyLog: a }, { probe: https://a.example }, { caddyLog: b }]'), [
    'caddyLog:0',
    'probe:0',
    'caddyLog:1'
  ])
  t.same(ids('[{ probe: https://a.example }, { caddyLog: a }, { name: second, caddyLog: b }]'), [
    'probe:0',
    'caddyLog:0',
    'second'
  ])
})

t.test('a check is the same check whatever it is called and however it is written', async (t) => {
  const keys = (acceptance: string) =>
    resolved(
      `plan: plimsoll/v1\nmilestones: [{ id: M, title: x, owner: y, acceptance: ${acceptance} }]`
    ).milestones[0]?.acceptance.map(({ key }) => key)
  const [short, long, other] =
    keys(
      '[{ http: "self:/a", status: 2xx }, { title: t, every: 1h, http: { url: "self:/a", status: 200-299 } }, { http: "self:/b" }]'
    ) ?? []
  t.equal(short, long)
  t.not(short, other)
})

t.test('maintenance of several services is a band of each, and without a service of all', async (t) => {
  const plan = resolved(
    'plan: plimsoll/v1\nservices: [{ name: a }, { name: b }]\nmaintenance:\n' +
      '  - { service: [a, b], from: 2026-12-01T02:00Z, to: 2026-12-01T03:00+01:00, reason: x }\n'.replace(
        '03:00+01:00',
        '04:00+01:00'
      ) +
      '  - { from: 2026-12-02T02:00Z, to: 2026-12-02T03:00Z, reason: y }'
  )
  const fromMs = Date.UTC(2026, 11, 1, 2)
  t.same(plan.maintenance, [
    { service: 'a', fromMs, toMs: fromMs + 3_600_000, reason: 'x' },
    { service: 'b', fromMs, toMs: fromMs + 3_600_000, reason: 'x' },
    { service: null, fromMs: fromMs + 86_400_000, toMs: fromMs + 90_000_000, reason: 'y' }
  ])
})

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
type Arbitraries = Record<string, fc.Arbitrary<unknown>>
const aRecord = (required: Arbitraries, optional: Arbitraries): fc.Arbitrary<Record<string, unknown>> =>
  fc
    .record({ ...required, ...Object.fromEntries(Object.entries(optional).map(([key, value]) => [key, maybe(value)])) })
    .map((entry) => Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined)))

const aLine = fc.string({ minLength: 1, maxLength: 40, unit: fc.constantFrom(...'abc XYZ#:-{}[]&*!|>\'"%@`,?é…\n\t') })
const aName = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,8}[a-z0-9]$/)
const aTarget = fc.integer({ min: 1, max: 999_999 }).map((n) => `${(n / 10_000).toFixed(4)}%`)
const aMinute = fc.constantFrom('1m', '5m', '1h')
const aWindow = fc.constantFrom('1h', '30d', '400d', 'week', { calendar: 'quarter', timeZone: 'America/New_York' })
const aPath = fc.constantFrom('/', '/api/*', '*.css', '/a/*/b', '*')
const aSecret = fc.constantFrom({ Authorization: 'PLAN_SECRET_A' }, {})
const aStatus = fc.oneof(fc.constantFrom(200, '2xx', '200-204'), fc.constant([200, '3xx']))
const aBody = fc.oneof(
  aLine,
  aLine.map((contains) => ({ contains })),
  fc.constant({ matches: '^a+$' })
)
const aFilter = {
  host: fc.constantFrom('a.example', ['A.example', '*.b.example']),
  path: fc.oneof(aPath, fc.array(aPath, { minLength: 1, maxLength: 3 })),
  methods: fc.constantFrom('GET', ['GET', 'HEAD']),
  exclude: aRecord({}, { paths: aPath, methods: fc.constant('OPTIONS') })
}
const aSignal = fc.oneof(
  aRecord(
    {
      caddyLog: fc.oneof(aLine, aRecord({ file: aLine }, { ...aFilter, startAt: fc.constantFrom('beginning', 'end') }))
    },
    {}
  ),
  aRecord({ caddyLogTcp: aRecord({ listen: fc.constantFrom('[::1]:9110', 'localhost:1') }, aFilter) }, {}),
  aRecord(
    {
      probe: aRecord(
        { url: fc.constantFrom('https://a.example/', 'self:/healthz') },
        {
          every: fc.constantFrom('10s', '1h'),
          timeout: fc.constantFrom('100ms', '10s'),
          secretHeaders: aSecret,
          expect: aRecord({}, { status: aStatus, body: aBody }),
          tls: aRecord({}, { verify: fc.boolean(), expiryWarning: fc.constant('36h') }),
          redirects: fc.nat({ max: 10 }),
          family: fc.constantFrom('any', 'ipv4', 'ipv6')
        }
      )
    },
    {}
  )
)
const anObjective = fc
  .tuple(
    aRecord(
      { indicator: fc.constantFrom('latency', 'availability', 'errors'), target: aTarget },
      {
        title: aLine,
        description: aLine,
        path: aPath,
        window: aWindow,
        class: fc.constantFrom('synthetic', ['synthetic']),
        budgeting: fc.oneof(
          fc.constant('requests'),
          aRecord({ timeSlices: aRecord({}, { every: aMinute, target: aTarget }) }, {})
        )
      }
    ),
    fc.integer({ min: 1, max: 3_600_000 })
  )
  .map(([objective, ms]) => (objective['indicator'] === 'latency' ? { ...objective, threshold: `${ms}ms` } : objective))
const aPolicy = {
  minimumBudget: aTarget,
  loadLineDrop: aTarget,
  runMaxAge: fc.constant('36h'),
  loadLineReference: aName,
  milestones: fc.constant(['M-1']),
  freezes: fc.constantFrom(
    [{ from: '2026-12-24T00:00Z', to: '2026-12-27T00:00Z', reason: 'holidays' }],
    [{ weekly: { days: 'fri', from: '15:30', to: '24:00', timeZone: 'Europe/Berlin' }, reason: 'weekend' }],
    [{ weekly: { days: ['sat', 'sun'] }, reason: 'weekend' }]
  ),
  dependencies: fc.constant(['https://a.example/healthz']),
  evidence: fc.constantFrom(
    [{ kind: 'junit', name: 'e2e' }],
    [{ kind: 'k6', name: 'load', maxAge: '2h', anyVersion: true }]
  ),
  rules: aRecord({}, { risks: fc.constantFrom('warn', 'off'), freeze: fc.constant('block') }),
  unmeasured: fc.constantFrom('block', 'warn')
}
const aService = aRecord(
  {
    signals: fc.oneof(fc.array(aSignal, { maxLength: 4 }), fc.constant(['self', 'push'])),
    objectives: fc.array(anObjective, { maxLength: 3 }).map((all) => all.map((one, i) => ({ ...one, name: `o-${i}` })))
  },
  {
    title: aLine,
    description: aLine,
    owner: aLine,
    promise: aRecord(
      { availability: aTarget },
      { p95: fc.constantFrom('200ms', '1h'), errors: aTarget, window: aWindow }
    ),
    routes: aRecord({}, { groups: fc.array(aPath), cap: fc.integer({ min: 1, max: 1_000 }) }),
    load: aRecord(
      {
        url: fc.constant('http://a.example'),
        requests: fc.constant(['GET /a', { path: '/b', weight: 0.5, body: 'x' }])
      },
      { maxRate: fc.constant(5), secretHeaders: aSecret }
    ),
    gate: aRecord(
      {},
      {
        ...aPolicy,
        repository: fc.constant('acme/shop'),
        environments: fc.dictionary(fc.constantFrom('production', 'staging'), aRecord({}, aPolicy))
      }
    ),
    release: aRecord(
      {},
      {
        environment: fc.constant('staging'),
        nomad: fc.constantFrom({ job: 'shop' }, { job: 'shop', namespace: 'prod' }),
        webhook: fc.constantFrom(
          { url: 'https://a.example/x' },
          { urlSecret: 'PLAN_SECRET_X', signingSecret: 'PLAN_SECRET_Y' }
        ),
        act: fc.boolean(),
        warmUp: fc.constant('0s'),
        soak: fc.constant('90s'),
        deadline: fc.constant('2h'),
        undecided: fc.constantFrom('hold', 'promote', 'fail'),
        slowdown: fc.constant('25%'),
        slowerWithinPromise: fc.constantFrom('fail', 'warn')
      }
    )
  }
)
const aCheck = fc
  .tuple(
    fc.oneof(
      aRecord(
        {
          http: aRecord({ url: fc.constant('self:/') }, { method: fc.constant('HEAD'), status: aStatus, body: aBody })
        },
        {}
      ),
      aRecord({ file: fc.constantFrom('a', 'b/c') }, {}),
      aRecord({ command: fc.array(aLine, { minLength: 1, maxLength: 3 }) }, {})
    ),
    aRecord({}, { title: aLine, every: aMinute, evidence: fc.constant('90m') })
  )
  .map(([check, words]) => ({ ...check, ...words }))
const aDocument = fc
  .tuple(
    fc.uniqueArray(fc.tuple(aName, aService), { maxLength: 3, selector: ([name]) => name }),
    aRecord(
      {},
      { title: aLine, defaults: aRecord({}, { owner: aLine, window: aWindow, evidence: fc.constant('3h') }) }
    ),
    fc.array(aCheck, { maxLength: 4 }),
    fc.array(
      aRecord(
        { title: aLine, owner: aLine, impact: fc.constant('high'), probability: fc.constant('low') },
        { mitigation: aLine }
      ),
      { maxLength: 2 }
    ),
    fc.array(
      aRecord(
        { webhook: fc.constantFrom<unknown>('https://a.example/x', { urlSecret: 'PLAN_SECRET_U', timeout: '3s' }) },
        { severities: fc.constant(['notice']), sendResolved: fc.boolean() }
      ),
      { maxLength: 2 }
    )
  )
  .map(([entries, head, acceptance, risks, receivers]) => ({
    plan: 'plimsoll/v1',
    ...head,
    services: entries.map(([name, service]) => ({ name, ...service })),
    maintenance: entries.map(([service], i) => ({
      ...(i > 0 && { service }),
      from: `2026-12-0${i + 1}T02:00Z`,
      to: `2026-12-0${i + 1}T03:00:00.5Z`,
      reason: 'x'
    })),
    milestones: [{ id: 'M-1', title: 'x', owner: 'y', due: '2026-12-31', acceptance }],
    risks: risks.map((risk, i) => ({ id: `R-${i}`, ...risk })),
    receivers: receivers.map((receiver, i) => ({ name: `r-${i}`, ...receiver }))
  }))

t.test('a plan that is written resolved and read again is the same plan, and nothing differs', async (t) => {
  fc.assert(
    fc.property(aDocument, (document) => {
      const plan = resolved(stringify(document))
      const again = resolved(stringify(toDocument(plan), { lineWidth: 0, aliasDuplicateObjects: false }))
      t.same(again, plan)
      return diffPlans(plan, again).length === 0
    }),
    { numRuns: 150 }
  )
})
