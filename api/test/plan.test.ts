import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { InjectOptions } from 'fastify'
import type { LiveEvents, PlanChange, PlanFault, PlanStatus } from '../src/contract/index.ts'
import { buildTestApp, type TestApp, type TestAppOptions } from './support/app.ts'

async function anApp(t: Test, options: TestAppOptions): Promise<TestApp> {
  const test = await buildTestApp(options)
  t.teardown(() => test.close())
  return test
}

const own = readFileSync(join(import.meta.dirname, '../../plan.yaml'), 'utf8')
const plan = 'plan: plimsoll/v1\nservices:\n  - { name: shop, signals: [self], promise: { p95: 200ms } }\n'
const yaml = { 'content-type': 'application/yaml' }

const put = (payload: string | Buffer, headers: Record<string, string> = yaml): InjectOptions => ({
  method: 'PUT',
  url: '/api/v1/plan',
  headers,
  payload
})
const diff = (payload: string): InjectOptions => ({ method: 'POST', url: '/api/v1/plan/diff', headers: yaml, payload })

t.test('the plan in force is read with where it came from, and costs nothing when it has not changed', async (t) => {
  const { app, settings } = await anApp(t, { plan })
  const reply = await app.inject('/api/v1/plan')
  t.match(reply.json<PlanStatus>(), {
    revision: 1,
    source: 'file',
    file: settings.PLAN_FILE,
    yaml: plan,
    plan: {
      plan: 'plimsoll/v1',
      services: [{ name: 'shop', objectives: [{ name: 'p95', target: '95%', threshold: '200ms' }] }]
    },
    warnings: [],
    refused: null
  })
  const again = await app.inject({ url: '/api/v1/plan', headers: { 'if-none-match': String(reply.headers.etag) } })
  t.equal(again.statusCode, 304)
  t.equal(again.body, '')
})

t.test('a plan is applied as YAML or JSON, and says what has changed', async (t) => {
  const { app } = await anApp(t, { plan })
  const heard: LiveEvents['plan'][] = []
  const { publish } = app.live
  app.live.publish = (name, data) => {
    if (name === 'plan') heard.push(data as LiveEvents['plan'])
    publish.call(app.live, name, data)
  }
  const first = await app.inject(put(plan.replace('200ms', '300ms'), { ...yaml, 'x-plan-source': 'cli' }))
  t.equal(first.statusCode, 200)
  t.match(first.json<{ status: PlanStatus; changes: PlanChange[] }>(), {
    status: { revision: 2, source: 'cli', appliedBy: 'local' },
    changes: [
      {
        kind: 'changed',
        path: 'services/shop/objectives/p95/threshold',
        from: '200ms',
        to: '300ms',
        effect: /new revision/
      }
    ]
  })
  const second = await app.inject(put('{"plan":"plimsoll/v1","services":[]}', { 'content-type': 'application/json' }))
  t.match(second.json(), { status: { revision: 3, source: 'api', warnings: [{ text: 'nothing is watched' }] } })
  t.same(heard, [{ revision: 2 }, { revision: 3 }])
  t.match((await app.inject('/metrics')).body, /^plimsoll_plan_revision 3$/m)
})

t.test('a plan with errors changes nothing, and every error is told with line and column', async (t) => {
  const { app } = await anApp(t, { plan })
  const reply = await app.inject(
    put('plan: plimsoll/v1\nservices:\n  - { name: shop, promise: { p59: 1s, p95: 200 } }\n')
  )
  t.equal(reply.statusCode, 422)
  t.match(reply.headers['content-type'], /^application\/problem\+json/)
  t.match(reply.json(), {
    code: 'PLIMSOLL_PLAN_INVALID',
    detail: 'Line 3, column 30: `p59` is not known here: did you mean `p95`? (and 1 more)',
    errors: [
      { path: '/services/0/promise/p59', line: 3, column: 30, found: '`p59`', expected: '`p95`' },
      { path: '/services/0/promise/p95', line: 3, column: 44, text: /write `200s` or `200ms`/ }
    ]
  })
  t.match((await app.inject('/api/v1/plan')).json(), { revision: 1, refused: null })
})

t.test('what would change is told without changing it, faults and all', async (t) => {
  const { app } = await anApp(t, { plan })
  const preview = async (text: string) =>
    (await app.inject(diff(text))).json<{ changes: PlanChange[]; faults: PlanFault[] }>()
  t.match(await preview(plan.replace('200ms', '100ms')), { changes: [{ to: '100ms' }], faults: [] })
  t.match(await preview(`${plan}# a comment\n`), { changes: [], faults: [] })
  t.match(await preview('plan: [\n'), { changes: [], faults: [{ line: 2, column: 1, severity: 'error' }] })
  t.match((await app.inject('/api/v1/plan')).json(), { revision: 1 })
})

