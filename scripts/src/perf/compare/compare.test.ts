import t from 'tap'
import type { LoadRun, Machine } from '../../../../api/src/contract/load.ts'
import {
  difference,
  differencesOf,
  goodPerS,
  invalid,
  limitsOf,
  measure,
  measureAgainst,
  promiseOver,
  reasonOf,
  warned
} from './measures.rules.ts'
import { asReference, runIn, sameMachine } from './reference.rules.ts'

const machine: Machine = { fingerprint: 'm1', cpu: 'c', cores: 2, memoryGiB: 4, platform: 'linux x64', node: '24.0.0' }

const aRun = (change: Partial<LoadRun> = {}): LoadRun =>
  ({
    id: 'r1',
    kind: 'paced',
    tool: 'plimsoll',
    durationMs: 5_000,
    partial: false,
    total: 1_000,
    slow: 0,
    bad: 0,
    latencyMs: { p50: 5, p90: 8, p95: 10, p99: 20, max: 30 },
    intervalsMs: { p50: null, p90: null, p95: [9, 12], p99: null },
    seconds: { total: [], slow: [], bad: [], p50Ms: [], p95Ms: [], p99Ms: [] },
    sender: { limited: false },
    promised: { thresholdMs: 200, slowRatio: 0.05, errorRatio: 0.001 },
    machine,
    state: 'pass',
    reasons: [],
    ...change
  }) as LoadRun

const p95 = (ms: number): LoadRun => aRun({ latencyMs: { p50: 1, p90: 2, p95: ms, p99: ms, max: ms } })

t.test('head is worse when it is slower, or carries less', async (t) => {
  const base = { paced: p95(10), saturated: aRun({ total: 2_000 }) }
  const head = { paced: p95(20), saturated: aRun({ total: 1_200, slow: 200 }) }
  const { p95: latency, capacity } = differencesOf({ first: 'base', base, head })
  t.equal(latency, Math.log(2))
  t.equal(capacity, Math.log(2), 'what was too late was not carried')
  t.equal(goodPerS(aRun({ durationMs: 0 })), 0)
  t.equal(difference(5, 0), Math.log(20), 'nothing carried at all is bounded')
  t.equal(difference(0, 0), 0)
})

t.test('a round counts unless the sender or its end spoilt it, whoever was slow', async (t) => {
  const side = (change: Partial<LoadRun>) => ({ paced: aRun(), saturated: aRun(change) })
  t.equal(invalid([side({ state: 'fail', slow: 900 })]), null, 'a slow server is what is looked for')
  t.equal(invalid([side({ state: 'not_enough_evidence' })]), null)
  t.match(invalid([side({}), side({ sender: { ...aRun().sender!, limited: true } })]), /sender/)
  t.match(invalid([side({ partial: true })]), /before its time/)
  t.match(invalid([side({ total: 0 })]), /nothing/)
  const reasons = [{ code: 'client_errors', text: 'only 404s' }]
  t.equal(invalid([side({ state: 'could_not_measure', reasons })]), 'only 404s')
})

t.test('rounds decide as soon as they can, and not before', async (t) => {
  const noisy = (shift: number, n: number) => Array.from({ length: n }, (_, i) => shift + (i % 2 === 0 ? 0.01 : -0.01))
  const limits = limitsOf(0.1)
  t.match(limits, { limitRatio: 1.1, minRounds: 5, maxRounds: 20 })
  t.ok(Math.abs(limits.noiseRatio - 1.03) < 1e-12)
  const cases = [
    { name: 'half again as slow', shift: Math.log(1.5), rounds: 12, state: 'fail' },
    { name: 'the same', shift: 0, rounds: 12, state: 'pass' },
    { name: 'faster', shift: -0.5, rounds: 12, state: 'pass' },
    { name: 'three rounds', shift: 1, rounds: 3, state: 'running' },
    { name: 'exactly at the margin to the end', shift: Math.log(1.1), rounds: 20, state: 'not_enough_evidence' }
  ]
  for (const { name, shift, rounds, state } of cases) t.equal(measure(noisy(shift, rounds), limits).state, state, name)
  t.equal(measure(noisy(Math.log(1.2), 20), limitsOf(0.3)).state, 'pass', 'a wider margin allows more')
  const failed = reasonOf('p95', measure(noisy(Math.log(1.5), 12), limits), 0.1)
  t.match(failed, { code: 'p95', limit: 1.1, unit: 'ratio', text: /\+5\d\.\d %.* at most \+10 %/ })
  t.ok(failed.value! > 1.4 && failed.interval![0] > 1.4)
  t.match(reasonOf('capacity', measure([0, 0], limits), 0.1), { samples: 2, next: /20 decides/ })
})

