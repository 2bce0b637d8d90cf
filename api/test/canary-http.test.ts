// Releases over HTTP: who may decide, versions that Nomad does not run, deploys that the gate judged.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { commands } from '../../scripts/src/commands.ts'
import { run } from '../../scripts/src/run.ts'
import type { Verdict } from '../src/contract/gate.ts'
import type { Release } from '../src/contract/releases.ts'
import { ManualClock } from '../src/platform/clock.ts'
import { signature } from '../src/platform/webhook.ts'
import { buildTestApp, type TestApp } from './support/app.ts'
import { handIn, planOf, standing, startMs } from './support/canary-house.ts'
import { createNomad } from '../src/platform/nomad/client.ts'
import { startFakeNomad } from './support/fake-nomad.ts'
import { nomadJob } from './support/nomad-agent.ts'
import { eventually } from './support/programs.ts'

const stranger = '203.0.113.7'

interface Asked {
  readonly status: number
  readonly body: Release & { readonly code?: string; readonly detail?: string }
}

const ask = async (
  { app }: TestApp,
  method: 'GET' | 'POST',
  url: string,
  { body, token }: { body?: object; token?: string } = {}
): Promise<Asked> => {
  const from = token === undefined ? {} : { remoteAddress: stranger, headers: { authorization: `Bearer ${token}` } }
  const reply = await app.inject({ method, url, ...from, ...(body && { payload: body }) })
  return { status: reply.statusCode, body: reply.json() }
}

const tokenOf = async ({ app }: TestApp, role: string, services?: string[]): Promise<string> => {
  const payload = { name: `${role} of a test`, role, ...(services && { services }) }
  const reply = await app.inject({ method: 'POST', url: '/api/v1/tokens', payload })
  return (reply.json() as { secret: string }).secret
}

/** Time goes on in steps until something is so. */
const wait = <T>(what: string, { clock }: TestApp, look: () => T | Promise<T>, stepMs = 250) =>
  eventually(
    what,
    async () => {
      ;(clock as ManualClock).advance(stepMs)
      return look()
    },
    { everyMs: 10 }
  )

/** What each version answered in the next seconds, counted by a push; then they are over. */
async function happen(test: TestApp, seconds: number, arms: { release: string; good: number; bad: number }[]) {
  const clock = test.clock as ManualClock
  for (let second = 0; second < seconds; second++) {
    const at = new Date(clock.nowMs()).toISOString()
    const events = arms.flatMap(({ release, good, bad }) => [
      { service: 'shop', at, release, status: 200, durationMs: 20, count: good },
      ...(bad > 0 ? [{ service: 'shop', at, release, status: 500, durationMs: 20, count: bad }] : [])
    ])
    const reply = await test.app.inject({
      method: 'POST',
      url: '/api/v1/events',
      headers: { 'content-type': 'application/x-ndjson' },
      payload: events.map((event) => JSON.stringify(event)).join('\n')
    })
    if (reply.statusCode >= 300) throw new Error(reply.body)
    clock.advance(1_000)
  }
}

interface Told {
  readonly body: { readonly action: string; readonly version: string; readonly previousVersion: string | null }
  readonly key: string
  readonly isSigned: boolean
}

