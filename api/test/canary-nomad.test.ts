// Canaries end to end: a real Nomad places them, a real Caddy divides users between versions and writes its access
// log, the real server tails that log, decides and acts. Runs where nomad, consul and caddy are in PATH; elsewhere
// the same house is tried on a Nomad in memory by canary.test.ts and canary-faults.test.ts.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Release } from '../src/contract/releases.ts'
import { createNomad, type Nomad } from '../src/platform/nomad/client.ts'
import { consulMissing, startConsul } from './support/consul.ts'
import { canaryJob, startFront, startUsers, type Behaviour, type Site } from './support/canary-job.ts'
import { nomadMissing, startNomad } from './support/nomad-dev.ts'
import { eventually, freePorts, programPath } from './support/programs.ts'
import { startServer } from './support/server.ts'

const caddyMissing = (): string | null => (programPath('caddy') ? null : 'no Caddy here (on Debian as root: make deps)')
const missing = nomadMissing() ?? consulMissing() ?? caddyMissing()
const skip = missing === null ? false : `${missing}: canaries were tried on a Nomad in memory only`

t.setTimeout(280_000)

/** Together at most 100 requests a second. */
const cases = {
  'shop-good': { ratePerS: 36, canary: 'ok', times: 'soak: 1m, deadline: 3m' },
  'shop-errors': { ratePerS: 24, canary: 'errors', times: 'soak: 1m, deadline: 3m' },
  'shop-slow': { ratePerS: 30, canary: 'slow', times: 'soak: 2m, deadline: 3m' },
  'shop-idle': { ratePerS: 2, canary: 'ok', times: 'soak: 1m, deadline: 1m' }
} as const
type Name = keyof typeof cases
const names = Object.keys(cases) as Name[]

const planOf = (logs: Readonly<Record<string, string>>): string => `plan: plimsoll/v1
services:
${names
  .map(
    (name) => `  - name: ${name}
    signals: [{ caddyLog: { file: ${logs[name]} } }]
    promise: { errors: 1%, p95: 500ms, window: 30d }
    release: { nomad: { job: ${name} }, act: true, warmUp: 5s, ${cases[name].times} }
`
  )
  .join('')}`

t.test('canaries on a real Nomad behind a real Caddy', { skip }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'plimsoll-canary-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const consul = await startConsul()
  t.teardown(() => consul.stop())
  const agent = await startNomad(join(dir, 'nomad'), consul.origin)
  t.teardown(() => agent.stop())
  const nomad = createNomad({ address: agent.origin })
  t.teardown(() => nomad.close())

  const ports = await freePorts(names.length)
  mkdirSync(join(dir, 'logs'))
  const sites = names.map((service, i): Site => ({
    service,
    port: ports[i]!,
    log: join(dir, 'logs', `${service}.ndjson`)
  }))
  const front = startFront(programPath('caddy')!, join(dir, 'caddy'), { sites, dns: consul.dns })
  t.teardown(() => front.stop())

  await Promise.all(names.map((name) => handIn(nomad, name, 'v1', 'ok')))
  await Promise.all(names.map((name) => phase(nomad, name, 'successful')))

  const logs = Object.fromEntries(sites.map(({ service, log }) => [service, log]))
  writeFileSync(join(dir, 'plan.yaml'), planOf(logs))
  const server = startServer({
    PLAN_FILE: join(dir, 'plan.yaml'),
    DATA_DIR: join(dir, 'data'),
    WEB_ROOT: join(dir, 'web'),
    NOMAD_ADDR: agent.origin,
    PRESSURE_EVENT_LOOP_DELAY_MS: '0'
  })
  t.teardown(async () => {
    server.child.kill('SIGTERM')
    await server.ended
  })
  const origin = await server.origin
  const users = sites.map(({ service, port }) => startUsers(port, cases[service as Name].ratePerS))
  t.teardown(() => users.forEach((each) => each.stop()))
  await Promise.all(sites.map(({ port }) => eventually('the front answers', () => answers(port))))

  await Promise.all(names.map((name) => handIn(nomad, name, 'v2', cases[name].canary)))
  const releaseOf = async (name: Name, is: (release: Release) => boolean): Promise<Release> => {
    let last: Release | undefined
    try {
      return await eventually(
        name,
        async () => {
          last = await readRelease(origin, name, 'v2')
          return last && is(last) ? last : null
        },
        { forMs: 200_000, everyMs: 500 }
      )
    } catch (error) {
      throw new Error(`${JSON.stringify(last, null, 1)}\n${server.output().slice(-4_000)}`, { cause: error })
    }
  }

  const world = { nomad, releaseOf }
  t.jobs = names.length
  await Promise.all([
    t.test('a good canary is promoted and becomes the version that serves', (t) => good(t, world)),
    t.test('a canary with errors is failed and the job goes back', (t) => bad(t, world, 'shop-errors', /failures/)),
    t.test('a slow canary is failed and the job goes back', (t) =>
      bad(t, world, 'shop-slow', /usual latency|slowest|slower/)
    ),
    t.test('a canary that hardly anybody uses is left to a person', (t) => idle(t, world))
  ])
  for (const [i, each] of users.entries()) t.comment(`${names[i]}: ${JSON.stringify(each.seen)}`)
})

