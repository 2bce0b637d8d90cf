// Two and three real servers on one PostgreSQL, and what may happen to them. What must hold, whatever happens:
// no acknowledged count is lost, no alert is opened or told twice, none is lost, and all work again within seconds.
import t from 'tap'
import type { Alert } from '../src/contract/index.ts'
import { aFleet, aReceiver, readLive, storedAlerts, until, type Instance } from './support/fleet.ts'
import { postgresMissing, startPostgres } from './support/postgres.ts'

const plan = `
plan: plimsoll/v1
services:
${['one', 'two', 'three']
  .map((name) => `  - { name: ${name}, signals: [ { push: {} } ], promise: { availability: 99.9%, window: 30d } }`)
  .join('\n')}
`

const leaderOf = (instances: readonly Instance[]): Promise<Instance> =>
  until('one of them leads', async () => {
    for (const instance of instances) if (await instance.leads().catch(() => false)) return instance
    return null
  })

const openAlerts = async (instance: Instance): Promise<string[]> =>
  (await instance.get<{ alerts: Alert[] }>('/api/v1/alerts?state=open')).alerts.map(({ service }) => service).toSorted()

t.test('instances on one PostgreSQL', { skip: postgresMissing() ?? false, timeout: 120_000 }, async (t) => {
  const postgres = await startPostgres()
  t.teardown(() => postgres.stop())
  const url = await postgres.createDatabase()
  const receiver = await aReceiver(t)
  const fleet = aFleet(t, { url, plan, settings: { WEBHOOK_URLS: receiver.url, WEBHOOK_TIMEOUT_MS: '400' } })
  const first = await Promise.all(['a', 'b'].map((name) => fleet.start(name)))
  let alive: Instance[] = first
  /** Acknowledged; a push without an answer may be stored or not. */
  const pushed = { one: 0, two: 0, three: 0 }
  let doubtful = 0
  const push = async (instance: Instance, service: keyof typeof pushed, count: number, failed = 0): Promise<void> => {
    const status = await instance.push(service, count, failed).catch(() => null)
    if (status === 200) pushed[service] += count
    else doubtful += count
  }
  const toldOf = (service: string) => receiver.messages.filter((message) => message.service === service)

  await t.test('one leads, both count together, and every page hears of everything', async (t) => {
    const leader = await leaderOf(alive)
    const other = alive.find((one) => one !== leader)!
    t.equal(await other.leads(), false)
    const streams = await Promise.all(alive.map(({ origin }) => readLive(t, origin)))
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
    postgres.restart()
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
