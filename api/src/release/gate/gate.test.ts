import t from 'tap'
import type { GateRuleName } from '../../contract/gate.ts'
import type { GatePolicy } from '../../plan/model.ts'
import { resolveGate, resolvePolicy } from '../../plan/resolve/gate.rules.ts'
import type { GatePolicyEntry } from '../../plan/schema/gate.ts'
import type { GateFacts, LineFact, ObjectiveFact } from './facts.ts'
import { judgeGate, policyFor } from './judge.rules.ts'
import { frozenUntil } from './rules/freeze.rules.ts'
import { dropOf } from './rules/load-line.rules.ts'

const at = '2026-11-23T12:00:00.000Z'
const atMs = Date.parse(at)
const ago = (ms: number): string => new Date(atMs - ms).toISOString()
const hourMs = 3_600_000

const objective = (over: Partial<ObjectiveFact> = {}): ObjectiveFact => ({
  name: 'availability',
  state: 'pass',
  reasons: [],
  remainingRatio: 0.6,
  total: 100_000,
  window: '30d',
  freshAt: at,
  ...over
})

const line = (over: Partial<LineFact> = {}): LineFact => ({
  id: 'L-2',
  release: '2.0',
  measuredAt: ago(hourMs),
  ratePerS: 480,
  estimatePerS: 500,
  intervalPerS: [480, 521],
  fingerprint: 'm1',
  ...over
})

const run: NonNullable<GateFacts['run']> = {
  id: 'run-1',
  state: 'pass',
  reasons: [],
  startedAt: ago(hourMs),
  partial: false,
  total: 3_000,
  achievedPerS: 100,
  p95Ms: 80
}

const facts = (over: Partial<GateFacts> = {}): GateFacts => ({
  service: 'shop',
  version: '2.0',
  environment: 'production',
  atMs,
  objectives: [objective()],
  alerts: { pages: [], lookedAt: at },
  run: null,
  loadPlanned: false,
  line: null,
  reference: null,
  inFlight: [],
  inFlightUnreadable: null,
  risks: [],
  milestones: [],
  dependencies: [],
  evidence: [],
  ...over
})

const policy = (entry: GatePolicyEntry = {}): GatePolicy =>
  policyFor({ ...resolvePolicy(entry), environments: {} }, 'production')

const verdict = (over: Partial<GateFacts> = {}, entry: GatePolicyEntry = {}) =>
  judgeGate(facts(over), policy(entry), [])

const ruleOf = (name: GateRuleName, over: Partial<GateFacts> = {}, entry: GatePolicyEntry = {}) =>
  verdict(over, entry).rules.find(({ rule }) => rule === name)!

t.test('a service that keeps its promise and asks for nothing else may ship', async (t) => {
  const { state, mayShip, text, rules } = verdict()
  t.equal(state, 'pass')
  t.equal(mayShip, true)
  t.equal(text, 'shop 2.0 may ship to production')
  t.equal(rules.length, 10)
  t.same(new Set(rules.map((rule) => rule.state)), new Set(['pass']))
})

const budgets: { name: string; objectives: ObjectiveFact[]; state: string; text: RegExp }[] = [
  { name: 'enough', objectives: [objective({ remainingRatio: 0.1 })], state: 'pass', text: /has 10 % left/ },
  { name: 'too little', objectives: [objective({ remainingRatio: 0.09 })], state: 'fail', text: /9 % left, 10 % are/ },
  {
    name: 'overspent',
    objectives: [objective(), objective({ name: 'p95', state: 'fail', remainingRatio: -0.5 })],
    state: 'fail',
    text: /budget of p95 is overspent by 50 %/
  },
  {
    name: 'spent by three requests, which says nothing',
    objectives: [objective({ state: 'not_enough_evidence', remainingRatio: -100, total: 3 })],
    state: 'not_enough_evidence',
    text: /availability: /
  },
  {
    name: 'never measured beside a failure',
    objectives: [objective({ state: 'could_not_measure', remainingRatio: null }), objective({ remainingRatio: 0 })],
    state: 'fail',
    text: /0 % left/
  },
  { name: 'nothing promised', objectives: [], state: 'could_not_measure', text: /promises nothing/ }
]
for (const { name, objectives, state, text } of budgets) {
  t.test(`a budget: ${name}`, async (t) => {
    const rule = ruleOf('error_budget', { objectives })
    t.equal(rule.state, state)
    t.match(rule.text, text)
    t.equal(rule.parts.length, objectives.length)
  })
}

