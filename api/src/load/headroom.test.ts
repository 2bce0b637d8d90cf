import t from 'tap'
import type { LoadLine } from '../contract/load.ts'
import { headroomRatio, scalingAdvice, staleness } from './headroom.rules.ts'

t.test('headroom is what the traffic leaves of the line', async (t) => {
  const cases = [
    { name: 'idle', traffic: 0, line: 400, expected: 1 },
    { name: 'a quarter used', traffic: 100, line: 400, expected: 0.75 },
    { name: 'over the line', traffic: 500, line: 400, expected: -0.25 },
    { name: 'never measured', traffic: 100, line: null, expected: null },
    { name: 'traffic not known', traffic: null, line: 400, expected: null },
    { name: 'a line of nothing', traffic: 1, line: 0, expected: null }
  ]
  for (const { name, traffic, line, expected } of cases) t.equal(headroomRatio(traffic, line), expected, name)
})

const measuredMs = Date.UTC(2026, 0, 1)
const line = (change: Partial<LoadLine> = {}) =>
  ({ measuredAt: new Date(measuredMs).toISOString(), release: 'v1', target: '', machine: null, ...change }) as LoadLine

t.test('a line goes stale by age, by release and by machine', async (t) => {
  const dayMs = 86_400_000
  const codes = (given: LoadLine, days: number, release: string | null) =>
    staleness(given, { nowMs: measuredMs + days * dayMs, release, machine: 'here' }).map(({ code }) => code)
  t.strictSame(codes(line(), 13, 'v1'), [])
  t.strictSame(codes(line(), 15, 'v1'), ['line_old'])
  t.strictSame(codes(line(), 1, 'v2'), ['line_of_another_release'])
  t.strictSame(codes(line(), 15, 'v2'), ['line_old', 'line_of_another_release'])
  t.strictSame(codes(line({ release: null }), 1, 'v2'), [], 'nobody said which release it was')
  t.strictSame(codes(line(), 1, null), [], 'nobody knows what runs now')
  const machine = { fingerprint: 'there', cpu: 'x', cores: 2, memoryGiB: 4, platform: 'linux x64', node: '24.0.0' }
  t.strictSame(codes(line({ machine, target: 'http://127.0.0.1:3000/' }), 1, 'v1'), ['line_of_another_machine'])
  t.strictSame(
    codes(line({ machine: { ...machine, fingerprint: 'here' }, target: 'http://127.0.0.1:3000/' }), 1, 'v1'),
    []
  )
  t.strictSame(codes(line({ machine, target: 'https://shop.example/' }), 1, 'v1'), [], 'the sender is not the server')
  t.strictSame(codes(line({ machine, target: 'no URL' }), 1, 'v1'), [])
})

t.test('an autoscaler is told to stay below the line', async (t) => {
  const advice = scalingAdvice('shop', 400, 1_000)
  t.equal(advice.targetPerAllocationPerS, 280)
  t.equal(advice.allocationsForTraffic, 4)
  t.match(advice.policy, 'target = 280')
  t.match(advice.policy, String.raw`up{job=\"shop\"}`, 'quotes inside a quoted query are escaped')
  t.equal(scalingAdvice('shop', 400, 0).allocationsForTraffic, 1, 'never none')
  t.equal(scalingAdvice('shop', 400, null).allocationsForTraffic, null)
})
