// The jobs of nomad/ on a real Nomad, without containers: checks in Consul, a canary, a rollback, the edge in front.
// Runs where `nomad` is in PATH; without it the files are checked by scripts/src/jobs.test.ts.
import { chmodSync, existsSync, globSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import pg from 'pg'
import t, { type Test } from 'tap'
import { openDatabase } from '../src/platform/database/open.ts'
import { ask, drive, type Where } from './support/asking.ts'
import { consulMissing, startConsul, type TestConsul } from './support/consul.ts'
import { nomadMissing, startNomad, type Json, type TestNomad } from './support/nomad-dev.ts'
import { eventually, freePorts, programPath } from './support/programs.ts'

const skip = nomadMissing() ?? consulMissing() ?? false
const checkout = resolve(import.meta.dirname, '../..')
const files = readdirSync(join(checkout, 'nomad')).filter((name) => name.endsWith('.nomad.hcl'))
const bare = { driver: 'raw_exec', checkout, node: process.execPath, vault_role: '' }

t.setTimeout(180_000)

t.test('the jobs on a real Nomad', { skip }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'plimsoll-nomad-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  chmodSync(dir, 0o755) // tasks of other users read below it, as they do below Nomad's own directories
  const consul = await startConsul()
  t.teardown(() => consul.stop())
  const nomad = await startNomad(join(dir, 'nomad'), consul.origin)
  t.teardown(() => nomad.stop())
  const image = `registry.example/plimsoll@sha256:${'a1'.repeat(32)}`

  for (const file of files) {
    await t.test(`${file} is valid and can be planned, with and without containers`, async (t) => {
      for (const variables of [bare, { image, vault_role: '' }]) {
        const job = await nomad.parse(file, variables)
        const valid = await nomad.put<{ ValidationErrors: string[] | null; Warnings: string }>('/v1/validate/job', {
          Job: job
        })
        t.same(valid.ValidationErrors ?? [], [])
        t.equal(valid.Warnings, '', 'nothing to warn of')
        const plan = await nomad.put<{ Warnings: string }>(`/v1/job/${String(job['ID'])}/plan`, { Job: job })
        t.equal(plan.Warnings, '')
      }
    })
  }

  const world: World = { nomad, consul, dir, edge: null }
  await t.test('the API runs with its checks in Consul', (t) => firstRelease(t, world))
  await t.test('the edge finds the API through Consul', { skip: edgeMissing() }, (t) => edge(t, world))
  await t.test('a new version waits as a canary until it is promoted, and no request fails', (t) => canary(t, world))
  await t.test('a version that is found bad goes back by itself, and no request fails', (t) => rollback(t, world))
  await t.test('the schema is migrated and the store copied by their jobs', () => batch(world))
  await t.test('PostgreSQL is made, takes its password and nobody without', { skip: postgresMissing() }, (t) =>
    postgres(t, world)
  )
})

const edgeMissing = (): string | false => {
  if (programPath('caddy') === null) return 'no Caddy here (on Debian as root: make deps)'
  return existsSync(join(checkout, 'web/build/200.html')) ? false : 'the page is not built: make build'
}

const [postgresBin = ''] = globSync('/usr/lib/postgresql/*/bin').toSorted().toReversed()

const postgresMissing = (): string | false => {
  if (postgresBin === '') return 'no PostgreSQL here (on Debian as root: make deps)'
  return process.getuid?.() === 0 ? false : 'only root runs a task as another user'
}

interface World {
  readonly nomad: TestNomad
  readonly consul: TestConsul
  readonly dir: string
  /** Where the edge is asked from outside, once it runs. */
  edge: Where | null
}

interface Deployment {
  readonly ID: string
  readonly JobVersion: number
  readonly Status: string
  readonly StatusDescription: string
  readonly TaskGroups: Record<
    string,
    { RequireProgressBy: string; HealthyAllocs: number; PlacedCanaries: string[] | null }
  >
}

/** The time in which a canary has to stay healthy is shortened; how an instance leaves is as it ships. */
const shortened = (job: Json): Json => {
  const update = { MinHealthyTime: 1_000_000_000 }
  const groups = (job['TaskGroups'] as Json[]).map((group) => ({
    ...group,
    ...(group['Update'] ? { Update: { ...(group['Update'] as Json), ...update } } : {})
  }))
  return { ...job, ...(job['Update'] ? { Update: { ...(job['Update'] as Json), ...update } } : {}), TaskGroups: groups }
}

