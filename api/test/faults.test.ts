// Two and three real servers on one PostgreSQL, and what may happen to them. What must hold, whatever happens:
// no acknowledged count is lost, no alert is opened or told twice, none is lost, and all work again within seconds.
import { spawnSync } from 'node:child_process'
import { appendFileSync, closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Alert } from '../src/contract/index.ts'
import { accessLines } from './support/access-log.ts'
import { aFleet, aReceiver, readLive, storedAlerts, until, type Instance } from './support/fleet.ts'
import { postgresMissing, startPostgres } from './support/postgres.ts'
import { aNetwork } from './support/slow-network.ts'

t.setTimeout(180_000) // a dozen processes, on a machine that may be busy

const plan = `
plan: plimsoll/v1
services:
${['one', 'two', 'three']
  .map((name) => `  - { name: ${name}, signals: [ { push: {} } ], promise: { availability: 99.9%, window: 30d } }`)
  .join('\n')}
`

const missing = postgresMissing()
const postgres = missing === null ? await startPostgres() : null
t.teardown(() => postgres?.stop())

const leaderOf = (instances: readonly Instance[]): Promise<Instance> =>
  until('one of them leads', async () => {
    for (const instance of instances) if (await instance.leads().catch(() => false)) return instance
    return null
  })

const openAlerts = async (instance: Instance): Promise<string[]> =>
  (await instance.get<{ alerts: Alert[] }>('/api/v1/alerts?state=open')).alerts.map(({ service }) => service).toSorted()

