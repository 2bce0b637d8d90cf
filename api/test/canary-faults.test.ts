// What goes wrong while a canary is judged and acted upon: Nomad, its events, other people, and Plimsoll itself.
import t, { type Test } from 'tap'
import { openDatabase, type Database } from '../src/platform/database/open.ts'
import { leadsAlone, leaseLost, type Leadership } from '../src/platform/lease.ts'
import { createNomad } from '../src/platform/nomad/client.ts'
import { ManualClock } from '../src/platform/clock.ts'
import { aCanary, aHouse, dead, handIn, standing, startMs, well, type HouseOptions } from './support/canary-house.ts'
import { startFakeNomad } from './support/fake-nomad.ts'
import { eventually } from './support/programs.ts'

/** Time goes on by itself, a tenth of a second at a time, until something is so. */
const wait = <T>(what: string, clock: ManualClock, look: () => T | Promise<T>) =>
  eventually(
    what,
    async () => {
      clock.advance(100)
      return look()
    },
    { everyMs: 5 }
  )

/** Leads until it comes to a write; from there on nothing is written, as when the process is killed. */
function killedAt(database: Database, write: number): Leadership & { readonly writes: number } {
  const real = leadsAlone(database.db)
  let writes = 0
  return {
    ...real,
    get isLeader() {
      return writes < write
    },
    get writes() {
      return writes
    },
    async act(task) {
      writes += 1
      if (writes >= write) throw leaseLost('killed')
      return real.act(task)
    }
  }
}

const kinds = {
  fail: { traffic: dead, seconds: 22, state: 'reverted' },
  promote: { traffic: well, seconds: 66, state: 'promoted' }
} as const

/** A canary on whose way one process is killed at a write and the next one goes on. @returns writes of the first */
async function survives(t: Test, verb: keyof typeof kinds, write: number): Promise<number> {
  const { traffic, seconds, state } = kinds[verb]
  const nomad = await startFakeNomad()
  const clock = new ManualClock(startMs)
  const database = await openDatabase(':memory:', { nowMs: startMs })
  const lease = killedAt(database, write)
  const first = await aHouse(t, { nomad, clock, database, lease: () => lease })
  await first.submit('v1')
  await first.submit('v2')
  await first.pass(seconds, ...traffic)
  await first.close()
  const next = await aHouse(t, { nomad, clock, database })
  for (const duration of [0, seconds + 5]) {
    await standing(next.nomad)
    await next.releases.sync(next.service)
    await next.pass(duration, ...traffic)
  }
  await standing(next.nomad)
  await next.releases.sync(next.service)
  const where = `killed at write ${write}`
  t.equal((await next.release('v2')).state, state, where)
  t.equal(next.askedTo(verb), 1, `${where}: Nomad was asked once`)
  t.match(await next.actions(), [{ action: verb, state: 'done' }], where)
  await next.close()
  nomad.close()
  await database.close()
  return lease.writes
}

t.test('killed at any write on the way, the next process acts, once, and the outcome is right', async (t) => {
  const writes = await survives(t, 'fail', Infinity)
  t.ok(writes > 6, 'it was on its way')
  for (let write = 1; write <= writes; write++) await survives(t, 'fail', write)
  const last = await survives(t, 'promote', Infinity)
  for (let write = last - 4; write <= last; write++) await survives(t, 'promote', write)
})

t.test('Nomad is away and comes back: what was decided meanwhile is done then, once', async (t) => {
  for (const away of ['unreachable', 'no leader'] as const) {
    const { server, pass, acted, actions, askedTo, nomad, release, releases, service } = await aCanary(t)
    await pass(5, ...dead)
    if (away === 'unreachable') server.faults.unreachable = true
    else server.faults.refuse = [500, 'No cluster leader']
    await pass(40, ...dead)
    t.match(await actions(), [{ action: 'fail', state: 'intended', settledMs: null }], away)
    t.strictSame(acted, [])
    server.faults.unreachable = false
    server.faults.refuse = null
    server.asked.length = 0
    await pass(3, ...dead)
    t.match(await actions(), [{ state: 'done' }])
    await pass(5, ...dead)
    t.equal(askedTo('fail'), 1, 'not again')
    t.strictSame(acted, ['fail done'])
    await standing(nomad)
    await releases.sync(service)
    t.equal((await release('v2')).state, 'reverted')
  }
})

