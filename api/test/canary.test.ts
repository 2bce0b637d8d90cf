// Releases seen in a Nomad, judged by counted traffic, promoted and failed through its API; and what goes wrong meanwhile.
import t, { type Test } from 'tap'
import type { Verdict } from '../src/contract/gate.ts'
import type { Release } from '../src/contract/releases.ts'
import { ManualClock } from '../src/platform/clock.ts'
import type { Database } from '../src/platform/database/open.ts'
import { leadsAlone, type Leadership } from '../src/platform/lease.ts'
import { createNomad } from '../src/platform/nomad/client.ts'
import { buildTestApp } from './support/app.ts'
import {
  aCanary as openCanary,
  aHouse as openHouse,
  planOf,
  standing,
  startMs,
  type Arm,
  type HouseOptions
} from './support/canary-house.ts'
import { openTestDatabase } from './support/database.ts'
import { startFakeNomad } from './support/fake-nomad.ts'
import { nomadJob } from './support/nomad-agent.ts'

t.setTimeout(120_000) // thousands of judged seconds

const secondMs = 1_000
const patient = '{ nomad: { job: shop }, act: true, warmUp: 0s, soak: 5m, deadline: 30m }'

const aHouse = (t: Test, options: HouseOptions = {}) => openHouse(t, { release: patient, ...options })
const aCanary = (t: Test, options: HouseOptions = {}) => openCanary(t, { release: patient, ...options })

const well: Arm[] = [
  { release: 'v1', total: 50 },
  { release: 'v2', total: 50 }
]

t.test('a release is known from Nomad, whoever handed it in, and told once however often it is read', async (t) => {
  const { releases, service, release } = await aCanary(t)
  await releases.sync(service)
  await releases.sync(service)
  t.match(await release('v1'), { state: 'promoted', source: 'nomad', previousVersion: null, analysis: null })
  const canary = await release('v2')
  t.match(canary, { state: 'canary', previousVersion: 'v1', nomad: { job: 'shop', jobVersion: 1 } })
  t.match(canary.analysis, { baseline: 'v1', policy: { errorBudget: 0.001, slowBudget: 0.05, soakMs: 300_000 } })
  const kinds = (await releases.store.timeline(canary.id)).map(({ kind }) => kind)
  t.strictSame(kinds.toSorted(), ['allocation', 'analysis', 'canary_healthy', 'evaluation'])
})

t.test('a good canary is promoted, once there is evidence and the soak is over', async (t) => {
  const { pass, release, nomad, acted, releases, service, server } = await aCanary(t)
  await pass(290, ...well)
  t.strictSame(acted, [], 'not before')
  await pass(40, ...well)
  t.strictSame(acted, ['promote done'])
  t.match((await nomad.latestDeployment('shop'))?.groups, [{ promoted: true }])
  await standing(nomad)
  await releases.sync(service)
  t.match(await release('v2'), { state: 'promoted', endedMs: Number })
  const { id } = await release('v2')
  const told = new Set<string>((await releases.store.timeline(id)).map(({ kind }) => kind))
  t.ok(['analysis', 'action', 'promoted'].every((kind) => told.has(kind)))
  t.equal(server.asked.filter((line) => line.includes('/promote/')).length, 1)
})

t.test('a canary that fails is failed, the job goes back, and the release says so', async (t) => {
  const { pass, release, nomad, acted, releases, service } = await aCanary(t)
  await pass(120, { release: 'v1', total: 50 }, { release: 'v2', total: 50, bad: 5 })
  t.strictSame(acted, ['fail done'])
  const [action] = await releases.store.actions((await release('v2')).id)
  t.match(action, { state: 'done', by: 'plimsoll', reason: /failures: more than before.*10 %, promised 0\.1 %/ })
  await standing(nomad)
  await releases.sync(service)
  t.match(await release('v2'), { state: 'reverted', text: /back to v1/ })
  t.equal(await releases.store.ofVersion('shop', 'production', 'v3'), null)
  t.equal((await releases.store.list({ limit: 10 })).length, 2, 'going back is no release of its own')
})