t.test('what could not be measured blocks production, warns elsewhere, unless the plan says otherwise', async (t) => {
  const unread = { objectives: [objective({ state: 'could_not_measure' as const, remainingRatio: null })] }
  const stateIn = (environment: string, entry: GatePolicyEntry = {}) =>
    judgeGate(
      facts({ ...unread, environment }),
      policyFor({ ...resolvePolicy(entry), environments: {} }, environment),
      []
    ).state
  t.equal(stateIn('production'), 'could_not_measure')
  t.equal(stateIn('staging'), 'warn')
  t.equal(stateIn('production', { unmeasured: 'warn' }), 'warn')
  t.equal(stateIn('staging', { unmeasured: 'block' }), 'could_not_measure')
  t.equal(stateIn('production', { rules: { error_budget: 'warn' } }), 'warn')
  t.equal(stateIn('production', { rules: { error_budget: 'off' } }), 'pass')
})

t.test('an environment takes the policy of all and what differs in it', async (t) => {
  const gate = resolveGate({
    minimumBudget: '20%',
    rules: { risks: 'warn' },
    environments: { production: { requireRun: true, rules: { freeze: 'off' } } }
  })
  t.match(policyFor(gate, 'production'), {
    minimumBudgetRatio: 0.2,
    requireRun: true,
    unmeasured: 'block',
    rules: { risks: 'warn', freeze: 'off', error_budget: 'block' }
  })
  t.match(policyFor(gate, 'staging'), { minimumBudgetRatio: 0.2, requireRun: false, unmeasured: 'warn' })
})

t.test('an open page stops a release; alerts that nobody has looked for are not known', async (t) => {
  const page = { id: 'a-1', title: 'shop burns its budget 20 times too fast', openedAt: ago(60_000) }
  t.match(ruleOf('page_alerts', { alerts: { pages: [page], lookedAt: at } }), { state: 'fail', value: 1 })
  t.equal(ruleOf('page_alerts', { alerts: { pages: null, lookedAt: null } }).state, 'could_not_measure')
})

t.test('a load run counts when it is of this version, whole, good and not old', async (t) => {
  const stateOf = (over: Partial<typeof run>) => ruleOf('load_run', { run: { ...run, ...over } }).state
  t.equal(stateOf({}), 'pass')
  t.equal(stateOf({ state: 'fail' }), 'fail')
  t.equal(stateOf({ state: 'not_enough_evidence' }), 'not_enough_evidence')
  t.equal(stateOf({ partial: true }), 'could_not_measure')
  t.equal(stateOf({ startedAt: ago(8 * 24 * hourMs) }), 'could_not_measure')
})

t.test('a missing run blocks where one is required, warns where one was possible, else nobody asks', async (t) => {
  t.equal(verdict({}, { requireRun: true }).state, 'could_not_measure')
  t.equal(verdict({ loadPlanned: true }).state, 'warn')
  t.equal(verdict().state, 'pass')
})

t.test('a load line may drop by the margin, and by what chance could do', async (t) => {
  const stateAt = (estimatePerS: number, over: Partial<LineFact> = {}) => {
    const [low, high] = [estimatePerS * 0.96, estimatePerS / 0.96]
    const measured = line({ estimatePerS, intervalPerS: [low, high], ...over })
    return ruleOf('load_line', { line: measured, reference: line({ id: 'L-1', release: '1.9' }) }).state
  }
  t.equal(stateAt(500), 'pass')
  t.equal(stateAt(451), 'pass')
  t.equal(stateAt(440), 'fail')
  t.equal(stateAt(440, { intervalPerS: [330, 586] }), 'not_enough_evidence')
  t.equal(stateAt(440, { fingerprint: 'm2' }), 'could_not_measure')
  t.equal(ruleOf('load_line', { line: line(), reference: null }).state, 'pass', 'the first of its kind')
  const { dropRatio, interval } = dropOf(line({ estimatePerS: 250, intervalPerS: [250, 250] }), line())
  t.equal(dropRatio, 0.5)
  t.ok(interval[0] < 0.5 && 0.5 < interval[1])
})