t.test('on a noisy machine too few rounds may be a warning, a likely loss never is', async (t) => {
  const unsure = (value: number) => ({
    state: 'not_enough_evidence' as const,
    reasons: [{ code: 'p95', text: '', value, limit: 1.1 }]
  })
  t.equal(warned(unsure(1.05)).state, 'warn')
  t.equal(warned(unsure(1.2)).state, 'not_enough_evidence')
  t.equal(warned({ state: 'could_not_measure', reasons: [] }).state, 'could_not_measure')
})

t.test('what a stored run cannot say counts for head', async (t) => {
  const limits = limitsOf(0.1)
  const worse = (ratio: number) => new Array<number>(20).fill(Math.log(ratio))
  t.equal(measureAgainst(worse(1.5), worse(1.3), limits).state, 'fail')
  t.equal(measureAgainst(worse(1.5), worse(1.0), limits).state, 'not_enough_evidence', 'worse than its low end only')
  t.equal(measureAgainst(worse(1.5), null, limits).state, 'not_enough_evidence', 'it has no upper end')
  t.equal(measureAgainst(worse(1), worse(0.8), limits).state, 'pass')
})

t.test('head is broken when its requests fail, however fast', async (t) => {
  const bad = aRun({ bad: 30, seconds: { ...aRun().seconds, bad: [10, 10, 10], slow: [10, 10, 10] }, slow: 30 })
  t.equal(promiseOver([bad, bad]).state, 'fail')
  t.equal(promiseOver([aRun(), aRun(), aRun(), aRun()]).state, 'pass')
  t.equal(promiseOver([]).state, 'could_not_measure')
})

t.test('only a whole run that passed on a known machine of this kind is a reference', async (t) => {
  t.match(asReference(aRun()), { measure: 'p95', value: 10, low: 9, high: 12 })
  t.match(asReference(aRun({ kind: 'saturation' })), { measure: 'capacity', value: 200, high: 200 })
  const cases = [
    { name: 'it failed', change: { state: 'fail' } },
    { name: 'it showed too little', change: { state: 'not_enough_evidence' } },
    { name: 'it was ended early', change: { partial: true } },
    { name: "another tool's", change: { kind: 'imported', tool: 'k6' } },
    { name: 'from nowhere', change: { machine: null } }
  ] as const
  for (const { name, change } of cases) {
    t.throws(() => asReference(aRun(change)), { code: 'PLIMSOLL_NO_BASELINE', hint: /perf pin/ }, name)
  }
  const reference = asReference(aRun())
  sameMachine(reference, { ...machine, node: '24.9.9' })
  t.throws(() => sameMachine(reference, { ...machine, fingerprint: 'm2' }), { code: 'PLIMSOLL_MACHINE_DIFFERS' })
  t.equal(runIn(JSON.stringify(aRun()), 'f').id, 'r1')
  const gate = { checks: [{ run: null }, { run: aRun({ id: 's', kind: 'saturation' }) }, { run: aRun({ id: 'p' }) }] }
  t.equal(runIn(JSON.stringify(gate), 'f').id, 'p', 'of a gate its paced run')
  for (const text of ['{', 'null', '[]', '{"checks":[null]}']) {
    t.throws(() => runIn(text, 'f'), { code: 'PLIMSOLL_NO_BASELINE' }, text)
  }
})
