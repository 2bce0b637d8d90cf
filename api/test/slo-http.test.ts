import t, { type Test } from 'tap'
import type {
  Alert,
  BudgetHistory,
  Marks,
  Objective,
  Problem,
  ServiceDetail,
  ServiceSummary
} from '../src/contract/index.ts'
import { ManualClock } from '../src/platform/clock.ts'
import { emptyCounts } from '../src/signals/counts.ts'
import { buildTestApp, type TestApp } from './support/app.ts'
import { aStream, hourMs, minuteMs, secondMs } from './support/slo-world.ts'

const plan = `
plan: plimsoll/v1
services:
  - name: shop-api
    title: The shop
    owner: team-shop
    signals: [ { push: {} } ]
    promise: { availability: 99.9%, p95: 200ms, errors: 0.1%, window: 30d }
    objectives:
      - { name: this-month, indicator: availability, target: 99%, window: { calendar: month, timeZone: Europe/Berlin } }
  - name: quiet
    signals: [ { push: {} } ]
    promise: { availability: 99%, window: 7d }
maintenance:
  - { service: quiet, from: 2026-01-01T02:00Z, to: 2026-01-01T03:00Z, reason: database upgrade }
`

interface House extends TestApp {
  readonly clock: ManualClock
  get<T>(url: string, status?: number): Promise<T>
  /** Counts requests now, and lets the evaluator look. */
  happen(total: number, failed?: number, forMs?: number): Promise<void>
}

async function aHouse(t: Test, settings: Record<string, string> = {}): Promise<House> {
  const clock = new ManualClock(Date.UTC(2026, 0, 1, 12))
  const house = await buildTestApp({ plan, clock, settings: { PRESSURE_EVENT_LOOP_DELAY_MS: '0', ...settings } })
  t.teardown(() => house.close())
  let writes = 0
  return {
    ...house,
    clock,
    async get<T>(url: string, status = 200): Promise<T> {
      const reply = await house.app.inject(url)
      t.equal(reply.statusCode, status, `GET ${url}`)
      return reply.json<T>()
    },
    async happen(total, failed = 0, forMs = 10 * secondMs) {
      const counts = {
        ...emptyCounts(),
        total,
        status2xx: total - failed,
        status5xx: failed,
        slow: new Map([[200, failed]])
      }
      const startMs = Math.floor(clock.nowMs() / secondMs) * secondMs
      const stream = aStream()
      await house.app.slices.commit({
        writer: `test:${writes++}`,
        deltas: [{ stream, startMs, widthMs: 1_000, counts }]
      })
      clock.advance(forMs)
      await house.app.slo.settled
    }
  }
}

t.test('services are listed worst first, each with the state of its promises', async (t) => {
  const house = await aHouse(t)
  await house.happen(6_000, 0)
  await house.happen(6_000, 30)
  const { services } = await house.get<{ services: ServiceSummary[] }>('/api/v1/services')
  t.strictSame(
    services.map(({ name, state }) => [name, state]),
    [
      ['shop-api', 'fail'],
      ['quiet', 'could_not_measure']
    ]
  )
  const [shop] = services
  t.match(shop, { title: 'The shop', owner: 'team-shop', loadLine: null })
  t.ok(shop!.remainingRatio! < 0, 'overspent')
  t.match(shop!.reasons[0]?.text, /30 of 12,000 requests failed; the promise allows 12: the budget is overspent/)
  t.equal(shop!.objectives.length, 4)
  t.equal(shop!.objectives[0]?.state, 'fail', 'objectives worst first, too')
  const detail = await house.get<ServiceDetail>('/api/v1/services/shop-api')
  t.match(detail, { name: 'shop-api', state: 'fail', sources: [{ kind: 'push' }], maintenance: [] })
  const quiet = await house.get<ServiceDetail>('/api/v1/services/quiet')
  t.match(quiet.maintenance, [{ reason: 'database upgrade', fromAt: '2026-01-01T02:00:00.000Z' }])
})

