import { createHmac, createPublicKey } from 'node:crypto'
import t, { type Test } from 'tap'
import type { Backtest, Envelope, ExternalEvidence, Override, Problem, Verdict } from '../src/contract/index.ts'
import { ManualClock } from '../src/platform/clock.ts'
import { isSignedBy, keyIdOf } from '../src/platform/signing/public-key.rules.ts'
import { openEnvelope } from '../src/release/gate/envelope.rules.ts'
import { emptyCounts } from '../src/signals/counts.ts'
import { buildTestApp, type TestApp } from './support/app.ts'
import { aStream, dayMs, hourMs, secondMs } from './support/slo-world.ts'

const plan = `
plan: plimsoll/v1
services:
  - name: shop-api
    signals: [ push ]
    promise: { availability: 99.9%, window: 30d }
    gate:
      environments:
        production:
          evidence:
            - { kind: junit, name: e2e, maxAge: 1h }
            - { kind: statement, name: security, signingSecret: PLAN_SECRET_STATEMENTS }
  - name: quiet
    signals: [ push ]
    promise: { availability: 99.9% }
risks:
  - { id: R-1, title: one database, impact: high, probability: high, owner: me }
`

interface House extends TestApp {
  readonly clock: ManualClock
  happen(total: number, failed?: number, release?: string): Promise<void>
  ask(body: object, service?: string): Promise<Verdict>
  call<T>(method: 'GET' | 'POST' | 'DELETE', url: string, options?: Call): Promise<T>
}

interface Call {
  readonly payload?: object | string
  readonly headers?: Record<string, string>
  readonly status?: number
}

async function aHouse(t: Test, text = plan, settings: Record<string, string> = {}): Promise<House> {
  const clock = new ManualClock(Date.UTC(2026, 0, 10, 12))
  const house = await buildTestApp({ plan: text, clock, settings })
  t.teardown(() => house.close())
  house.app.gate.provideReleases({ inFlight: async () => [], outcome: async () => null })
  let writes = 0
  const call: House['call'] = async (method, url, { payload, headers, status } = {}) => {
    const reply = await house.app.inject({ method, url, ...(payload && { payload }), ...(headers && { headers }) })
    t.equal(reply.statusCode, status ?? 200, `${method} ${url} ${reply.statusCode >= 400 ? reply.body : ''}`)
    return reply.json()
  }
  return {
    ...house,
    clock,
    call,
    ask: (payload, service = 'shop-api') => call('POST', `/api/v1/services/${service}/gate`, { payload }),
    async happen(total, failed = 0, release = '1.0') {
      const counts = { ...emptyCounts(), total, status2xx: total - failed, status5xx: failed }
      const startMs = Math.floor(clock.nowMs() / secondMs) * secondMs
      await house.app.slices.commit({
        writer: `test:${writes++}`,
        deltas: [{ stream: { ...aStream(), release }, startMs, widthMs: 1_000, counts }]
      })
      clock.advance(10 * secondMs)
      await house.app.slo.settled
    }
  }
}

const staging = { version: '2.0', environment: 'staging' }
const production = { version: '2.0', environment: 'production' }
const ruleOf = (verdict: Verdict, name: string) => verdict.rules.find(({ rule }) => rule === name)!

t.test('a version is asked for, and the answer names every rule with its numbers', async (t) => {
  const house = await aHouse(t)
  await house.happen(100_000, 10)
  const verdict = await house.ask(staging)
  t.match(verdict, { service: 'shop-api', version: '2.0', environment: 'staging', dryRun: false, askedBy: 'local' })
  t.match(ruleOf(verdict, 'error_budget'), {
    state: 'pass',
    limit: 0.1,
    unit: 'ratio',
    samples: 100_000,
    window: '30d',
    source: 'objective availability'
  })
  t.equal(ruleOf(verdict, 'error_budget').value?.toFixed(2), '0.90')
  t.match(ruleOf(verdict, 'page_alerts'), { state: 'pass', value: 0 })
  t.match(ruleOf(verdict, 'risks'), { state: 'fail', value: 1, text: /^R-1 one database/ })
  t.equal(verdict.state, 'fail')
  t.equal(verdict.mayShip, false)
})

t.test(
  'a service that nobody has asked anything of is not known, which blocks production and warns elsewhere',
  async (t) => {
    const house = await aHouse(t, plan.replace(/risks:[^]*/, ''))
    t.match(await house.ask(staging, 'quiet'), { state: 'warn', mayShip: true })
    t.match(await house.ask(production, 'quiet'), { state: 'could_not_measure', mayShip: false })
  }
)

