// The real server killed between deciding, acting and writing it down; and several of them on one PostgreSQL.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Release } from '../src/contract/releases.ts'
import { ManualClock } from '../src/platform/clock.ts'
import { openDatabase } from '../src/platform/database/open.ts'
import { aCanary, dead, planOf } from './support/canary-house.ts'
import { startFakeNomad } from './support/fake-nomad.ts'
import { aFleet, until, type Instance } from './support/fleet.ts'
import { postgresMissing, startPostgres } from './support/postgres.ts'

t.setTimeout(120_000) // servers start slowly on a busy machine

const actingPlan = planOf('{ nomad: { job: shop }, act: true, warmUp: 0s, soak: 1m }')

/** A store in a file, outside the directory that each fleet makes anew. */
const aFile = (t: Test): string => {
  const dir = mkdtempSync(join(tmpdir(), 'plimsoll-canary-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return `sqlite:${join(dir, 'plimsoll.db')}`
}

/** A store in which it is decided that v2 fails, and a Nomad that has not heard of it yet. */
async function decided(t: Test, url: string) {
  const nomad = await startFakeNomad()
  t.teardown(() => nomad.close())
  const database = await openDatabase(url)
  const clock = new ManualClock(Math.floor(Date.now() / 1_000) * 1_000 - 60_000)
  const house = await aCanary(t, { nomad, database, clock })
  nomad.faults.refuse = [500, 'No cluster leader']
  await house.pass(30, ...dead)
  t.match(await house.actions(), [{ action: 'fail', state: 'intended' }], 'decided, and not done')
  await house.close()
  await database.close()
  nomad.faults.refuse = null
  const fails = (): number => nomad.asked.filter((line) => line.includes('/fail/')).length
  return { nomad, fails }
}

const releaseOf = async ({ get }: Instance): Promise<Release> => {
  const { releases } = await get<{ releases: Release[] }>('/api/v1/releases?service=shop')
  return get<Release>(`/api/v1/releases/${releases.find(({ version }) => version === 'v2')!.id}`)
}

const ended = (instance: Instance) =>
  until('v2 is reverted', async () => {
    const release = await releaseOf(instance)
    return release.state === 'reverted' && release.actions[0]?.state === 'done' ? release : null
  })

async function killedWhileActing(t: Test, url: string, others: 0 | 1): Promise<void> {
  const { nomad, fails } = await decided(t, url)
  const { start } = aFleet(t, { url, plan: actingPlan, settings: { NOMAD_ADDR: nomad.url } })
  nomad.faults.mute = /^POST .*\/fail\// // does it, and does not say so
  const first = await start('first')
  await until('Nomad is asked', () => fails() === 1)
  if (others > 0) t.equal(await first.leads(), true)
  const next = others > 0 ? await start('next') : null
  t.equal(fails(), 1, 'who does not lead asks for nothing')
  first.signal('SIGKILL')
  await first.server.ended
  nomad.faults.mute = null
  const release = await ended(next ?? (await start('first')))
  t.equal(fails(), 1, 'Nomad was asked once')
  t.match(release.actions, [
    { action: 'fail', by: 'plimsoll', state: 'done', text: /failed: Deployment marked as failed/ }
  ])
  t.equal(release.timeline.filter(({ kind }) => kind === 'action').length, 1, 'and it is told once')
}

t.test('killed by SIGKILL after deciding: what was intended is done after the start, once', async (t) => {
  const url = aFile(t)
  const { nomad, fails } = await decided(t, url)
  const { start } = aFleet(t, { url, plan: actingPlan, settings: { NOMAD_ADDR: nomad.url } })
  const release = await ended(await start('next'))
  t.equal(fails(), 1)
  t.match(release.actions, [{ state: 'done' }])
})

t.test('killed by SIGKILL after acting and before it was written: it is seen to be done', (t) =>
  killedWhileActing(t, aFile(t), 0)
)

t.test(
  'of two instances on one PostgreSQL one acts; killed while it does, the other sees it through',
  {
    skip: postgresMissing() ?? false
  },
  async (t) => {
    const server = await startPostgres()
    t.teardown(() => server.stop())
    await killedWhileActing(t, await server.createDatabase(), 1)
  }
)