t.test('objectives come with budget, burn, coverage, forecast and reasons', async (t) => {
  const house = await aHouse(t)
  await house.happen(50_000, 10)
  const { objectives } = await house.get<{ objectives: Objective[] }>('/api/v1/services/shop-api/objectives')
  const availability = objectives.find(({ name }) => name === 'availability')!
  t.match(availability, {
    indicator: 'availability',
    targetRatio: 0.999,
    state: 'pass',
    budget: { total: 50_000, bad: 10, spent: 10 },
    budgetWithoutMaintenance: null,
    window: { kind: 'rolling', name: '30d', timeZone: null },
    revision: { number: 1 },
    forecast: { exhaustedAt: null }
  })
  t.equal(availability.budget.allowed.toFixed(6), '50.000000')
  t.equal(availability.budget.remainingRatio?.toFixed(6), '0.800000')
  t.strictSame(
    availability.burn.map(({ window, limit }) => [window, limit]),
    [
      ['5m', null],
      ['30m', null],
      ['1h', 14.4],
      ['2h', null],
      ['6h', 6],
      ['1d', 3],
      ['3d', 1]
    ]
  )
  const month = objectives.find(({ name }) => name === 'this-month')!
  t.match(month.window, {
    kind: 'calendar',
    name: 'month',
    timeZone: 'Europe/Berlin',
    fromAt: '2025-12-31T23:00:00.000Z',
    toAt: '2026-01-31T23:00:00.000Z'
  })
  const explained = await house.get<Objective>('/api/v1/services/shop-api/objectives/availability?explain=true')
  t.ok(explained.explain!.inputs.some(({ name, value }) => name === 'counted again' && value === '10 of 50,000'))
  t.equal((await house.get<Objective>('/api/v1/services/shop-api/objectives/availability')).explain, undefined)
})

t.test('an incident: alert, message, live stream, end', async (t) => {
  const house = await aHouse(t)
  for (let i = 0; i < 30; i++) await house.happen(600)
  for (let i = 0; i < 12; i++) await house.happen(600, 300)
  const { alerts } = await house.get<{ alerts: Alert[] }>('/api/v1/alerts?state=open')
  t.equal(alerts.length, 1, 'availability, errors and latency are one cause')
  const [alert] = alerts
  t.match(alert, { service: 'shop-api', kind: 'burn', severity: 'page', state: 'open', tier: 'page-fast', muted: null })
  t.match(alert!.numbers, { longWindowMs: hourMs, shortWindowMs: 5 * minuteMs, factor: 14.4, evidenceNeeded: 1_000 })
  t.ok(alert!.numbers!.evidence >= 1_000 && alert!.numbers!.longBurnRate > 14.4)
  t.ok(['availability', 'errors'].every((name) => alert!.objectives.includes(name)))
  t.match(alert!.reasons[0], { code: 'burn_too_fast', rule: 'page-fast' })
  t.match(await house.get<ServiceSummary>('/api/v1/services/shop-api'), { openAlerts: { page: 1 } })
  const { marks } = await house.get<Marks>('/api/v1/services/shop-api/marks')
  t.ok(marks.some(({ kind, ref, toAt }) => kind === 'alert' && ref === alert!.id && toAt === null))
  t.ok(
    marks.some(({ kind }) => kind === 'plan'),
    'the plan that was applied'
  )
  for (let i = 0; i < 65; i++) await house.happen(3_600, 0, minuteMs)
  const ended = await house.get<Alert>(`/api/v1/alerts/${alert!.id}`)
  t.equal(ended.state, 'resolved')
  t.strictSame(await house.get('/api/v1/alerts?state=open'), { alerts: [], nextCursor: null })
})