t.test('instances on one PostgreSQL', { skip: missing ?? false, timeout: 120_000 }, async (t) => {
  const url = await postgres!.createDatabase()
  const receiver = await aReceiver(t)
  const fleet = aFleet(t, { url, plan, settings: { WEBHOOK_URLS: receiver.url, WEBHOOK_TIMEOUT_MS: '400' } })
  const first = await Promise.all(['a', 'b'].map((name) => fleet.start(name)))
  let alive: Instance[] = first
  /** Acknowledged; a push without an answer may be stored or not. */
  const pushed = { one: 0, two: 0, three: 0 }
  let doubtful = 0
  const statuses = new Set<number | null>()
  const push = async (instance: Instance, service: keyof typeof pushed, count: number, failed = 0): Promise<void> => {
    const status = await instance.push(service, count, failed).catch(() => null)
    if (status === 200) pushed[service] += count
    else doubtful += count
    statuses.add(status)
  }
  const toldOf = (service: string) => receiver.messages.filter((message) => message.service === service)

  await t.test('one leads, both count together, and every page hears of everything', async (t) => {
    const leader = await leaderOf(alive)
    const other = alive.find((one) => one !== leader)!
    t.equal(await other.leads(), false)
    const streams = alive.map(({ origin }) => readLive(t, origin))
    await Promise.all([push(leader, 'one', 500), push(other, 'one', 700)])
    await until('both know all', async () =>
      (await Promise.all(alive.map((one) => one.total('one')))).every((total) => total === 1_200)
    )
    for (let i = 0; i < 3; i++) await push(other, 'one', 400, 400) // only the one that does not lead hears of it
    await until('the alert is told', () => toldOf('one').length > 0)
    for (const [at, events] of streams.entries()) {
      await until(`${alive[at]!.name} tells its pages`, () =>
        events.some(({ name, data }) => name === 'alert' && data['service'] === 'one')
      )
      t.ok(events.some(({ name, data }) => name === 'slices' && 'one' in (data['services'] as object)))
    }
    for (const instance of alive) t.strictSame(await openAlerts(instance), ['one'])

    const reply = await fetch(`${leader.origin}/api/v1/plan`, {
      method: 'PUT',
      headers: { 'content-type': 'application/yaml' },
      body: plan.replace('name: one,', 'name: one, title: The first,')
    })
    t.equal(reply.status, 200)
    await until('the other follows the plan', async () => {
      const { revision } = await other.get<{ revision: number }>('/api/v1/plan')
      return revision === 2
    })
    for (const events of streams)
      await until('pages hear of the plan', () => events.some(({ name }) => name === 'plan'))
  })

  await t.test(
    'kill -9 of the leader while it tells: another tells, with the same key, and nothing twice',
    async (t) => {
      const leader = await leaderOf(alive)
      const other = alive.find((one) => one !== leader)!
      receiver.state.answers = false
      await push(other, 'two', 1_000, 800)
      await until('the leader tells', () => toldOf('two').length > 0)
      leader.signal('SIGKILL')
      await leader.server.ended
      receiver.state.answers = true
      alive = [other]
      await until('the other leads', () => other.leads(), 10_000)
      await until('the other tells', async () =>
        (await storedAlerts(url)).messages.every(({ state }) => state === 'delivered')
      )
      t.equal(new Set(toldOf('two').map(({ key }) => key)).size, 1, 'whoever tells it, it is one message')
      t.strictSame(
        (await storedAlerts(url)).alerts.map(({ service, kind, state }) => `${service} ${kind} ${state}`),
        ['one burn open', 'two burn open']
      )
      t.equal(await other.total('two'), pushed.two)
    }
  )

  await t.test('a leader that is frozen past its lease does nothing when it wakes', async (t) => {
    const c = await fleet.start('c')
    alive = [...alive, c]
    const leader = await leaderOf(alive)
    const other = alive.find((one) => one !== leader)!
    leader.signal('SIGSTOP')
    await push(other, 'three', 1_000, 900)
    await until('the other leads', () => other.leads(), 10_000)
    await until('the other tells', () => toldOf('three').length > 0)
    leader.signal('SIGCONT')
    await until('it knows', async () => !(await leader.leads()) && (await leader.total('three')) === pushed.three)
    await until('both show the same', async () => (await openAlerts(leader)).length === 3)
    for (let i = 0; i < 2; i++) await push(leader, 'three', 500, 400) // and it looks again, with failures of its own
    await until('both count on', async () =>
      (await Promise.all(alive.map((one) => one.total('three')))).every((total) => total === pushed.three)
    )
    t.equal(toldOf('three').length, 1)
    t.equal((await storedAlerts(url)).alerts.filter(({ service }) => service === 'three').length, 1)
  })

  await t.test('a database that crashes and starts again: all go on, nothing acknowledged is lost', async (t) => {
    const streams = alive.map(({ origin }) => readLive(t, origin))
    await Promise.all(alive.map((one) => push(one, 'one', 100)))
    postgres!.restart()
    for (const instance of alive) {
      await until('it takes pushes again', async () => {
        const before = pushed.one
        await push(instance, 'one', 10)
        return pushed.one > before
      })
    }
    const leader = await leaderOf(alive)
    t.equal((await Promise.all(alive.map((one) => one.leads()))).filter(Boolean).length, 1)
    await until('both know all', async () => {
      const [total = 0, other] = await Promise.all(alive.map((one) => one.total('one')))
      return total === other && total >= pushed.one && total <= pushed.one + doubtful
    })
    t.ok(leader)
    const seen = streams.map((events) => events.length)
    await push(alive[0]!, 'one', 1)
    await until('pages hear on', () => streams.every((events, at) => events.length > seen[at]!))
    const { alerts, messages } = await storedAlerts(url)
    t.equal(alerts.length, 3)
    t.equal(messages.length, 3)
    t.strictSame(
      [...statuses].filter((status) => status !== 200 && status !== 503),
      [],
      'a push is taken, or refused with a reason'
    )
  })

  await t.test('an instance that ends lets another lead at once', async (t) => {
    const leader = await leaderOf(alive)
    const other = alive.find((one) => one !== leader)!
    leader.signal('SIGTERM')
    t.equal(await leader.server.ended, 0)
    await until('the other leads', () => other.leads(), 3_000)
    t.equal(new Set(receiver.messages.map(({ key }) => key)).size, 3, 'three alerts, each told as one')
    const total = await other.total('one')
    t.ok(total >= pushed.one && total <= pushed.one + doubtful)
  })
})

t.test(
  'a slow network, and one that is cut, between instances and PostgreSQL',
  { skip: missing ?? false, timeout: 120_000 },
  async (t) => {
    const url = await postgres!.createDatabase()
    const network = await aNetwork(t, url)
    const receiver = await aReceiver(t)
    const fleet = aFleet(t, { url, plan, settings: { WEBHOOK_URLS: receiver.url, WEBHOOK_TIMEOUT_MS: '400' } })
    const far = await fleet.start('far', { DATABASE_URL: network.url, DATABASE_CONNECT_TIMEOUT_MS: '2000' })
    await until('the only one leads', () => far.leads())
    const near = await fleet.start('near')

    await t.test('when every answer takes its time all goes on', async (t) => {
      network.delayMs = 40
      t.equal(await far.push('one', 100), 200)
      t.equal(await near.push('one', 100), 200)
      await until('both know all', async () =>
        (await Promise.all([far, near].map((one) => one.total('one')))).every((total) => total === 200)
      )
      t.equal((await far.get<{ status: string }>('/readyz')).status, 'ready')
      network.delayMs = 0
    })

    await t.test('a leader that is cut off stops by itself; the other leads, and tells each alert once', async (t) => {
      const leader = await leaderOf([far, near])
      if (leader !== far) {
        near.signal('SIGSTOP') // slow answers may have cost it the lease
        await until('the far one leads', () => far.leads())
        near.signal('SIGCONT')
      }
      network.isCut = true
      t.teardown(() => void (network.isCut = false))
      const lost = far.push('two', 10).catch(() => null) // not acknowledged, whatever becomes of it
      await until('the near one leads', () => near.leads(), 10_000)
      const readiness = await fetch(`${far.origin}/readyz`)
      t.match(await readiness.json(), { leads: false }, 'it knows, although nobody could tell it')
      t.equal(await near.push('two', 1_000, 900), 200)
      await until('the alert is told', () => receiver.messages.length > 0)
      network.isCut = false
      await lost
      await until('it is back', async () => (await far.push('one', 1)) === 200)
      await until('both know all', async () => {
        const [there = 0, here] = await Promise.all([far, near].map((one) => one.total('two')))
        return there === here && there >= 1_000
      })
      await until('both show the alert', async () => (await openAlerts(far)).includes('two'))
      t.equal(receiver.messages.length, 1)
      t.equal((await storedAlerts(url)).alerts.length, 1)
    })
  }
)

