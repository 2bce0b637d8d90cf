import t from 'tap'
import type { GateRule, Override } from '@plimsoll/api/contract'
import { refusalOf } from './may.ts'
import { concerning, missingIn, overrideOf, overrideStands } from './override.ts'
import { policyFaults, readPolicy } from './policy.ts'
import { blocking, decisiveFirst, shipsAs, weightOf } from './words.ts'

const rule = (given: Partial<GateRule>): GateRule =>
  ({ rule: 'risks', state: 'pass', onFail: 'block', onUnmeasured: 'block', overriddenBy: null, ...given }) as GateRule

const weights: readonly (readonly [Partial<GateRule>, string])[] = [
  [{}, 'holds'],
  [{ state: 'fail' }, 'blocks'],
  [{ state: 'fail', onFail: 'warn' }, 'warns'],
  [{ state: 'fail', onFail: 'off' }, 'off'],
  [{ state: 'fail', overriddenBy: 'o' }, 'overridden'],
  [{ state: 'pass', overriddenBy: 'o' }, 'holds'],
  [{ state: 'pass', onFail: 'off' }, 'off'],
  [{ state: 'could_not_measure' }, 'blocks'],
  [{ state: 'not_enough_evidence', onUnmeasured: 'warn' }, 'warns'],
  [{ state: 'warn' }, 'warns']
]
for (const [given, weight] of weights) {
  t.equal(weightOf(rule(given)), weight, `${JSON.stringify(given)}: ${weight}`)
}

t.test('what decides stands first, and an override names only that', (t) => {
  const rules = [
    rule({ rule: 'freeze', onFail: 'off' }),
    rule({ rule: 'risks' }),
    rule({ rule: 'load_run', state: 'could_not_measure', onUnmeasured: 'warn' }),
    rule({ rule: 'page_alerts', state: 'fail' })
  ]
  t.same(
    decisiveFirst(rules).map((each) => each.rule),
    ['page_alerts', 'load_run', 'risks', 'freeze']
  )
  t.same(blocking(rules), ['page_alerts'])
  t.end()
})

t.test('not known is neither yes nor no', (t) => {
  t.equal(shipsAs({ state: 'could_not_measure', mayShip: false }), 'Not known whether it may ship')
  t.equal(shipsAs({ state: 'fail', mayShip: false }), 'May not ship')
  t.equal(shipsAs({ state: 'warn', mayShip: true }), 'May ship, with a warning')
  t.equal(shipsAs({ state: 'pass', mayShip: true }), 'May ship')
  t.end()
})

t.test('who may: the role, the service, and nobody known yet', (t) => {
  const me = { role: 'operator', services: null, name: 'anna' } as const
  t.equal(refusalOf(me, 'operator', 'shop'), null)
  t.equal(refusalOf(null, 'admin', 'shop'), null, 'the API decides')
  t.equal(refusalOf(me, 'admin', 'shop'), 'This needs the role admin; anna is operator.')
  t.equal(refusalOf({ ...me, services: ['till'] }, 'viewer', 'shop'), 'anna is held to other services.')
  t.match(refusalOf({ ...me, role: null }, 'viewer', 'shop'), /sign in/)
  t.end()
})

const form = {
  environment: 'production',
  version: ' ',
  rules: ['risks'],
  reason: 'agreed with the board',
  hours: 8
} as const

t.test('an override needs rules, a reason and an end within seven days', (t) => {
  t.equal(missingIn(form), null)
  t.match(missingIn({ ...form, rules: [] }), /rule/)
  t.match(missingIn({ ...form, reason: '  short  ' }), /at least 10/)
  t.match(missingIn({ ...form, hours: 169 }), /7 days/)
  t.match(missingIn({ ...form, hours: 0 }), /7 days/)
  t.match(missingIn({ ...form, hours: NaN }), /7 days/)
  t.same(overrideOf(form, Date.parse('2026-11-22T00:00:00Z')), {
    environment: 'production',
    rules: ['risks'],
    reason: 'agreed with the board',
    until: '2026-11-22T08:00:00.000Z'
  })
  t.equal(overrideOf({ ...form, version: ' 2 ' }, 0).version, '2')
  t.end()
})

t.test('an override is in force until its end or its revocation, and stays on its releases', (t) => {
  const override = {
    id: 'o',
    environment: 'production',
    version: '2',
    until: '2026-11-22T08:00:00.000Z',
    revokedAt: null
  } as Override
  const noonMs = Date.parse('2026-11-22T12:00:00Z')
  t.equal(overrideStands(override, noonMs - 6 * 3_600_000), 'in force')
  t.equal(overrideStands(override, noonMs), 'over')
  t.equal(overrideStands({ ...override, revokedAt: override.until }, 0), 'revoked')
  const of = (given: Partial<Override>, version: string, named: string[] = []) =>
    concerning([{ ...override, ...given }], { version, environment: 'production', overrides: named }).length
  t.same([of({}, '2'), of({}, '3'), of({ version: null }, '3'), of({}, '3', ['o'])], [1, 0, 1, 1])
  t.end()
})

t.test('a policy is YAML or JSON, with or without its key', async (t) => {
  t.same(await readPolicy('  \n'), { policy: undefined })
  t.same(await readPolicy('minimumBudget: 20%'), { policy: { minimumBudget: '20%' } })
  t.same(await readPolicy('{"requireRun": true}'), { policy: { requireRun: true } })
  t.same(await readPolicy('gate: { requireRun: true }'), { policy: { requireRun: true } })
  t.match(await readPolicy('- a list'), { fault: /mapping/ })
  t.match(await readPolicy('rules: [unclosed'), { fault: /line 1/ })
})

t.test('faults of a policy stand at their place in it', (t) => {
  t.same(
    policyFaults({
      errors: [
        { path: '/policy/rules/freeze', text: 'not an effect', expected: 'block, warn or off' },
        { path: '/environment', text: 'too long' }
      ]
    }),
    [{ place: 'rules.freeze', text: 'not an effect', expected: 'block, warn or off' }]
  )
  t.end()
})