/** Who promotes and fails what Nomad does not run: answers as told, then 204. */
async function aDeployer(t: Test, answers: number[]) {
  const told: Told[] = []
  const server = createServer((request, reply) => {
    let text = ''
    request.on('data', (chunk: Buffer) => (text += chunk.toString()))
    request.on('end', () => {
      const stamp = String(request.headers['x-plimsoll-timestamp'])
      told.push({
        body: JSON.parse(text) as Told['body'],
        key: String(request.headers['idempotency-key']),
        isSigned: request.headers['x-plimsoll-signature'] === signature('a-secret-to-sign-with', stamp, text)
      })
      reply.writeHead(answers.shift() ?? 204).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/decide`, told }
}

const outside = async (t: Test, answers: number[], more = 'act: true, ') => {
  const { url, told } = await aDeployer(t, answers)
  const webhook = '{ urlSecret: PLAN_SECRET_DEPLOYER, signingSecret: PLAN_SECRET_SIGN }'
  const test = await buildTestApp({
    clock: new ManualClock(startMs),
    plan: planOf(`{ webhook: ${webhook}, ${more}warmUp: 0s, soak: 1m }`),
    settings: { PLAN_SECRET_DEPLOYER: url, PLAN_SECRET_SIGN: 'a-secret-to-sign-with', RATE_LIMIT_WRITES: '0' }
  })
  t.teardown(() => test.close())
  return { test, told }
}

const announced = { service: 'shop', version: 'v2', environment: 'production', analyse: true }
const v1 = { release: 'v1', good: 50, bad: 0 }

t.test('any two versions in the log are compared once they are announced; a webhook fails the bad one', async (t) => {
  const { test, told } = await outside(t, [503, 429])
  const nothing = await ask(test, 'POST', '/api/v1/releases', { body: announced })
  t.match(nothing, { status: 409, body: { code: 'PLIMSOLL_RELEASE_NO_BASELINE' } }, 'nobody serves yet')
  await happen(test, 5, [v1])
  const itself = await ask(test, 'POST', '/api/v1/releases', { body: { ...announced, baseline: 'v2' } })
  t.match(itself, { status: 409, body: { detail: /itself/ } })
  const release = await ask(test, 'POST', '/api/v1/releases', { body: announced })
  t.match(release, { status: 201, body: { state: 'canary', previousVersion: 'v1', canary: { state: 'running' } } })
  t.equal((await ask(test, 'POST', '/api/v1/releases', { body: announced })).body.id, release.body.id, 'announced once')

  await happen(test, 20, [v1, { release: 'v2', good: 20, bad: 30 }])
  await wait('it was told three times', test, () => told.length === 3)
  const path = `/api/v1/releases/${release.body.id}`
  await wait('it has failed', test, async () => (await ask(test, 'GET', path)).body.state === 'failed')
  t.match(told[0], { body: { action: 'fail', version: 'v2', previousVersion: 'v1' }, isSigned: true })
  t.equal(new Set(told.map(({ key }) => key)).size, 1, 'the same order each time')
  const { body } = await ask(test, 'GET', path)
  t.match(body.actions, [{ action: 'fail', by: 'plimsoll', state: 'done', text: 'the webhook took it: 204' }])
  await happen(test, 5, [v1])
  t.equal(told.length, 3, 'and not again')
  const audit = await test.app.inject('/api/v1/audit')
  t.match(audit.body, /release\.fail/)
})

t.test('a good version outside Nomad is promoted by the webhook; one that says no is not asked again', async (t) => {
  const { test, told } = await outside(t, [404])
  await happen(test, 5, [v1])
  const { body } = await ask(test, 'POST', '/api/v1/releases', { body: announced })
  await happen(test, 70, [
    { ...v1, good: 200 },
    { release: 'v2', good: 200, bad: 0 }
  ])
  const path = `/api/v1/releases/${body.id}`
  await wait('it was refused', test, async () => (await ask(test, 'GET', path)).body.actions[0]?.state === 'failed')
  t.match((await ask(test, 'GET', path)).body, {
    state: 'canary',
    actions: [{ action: 'promote', text: 'the webhook refused it: 404' }]
  })
  t.equal(told.length, 1)
  const order = { action: 'promote', reason: 'the address is right now' }
  t.equal((await ask(test, 'POST', `${path}/actions`, { body: order })).status, 202)
  t.match((await ask(test, 'GET', path)).body, { state: 'promoted', endedAt: String })
  t.match(
    told.map(({ body }) => body.action),
    ['promote', 'promote']
  )
})

t.test('who may announce, who may decide, and for which services', async (t) => {
  const { test } = await outside(t, [], '')
  const [viewer, deployer, operator, other] = await Promise.all([
    tokenOf(test, 'viewer'),
    tokenOf(test, 'deployer'),
    tokenOf(test, 'operator', ['shop']),
    tokenOf(test, 'operator', ['another'])
  ])
  await happen(test, 5, [v1])
  const post = (token: string) => ask(test, 'POST', '/api/v1/releases', { token, body: announced })
  t.match(await post(viewer), { status: 403, body: { code: 'PLIMSOLL_ROLE_TOO_LOW' } })
  t.match(await post(other), { status: 403, body: { code: 'PLIMSOLL_SERVICE_NOT_IN_SCOPE' } })
  const { status, body } = await post(deployer)
  t.equal(status, 201)
  const act = (token: string, action: string) =>
    ask(test, 'POST', `/api/v1/releases/${body.id}/actions`, { token, body: { action, reason: 'as we agreed' } })
  t.match(await act(viewer, 'hold'), { status: 403, body: { code: 'PLIMSOLL_ROLE_TOO_LOW' } })
  t.match(await act(deployer, 'promote'), { status: 403, body: { code: 'PLIMSOLL_ROLE_TOO_LOW' } })
  t.match(await act(other, 'promote'), { status: 403, body: { code: 'PLIMSOLL_SERVICE_NOT_IN_SCOPE' } })
  t.match(await act(operator, 'hold'), { status: 202, body: { actions: [{ action: 'hold', by: /operator/ }] } })
  t.match(await act(operator, 'fail'), { status: 202, body: { state: 'failed' } })
  t.match(await act(operator, 'promote'), { status: 409, body: { code: 'PLIMSOLL_RELEASE_ENDED' } })
})

t.test('a deploy asks the gate, and its verdict stands on the release that Nomad then shows', async (t) => {
  const server = await startFakeNomad()
  t.teardown(() => server.close())
  const test = await buildTestApp({
    clock: new ManualClock(startMs),
    plan: planOf('{ environment: staging, nomad: { job: shop }, warmUp: 0s }'),
    settings: { NOMAD_ADDR: server.url }
  })
  t.teardown(() => test.close())
  const origin = await test.listen()
  const nomad = createNomad({ address: server.url })
  t.teardown(() => nomad.close())
  await handIn(nomad, 'v1')
  await standing(nomad)
  const folder = t.testdir({})
  const file = join(folder, 'shop.nomad.hcl')
  writeFileSync(
    file,
    nomadJob('shop', { behaviour: 'ok' }).replace('= var.version', '= var.release').replace('"version"', '"release"')
  )
  mkdirSync(join(folder, 'vars'))
  writeFileSync(join(folder, 'vars', 'staging.vars.hcl'), '# staging\n')
  const version = '2.0.0'
  const written = { out: '', err: '' }
  const line = `deploy --env staging --service shop --api --job ${file} --image registry.example/shop@sha256:${'ab'.repeat(32)} --release ${version}`
  const exit = await run(line.split(' '), commands, {
    env: { NOMAD_ADDR: server.url, PLIMSOLL_URL: origin },
    stdout: { write: (chunk) => (written.out += chunk) },
    stderr: { write: (chunk) => (written.err += chunk) },
    signal: AbortSignal.timeout(20_000)
  })
  t.equal(exit, 3, `it waits for a promotion: ${written.err}`)
  const found = await wait('the release is seen in Nomad', test, async () => {
    const { releases } = (await test.app.inject('/api/v1/releases?service=shop')).json() as { releases: Release[] }
    return releases.find((release) => release.version === version && release.state === 'canary')
  })
  t.match(found, { verdict: { state: String } })
  const { body } = await ask(test, 'GET', `/api/v1/releases/${found.id}`)
  t.ok(
    body.timeline.some(({ kind }) => kind === 'gate'),
    'the verdict is on its timeline'
  )
  t.equal(body.source, 'deploy')
  const plan = body.timeline.find(({ kind }) => kind === 'plan_diff')
  t.match(plan?.text, /\+ group api|~ group api|~ task|\+ task/, 'what the deploy changes is on its timeline')

  const next = await test.app.inject({
    method: 'POST',
    url: '/api/v1/services/shop/gate',
    payload: { version: 'v9', environment: 'staging', dryRun: true }
  })
  const rule = next.json<Verdict>().rules.find((each) => each.rule === 'previous_release')
  t.match(rule, { state: 'fail', text: new RegExp(version) }, 'another release is under way')
})