t.test('another release that is under way stops this one', async (t) => {
  const canary = { version: '1.9', text: 'its canary is being judged', startedAt: ago(60_000) }
  t.match(ruleOf('previous_release', { inFlight: [canary] }), { state: 'fail', value: 1, text: /1\.9 has not ended/ })
  t.match(ruleOf('previous_release', { inFlight: null, inFlightUnreadable: 'Nomad does not answer' }), {
    state: 'could_not_measure',
    text: /Nomad does not answer/
  })
})

t.test('a risk stops a release when both are high, it is open, and nothing is done about it', async (t) => {
  const risk = { id: 'R-1', title: 'x', impact: 'high', probability: 'high', open: true, mitigated: false } as const
  t.equal(ruleOf('risks', { risks: [risk] }).state, 'fail')
  for (const less of [{ impact: 'medium' }, { probability: 'low' }, { open: false }, { mitigated: true }] as const) {
    t.equal(ruleOf('risks', { risks: [{ ...risk, ...less }] }).state, 'pass')
  }
})

t.test('required milestones have to be reached, and to be there', async (t) => {
  const reached = { id: 'M-1', title: 'Backend', state: 'pass', text: 'all 2 checks pass' } as const
  const entry = { milestones: ['M-1', 'M-2'] }
  t.equal(ruleOf('milestones', { milestones: [reached, { ...reached, id: 'M-2' }] }, entry).state, 'pass')
  t.match(ruleOf('milestones', { milestones: [reached, { ...reached, id: 'M-2', state: 'fail' }] }, entry), {
    state: 'fail',
    value: 1,
    limit: 2
  })
  t.equal(ruleOf('milestones', { milestones: [reached] }, entry).state, 'could_not_measure')
})

const weekend = {
  kind: 'weekly',
  days: ['fri'],
  fromMinute: 15 * 60,
  toMinute: 8 * 60,
  timeZone: 'Europe/Berlin',
  reason: 'weekend'
} as const
const freezes: [text: string, at: string, until: string | null][] = [
  ['before it begins', '2026-11-27T13:59Z', null],
  ['from its first minute, by the clock of its zone', '2026-11-27T14:00Z', '2026-11-28T07:00:00.000Z'],
  ['past midnight', '2026-11-28T06:59Z', '2026-11-28T07:00:00.000Z'],
  ['to its last minute', '2026-11-28T07:00Z', null],
  ['in summer an hour earlier', '2026-07-03T13:00Z', '2026-07-04T06:00:00.000Z'],
  ['over the night in which clocks are put back', '2026-10-23T20:00Z', '2026-10-24T06:00:00.000Z']
]
for (const [text, when, until] of freezes) {
  t.test(`a weekly freeze holds ${text}`, async (t) => {
    const untilMs = frozenUntil(weekend, Date.parse(when))
    t.equal(untilMs === null ? null : new Date(untilMs).toISOString(), until)
  })
}

t.test('a whole Sunday is frozen to midnight, also when the day has 25 hours', async (t) => {
  const sunday = { ...weekend, days: ['sun'], fromMinute: 0, toMinute: 1_440 } as const
  t.equal(frozenUntil(sunday, Date.parse('2026-10-25T22:59Z')), Date.parse('2026-10-25T23:00Z'))
  t.equal(frozenUntil(sunday, Date.parse('2026-10-25T23:00Z')), null)
})

t.test('a freeze says until when, and only while it is in force', async (t) => {
  const freeze = (from: string, to: string) => [{ from, to, reason: 'holidays' }]
  t.match(ruleOf('freeze', {}, { freezes: freeze('2026-11-23T00:00Z', '2026-11-24T00:00Z') }), {
    state: 'fail',
    text: 'nothing ships until 2026-11-24T00:00:00.000Z: holidays'
  })
  t.equal(ruleOf('freeze', {}, { freezes: freeze('2026-11-24T00:00Z', '2026-11-25T00:00Z') }).state, 'pass')
})