t.test(
  'two instances beside one log count each line once, also when one is killed',
  { skip: missing ?? false, timeout: 120_000 },
  async (t) => {
    const url = await postgres!.createDatabase()
    const dir = mkdtempSync(join(tmpdir(), 'plimsoll-log-'))
    t.teardown(() => rmSync(dir, { recursive: true, force: true }))
    const file = join(dir, 'access.ndjson')
    const logged = `
plan: plimsoll/v1
services:
  - name: shop
    signals: [ { caddyLog: { file: ${file}, startAt: beginning } } ]
    promise: { availability: 99.9%, window: 30d }
`
    let lines = 0
    const log = (count: number): void => {
      appendFileSync(file, accessLines(lines, lines + count, Date.now() - count))
      lines += count
    }
    log(2_000)
    const fleet = aFleet(t, { url, plan: logged, settings: { FLUSH_INTERVAL_MS: '50' } })
    const [a, b] = await Promise.all(['a', 'b'].map((name) => fleet.start(name)))
    for (let i = 0; i < 20; i++) {
      log(100)
      if (i === 10) a!.signal('SIGKILL')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    await until('all lines are counted', async () => (await b!.total('shop')) >= lines)
    const again = await fleet.start('a')
    log(500)
    await until('both know all', async () =>
      (await Promise.all([again, b!].map((one) => one.total('shop')))).every((total) => total >= lines)
    )
    t.strictSame(await Promise.all([again, b!].map((one) => one.total('shop'))), [lines, lines])
  }
)

/** A disk of this test's own, or why there is none. */
const smallDisk = (dir: string): string | null => {
  if (process.getuid?.() !== 0) return 'only root can mount a small disk'
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', dir], { encoding: 'utf8' })
  return status === 0 ? null : `no disk can be mounted here: ${stderr.trim()}`
}

t.test('a disk that is full, and has room again', { timeout: 60_000 }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'plimsoll-disk-'))
  const missing = smallDisk(dir)
  if (missing !== null) rmdirSync(dir)
  if (missing !== null) return t.pass(`skipped: ${missing}`, { skip: missing })
  t.teardown(() => {
    spawnSync('umount', ['-l', dir])
    rmdirSync(dir)
  })
  const fleet = aFleet(t, { url: `sqlite:${join(dir, 'plimsoll.sqlite')}`, plan })
  const server = await fleet.start('a')
  t.equal(await server.push('one', 100), 200)

  const filler = join(dir, 'filler')
  const file = openSync(filler, 'w')
  try {
    for (;;) writeSync(file, Buffer.alloc(65_536))
  } catch (error) {
    t.match(error, { code: 'ENOSPC' })
  } finally {
    closeSync(file)
  }
  let acknowledged = 100
  const refused = await until('a push is refused', async () => {
    const status = await server.push('one', 10)
    if (status === 200) acknowledged += 10 // the log of the store had a little room left
    return status === 200 ? null : status
  })
  t.equal(refused, 503)
  t.equal((await fetch(`${server.origin}/healthz`)).status, 200, 'it lives')
  const ready = await fetch(`${server.origin}/readyz`)
  t.equal(ready.status, 503)
  t.match(await ready.text(), /the disk is full/)
  t.equal(await server.total('one'), acknowledged, 'what was counted can still be read')

  rmSync(filler)
  await until('it takes pushes again', async () => (await server.push('one', 1)) === 200)
  acknowledged += 1
  await until('it is ready', async () => (await fetch(`${server.origin}/readyz`)).status === 200)
  server.signal('SIGKILL')
  await server.server.ended
  const again = await fleet.start('a')
  await until('all of it is there', async () => (await again.total('one')) === acknowledged)
})