t.test('a dead canary is failed within seconds, a slow one within minutes', async (t) => {
  const dead = await aCanary(t)
  await dead.pass(20, { release: 'v1', total: 50 }, { release: 'v2', total: 50, bad: 50 })
  t.strictSame(dead.acted, ['fail done'])
  t.match(await dead.release('v2'), { text: /half of its requests or more failed/ })
  const slow = await aCanary(t)
  await slow.pass(180, { release: 'v1', total: 50 }, { release: 'v2', total: 50, latencyMs: 80 })
  t.strictSame(slow.acted, ['fail done'], 'within the promise, yet slower than before')
})

t.test('what happens to both is no reason to fail one, and no moment to promote it', async (t) => {
  const { pass, acted, release, releases } = await aCanary(t)
  await pass(100, ...well)
  await pass(60, { release: 'v1', total: 50, bad: 20 }, { release: 'v2', total: 50, bad: 20 })
  const analysis = await releases.analysisOf(await release('v2'))
  t.equal(analysis?.judge.verdict.state, 'hold')
  t.strictSame(acted, [])
  await pass(400, ...well)
  t.strictSame(acted, ['promote done'])
})

t.test('an open page keeps a canary from being promoted', async (t) => {
  const { pass, acted, paged } = await aCanary(t)
  paged.now = true
  await pass(400, ...well)
  t.strictSame(acted, [])
  paged.now = false
  await pass(30, ...well)
  t.strictSame(acted, ['promote done'])
})

t.test('too little traffic is no evidence: at the deadline a person decides, or what the plan says', async (t) => {
  const few: Arm[] = [
    { release: 'v1', total: 1 },
    { release: 'v2', total: 1 }
  ]
  const release = (undecided: string) =>
    `{ nomad: { job: shop }, act: true, warmUp: 0s, soak: 1m, deadline: 2m, undecided: ${undecided} }`
  const held = await aCanary(t, { release: release('hold') })
  await held.pass(150, ...few)
  t.strictSame(held.acted, [])
  t.match(await held.release('v2'), {
    state: 'canary',
    text: /0 failures in \d+ requests prove less than .* %; the promise is 0\.1 %/
  })
  const kind = await aCanary(t, { release: release('promote') })
  await kind.pass(150, ...few)
  t.strictSame(kind.acted, ['promote done'])
})

t.test('Plimsoll only says what it would do until the plan lets it act', async (t) => {
  const { pass, release, releases, acted, server } = await aCanary(t, {
    release: '{ nomad: { job: shop }, warmUp: 0s, soak: 1m }'
  })
  await pass(60, { release: 'v1', total: 50 }, { release: 'v2', total: 50, bad: 25 })
  const { id } = await release('v2')
  t.match(await releases.store.actions(id), [{ action: 'fail', state: 'observed_only', text: /would fail/ }])
  t.strictSame(acted, [])
  t.notOk(server.asked.some((line) => line.includes('/fail/')))
  await releases.act(id, { action: 'fail', reason: 'I saw it', by: 'ann' })
  t.match((await releases.store.actions(id)).at(-1), { by: 'ann', state: 'done' })
})

t.test('the warm-up does not count, and how failures of the baseline come is taken from its past', async (t) => {
  const house = await aHouse(t, { release: '{ nomad: { job: shop }, act: true, warmUp: 30s, soak: 1m }' })
  await house.submit('v1')
  for (let i = 0; i < 60; i++) await house.pass(1, { release: 'v1', total: 50, bad: i % 10 === 0 ? 6 : 0 })
  await house.submit('v2')
  t.ok((await house.release('v2')).analysis!.policy.clustering > 3, 'six at a time')
  await house.pass(30, { release: 'v1', total: 50 }, { release: 'v2', total: 50, bad: 50 })
  await house.pass(60, ...well)
  t.strictSame(house.acted, [], 'it failed everything while it warmed up')
})