interface World {
  readonly nomad: Nomad
  readonly releaseOf: (name: Name, is: (release: Release) => boolean) => Promise<Release>
}

async function good(t: Test, { nomad, releaseOf }: World): Promise<void> {
  const release = await releaseOf('shop-good', ({ state }) => state === 'promoted')
  t.match(release, { previousVersion: 'v1', source: 'nomad', canary: { state: 'pass', act: true } })
  t.match(release.actions, [{ action: 'promote', by: 'plimsoll', state: 'done' }])
  const { arms } = release.canary!
  t.ok(arms.canary.total > 500 && (arms.baseline?.total ?? 0) > 500, 'both arms were seen in the log of Caddy')
  t.match(await phase(nomad, 'shop-good', 'successful'), { jobVersion: 1 })
  t.match((await nomad.jobVersions('shop-good'))[0], { release: 'v2', stable: true })
}

async function bad(t: Test, { nomad, releaseOf }: World, name: Name, why: RegExp): Promise<void> {
  const release = await releaseOf(name, ({ state }) => state === 'reverted')
  t.match(release, { previousVersion: 'v1', canary: { state: 'fail' } })
  t.match(release.actions, [{ action: 'fail', by: 'plimsoll', state: 'done', reason: why }])
  t.strictSame(
    ['canary_healthy', 'analysis', 'action', 'failed', 'reverted'].filter(
      (kind) => !release.timeline.some((entry) => entry.kind === kind)
    ),
    [],
    'all of it is on the timeline'
  )
  const [now, failed] = await nomad.jobVersions(name)
  t.match(now, { release: 'v1', stable: true, version: 2 })
  t.match(failed, { release: 'v2', stable: false, version: 1 })
}

async function idle(t: Test, { nomad, releaseOf }: World): Promise<void> {
  const release = await releaseOf('shop-idle', ({ canary }) => canary?.state === 'not_enough_evidence')
  t.match(release, { state: 'canary', endedAt: null, actions: [] })
  t.match(release.canary?.text, /prove less than/)
  t.match(await nomad.latestDeployment('shop-idle'), { status: 'running', groups: [{ promoted: false }] })
}

async function handIn(nomad: Nomad, name: Name, release: string, behaviour: Behaviour): Promise<void> {
  const job = await nomad.parse(canaryJob(name), `release = "${release}"\nbehaviour = "${behaviour}"\n`)
  const known = release === 'v1' ? 0 : (await nomad.wireJob(name)).JobModifyIndex!
  await nomad.register(job, known)
}

const phase = (nomad: Nomad, name: Name, status: string) =>
  eventually(
    `${name} is ${status}`,
    async () => {
      const latest = await nomad.latestDeployment(name)
      return latest?.status === status ? latest : null
    },
    { forMs: 60_000 }
  )

const answers = async (port: number): Promise<boolean> => (await fetch(`http://127.0.0.1:${port}/`)).status === 200

async function readRelease(origin: string, service: string, version: string): Promise<Release | undefined> {
  const ask = async <T>(path: string): Promise<T> => (await fetch(`${origin}${path}`)).json() as Promise<T>
  const { releases } = await ask<{ releases: Release[] }>(`/api/v1/releases?service=${service}`)
  const found = releases.find((release) => release.version === version)
  return found && ask<Release>(`/api/v1/releases/${found.id}`)
}