t.test('an answer that never comes back is no reason to act twice', async (t) => {
  const { server, pass, actions, askedTo, clock } = await aCanary(t)
  server.faults.mute = /^POST .*\/fail\//
  const passing = pass(20, ...dead)
  await eventually('Nomad is asked', () => askedTo('fail') === 1)
  clock.advance(10_000) // as long as an answer may take
  await passing
  server.faults.mute = null
  await pass(3, ...dead)
  t.match(await actions(), [{ action: 'fail', state: 'done' }], 'read from the deployment')
  t.equal(askedTo('fail'), 1)
})

t.test('a token that may not act is told with what to do, and nothing else happens', async (t) => {
  const { server, pass, acted, actions, release } = await aCanary(t)
  server.faults.before = (line) => {
    server.faults.refuse = line.startsWith('POST') ? [403, 'Permission denied'] : null
    return null
  }
  await pass(40, ...dead)
  t.match(await actions(), [{ action: 'fail', state: 'failed', text: /Permission denied.*nomad acl token self/ }])
  t.strictSame(acted, ['fail failed'])
  t.equal((await release('v2')).state, 'canary', 'it goes on standing there')
})

t.test('a canary that is lost while it is decided is promoted when its successor is healthy', async (t) => {
  const { server, pass, release, actions, nomad } = await aCanary(t)
  await pass(62, ...well)
  const { nomad: at } = await release('v2')
  const replace = server.loseCanaries(at!.deployment!)
  await pass(3, ...well)
  t.match(await actions(), [{ action: 'promote', state: 'intended' }], 'Nomad says 0/1 healthy: not yet')
  replace()
  await standing(nomad)
  await pass(2, ...well)
  t.match(await actions(), [{ action: 'promote', state: 'done' }])
})

t.test('superseded in the very moment of acting: the newer version is not touched', async (t) => {
  const { server, pass, actions, release, releases, service, nomad } = await aCanary(t)
  const other = createNomad({ address: server.url })
  t.teardown(() => other.close())
  server.faults.before = (line) => {
    if (!line.includes('/fail/')) return null
    server.faults.before = null
    return handIn(other, 'v3')
  }
  await pass(20, ...dead)
  t.match(await actions(), [{ action: 'fail', state: 'superseded', text: /Cancelled because job is updated/ }])
  await standing(nomad)
  await releases.sync(service)
  t.equal((await release('v2')).state, 'superseded')
  t.match(await release('v3'), { state: 'canary', previousVersion: 'v1' })
  t.strictSame(await actions('v3'), [])
})

t.test('a person was faster: who promotes has the last word, whatever the evidence says', async (t) => {
  const both = await aCanary(t)
  both.server.faults.refuse = [500, 'No cluster leader']
  await both.pass(30, ...dead)
  t.match(await both.actions(), [{ action: 'fail', state: 'intended' }])
  both.server.faults.refuse = null
  const { nomad: at } = await both.release('v2')
  both.server.faults.healthAfterMs = 2_000 // its other allocations are on their way
  await both.nomad.promote(at!.deployment!)
  await both.pass(3, ...dead)
  t.equal(both.askedTo('fail'), 0, 'what a person promoted is not failed by Plimsoll')
  t.match(await both.actions(), [{ action: 'fail', state: 'superseded' }])

  const same = await aCanary(t)
  const other = createNomad({ address: same.server.url })
  t.teardown(() => other.close())
  same.server.faults.before = (line) => {
    if (!line.includes('/promote/')) return null
    same.server.faults.before = null
    return other.promote(line.slice(line.lastIndexOf('/') + 1))
  }
  await same.pass(80, ...well)
  t.match(await same.actions(), [{ action: 'promote', state: 'done' }], 'promoted by both is promoted')
})