t.test('a canary whose requests are missing from the log is not promoted for being clean', async (t) => {
  const { pass, release, releases, acted } = await aCanary(t)
  await pass(500, { release: 'v1', total: 300 }, { release: 'v2', total: 60 })
  t.strictSame(acted, [])
  t.match(await release('v2'), { state: 'canary', text: /gets 16\.7 % of the requests instead of 33\.3 %/ })
  t.strictSame(await releases.store.actions((await release('v2')).id), [])
})

t.test('killed between deciding and acting, the next one acts, once', async (t) => {
  const house = await aCanary(t)
  house.server.faults.refuse = [500, 'No cluster leader']
  await house.pass(60, { release: 'v1', total: 50 }, { release: 'v2', total: 50, bad: 25 })
  const { id } = await house.release('v2')
  t.match(await house.releases.store.actions(id), [{ state: 'intended' }], 'decided, and nothing done')
  await house.releases.close()
  house.server.faults.refuse = null

  const { server: nomad, database, clock } = house
  const next = await aHouse(t, { nomad, database, clock })
  await next.releases.tick()
  await next.releases.tick()
  t.match(await next.releases.store.actions(id), [{ state: 'done', action: 'fail' }])
  t.equal(nomad.asked.filter((line) => line.includes('/fail/')).length, 1)
})

t.test('killed between acting and writing it down, the next one sees that it is done', async (t) => {
  const house = await aCanary(t)
  const { id, nomad: at } = await house.release('v2')
  const intended = {
    id: `${id}/promote`,
    releaseId: id,
    action: 'promote' as const,
    by: 'plimsoll',
    reason: 'evidence',
    fencing: 1,
    intendedMs: startMs,
    state: 'intended' as const,
    settledMs: null,
    text: ''
  }
  t.equal(await house.releases.store.intend(intended), true)
  t.equal(await house.releases.store.intend(intended), false, 'never twice')
  await house.nomad.promote(at!.deployment!)
  await house.releases.tick()
  t.match(await house.releases.store.actions(id), [{ state: 'done' }])
  t.equal(house.server.asked.filter((line) => line.includes('/promote/')).length, 1, 'the one from before')
})

t.test('an analysis goes on after a restart with the batches it kept', async (t) => {
  const house = await aCanary(t)
  await house.pass(200, ...well)
  const before = (await house.releases.analysisOf(await house.release('v2')))!.judge
  await house.releases.close()
  const { server: nomad, database, clock } = house
  const next = await aHouse(t, { nomad, database, clock })
  const after = (await next.releases.analysisOf(await next.release('v2')))!.judge
  t.equal(after.failLogE, before.failLogE)
  t.equal(after.passLogE, before.passLogE)
  await next.pass(160, ...well)
  t.strictSame(next.acted, ['promote done'])
})

t.test('what came in between is respected: superseded, forbidden, fallen ill', async (t) => {
  const superseded = await aCanary(t)
  const { id } = await superseded.release('v2')
  await superseded.submit('v3')
  await superseded.releases.act(id, { action: 'promote', reason: 'looks good', by: 'ann' })
  t.match(await superseded.releases.store.actions(id), [{ state: 'superseded', text: /Cancelled/ }])
  t.match(await superseded.release('v2'), { state: 'superseded' })
  t.match(await superseded.release('v3'), { state: 'canary', previousVersion: 'v1' })

  const forbidden = await aCanary(t)
  forbidden.server.faults.refuse = [403, 'Permission denied']
  const release = await forbidden.release('v2')
  await forbidden.releases.act(release.id, { action: 'fail', reason: 'bad', by: 'ann' })
  t.match(await forbidden.releases.store.actions(release.id), [
    { state: 'failed', text: /Permission denied.*nomad acl/ }
  ])
})