t.test('dependencies have to be well, and looked at', async (t) => {
  const entry = { dependencies: ['pay', 'https://bank.example/'] }
  const pay = { name: 'pay', state: 'pass', text: 'ok' } as const
  t.equal(ruleOf('dependencies', { dependencies: [pay] }, entry).state, 'could_not_measure')
  const bank = { name: 'https://bank.example/', state: 'fail', text: 'it answers 503' } as const
  t.match(ruleOf('dependencies', { dependencies: [pay, bank] }, entry), { state: 'fail', text: /bank.*503/ })
})

t.test('evidence counts for its version and environment, until it expires', async (t) => {
  const said = {
    id: 'e-1',
    service: 'shop',
    kind: 'junit',
    name: 'e2e',
    version: '2.0',
    environment: null,
    group: null,
    state: 'pass',
    text: '120 tests pass',
    receivedAt: ago(hourMs),
    expiresAt: null,
    by: 'ci',
    sha256: ''
  } as const
  const entry: GatePolicyEntry = { evidence: [{ kind: 'junit', name: 'e2e', maxAge: '2h' }] }
  const stateOf = (over: Partial<GateFacts['evidence'][number]>, with_ = entry) =>
    ruleOf('external_evidence', { evidence: [{ ...said, ...over }] }, with_).state
  t.equal(stateOf({}), 'pass')
  t.equal(stateOf({ state: 'fail' }), 'fail')
  t.equal(stateOf({ version: '1.9' }), 'could_not_measure')
  t.equal(stateOf({ version: null }, { evidence: [{ kind: 'junit', name: 'e2e', anyVersion: true }] }), 'pass')
  t.equal(stateOf({ environment: 'staging' }), 'could_not_measure')
  t.equal(stateOf({ receivedAt: ago(3 * hourMs) }), 'could_not_measure')
  t.equal(stateOf({ expiresAt: ago(1) }), 'could_not_measure')
  t.equal(stateOf({ name: 'unit' }), 'could_not_measure')

  const groups = [
    { ...said, id: 'e-2', group: 'a', state: 'fail', receivedAt: ago(2_000) },
    { ...said, id: 'e-3', group: 'b', state: 'pass', receivedAt: ago(1_000) }
  ] as const
  t.equal(
    ruleOf('external_evidence', { evidence: groups }, entry).state,
    'fail',
    'another group being well mends nothing'
  )
  const mended = [...groups, { ...groups[0], id: 'e-4', state: 'pass' as const, receivedAt: at }]
  t.equal(ruleOf('external_evidence', { evidence: mended }, entry).state, 'pass')

  const atOnce = [said, { ...said, id: 'e-5', state: 'fail' as const }]
  for (const evidence of [atOnce, atOnce.toReversed()]) {
    t.equal(ruleOf('external_evidence', { evidence }, entry).state, 'fail', 'of two at once the worse counts')
  }
})

t.test('an override turns a stop into a warning, for its rules alone, and stays visible', async (t) => {
  const broken = facts({ objectives: [objective({ remainingRatio: -1 })] })
  const override = { id: 'o-1', rules: ['error_budget' as const] }
  const judged = judgeGate(broken, policy(), [override])
  t.match(judged, { state: 'warn', mayShip: true, text: /\(overridden\)/ })
  t.match(judged.rules[0], { state: 'fail', overriddenBy: 'o-1' })
  t.equal(judgeGate(broken, policy(), [{ id: 'o-2', rules: ['risks'] }]).state, 'fail')
})

t.test('a failure is said before what is not known, and every cause is named', async (t) => {
  const judged = verdict({
    objectives: [objective({ remainingRatio: -1 })],
    alerts: { pages: [{ id: 'a', title: 'it burns', openedAt: at }], lookedAt: at },
    inFlight: null
  })
  t.equal(judged.state, 'fail')
  t.match(judged.text, /may not ship to production: the budget of availability is overspent.*; open: it burns/)
})
