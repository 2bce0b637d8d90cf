import t, { type Test } from 'tap'
import { ManualClock, systemClock, type Clock } from '../src/platform/clock.ts'
import { openDatabase, type Database } from '../src/platform/database/open.ts'
import { openLease, type Lease } from '../src/platform/lease.ts'
import { postgresMissing, startPostgres } from './support/postgres.ts'

const quiet = { info: () => {}, warn: () => {} }

interface Member {
  readonly lease: Lease
  readonly database: Database
  readonly told: boolean[]
  /** Ends without letting go, as a process that is killed. */
  kill(): Promise<void>
}

async function aMember(t: Test, url: string, instance: string, durationMs: number, clock: Clock): Promise<Member> {
  const database = await openDatabase(url)
  database.line?.open({ clock, onNotice: () => {}, onConnected: () => {}, onError: () => {} })
  const lease = openLease(database, { clock, instance, durationMs, log: quiet })
  const told: boolean[] = []
  lease.onChange((isLeader) => told.push(isLeader))
  let closed = false
  const kill = async (): Promise<void> => {
    if (!closed) await database.close()
    closed = true
  }
  t.teardown(async () => {
    if (!closed) await lease.close()
    await kill()
  })
  await lease.start()
  return { lease, database, told, kill }
}

/** Looks again and again; the test's own time limit ends it. */
const until = async (isSo: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 10))
}

const write = ({ lease }: Member, value: string): Promise<unknown> =>
  lease.act((transaction) => transaction.insertInto('meta').values({ key: value, value }).execute())

const written = async ({ database }: Member): Promise<string[]> =>
  (await database.db.selectFrom('meta').select('key').orderBy('key').execute()).map(({ key }) => key)

t.test('alone with its store an instance always leads, with a new token at every start', async (t) => {
  const url = `sqlite:${t.testdir()}/store.sqlite`
  const first = await aMember(t, url, 'a', 1_000, systemClock)
  t.strictSame([first.lease.isLeader, first.lease.fencing], [true, 1])
  await write(first, 'one')
  await first.kill()
  const second = await aMember(t, url, 'a', 1_000, systemClock)
  t.strictSame([second.lease.isLeader, second.lease.fencing], [true, 2])
  t.match(await second.lease.status(), { holder: second.lease.holder, token: 2 })
  t.strictSame(await written(second), ['one'])
})

t.test('postgresql', { skip: postgresMissing() ?? false, timeout: 60_000 }, async (t) => {
  const server = await startPostgres()
  t.teardown(() => server.stop())

  t.test('one of many leads; when it stops, another does at once', async (t) => {
    const url = await server.createDatabase()
    const members = await Promise.all(['a', 'b', 'c'].map((name) => aMember(t, url, name, 60_000, systemClock)))
    const leaders = members.filter(({ lease }) => lease.isLeader)
    t.equal(leaders.length, 1)
    const [leader] = leaders
    t.match(await members[0]!.lease.status(), { holder: leader!.lease.holder, token: 1 })
    for (const member of members.filter((one) => one !== leader)) {
      await t.rejects(write(member, 'not the leader'), { code: 'PLIMSOLL_LEASE_LOST' })
    }
    await write(leader!, 'the leader')
    await leader!.lease.close()
    t.strictSame(leader!.told, [true, false])
    const others = members.filter((one) => one !== leader)
    for (const { lease } of others) lease.tryNow()
    await until(() => others.some(({ lease }) => lease.isLeader))
    t.equal(others.filter(({ lease }) => lease.isLeader).length, 1)
    t.equal(others.find(({ lease }) => lease.isLeader)!.lease.fencing, 2)
    t.strictSame(await written(others[0]!), ['the leader'])
  })

  t.test('a leader that is gone is followed when its lease ends, and only then', async (t) => {
    const url = await server.createDatabase()
    const leader = await aMember(t, url, 'a', 600, systemClock)
    const other = await aMember(t, url, 'b', 600, systemClock)
    t.strictSame([leader.lease.isLeader, other.lease.isLeader], [true, false])
    await leader.kill()
    other.lease.tryNow()
    t.equal(other.lease.isLeader, false, 'the lease of the one that is gone still runs')
    await until(() => other.lease.isLeader)
    t.equal(other.lease.fencing, 2)
  })

  t.test('a leader whose time stood still cannot write once another leads, and learns of it', async (t) => {
    const url = await server.createDatabase()
    const frozen = new ManualClock() // its time does not go by: it believes to lead for ever
    const leader = await aMember(t, url, 'a', 500, frozen)
    const other = await aMember(t, url, 'b', 500, systemClock)
    await write(leader, '1 while it leads')
    await until(() => other.lease.isLeader)
    t.equal(leader.lease.isLeader, true, 'it does not know')
    await t.rejects(write(leader, '2 too late'), { code: 'PLIMSOLL_LEASE_LOST' })
    t.equal(leader.lease.isLeader, false)
    t.strictSame(leader.told, [true, false])
    await write(other, '3 the new one')
    t.strictSame(await written(other), ['1 while it leads', '3 the new one'])
  })

  t.test('while a leader writes nobody takes over, but one that freezes over it is ended by the server', async (t) => {
    const url = await server.createDatabase()
    const frozen = new ManualClock()
    const leader = await aMember(t, url, 'a', 500, frozen)
    const other = await aMember(t, url, 'b', 500, systemClock)
    const wasLeader: boolean[] = []
    const freezes = leader.lease.act(async (transaction) => {
      await transaction.insertInto('meta').values({ key: 'half', value: '' }).execute()
      await until(() => other.lease.isLeader)
      wasLeader.push(other.lease.isLeader)
      await transaction.insertInto('meta').values({ key: 'the other half', value: '' }).execute()
    })
    await t.rejects(freezes)
    t.strictSame(wasLeader, [true], 'the lease went on although a transaction held its row')
    t.strictSame(await written(other), [], 'and of that transaction nothing stays')
  })

  t.test('a leader that cannot renew stops by its own clock before the lease ends', async (t) => {
    const url = await server.createDatabase()
    const clock = new ManualClock()
    const leader = await aMember(t, url, 'a', 60_000, clock)
    await leader.kill()
    clock.advance(53_000)
    t.equal(leader.lease.isLeader, true)
    clock.advance(2_000)
    t.equal(leader.lease.isLeader, false)
    t.strictSame(leader.told, [true, false])
  })

  t.test('wall clocks that are set, forwards or backwards, change nothing', async (t) => {
    const url = await server.createDatabase()
    const clocks = [new ManualClock(), new ManualClock()]
    const leader = await aMember(t, url, 'a', 60_000, clocks[0]!)
    const other = await aMember(t, url, 'b', 60_000, clocks[1]!)
    for (const byMs of [3_600_000, -7_200_000]) {
      for (const clock of clocks) clock.setWallClock(clock.nowMs() + byMs)
      for (const { lease } of [other, leader]) await lease.start()
      t.strictSame([leader.lease.isLeader, other.lease.isLeader], [true, false])
    }
    t.equal(leader.lease.fencing, 1)
  })
})
