import t from 'tap'
import type { ServiceSummary } from '@plimsoll/api/contract'
import { withSlices, withState } from './fold.ts'

const aService = (given: Partial<ServiceSummary> = {}): ServiceSummary => ({
  name: 'shop-api',
  title: 'Shop API',
  owner: null,
  state: 'pass',
  reasons: [{ code: 'holds', text: 'Every objective holds.' }],
  remainingRatio: 0.8,
  objectives: [
    {
      name: 'availability',
      title: 'Availability',
      indicator: 'availability',
      targetRatio: 0.999,
      thresholdMs: null,
      state: 'pass',
      remainingRatio: 0.8,
      burnRate: 0.2
    }
  ],
  traffic: {
    ratePerS: 1,
    errorRatio: 0,
    p95Ms: 100,
    p95LimitMs: 200,
    lastHour: { total: 100, status5xx: 0, aborted: 0 },
    recent: {
      fromAt: '2026-11-22T12:00:00.000Z',
      toAt: '2026-11-22T12:00:30.000Z',
      stepMs: 10_000,
      total: [1, 2, 3],
      status5xx: [0, 0, 1]
    }
  },
  openAlerts: { page: 0, ticket: 0, notice: 0 },
  signals: { live: 1, idle: 0, waiting: 0, broken: 0 },
  loadLine: null,
  headroomRatio: null,
  ...given
})
const second = (text: string): number => Date.parse(`2026-11-22T${text}Z`)
const slices = (seconds: [number, number, number, number][], atMs = 0) => ({
  atMs,
  services: { 'shop-api': { seconds, ratePerS: 7, errorRatio: 0.5, p95Ms: 120 } }
})
const recentAfter = (seconds: [number, number, number, number][]) =>
  withSlices([aService()], slices(seconds))[0]?.traffic.recent

t.test('seconds are added to the slot they belong to', (t) => {
  const [service] = withSlices(
    [aService()],
    slices([
      [second('12:00:29'), 5, 2, 0],
      [second('12:00:01'), 1, 0, 0]
    ])
  )
  t.same(service?.traffic.recent.total, [2, 2, 8])
  t.same(service?.traffic.recent.status5xx, [0, 0, 3])
  t.match(service?.traffic, { ratePerS: 7, errorRatio: 0.5, p95Ms: 120 })
  t.end()
})

t.test('headroom follows the traffic, where there is a load line', (t) => {
  const loadLine = { ratePerS: 28, measuredAt: '2026-11-20T12:00:00.000Z', staleAt: '2026-12-04T12:00:00.000Z' }
  t.equal(withSlices([aService({ loadLine, headroomRatio: 0.9 })], slices([]))[0]?.headroomRatio, 0.75)
  t.equal(withSlices([aService()], slices([]))[0]?.headroomRatio, null)
  t.end()
})

t.test('a second beyond the end moves the window on, by as much as is needed', (t) => {
  t.match(recentAfter([[second('12:00:30'), 4, 0, 0]]), {
    fromAt: '2026-11-22T12:00:10.000Z',
    toAt: '2026-11-22T12:00:40.000Z',
    total: [2, 3, 4]
  })
  t.match(recentAfter([[second('12:10:00'), 4, 0, 0]]), { toAt: '2026-11-22T12:10:10.000Z', total: [0, 0, 4] })
  t.end()
})

t.test('the window of a silent service moves on as well', (t) => {
  const [service] = withSlices([aService()], slices([], second('12:00:31')))
  t.match(service?.traffic.recent, { toAt: '2026-11-22T12:00:40.000Z', total: [2, 3, 0] })
  t.end()
})

t.test('a second that is no longer shown changes nothing', (t) => {
  t.same(recentAfter([[second('11:59:59'), 4, 0, 0]])?.total, [1, 2, 3])
  t.end()
})

t.test('services a message does not name stay the same objects', (t) => {
  const other = aService({ name: 'other' })
  t.equal(withSlices([aService(), other], slices([]))[1], other)
  t.end()
})

t.test('a new state replaces the old one and drops reasons that spoke of it', (t) => {
  const services = [aService(), aService({ name: 'a' })]
  const message = {
    service: 'shop-api',
    state: 'fail' as const,
    remainingRatio: -0.1,
    objectives: [{ name: 'availability', state: 'fail' as const, remainingRatio: -0.1, burnRate: 20 }]
  }
  const [first] = withState(services, message)
  t.match(first, {
    name: 'shop-api',
    state: 'fail',
    remainingRatio: -0.1,
    objectives: [{ title: 'Availability', state: 'fail', burnRate: 20 }]
  })
  t.same(first?.reasons, [])
  t.equal(withState(services, { ...message, state: 'pass' })[0]?.reasons.length, 1, 'the same state keeps its reasons')
  t.end()
})