t.test('alerts come in pages', async (t) => {
  const house = await aHouse(t)
  for (let incident = 0; incident < 3; incident++) {
    for (let i = 0; i < 12; i++) await house.happen(600, 600)
    for (let i = 0; i < 70; i++) await house.happen(6_000)
    house.clock.advance(2 * hourMs)
    await house.app.slo.settled
  }
  interface Page {
    alerts: Alert[]
    nextCursor: string | null
  }
  const whole = await house.get<Page>('/api/v1/alerts')
  t.ok(whole.alerts.length >= 3, `${whole.alerts.length} alerts`)
  const first = await house.get<Page>('/api/v1/alerts?limit=2')
  const second = await house.get<Page>(`/api/v1/alerts?limit=2&cursor=${first.nextCursor}`)
  const ids = [...first.alerts, ...second.alerts].map(({ id }) => id)
  t.strictSame(
    ids.slice(0, 3),
    whole.alerts.slice(0, 3).map(({ id }) => id)
  )
  t.strictSame((await house.get<Page>('/api/v1/alerts?service=quiet')).alerts, [])
})

t.test('history gives the budget over time', async (t) => {
  const house = await aHouse(t)
  for (let minute = 0; minute < 60; minute++) await house.happen(600, minute === 30 ? 36 : 0, minuteMs)
  const url = '/api/v1/services/shop-api/objectives/availability/history'
  const history = await house.get<BudgetHistory>(`${url}?step=10m`)
  t.equal(history.stepMs, 10 * minuteMs)
  t.equal(
    history.total.reduce((a, b) => a + b),
    36_000
  )
  t.equal(history.remainingRatio.findLast((ratio) => ratio !== null)?.toFixed(3), '0.000')
  t.strictSame(
    history.revisions.map(({ number, targetRatio }) => [number, targetRatio]),
    [[1, 0.999]]
  )
})

t.test('what is not there is refused by name, with what is', async (t) => {
  const house = await aHouse(t)
  const service = await house.get<Problem>('/api/v1/services/shp/objectives', 404)
  t.match(service, { code: 'PLIMSOLL_NOT_FOUND', hint: /shop-api/ })
  const objective = await house.get<Problem>('/api/v1/services/shop-api/objectives/p59', 404)
  t.match(objective.hint, /availability, .*p95/)
  t.match(await house.get<Problem>('/api/v1/alerts/none', 404), { code: 'PLIMSOLL_NOT_FOUND' })
  t.match(await house.get<Problem>('/api/v1/alerts?cursor=%25%25', 400), { code: 'PLIMSOLL_BAD_REQUEST' })
  const url = '/api/v1/services/shop-api/objectives/availability/history'
  await house.get<Problem>(`${url}?from=2026-01-01T12:00:00Z&to=2026-01-01T11:00:00Z`, 400)
})

t.test('a plan that changes is judged at once, its revision shown', async (t) => {
  const house = await aHouse(t)
  await house.happen(50_000, 100)
  t.match(await house.get<Objective>('/api/v1/services/shop-api/objectives/availability'), { state: 'fail' })
  await house.app.plan.apply({
    text: plan.replace('availability: 99.9%', 'availability: 99%'),
    source: 'api',
    appliedBy: 'test'
  })
  await house.app.slo.loaded
  house.app.slo.look()
  const objective = await house.get<Objective>('/api/v1/services/shop-api/objectives/availability')
  t.match(objective, { state: 'pass', targetRatio: 0.99, revision: { number: 2 }, total: 50_000 })
  t.match(house.app.slo.objectiveState('shop-api', 'availability'), { state: 'pass' })
})

t.test('metrics tell how long judging takes and what is left', async (t) => {
  const house = await aHouse(t)
  await house.happen(50_000, 10)
  const { body } = await house.app.inject('/metrics')
  t.match(body, /plimsoll_evaluation_duration_seconds_count \d+/)
  t.match(body, /plimsoll_objective_remaining_ratio\{service="shop-api",objective="availability"\} 0\.8/)
  t.match(body, /plimsoll_alerts_open\{severity="page"\} 0/)
})