t.test('a hold stops Plimsoll from deciding until somebody does', async (t) => {
  const { pass, release, releases, acted, nomad } = await aCanary(t)
  const { id } = await release('v2')
  await releases.act(id, { action: 'hold', reason: 'let me look', by: 'ann' })
  t.equal((await nomad.latestDeployment('shop'))?.status, 'paused')
  await pass(400, ...well)
  t.strictSame(acted, [])
  await releases.act(id, { action: 'promote', reason: 'fine', by: 'ann' })
  t.match((await nomad.latestDeployment('shop'))?.groups, [{ promoted: true }])
})

t.test('who does not lead neither watches nor acts', async (t) => {
  const database = await openTestDatabase(startMs)
  const follower: Leadership = { ...leadsAlone(database.db), isLeader: false }
  const { releases, service, nomad, server } = await aHouse(t, { database, lease: () => follower })
  await nomad.register(await nomad.parse(nomadJob('shop', { behaviour: 'ok' }), ''), 0)
  server.asked.length = 0
  await releases.sync(service)
  await releases.tick()
  t.strictSame(await releases.store.list({ limit: 5 }), [])
  t.strictSame(server.asked, [])
})

t.test('any instance takes a word, and the leader carries it out', async (t) => {
  const leader = await aCanary(t)
  const { server: nomad, database, clock } = leader
  const lease = (known: Database): Leadership => ({ ...leadsAlone(known.db), isLeader: false })
  const follower = await aHouse(t, { nomad, database, clock, lease })
  const { id } = await leader.release('v2')
  await follower.releases.act(id, { action: 'hold', reason: 'let me look', by: 'ann' })
  t.match(await leader.releases.store.actions(id), [{ state: 'intended', by: 'ann' }])
  t.notOk(
    nomad.asked.some((line) => line.includes('/pause/')),
    'it acts on nothing itself'
  )
  await leader.releases.tick()
  t.match(await leader.releases.store.actions(id), [{ state: 'done', action: 'hold' }])
  t.equal((await leader.release('v2')).held, true)
  clock.advance(secondMs)
  await follower.releases.act(id, { action: 'fail', reason: 'I saw it', by: 'ann' })
  await leader.releases.tick()
  t.match((await leader.releases.store.actions(id)).at(-1), { state: 'done', action: 'fail' })

  const announced = await follower.releases.announce({
    service: follower.service,
    version: 'v9',
    environment: 'production',
    baseline: null,
    analyse: false,
    text: null,
    by: 'ci'
  })
  t.match(await leader.release('v9'), { id: announced.id, state: 'announced' })
})

t.test('two versions without Nomad are compared the same way, and a webhook is told', async (t) => {
  const house = await aHouse(t, {
    release: '{ webhook: { url: "https://deploy.example/hook" }, act: true, warmUp: 0s, soak: 1m }',
    webhook: [false, true]
  })
  const announce = {
    service: house.service,
    version: 'v2',
    environment: 'production',
    baseline: 'v1',
    analyse: true,
    text: null,
    by: 'ci'
  }
  const first = await house.releases.announce(announce)
  t.equal((await house.releases.announce(announce)).id, first.id, 'announced once')
  await house.pass(60, { release: 'v1', total: 50 }, { release: 'v2', total: 50, bad: 25 })
  t.strictSame(house.told, ['fail v2', 'fail v2'], 'told again until it was taken')
  t.match(await house.release('v2'), { state: 'failed', endedMs: Number })
})