const run = async (nomad: TestNomad, file: string, variables: Record<string, string>): Promise<string> => {
  const job = shortened(await nomad.parse(file, { ...bare, ...variables }))
  await nomad.put('/v1/jobs', { Job: job })
  return String(job['ID'])
}

/** A task has to be set up and started first, and the machine may be busy. */
const slow = { forMs: 45_000, everyMs: 200 }

const latest = (nomad: TestNomad): Promise<Deployment> => nomad.get('/v1/job/plimsoll-api/deployment')

const deployed = (nomad: TestNomad, version: number, status: RegExp): Promise<Deployment> =>
  eventually(
    `version ${version} is ${String(status)}`,
    async () => {
      const deployment = await latest(nomad)
      return deployment.JobVersion === version && status.test(`${deployment.Status} ${deployment.StatusDescription}`)
        ? deployment
        : null
    },
    slow
  )

const healthy = (nomad: TestNomad): Promise<unknown> =>
  eventually('the canary is healthy', async () => (await latest(nomad)).TaskGroups['api']?.HealthyAllocs === 1, {
    forMs: 45_000,
    everyMs: 200
  })

interface Instance {
  readonly release: string
  readonly tags: string[]
  readonly port: number
  readonly checks: string[]
}

const instances = async (consul: TestConsul): Promise<Instance[]> => {
  type Entry = {
    Service: { Tags: string[]; Port: number; Meta: Record<string, string> }
    Checks: { Name: string; Status: string }[]
  }
  const entries = (await (await fetch(`${consul.origin}/v1/health/service/plimsoll-api`)).json()) as Entry[]
  return entries.map(({ Service, Checks }) => ({
    release: Service.Meta['release'] ?? '',
    tags: Service.Tags.toSorted(),
    port: Service.Port,
    checks: Checks.filter(({ Name }) => Name !== 'Serf Health Status')
      .map(({ Name, Status }) => `${Name} ${Status}`)
      .toSorted()
  }))
}

const passing = ['alive passing', 'ready passing']
const api = (release: string) => ({
  release,
  instances: '1',
  settings: '{LOG_LEVEL="warn", PRESSURE_EVENT_LOOP_DELAY_MS="0"}'
})

async function firstRelease(t: Test, { nomad, consul }: World): Promise<void> {
  await run(nomad, 'plimsoll-api.nomad.hcl', api('v1'))
  await deployed(nomad, 0, /^successful/)
  const [only, ...others] = await instances(consul)
  t.same(others, [])
  t.match(only, { release: 'v1', tags: ['release-v1', 'stable'], checks: passing })
  const answer = await ask({ host: '127.0.0.1', port: only!.port }, '/readyz')
  t.equal(answer.status, 200)
  t.match(answer.headers, { 'x-release': 'v1', 'x-alloc-id': /^[0-9a-f-]{36}$/ })
}

/** Requests through the edge until it is told to stop; nothing where there is no edge. */
const underLoad = async (t: Test, { edge }: World, act: () => Promise<void>): Promise<void> => {
  if (edge === null) return act()
  const load = drive([{ to: edge, path: '/healthz' }])
  try {
    await act()
  } finally {
    const answers = await load.stop()
    const failed = answers.filter(({ status, headers }) => status !== 200 || headers['x-alloc-id'] === undefined)
    t.same(
      failed.map(({ status, body }) => `${status} ${body.slice(0, 200)}`),
      [],
      `none of ${answers.length} requests failed`
    )
    t.ok(answers.length > 100)
  }
}

async function canary(t: Test, world: World): Promise<void> {
  await underLoad(t, world, () => promoted(t, world))
}

async function promoted(t: Test, { nomad, consul }: World): Promise<void> {
  await run(nomad, 'plimsoll-api.nomad.hcl', api('v2'))
  const waiting = await deployed(nomad, 1, /^running .*promotion/)
  await healthy(nomad)
  const both = (await instances(consul)).toSorted((a, b) => (a.release < b.release ? -1 : 1))
  t.match(both, [
    { release: 'v1', tags: ['release-v1', 'stable'], checks: passing },
    { release: 'v2', tags: ['canary', 'release-v2'], checks: passing }
  ])
  await nomad.put(`/v1/deployment/promote/${waiting.ID}`, { DeploymentID: waiting.ID, All: true })
  await deployed(nomad, 1, /^successful/)
  await eventually('the old one is gone', async () => (await instances(consul)).length === 1)
  t.match(await instances(consul), [{ release: 'v2', tags: ['release-v2', 'stable'], checks: passing }])
}