t.test('what a person says replaces what Plimsoll intended, wherever and whenever it is said', async (t) => {
  const house = await aCanary(t)
  const { server, nomad, database, clock, service } = house
  const lease = (known: Database): Leadership => ({ ...leadsAlone(known.db), isLeader: false })
  const follower = await aHouse(t, { nomad: server, database, clock, lease })
  server.faults.refuse = [500, 'No cluster leader']
  await house.pass(30, ...dead)
  t.match(await house.actions(), [{ action: 'fail', state: 'intended' }])
  server.faults.refuse = null

  const { id, nomad: at } = await house.release('v2')
  server.loseCanaries(at!.deployment!)
  await house.releases.sync(service) // nothing to judge now
  server.faults.mute = /\/versions$/ // the leader is busy with the job
  const asked = server.asked.length
  const reading = house.releases.sync(service)
  await eventually('it reads', () => server.asked.slice(asked).some((line) => line.endsWith('/versions')))
  const ticking = house.releases.tick() // and has read what is to be done
  await new Promise((resolve) => setImmediate(resolve))
  await follower.releases.act(id, { action: 'hold', reason: 'let me look', by: 'ann' })
  clock.advance(10_000)
  await Promise.all([reading, ticking])
  server.faults.mute = null
  await house.pass(3, ...dead)
  t.equal(house.askedTo('fail'), 0)
  t.match(await house.actions(), [
    { action: 'fail', state: 'superseded', text: 'ann decided: hold' },
    { action: 'hold', state: 'done', by: 'ann' }
  ])
  t.equal((await nomad.latestDeployment('shop'))?.status, 'paused')

  const early = await aCanary(t)
  const beside = await aHouse(t, { nomad: early.server, database: early.database, clock: early.clock, lease })
  await early.pass(17, ...dead)
  const { id: canary } = await early.release('v2')
  await beside.releases.act(canary, { action: 'hold', reason: 'let me look', by: 'ann' })
  await early.pass(5, ...dead)
  t.match(await early.actions(), [{ action: 'hold', state: 'done' }], 'said before it was decided')
  t.equal(early.askedTo('fail'), 0)
})

t.test('paused in Nomad by a person: Plimsoll waits, and goes on when it is resumed', async (t) => {
  const { nomad, pass, actions, release, releases, service, acted, askedTo } = await aCanary(t)
  const { nomad: at } = await release('v2')
  await nomad.pause(at!.deployment!, true)
  await releases.sync(service)
  await pass(90, ...well)
  t.strictSame(acted, [])
  t.equal(askedTo('promote'), 0)
  t.equal((await nomad.latestDeployment('shop'))?.status, 'paused', 'and it does not resume it')
  await nomad.pause(at!.deployment!, false)
  await pass(3, ...well)
  t.match(await actions(), [{ action: 'promote', state: 'done' }])
})

t.test('a canary whose requests get lost is not promoted for the few that arrive', async (t) => {
  const { pass, acted, actions } = await aCanary(t)
  await pass(200, { release: 'v1', total: 200 }, { release: 'v2', total: 20 })
  t.strictSame(acted, [], 'a third of the requests should be its own')
  t.strictSame(await actions(), [])
})

t.test('a canary that seems slower is not promoted before that is known, however soon its soak is over', async (t) => {
  const { pass, actions } = await aCanary(t)
  const slower = [
    { release: 'v1', total: 200, latencyMs: 20 },
    { release: 'v2', total: 200, latencyMs: 100 }
  ]
  await pass(70, ...slower)
  t.strictSame(await actions(), [], 'within the promise, beyond the soak')
  await pass(110, ...slower)
  t.match(await actions(), [{ action: 'fail', state: 'done', reason: /usual latency|slowest/ }])
})

const watched = async (t: Test, options: HouseOptions = {}) => {
  const house = await aCanary(t, options)
  const { clock, server, releases } = house
  releases.start()
  await wait('it listens', clock, () => server.listening() > 0)
  return house
}