t.test('over HTTP: announced, listed, looked at, decided; and seen in Nomad by watching it', async (t) => {
  const server = await startFakeNomad()
  t.teardown(() => server.close())
  const plan = planOf('{ nomad: { job: shop }, warmUp: 0s }')
  const { app, close, clock } = await buildTestApp({ plan, settings: { NOMAD_ADDR: server.url } })
  t.teardown(() => close())
  const ask = async (method: 'GET' | 'POST', url: string, payload?: object) => {
    const reply = await app.inject({ method, url, headers: { host: 'localhost' }, ...(payload && { payload }) })
    return { status: reply.statusCode, body: JSON.parse(reply.body) as unknown }
  }
  const { nomad, list } = {
    nomad: createNomad({ address: server.url }),
    list: async () => ((await ask('GET', '/api/v1/releases?service=shop')).body as { releases: Release[] }).releases
  }
  t.teardown(() => nomad.close())
  for (const version of ['v1', 'v2']) {
    const job = await nomad.parse(nomadJob('shop', { behaviour: 'ok' }), `version = "${version}"\n`)
    await nomad.register(job, version === 'v1' ? 0 : (await nomad.wireJob('shop')).JobModifyIndex!)
    await standing(nomad)
  }
  const seen = async (is: (release: Release) => boolean): Promise<Release> => {
    for (;;) {
      const found = (await list()).find(is)
      if (found) return (await ask('GET', `/api/v1/releases/${found.id}`)).body as Release
      ;(clock as ManualClock).advance(100)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  const canary = await seen(({ version, state }) => version === 'v2' && state === 'canary')
  t.match(canary, {
    source: 'nomad',
    previousVersion: 'v1',
    nomad: { job: 'shop', jobVersion: 1 },
    canary: { act: false }
  })
  t.match(canary.canary, { state: 'running', arms: { canary: { version: 'v2', allocations: 1 } } })

  const wrong = await ask('POST', `/api/v1/releases/${canary.id}/actions`, { action: 'promote' })
  t.equal(wrong.status, 400, 'a reason is asked')
  const promoted = await ask('POST', `/api/v1/releases/${canary.id}/actions`, {
    action: 'promote',
    reason: 'I looked at it'
  })
  t.equal(promoted.status, 202)
  t.match(promoted.body, { actions: [{ action: 'promote', state: 'done', by: 'local' }] })
  await seen(({ version, state }) => version === 'v2' && state === 'promoted')
  const over = await ask('POST', `/api/v1/releases/${canary.id}/actions`, {
    action: 'fail',
    reason: 'too late'
  })
  t.match(over, { status: 409, body: { code: 'PLIMSOLL_RELEASE_ENDED' } })

  const announced = await ask('POST', '/api/v1/releases', {
    service: 'shop',
    version: 'v3',
    environment: 'production'
  })
  t.match(announced, { status: 201, body: { state: 'announced', source: 'api', canary: null } })
  t.equal((await ask('GET', '/api/v1/releases/nope')).status, 404)
  t.equal((await ask('GET', '/api/v1/releases?cursor=x')).status, 400)
  const page = (await ask('GET', '/api/v1/releases?limit=2')).body as { releases: Release[]; nextCursor: string }
  t.equal(page.releases.length, 2)
  const rest = (await ask('GET', `/api/v1/releases?cursor=${page.nextCursor}`)).body as typeof page
  const all = [...page.releases, ...rest.releases].map(({ version }) => version)
  t.strictSame(all.toSorted(), ['v1', 'v2', 'v3'], 'every release once')
  const gate = (
    await ask('POST', '/api/v1/services/shop/gate', {
      version: 'v4',
      environment: 'production',
      dryRun: true
    })
  ).body as Verdict
  t.match(gate.rules.find(({ rule }) => rule === 'previous_release')?.state, /pass|fail|warn/, 'the gate can tell')
  const kept = (await ask('POST', '/api/v1/services/shop/gate', { version: 'v5', environment: 'production' }))
    .body as Verdict
  const judged = await seen(({ version }) => version === 'v5')
  t.match(judged, { state: 'announced', verdict: { id: kept.id, state: kept.state } })
  t.ok(judged.timeline.some(({ kind, text }) => kind === 'gate' && text.includes(kept.text)))
})