t.test('a plan that was edited meanwhile is not overwritten', async (t) => {
  const { app } = await anApp(t, { plan })
  const { etag } = (await app.inject('/api/v1/plan')).headers
  const edited = await app.inject(put(plan.replace('200ms', '300ms'), { ...yaml, 'if-match': String(etag) }))
  t.equal(edited.statusCode, 200)
  const stale = await app.inject(put(plan.replace('200ms', '400ms'), { ...yaml, 'if-match': String(etag) }))
  t.equal(stale.statusCode, 412)
  t.match(stale.json(), { code: 'PLIMSOLL_PLAN_CHANGED', hint: /repeat with its ETag/ })
  t.equal(stale.headers.etag, edited.headers.etag, 'with the ETag of what is in force')
})

t.test('a body that is no plan is refused with what would have worked', async (t) => {
  const { app } = await anApp(t, { plan, settings: { BODY_LIMIT_BYTES: '2048' } })
  const codeOf = async (request: InjectOptions) => {
    const reply = await app.inject(request)
    return `${reply.statusCode} ${reply.json<{ code: string }>().code}`
  }
  t.equal(await codeOf(put('<plan/>', { 'content-type': 'application/xml' })), '415 PLIMSOLL_UNSUPPORTED_MEDIA_TYPE')
  t.equal(await codeOf(put('#'.repeat(2_049))), '413 PLIMSOLL_BODY_TOO_LARGE')
  t.equal(await codeOf(put(Buffer.from('title: Ü', 'latin1'))), '400 PLIMSOLL_MALFORMED_BODY')
  t.equal(await codeOf(put(plan, { ...yaml, 'x-plan-source': 'file' })), '400 PLIMSOLL_VALIDATION_FAILED')
  t.equal(await codeOf({ ...put(plan), remoteAddress: '10.0.0.1' }), '401 PLIMSOLL_UNAUTHENTICATED')
  t.equal(await codeOf({ method: 'POST', url: '/api/v1/plan/milestones/M-9/checks' }), '404 PLIMSOLL_MILESTONE_UNKNOWN')
})

t.test('the plan is exported as given, resolved, and for other tools; what comes out goes in again', async (t) => {
  const { app } = await anApp(t, { plan: own })
  const exported = async (format: string) => {
    const reply = await app.inject(`/api/v1/plan/export?format=${format}`)
    t.match(reply.headers['content-type'], /^application\/yaml/)
    return reply.body
  }
  t.equal((await app.inject('/api/v1/plan/export')).body, own, 'as given, comments and all')
  const resolved = await exported('resolved')
  t.match(resolved, /^ {8}target: 99\.9%$/m)
  t.match((await app.inject(diff(resolved))).json(), { changes: [], faults: [] })
  const openslo = (await app.inject(diff(await exported('openslo')))).json<{
    changes: PlanChange[]
    faults: PlanFault[]
  }>()
  t.same(
    openslo.faults.filter(({ severity }) => severity === 'error'),
    []
  )
  t.same(
    openslo.changes.filter(({ path }) => path.includes('/objectives/')),
    []
  )
  t.equal((await app.inject('/api/v1/plan/export?format=xml')).statusCode, 400)
})

t.test('risks come highest first, those that are dealt with last', async (t) => {
  const { app } = await anApp(t, { plan: own })
  const ids = async () =>
    (await app.inject('/api/v1/plan/risks')).json<{ risks: { id: string }[] }>().risks.map(({ id }) => id)
  t.same(await ids(), ['R-03', 'R-01', 'R-02'])
  await app.inject(put(own.replace('status: open', 'status: closed')))
  t.same(await ids(), ['R-03', 'R-02', 'R-01'])
})

t.test('the checks of the plan that is shipped run: what is there passes, what is missing fails', async (t) => {
  const test = await anApp(t, { plan: own, settings: { PRESSURE_EVENT_LOOP_DELAY_MS: '0' } })
  const { app } = test
  await test.listen()
  const run = async (id: string) => {
    const reply = await app.inject({ method: 'POST', url: `/api/v1/plan/milestones/${id}/checks` })
    return reply.json<{ checks: { kind: string; title: string; state: string }[] }>().checks
  }
  for (const { kind, title, state } of [...(await run('M-1')), ...(await run('M-4'))]) {
    t.equal(state, kind === 'http' ? 'pass' : 'fail', title) // no repository lies around this plan
  }
  t.same(
    (await run('M-3'))
      .filter(({ kind }) => kind === 'objective')
      .map(({ state }) => state)
      .filter((state) => state === 'fail'),
    [],
    'nothing measured is no failure'
  )
})
