import t from 'tap'
import type { PlanFault, Risk } from '@plimsoll/api/contract'
import { faultyLines, isApplicable, lineNumbers, offsetOf } from './draft.ts'
import { hasExpired, isLate } from './evidence.ts'
import { riskMatrix } from './risks.ts'

const aRisk = (given: Partial<Risk>): Risk => ({
  id: 'R-01',
  title: 'Security vulnerabilities',
  impact: 'high',
  probability: 'medium',
  owner: 'tech-lead',
  mitigation: null,
  status: 'open',
  ...given
})
const aFault = (line: number, severity: PlanFault['severity']): PlanFault => ({
  path: '',
  line,
  column: 1,
  severity,
  text: ''
})

t.test('the gravest risks stand at the top right of the matrix', (t) => {
  const matrix = riskMatrix([
    aRisk({}),
    aRisk({ id: 'R-03', probability: 'high' }),
    aRisk({ id: 'R-04', impact: 'low', probability: 'low' })
  ])
  t.same(
    matrix.map(({ impact }) => impact),
    ['high', 'medium', 'low']
  )
  t.same(
    matrix.map(({ cells }) => cells.map(({ risks }) => risks.map(({ id }) => id))),
    [
      [[], ['R-01'], ['R-03']],
      [[], [], []],
      [['R-04'], [], []]
    ]
  )
  t.same(
    matrix.map(({ cells }) => cells.map(({ gravity }) => gravity)),
    [
      [2, 3, 4],
      [1, 2, 3],
      [0, 1, 2]
    ]
  )
  t.end()
})

t.test('evidence expires at its moment, a milestone is late after its day', (t) => {
  t.ok(hasExpired({ expiresAt: '2026-11-22T12:00:00.000Z' }, Date.parse('2026-11-22T12:00:00.000Z')))
  t.notOk(hasExpired({ expiresAt: null }, Date.now()))
  const day = new Date(2026, 10, 22, 23, 59).getTime()
  t.notOk(isLate({ due: '2026-11-22', state: 'fail' }, day))
  t.ok(isLate({ due: '2026-11-22', state: 'fail' }, day + 120_000))
  t.notOk(isLate({ due: '2026-11-22', state: 'pass' }, day + 120_000))
  t.notOk(isLate({ due: null, state: 'fail' }, day))
  t.end()
})

t.test('a fault is found in the text by its line and column', (t) => {
  const text = 'plan: x\nservices:\n  - name: a\n'
  t.equal(text.slice(offsetOf(text, 3, 5)), 'name: a\n')
  t.equal(offsetOf(text, 1, 99), 7, 'never beyond its line')
  t.equal(offsetOf(text, 99, 1), text.length)
  t.same(lineNumbers(text), [1, 2, 3, 4])
  t.same(lineNumbers(''), [1])
  t.end()
})

t.test('a line shows its gravest fault, and warnings do not stop a plan', (t) => {
  t.same(
    [...faultyLines([aFault(2, 'warning'), aFault(2, 'error'), aFault(3, 'warning')])],
    [
      [2, 'error'],
      [3, 'warning']
    ]
  )
  t.same([...faultyLines([aFault(2, 'error'), aFault(2, 'warning')])], [[2, 'error']])
  t.ok(isApplicable([aFault(1, 'warning')]))
  t.notOk(isApplicable([aFault(1, 'warning'), aFault(2, 'error')]))
  t.end()
})