t.test('a verdict is kept, signed, and can be checked by whoever has the public key', async (t) => {
  const house = await aHouse(t)
  await house.happen(100_000)
  const verdict = await house.ask(staging)
  t.same(await house.call('GET', `/api/v1/verdicts/${verdict.id}`), verdict)
  const { keyId, publicKeyPem } = await house.call<{ keyId: string; publicKeyPem: string }>(
    'GET',
    '/api/v1/signing-key'
  )
  t.equal(verdict.keyId, keyId)
  t.equal(keyIdOf(createPublicKey(publicKeyPem)), keyId)
  const envelope = await house.call<Envelope>('GET', `/api/v1/verdicts/${verdict.id}/envelope`)
  const opened = openEnvelope(envelope, (id, bytes, signature) =>
    id === keyId ? isSignedBy(publicKeyPem, bytes, signature) : null
  )
  t.ok(opened.ok)
  t.same(opened.ok && opened.statement.predicate, verdict)
})

t.test('a dry run decides the same and leaves nothing behind', async (t) => {
  const house = await aHouse(t)
  await house.happen(100_000)
  const dry = await house.ask({ ...staging, dryRun: true })
  t.match(dry, { dryRun: true, keyId: null, state: 'fail' })
  await house.call('GET', `/api/v1/verdicts/${dry.id}`, { status: 404 })
  const { verdicts } = await house.call<{ verdicts: Verdict[] }>('GET', '/api/v1/services/shop-api/verdicts')
  t.same(verdicts, [])
})

t.test('the same facts have the same hash, other facts another', async (t) => {
  const house = await aHouse(t)
  await house.happen(100_000)
  const [first, second] = [await house.ask(staging), await house.ask(staging)]
  t.equal(first.evidenceSha256, second.evidenceSha256)
  await house.happen(1)
  t.not((await house.ask(staging)).evidenceSha256, first.evidenceSha256)
  t.not((await house.ask(production)).policySha256, first.policySha256)
})

t.test('verdicts are listed newest first, page by page, and by version', async (t) => {
  const house = await aHouse(t)
  for (const version of ['1', '2', '3']) {
    await house.ask({ ...staging, version })
    house.clock.advance(secondMs)
  }
  const list = (query: string) =>
    house.call<{ verdicts: Verdict[]; nextCursor: string | null }>('GET', `/api/v1/services/shop-api/verdicts?${query}`)
  const first = await list('limit=2')
  t.same(
    first.verdicts.map(({ version }) => version),
    ['3', '2']
  )
  const second = await list(`limit=2&cursor=${first.nextCursor}`)
  t.same(
    second.verdicts.map(({ version }) => version),
    ['1']
  )
  t.equal(second.nextCursor, null)
  t.equal((await list('version=2')).verdicts.length, 1)
  await house.call('GET', '/api/v1/services/shop-api/verdicts?cursor=!', { status: 400 })
})

t.test('an override lets one version through, says whose word it was, and ends', async (t) => {
  const house = await aHouse(t)
  await house.happen(100_000)
  const until = new Date(house.clock.nowMs() + hourMs).toISOString()
  const asked = {
    environment: 'staging',
    version: '2.0',
    rules: ['risks'],
    reason: 'the second database is under way',
    until
  }
  const url = '/api/v1/services/shop-api/overrides'
  const override = await house.call<Override>('POST', url, { payload: asked, status: 201 })
  t.match(override, { by: 'local', reason: asked.reason, until, revokedAt: null })

  const passed = await house.ask(staging)
  t.match(passed, { state: 'warn', mayShip: true, text: /overridden/ })
  t.equal(ruleOf(passed, 'risks').overriddenBy, override.id)
  t.equal((await house.ask({ ...staging, version: '2.1' })).state, 'fail', 'another version')
  t.equal(ruleOf(await house.ask(production), 'risks').overriddenBy, null, 'another environment')

  const { overrides } = await house.call<{ overrides: Override[] }>('GET', url)
  t.same(overrides[0]?.usedBy, [passed.id])
  const revoked = await house.call<Override>('DELETE', `${url}/${override.id}`)
  t.match(revoked, { revokedBy: 'local', usedBy: [passed.id] })
  t.equal((await house.ask(staging)).state, 'fail')
  t.same(await house.call('GET', `/api/v1/verdicts/${passed.id}`), passed, 'what was said stays said')

  await house.call('POST', url, { payload: asked, status: 201 })
  house.clock.advance(hourMs)
  t.equal((await house.ask(staging)).state, 'fail', 'it has run out')
  await house.call('DELETE', `${url}/nobody`, { status: 404 })
})

const wrongOverrides: { name: string; change: object; code: string }[] = [
  { name: 'that is over', change: { until: '2026-01-10T11:00:00Z' }, code: 'PLIMSOLL_OVERRIDE_INVALID' },
  { name: 'for a quarter', change: { until: '2026-04-01T00:00:00Z' }, code: 'PLIMSOLL_OVERRIDE_INVALID' },
  { name: 'without a reason', change: { reason: 'because' }, code: 'PLIMSOLL_VALIDATION_FAILED' },
  { name: 'of no rule', change: { rules: [] }, code: 'PLIMSOLL_VALIDATION_FAILED' },
  { name: 'of an unknown rule', change: { rules: ['luck'] }, code: 'PLIMSOLL_VALIDATION_FAILED' }
]
t.test('an override is refused', async (t) => {
  const house = await aHouse(t)
  for (const { name, change, code } of wrongOverrides) {
    await t.test(name, async (t) => {
      const asked = { environment: 'staging', rules: ['risks'], reason: 'long enough', until: '2026-01-10T13:00:00Z' }
      const reply = await house.app.inject({
        method: 'POST',
        url: '/api/v1/services/shop-api/overrides',
        payload: { ...asked, ...change }
      })
      t.equal(reply.statusCode, 400)
      t.equal(reply.json<Problem>().code, code)
    })
  }
})

