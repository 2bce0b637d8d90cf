import t from 'tap'
import type { LoadRun } from '../../../api/src/contract/load.ts'
import type { State } from '../../../api/src/contract/primitives.ts'
import { excuseBusyMachine } from './busy-machine.rules.ts'
import { junitOf } from './junit.rules.ts'
import { cell, gateMarkdown } from './markdown.rules.ts'
import { overallOf } from './overall.rules.ts'
import type { GateReport, PerfCheck } from './report.ts'
import { sparkline } from './sparkline.rules.ts'

const aRun = {
  total: 6_000,
  bad: 3,
  achievedPerS: 200,
  latencyMs: { p50: 2, p90: 5, p95: 12.5, p99: 40, max: 90 },
  intervalsMs: { p50: null, p90: null, p95: [11, null], p99: null },
  seconds: { p95Ms: [10, null, 40], total: [], bad: [], slow: [], p50Ms: [], p99Ms: [] },
  promised: { thresholdMs: 200, slowRatio: 0.05, errorRatio: 0.001 }
} as unknown as LoadRun

const aCheck = (change: Partial<PerfCheck> = {}): PerfCheck => ({
  name: 'promise at 200/s',
  state: 'pass',
  reasons: [{ code: 'latency', text: '3 of 6000 took more than 200 ms', value: 0.0005, limit: 0.05 }],
  durationMs: 30_000,
  run: aRun,
  ...change
})

const aReport = (checks: readonly PerfCheck[]): GateReport => ({
  kind: 'perf-gate',
  title: 'shop | <staging>',
  state: overallOf(checks.map(({ state }) => state)),
  startedAt: '2026-11-23T02:00:00.000Z',
  durationMs: 61_000,
  machine: { fingerprint: 'f', cpu: 'c', cores: 2, memoryGiB: 4, platform: 'linux x64', node: '24.0.0' },
  version: '0.1.0',
  target: 'http://127.0.0.1:1',
  behind: null,
  commit: null,
  checks
})

t.test('one broken promise decides, then what could not be measured, then what is not known', async (t) => {
  const cases: { states: State[]; overall: State }[] = [
    { states: ['pass', 'could_not_measure', 'fail'], overall: 'fail' },
    { states: ['not_enough_evidence', 'could_not_measure'], overall: 'could_not_measure' },
    { states: ['pass', 'not_enough_evidence'], overall: 'not_enough_evidence' },
    { states: ['pass', 'warn'], overall: 'warn' },
    { states: ['pass', 'pass'], overall: 'pass' },
    { states: [], overall: 'could_not_measure' }
  ]
  for (const { states, overall } of cases) t.equal(overallOf(states), overall, states.join(', ') || 'nothing')
})

t.test('a machine too busy to send blames no server for being late, but for broken replies', async (t) => {
  const paced = (limited: boolean) => aCheck({ run: { ...aRun, kind: 'paced', sender: { limited } } as LoadRun })
  const full = (statuses: Record<string, number>) =>
    aCheck({ state: 'fail', run: { ...aRun, kind: 'saturation', total: 1_000, bad: 40, statuses } })
  const after = (limited: boolean, statuses: Record<string, number>) =>
    excuseBusyMachine([paced(limited), full(statuses)])[1]!
  t.equal(after(false, { 503: 40 }).state, 'fail', 'a calm machine excuses nothing')
  t.match(after(true, { 503: 40 }), { state: 'could_not_measure', reasons: [{ code: 'busy_machine' }, {}] })
  t.equal(after(true, { 500: 40 }).state, 'fail')
})

t.test('JUnit: broken is a failure, unknown is an error, and neither is ever skipped', async (t) => {
  const unsure = aCheck({
    name: 'a "b" <c> & d\u0001',
    state: 'could_not_measure',
    reasons: [{ code: 'x', text: 'first\nsecond', next: 'do this' }],
    run: null
  })
  const broken = aCheck({
    state: 'fail',
    reasons: [...aCheck().reasons, { code: 'e', text: 'too many', value: 2, limit: 1 }]
  })
  const xml = junitOf(aReport([aCheck(), unsure, broken]))
  t.match(
    xml,
    '<testsuite name="perf-gate: shop | &lt;staging&gt;" tests="3" failures="1" errors="1" skipped="0" time="61.000"'
  )
  t.match(xml, 'name="a &quot;b&quot; &lt;c&gt; &amp; d" time="30.000"')
  t.match(
    xml,
    '<error type="could_not_measure" message="could not measure: first\nsecond">first\nsecond; next: do this</error>'
  )
  t.match(xml, '<failure type="fail" message="FAIL: too many">', 'the reason that decided')
  t.equal(xml.match(/<testcase /g)?.length, 3)
})

t.test('the summary has a verdict, a row for each check, a chart and every reason', async (t) => {
  const refused = aCheck({
    name: 'saturation',
    state: 'could_not_measure',
    run: null,
    reasons: [{ code: 'target_refused', text: 'nothing listens | there', next: 'start it' }]
  })
  const text = gateMarkdown(aReport([aCheck(), refused]))
  t.match(text, '## ❔ Performance gate: could not measure')
  t.match(text, 'shop \\| &lt;staging>')
  t.match(text, '| promise at 200/s | ✅ pass | 6,000 | 200/s | 2 ms | 12.5 ms (11 ms to ?) | 40 ms | 3 (0.05 %) |')
  t.match(text, '| saturation | ❔ could not measure | – | – | – | – | – | – |')
  t.match(text, 'p95 of each second, 10 ms to 40 ms, promised 200 ms\n▃ █\n')
  t.match(text, '- nothing listens \\| there; next: start it')
  t.equal(cell('a\nb'), 'a b', 'a row stays a row')
})

t.test('bars stand for values from zero, gaps stay gaps, and a long course is joined by its peaks', async (t) => {
  t.equal(sparkline([0, 50, 100]), '▁▅█')
  t.equal(sparkline([0, null, 0]), '▁ ▁')
  t.equal(sparkline([]), '')
  t.equal(sparkline([50], { highest: 100 }), '▅')
  t.equal(sparkline([1, 9, 1, 1], { most: 2 }), '█▁')
})
