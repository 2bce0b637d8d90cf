import t from 'tap'
import type { ServiceSummary, State } from '@plimsoll/api/contract'
import { withParams } from '../address.ts'
import { countStates } from '../state.ts'
import { parseTopic, topicParam } from '../why/topic.ts'
import { fleetOf } from './fleet.ts'
import { parseSelection, select } from './select.ts'

const aService = (
  name: string,
  state: State,
  remainingRatio: number | null,
  owner: string | null = null
): ServiceSummary => ({
  name,
  title: name.toUpperCase(),
  owner,
  state,
  reasons: [],
  remainingRatio,
  objectives: [],
  traffic: {
    ratePerS: null,
    errorRatio: null,
    p95Ms: null,
    p95LimitMs: null,
    lastHour: { total: 0, status5xx: 0, aborted: 0 },
    recent: { fromAt: '', toAt: '', stepMs: 10_000, total: [], status5xx: [] }
  },
  openAlerts: { page: 0, ticket: 0, notice: 0 },
  signals: { live: 0, idle: 0, waiting: 0, broken: 0 },
  loadLine: null,
  headroomRatio: null
})
const all = [
  aService('pass-b', 'pass', 0.5, 'team-x'),
  aService('pass-a', 'pass', 0.5),
  aService('low', 'pass', 0.1),
  aService('silent', 'could_not_measure', null),
  aService('rare', 'not_enough_evidence', 1),
  aService('burning', 'fail', -0.2, 'team-x'),
  aService('near', 'warn', 0.05)
]
const names = (query: string) => select(all, parseSelection(new URLSearchParams(query))).map(({ name }) => name)

t.test('services stand worst first, then by what is left, then by name', (t) => {
  t.same(names(''), ['burning', 'near', 'silent', 'rare', 'low', 'pass-a', 'pass-b'])
  t.match(countStates(all), { fail: 1, warn: 1, could_not_measure: 1, not_enough_evidence: 1, pass: 3 })
  t.end()
})

t.test('every word must stand in the name, the title or the owner; an unknown state filters nothing', (t) => {
  t.same(names('state=pass'), ['low', 'pass-a', 'pass-b'])
  t.same(names('q=TEAM-x+pass'), ['pass-b'])
  t.same(names('q=+'), names(''))
  t.same(names('state=broken'), names(''))
  t.end()
})

t.test('the fleet shares one load line: overspent above it, spent at it, unmeasured without water', (t) => {
  const { columns, label } = fleetOf([
    aService('over', 'fail', -0.1),
    aService('even', 'warn', 0),
    aService('full', 'pass', 1),
    aService('silent', 'could_not_measure', null)
  ])
  const [over, even, full, silent] = columns
  t.ok((over?.y ?? 99) < 15)
  t.equal(even?.y, 15)
  t.equal(full?.height, 0)
  t.equal(silent?.height, null)
  t.equal(label, '4 services: 1 under water, 1 near the line')
  t.end()
})

t.test('what a reader asks about survives its address', (t) => {
  for (const topic of [
    { service: 'shop-api', about: 'objective', objective: 'p95.fast' } as const,
    { service: 'a', about: 'rate' } as const
  ]) {
    t.same(parseTopic(topicParam(topic)), topic)
  }
  for (const text of [null, '', 'shop', 'shop:objective', 'shop:nonsense', ':rate'])
    t.equal(parseTopic(text), null, String(text))
  t.end()
})

t.test('an address keeps what is not changed and loses what is emptied', (t) => {
  const at = { pathname: '/', search: '?q=a+b&state=fail' }
  t.equal(withParams(at, { state: null, why: 'a:rate' }), '/?q=a+b&why=a:rate')
  t.equal(withParams(at, { q: '', state: undefined }), '/')
  t.end()
})