t.test('events that are cut, repeated, out of order or nonsense change nothing but the time', async (t) => {
  const { server, clock, releases, release, nomad } = await watched(t)
  const { id, nomad: at } = await release('v2')
  const before = await releases.store.timeline(id)
  const event = (index: number, status: string): string => {
    const Deployment = { ID: at!.deployment, JobID: 'shop', Status: status, JobVersion: 1 }
    const about = { Topic: 'Deployment', Type: 'DeploymentStatusUpdate', Key: at!.deployment, Namespace: 'default' }
    return JSON.stringify({ Index: index, Events: [{ ...about, Payload: { Deployment } }] })
  }
  const asked = server.asked.length
  for (const [index, status] of [
    [90, 'successful'],
    [90, 'successful'],
    [89, 'failed'],
    [12, 'cancelled'],
    [91, 'failed']
  ] as const) {
    server.sendLine(event(index, status))
  }
  await wait('they were read', clock, () => server.asked.slice(asked).some((line) => line.endsWith('/versions')))
  server.sendLine('{"Index": 92, "Events": [{"Payload": null}]}')
  server.sendLine('{"Index": 93, "Events": null}')
  server.sendLine('no JSON at all')
  await wait('it listens anew', clock, () => server.listening() === 0)
  await wait('it listens anew', clock, () => server.listening() > 0)
  t.equal((await release('v2')).state, 'canary', 'the deployment is the truth, an event is a hint')
  t.strictSame(await releases.store.timeline(id), before)

  server.cutStreams()
  await handIn(nomad, 'v3') // while nobody listens
  const found = await wait('v3 is known', clock, () =>
    releases.store.ofVersion('shop', 'production', 'v3').then((seen) => (seen?.state === 'canary' ? seen : null))
  )
  t.match(found, { previousVersion: 'v1' })
  await wait('v2 is superseded', clock, async () => (await release('v2')).state === 'superseded')
})

t.test('without an event stream deployments are watched by asking', async (t) => {
  const server = await startFakeNomad()
  t.teardown(() => server.close())
  for (const fault of ['noStreams', 'emptyStreams'] as const) {
    server.faults[fault] = true
    const house = await aHouse(t, { nomad: server })
    house.releases.start()
    const version = `v-${fault}`
    await handIn(house.nomad, version)
    await wait(fault, house.clock, () => house.releases.store.ofVersion('shop', 'production', version))
    t.equal(house.releases.trouble.size <= 1, true)
    await house.releases.close()
    server.faults[fault] = false
  }
})

t.test('a job that changed while Nomad had no leader is read when it has one again', async (t) => {
  const { server, clock, nomad, releases } = await watched(t)
  await handIn(nomad, 'v3')
  // the event came, and reading what it is about failed
  server.faults.refuse = [500, 'No cluster leader']
  await wait('it was tried', clock, () => server.asked.filter((line) => line.endsWith('/deployments')).length > 3)
  server.faults.refuse = null
  await wait('v3 is known', clock, async () => {
    clock.advance(1_000)
    await releases.tick()
    return releases.store.ofVersion('shop', 'production', 'v3')
  })
})

t.test('a token that is refused is said, and when it is allowed everything is caught up', async (t) => {
  const server = await startFakeNomad()
  t.teardown(() => server.close())
  server.faults.refuse = [403, 'Permission denied']
  const house = await aHouse(t, { nomad: server })
  house.releases.start()
  await wait('it is said', house.clock, () => house.releases.trouble.size > 0)
  t.match(house.releases.trouble.get('default'), /Permission denied/)
  server.faults.refuse = null
  await handIn(house.nomad, 'v1')
  await wait('v1 is known', house.clock, () => {
    house.clock.advance(5_000)
    return house.releases.store.ofVersion('shop', 'production', 'v1')
  })
  await wait('it watches again', house.clock, () => house.releases.trouble.size === 0)
})