t.test('evidence of others counts for the version it names, signed where the plan says so', async (t) => {
  const house = await aHouse(t, plan.replace(/risks:[^]*/, ''), { PLAN_SECRET_STATEMENTS: 'k'.repeat(32) })
  await house.happen(100_000)
  const evidenceRule = async () => ruleOf(await house.ask({ ...production, dryRun: true }), 'external_evidence')
  t.match(await evidenceRule(), { state: 'could_not_measure', text: /has said nothing of 2.0/, value: 0, limit: 2 })

  const url = '/api/v1/services/shop-api/evidence'
  const xml = { 'content-type': 'application/xml' }
  const junit = (cases: string) => ({ payload: `<testsuite>${cases}</testsuite>`, headers: xml, status: 201 })
  await house.call('POST', `${url}/junit/e2e?version=2.0`, junit('<testcase name="a"/>'))
  const body = JSON.stringify({ state: 'pass', text: 'no finding', version: '2.0' })
  const json = { 'content-type': 'application/json' }
  const statement = `${url}/statement/security`
  const unsigned = await house.call<Problem>('POST', statement, { payload: body, headers: json, status: 401 })
  t.equal(unsigned.code, 'PLIMSOLL_EVIDENCE_UNSIGNED')
  const sign = (key: string) => ({
    'x-plimsoll-signature': `sha256=${createHmac('sha256', key).update(body).digest('hex')}`
  })
  await house.call('POST', statement, { payload: body, headers: { ...json, ...sign('wrong') }, status: 401 })
  await house.call('POST', statement, { payload: body, headers: { ...json, ...sign('k'.repeat(32)) }, status: 201 })
  t.match(await evidenceRule(), { state: 'pass', value: 2 })
  t.equal((await house.ask(production)).state, 'pass')

  await house.call('POST', `${url}/junit/e2e?version=2.0`, junit('<testcase name="a"><failure/></testcase>'))
  t.match(await evidenceRule(), { state: 'fail', text: /junit\/e2e: 1 of 1 tests fail/ })
  const { evidence } = await house.call<{ evidence: ExternalEvidence[] }>('GET', url)
  t.equal(evidence.length, 3)
  const problem = await house.call<Problem>('POST', `${url}/junit/e2e`, { payload: 'x', headers: xml, status: 400 })
  t.equal(problem.code, 'PLIMSOLL_EVIDENCE_UNREADABLE')
})

t.test(
  'a policy is tried on the past: by verdicts that were given, and by releases that merely appeared',
  async (t) => {
    const house = await aHouse(t, plan.replace(/risks:[^]*/, ''))
    await house.happen(100_000, 0, '1.0')
    house.clock.advance(hourMs)
    await house.happen(100_000, 250, '1.1')
    house.clock.advance(hourMs)
    await house.happen(100_000, 0, '1.2')
    await house.ask({ ...staging, version: '2.0' })
    const replay = (body: object) =>
      house.call<Backtest>('POST', '/api/v1/services/shop-api/gate/backtest', {
        payload: { environment: 'staging', ...body }
      })
    const asIs = await replay({})
    t.same(
      asIs.releases.map(({ version, blocked }) => [version, blocked]),
      [
        ['1.0', false],
        ['1.1', false],
        ['1.2', true],
        ['2.0', false]
      ],
      'the budget was overspent when 1.2 appeared, and the last hundred thousand forgave it'
    )
    t.equal(asIs.text, 'would have blocked 1 of 4 releases')
    t.same(asIs.releases[2]?.blockedBy, ['error_budget'])
    t.match(await replay({ policy: { minimumBudget: '50%' } }), { text: 'would have blocked 2 of 4 releases' })
    t.match(await replay({ policy: { rules: { error_budget: 'off' } } }), {
      text: 'would have blocked 0 of 4 releases'
    })
    t.match(await replay({ to: new Date(house.clock.nowMs() - dayMs).toISOString() }), {
      text: 'no release is known in this time'
    })

    const wrong = await house.call<Problem>('POST', '/api/v1/services/shop-api/gate/backtest', {
      payload: { environment: 'staging', policy: { minimumBudget: 10, luck: true } },
      status: 400
    })
    t.equal(wrong.code, 'PLIMSOLL_POLICY_INVALID')
    t.same(wrong.errors?.map(({ path }) => path).toSorted(), ['/policy/luck', '/policy/minimumBudget'])
  }
)
