import { createHmac, generateKeyPairSync } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { decodeJwt } from 'jose'
import t, { type Test } from 'tap'
import type { Problem, Verdict } from '../src/contract/index.ts'
import { ManualClock } from '../src/platform/clock.ts'
import { buildTestApp } from './support/app.ts'

const plan = `
plan: plimsoll/v1
services:
  - { name: shop, signals: [push], promise: { availability: 99.9% }, gate: { repository: acme/shop, rules: { previous_release: off } } }
`

interface Asked {
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: Record<string, unknown>
}

/** What GitHub and GitLab look like from here: it takes answers, after refusing some of them. */
async function aForge(t: Test, { refuse = 0 } = {}) {
  const asked: Asked[] = []
  let left = refuse
  const waiting: { count: number; resolve: () => void }[] = []
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = JSON.parse(await text(request)) as Asked['body']
    asked.push({ url: request.url!, headers: request.headers, body })
    const isToken = request.url!.endsWith('/access_tokens')
    const status = isToken ? 201 : left-- > 0 ? 502 : 204
    response.writeHead(status).end(isToken ? '{"token":"ghs_1","expires_at":"2026-01-10T13:00:00Z"}' : '')
    for (const each of waiting) if (asked.length >= each.count) each.resolve()
  }
  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => void server.close())
  const calls = (count: number): Promise<void> =>
    new Promise((resolve) => void (asked.length >= count ? resolve() : waiting.push({ count, resolve })))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, calls }
}

const appKey = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  .privateKey.export({ type: 'pkcs1', format: 'pem' })
  .toString()

async function aHouse(t: Test, forge: string, settings: Record<string, string> = {}) {
  const clock = new ManualClock(Date.UTC(2026, 0, 10, 12))
  const house = await buildTestApp({
    plan,
    clock,
    settings: {
      GITHUB_WEBHOOK_SECRET: 'hook',
      GITHUB_APP_ID: '7',
      GITHUB_APP_KEY: appKey,
      GITHUB_API_URL: forge,
      GITLAB_WEBHOOK_SECRET: 'lab',
      GITLAB_TOKEN: 'glpat',
      GITLAB_URL: forge,
      ...settings
    }
  })
  t.teardown(() => house.close())
  const send = async (
    from: 'github' | 'gitlab',
    body: object,
    { key = '', event = 'deployment_protection_rule' } = {}
  ) => {
    const payload = JSON.stringify(body)
    const hmac = createHmac('sha256', key || (from === 'github' ? 'hook' : 'lab'))
      .update(payload)
      .digest('hex')
    const signed = from === 'github' ? { 'x-hub-signature-256': `sha256=${hmac}` } : { 'x-gitlab-signature': hmac }
    const url = `/api/v1/integrations/${from}${from === 'gitlab' ? '?environment=staging' : ''}`
    const headers = { 'content-type': 'application/json', 'x-github-event': event, ...signed }
    return house.app.inject({ method: 'POST', url, headers, payload })
  }
  return { ...house, clock, send }
}

const commit = 'c'.repeat(40)
const deployment = (forge: string, change: object = {}) => ({
  action: 'requested',
  environment: 'Staging',
  deployment_callback_url: `${forge}/repos/acme/shop/actions/runs/1/deployment_protection_rule`,
  deployment: { sha: commit },
  repository: { full_name: 'acme/shop' },
  installation: { id: 42 },
  ...change
})

t.test('a deployment on GitHub is approved or rejected by the gate, with its reasons', async (t) => {
  const forge = await aForge(t)
  const { send, app } = await aHouse(t, forge.url)
  const reply = await send('github', deployment(forge.url))
  t.equal(reply.statusCode, 202)
  const { verdicts } = reply.json<{ verdicts: Verdict[] }>()
  t.match(verdicts, [{ service: 'shop', version: commit, environment: 'staging', state: 'warn', mayShip: true }])
  await forge.calls(2)
  const [token, answer] = forge.asked
  t.equal(token?.url, '/app/installations/42/access_tokens')
  t.match(decodeJwt(token!.headers.authorization!.slice(7)), { iss: '7' })
  t.equal(answer?.url, '/repos/acme/shop/actions/runs/1/deployment_protection_rule')
  t.equal(answer?.headers.authorization, 'Bearer ghs_1')
  t.match(answer?.body, {
    environment_name: 'staging',
    state: 'approved',
    comment: /with a warning.*\n- Error budget left/
  })
  t.ok(await app.gate.store.verdict(verdicts[0]!.id), 'the verdict is kept')

  await send('github', deployment(forge.url, { environment: 'production' }))
  await forge.calls(3)
  t.match(forge.asked[2]?.body, { state: 'rejected', comment: /is not known/ }, 'with the token of before')
})

t.test('an answer that is not taken is given again', async (t) => {
  const forge = await aForge(t, { refuse: 1 })
  const { send, clock } = await aHouse(t, forge.url)
  await send('github', deployment(forge.url))
  await forge.calls(2)
  while (forge.asked.length < 3) {
    clock.advance(1_000)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  t.equal(forge.asked[2]?.url, forge.asked[1]?.url)
})

t.test('a merge request on GitLab is passed or failed by the gate', async (t) => {
  const forge = await aForge(t)
  const { send } = await aHouse(t, forge.url)
  const reply = await send('gitlab', {
    object_kind: 'merge_request',
    project: { id: 3, path_with_namespace: 'acme/shop' },
    object_attributes: { iid: 12, last_commit: { id: commit } },
    external_approval_rule: { id: 5 }
  })
  t.equal(reply.statusCode, 202)
  await forge.calls(1)
  const [answer] = forge.asked
  t.equal(answer?.url, '/api/v4/projects/3/merge_requests/12/status_check_responses')
  t.equal(answer?.headers['private-token'], 'glpat')
  t.same(answer?.body, { sha: commit, external_status_check_id: 5, status: 'passed' })
})

t.test('what is not signed is not believed, and nobody is answered', async (t) => {
  const forge = await aForge(t)
  const { send } = await aHouse(t, forge.url)
  for (const from of ['github', 'gitlab'] as const) {
    const reply = await send(from, deployment(forge.url), { key: 'wrong' })
    t.equal(reply.statusCode, 401)
    t.equal(reply.json<Problem>().code, 'PLIMSOLL_WEBHOOK_UNSIGNED')
  }
  const unset = await aHouse(t, forge.url, { GITHUB_WEBHOOK_SECRET: '' })
  t.equal((await unset.send('github', deployment(forge.url))).statusCode, 404)
  t.equal(forge.asked.length, 0)
})

t.test('a webhook that asks nothing, or wants to be answered elsewhere, is told so', async (t) => {
  const forge = await aForge(t)
  const { send } = await aHouse(t, forge.url)
  const cases: [body: object, event: string, why: RegExp][] = [
    [{ zen: 'x' }, 'ping', /the event ping asks nothing/],
    [deployment(forge.url, { action: 'completed' }), 'deployment_protection_rule', /completed asks nothing/],
    [deployment('https://evil.example'), 'deployment_protection_rule', /its callback is not below/],
    [deployment(`${forge.url}.evil.example`), 'deployment_protection_rule', /its callback is not below/],
    [deployment(forge.url, { repository: { full_name: 'acme/other' } }), 'deployment_protection_rule', /no service/],
    [deployment(forge.url, { deployment: {} }), 'deployment_protection_rule', /deployment\.sha is missing/]
  ]
  for (const [body, event, why] of cases) {
    const reply = await send('github', body, { event })
    t.match(reply.json(), { verdicts: [], text: why })
  }
  t.equal(forge.asked.length, 0)
})
