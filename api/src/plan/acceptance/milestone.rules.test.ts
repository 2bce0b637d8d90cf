import t from 'tap'
import type { State } from '../../contract/primitives.ts'
import type { FileCheck, ObjectiveCheck, ResolvedMilestone } from '../model.ts'
import type { Evidence } from './evidence-store.ts'
import { presentCheck, presentMilestone } from './milestone.rules.ts'
import { judgeObjective } from './objective-check.rules.ts'
import { dueAt } from './schedule.rules.ts'

const nowMs = Date.UTC(2026, 10, 22, 12)
const hourMs = 3_600_000

const aCheck: FileCheck = {
  kind: 'file',
  key: 'k',
  title: 'README.md exists',
  path: 'README.md',
  everyMs: 300_000,
  evidenceMs: hourMs
}

const evidence = (state: State, ageMs = 0): Evidence => ({
  atMs: nowMs - ageMs,
  state,
  reasons: [{ code: 'file_there', text: 'it is there' }],
  durationMs: 3
})

const aMilestone = (fields: Partial<ResolvedMilestone> = {}): ResolvedMilestone => ({
  id: 'M-1',
  title: 'there',
  description: null,
  owner: 'me',
  reviewer: null,
  due: null,
  acceptance: [aCheck],
  ...fields
})

t.test('a check shows its dated evidence, and what comes after', async (t) => {
  t.same(presentCheck(aCheck, evidence('pass', 1_000), nowMs), {
    key: 'k',
    kind: 'file',
    title: 'README.md exists',
    state: 'pass',
    reasons: [{ code: 'file_there', text: 'it is there' }],
    checkedAt: '2026-11-22T11:59:59.000Z',
    expiresAt: '2026-11-22T12:59:59.000Z',
    durationMs: 3
  })
})

t.test('a check that never ran could not be measured', async (t) => {
  t.match(presentCheck(aCheck, null, nowMs), {
    state: 'could_not_measure',
    reasons: [{ code: 'not_checked_yet' }],
    checkedAt: null
  })
})

t.test('evidence counts until it expires, and then it is none: neither good nor bad', async (t) => {
  t.equal(presentCheck(aCheck, evidence('pass', hourMs - 1), nowMs).state, 'pass')
  for (const state of ['pass', 'fail'] as const) {
    const expired = presentCheck(aCheck, evidence(state, hourMs), nowMs)
    t.equal(expired.state, 'could_not_measure')
    t.match(expired.reasons, [
      { code: 'evidence_expired', text: `it was ${state} at 2026-11-22T11:00:00.000Z, and that counted for 1h` },
      { code: 'file_there' }
    ])
  }
})

const rollups: { name: string; states: State[]; state: State; passed: number }[] = [
  { name: 'all pass', states: ['pass', 'pass'], state: 'pass', passed: 2 },
  { name: 'one fails', states: ['pass', 'could_not_measure', 'fail'], state: 'fail', passed: 1 },
  {
    name: 'one is unknown',
    states: ['pass', 'not_enough_evidence', 'could_not_measure'],
    state: 'could_not_measure',
    passed: 1
  },
  { name: 'one lacks evidence', states: ['warn', 'not_enough_evidence'], state: 'not_enough_evidence', passed: 0 },
  { name: 'one warns', states: ['warn', 'pass'], state: 'warn', passed: 1 },
  { name: 'there is none', states: [], state: 'could_not_measure', passed: 0 }
]
t.test('a milestone is as its worst check is', async (t) => {
  for (const { name, states, state, passed } of rollups) {
    const checks = states.map((one) => presentCheck(aCheck, evidence(one), nowMs))
    t.match(presentMilestone(aMilestone(), checks, nowMs), { state, passed }, name)
  }
})

t.test('a milestone is overdue from the end of its day, unless it is reached', async (t) => {
  const codes = (state: State, atMs: number) =>
    presentMilestone(
      aMilestone({ due: '2026-11-22' }),
      [presentCheck(aCheck, evidence(state), nowMs)],
      atMs
    ).reasons.map(({ code }) => code)
  t.same(codes('fail', Date.UTC(2026, 10, 22, 23, 59, 59, 999)), ['checks_passed'])
  t.same(codes('fail', Date.UTC(2026, 10, 23)), ['checks_passed', 'overdue'])
  t.same(codes('pass', Date.UTC(2026, 10, 23)), ['checks_passed'])
})

const objective = (states: ObjectiveCheck['states']): ObjectiveCheck => ({
  ...aCheck,
  kind: 'objective',
  service: 'shop',
  objective: 'p95',
  states
})
const judgements: { accepted: ObjectiveCheck['states']; state: State | null; expected: State }[] = [
  { accepted: ['pass'], state: 'pass', expected: 'pass' },
  { accepted: ['pass'], state: 'warn', expected: 'fail' },
  { accepted: ['pass'], state: 'fail', expected: 'fail' },
  { accepted: ['pass'], state: 'not_enough_evidence', expected: 'not_enough_evidence' },
  { accepted: ['pass'], state: 'could_not_measure', expected: 'could_not_measure' },
  { accepted: ['pass', 'not_enough_evidence'], state: 'not_enough_evidence', expected: 'pass' },
  { accepted: ['pass'], state: null, expected: 'could_not_measure' }
]
t.test('an objective that could not be measured shows neither success nor failure', async (t) => {
  for (const { accepted, state, expected } of judgements) {
    const port = () => (state === null ? null : { state, reasons: [] })
    t.equal(
      judgeObjective(objective(accepted), port).state,
      expected,
      `${state} when ${accepted.join(', ')} is accepted`
    )
  }
  t.equal(judgeObjective(objective(['pass']), null).state, 'could_not_measure', 'nobody judges yet')
})

t.test('a check is due after its period, soon when it has not passed, and never at once', async (t) => {
  const everyMs = 300_000
  t.equal(dueAt(null, everyMs, nowMs, 0), nowMs + 1_000)
  t.equal(dueAt(null, everyMs, nowMs, 0.5), nowMs + 3_000)
  t.equal(dueAt({ atMs: nowMs, state: 'pass' }, everyMs, nowMs, 0.5), nowMs + everyMs)
  t.equal(dueAt({ atMs: nowMs, state: 'pass' }, everyMs, nowMs, 0), nowMs + 0.95 * everyMs)
  t.equal(dueAt({ atMs: nowMs, state: 'fail' }, everyMs, nowMs, 0.5), nowMs + 30_000)
  t.equal(dueAt({ atMs: nowMs - 10 * everyMs, state: 'pass' }, everyMs, nowMs, 0), nowMs + 1_000, 'after a long pause')
})