async function rollback(t: Test, world: World): Promise<void> {
  await underLoad(t, world, () => failed(t, world))
}

async function failed(t: Test, { nomad, consul }: World): Promise<void> {
  await run(nomad, 'plimsoll-api.nomad.hcl', api('v3'))
  const waiting = await deployed(nomad, 2, /^running .*promotion/)
  await healthy(nomad)
  const { RevertedJobVersion } = await nomad.put<{ RevertedJobVersion: number | null }>(
    `/v1/deployment/fail/${waiting.ID}`,
    {}
  )
  t.equal(RevertedJobVersion, 1, 'auto_revert names the version before')
  await deployed(nomad, 3, /^successful/)
  await eventually('the canary is gone', async () => (await instances(consul)).length === 1)
  t.match(await instances(consul), [{ release: 'v2', checks: passing }])
}

async function edge(t: Test, world: World): Promise<void> {
  const { nomad, consul, dir } = world
  const caddy = programPath('caddy')!
  const [http, https, inside] = (await freePorts(3)) as [number, number, number]
  await run(nomad, 'plimsoll-edge.nomad.hcl', {
    caddy,
    resolver: consul.dns,
    http_port: String(http),
    https_port: String(https),
    inside_port: String(inside),
    log_path: dir
  })
  const outside = { host: '127.0.0.1', port: https, tls: true }
  const health = await eventually('the edge serves', async () => {
    const answer = await ask(outside, '/healthz')
    return answer.status === 200 ? answer : null
  })
  world.edge = outside
  t.equal(health.headers['x-release'], 'v1', 'by the release that runs')
  const page = await ask(outside, '/', { headers: { accept: 'text/html' } })
  t.match(page.headers, { 'content-security-policy': /default-src 'none'/, 'strict-transport-security': /max-age/ })
  t.ok(existsSync(join(dir, 'access.ndjson')), 'and logs where it is to')
}

async function batch({ nomad, dir }: World): Promise<void> {
  await run(nomad, 'migrate.nomad.hcl', {})
  await ended(nomad, 'migrate')
  const store = { data_path: join(dir, 'data'), backup_path: join(dir, 'backups'), store: 'sqlite' }
  await run(nomad, 'backup.nomad.hcl', store)
  // a store has to be there before it can be copied
  mkdirSync(store.data_path)
  await (await openDatabase(`sqlite:${join(store.data_path, 'plimsoll.sqlite')}`)).close()
  await nomad.put('/v1/job/backup/periodic/force', {})
  const copies = () => (existsSync(store.backup_path) ? readdirSync(store.backup_path) : [])
  await eventually('a whole copy is there', () => copies().some((name) => /^plimsoll-.*\.sqlite$/.test(name)), slow)
}

/** @throws when an allocation of a batch job failed */
const ended = (nomad: TestNomad, job: string): Promise<unknown> =>
  eventually(`${job} has ended well`, async () => {
    const allocations = await nomad.get<{ ClientStatus: string }[]>(`/v1/job/${job}/allocations`)
    return allocations.some(({ ClientStatus }) => ClientStatus === 'complete')
  })

async function postgres(t: Test, { nomad, dir }: World): Promise<void> {
  const place = join(dir, 'postgres')
  mkdirSync(place)
  execFileSync('chown', ['postgres:', place])
  const [port] = (await freePorts(1)) as [number]
  const password = 'a password for the test'
  await nomad.put('/v1/var/nomad/jobs/postgres', { Items: { password } })
  await run(nomad, 'postgres.nomad.hcl', { bin: postgresBin, data_path: place, port: String(port), memory_mb: '256' })
  const at = { host: '127.0.0.1', port, user: 'plimsoll', database: 'postgres' }
  const version = await eventually('it serves who knows the password', async () => {
    const client = new pg.Client({ ...at, password })
    await client.connect()
    const { rows } = await client.query<{ server_version: string }>('show server_version')
    await client.end()
    return rows[0]?.server_version
  })
  t.match(version, /^1[5-9]/)
  await t.rejects(new pg.Client({ ...at, password: 'another' }).connect(), /password authentication failed/)
  await nomad.put('/v1/job/postgres', { Stop: true }).catch(() => {})
}
