// The rules that every job of nomad/ keeps, on the files as they are parsed; what runs is in api/test/nomad-jobs.test.ts.
import { spawnSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parse } from '@cdktf/hcl2json'
import t from 'tap'
import { allRoutes } from '../../api/src/contract/index.ts'
import { describeSetting, settingNames } from '../../api/src/platform/settings.ts'

type Json = { readonly [key: string]: unknown }

interface JobFile {
  readonly file: string
  readonly text: string
  readonly parsed: Json
  readonly name: string
  readonly job: Json
  readonly groups: readonly Json[]
  readonly tasks: readonly Json[]
}

const checkout = join(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(checkout, path), 'utf8')

/** The blocks of a kind below a node, those that `dynamic` makes included. Labelled blocks come as a map of lists. */
const blocks = (node: Json, kind: string): Json[] => {
  const plain = listed(node[kind])
  const dynamic = listed((node['dynamic'] as Json | undefined)?.[kind]).flatMap(({ content }) => listed(content))
  return [...plain, ...dynamic]
}

/** By the settings themselves where it is one: VAULT_TRANSIT_KEY names a key and holds none. */
const holdsSecret = (variable: string): boolean =>
  settingNames.includes(variable)
    ? describeSetting(variable).secret
    : /(TOKEN|SECRET|PASSWORD|_KEY|DATABASE_URL)$/.test(variable)

const listed = (value: unknown): Json[] => {
  if (Array.isArray(value)) return value as Json[]
  return value === undefined ? [] : Object.values(value as Json).flatMap((inner) => inner as Json[])
}

const readJob = async (path: string): Promise<JobFile> => {
  const text = read(path)
  const parsed = (await parse(path, text)) as Json
  const [[name, [job]]] = Object.entries(parsed['job'] as Record<string, [Json]>) as [[string, [Json]]]
  const groups = blocks(job, 'group')
  return {
    file: basename(path),
    text,
    parsed,
    name,
    job,
    groups,
    tasks: groups.flatMap((group) => blocks(group, 'task'))
  }
}

const paths = globSync('nomad/*.nomad.hcl', { cwd: checkout }).toSorted()
const jobs = await Promise.all(paths.map(readJob))
const api = jobs.find(({ name }) => name === 'plimsoll-api')!

/** `env` of a task where it is an expression that merges some; empty where it is a block. */
const envOf = (task: Json): string => (typeof task['env'] === 'string' ? task['env'] : '')
const envNames = (task: Json): string[] => [
  ...[...envOf(task).matchAll(/^\s*([A-Z][A-Z0-9_]+)\s*=\s/gm)].map(([, name]) => name!),
  ...(Array.isArray(task['env']) ? blocks(task, 'env').flatMap(Object.keys) : [])
]
const seconds = (duration: unknown): number => {
  const [, count, unit] = /^(\d+)(s|m|h)$/.exec(String(duration)) ?? []
  return Number(count) * { s: 1, m: 60, h: 3_600 }[unit as 's' | 'm' | 'h']
}

t.test('the jobs that belong here are here', async (t) => {
  t.same(
    jobs.map(({ name }) => name),
    ['backup', 'migrate', 'perf', 'plimsoll-api', 'plimsoll-edge', 'postgres']
  )
})

for (const { file, text, parsed, name, groups, tasks } of jobs) {
  t.test(file, async (t) => {
    await t.test('holds one job, which has its name', (t) => {
      t.equal(file, `${name}.nomad.hcl`)
      t.same(Object.keys(parsed['job'] as Json), [name])
      t.end()
    })

    await t.test('says at its head how it is started', (t) => {
      const head = text.slice(0, text.search(/^[^#]/m))
      t.match(head, `nomad/${file}`)
      t.match(head, /nomad job run|make deploy/)
      t.end()
    })

    await t.test('says of every variable what it is, of which type, and what it may be', (t) => {
      for (const [variable, [definition]] of Object.entries(parsed['variable'] as Record<string, [Json]>)) {
        t.match(definition['description'], /\w{3}/, variable)
        t.ok(definition['type'], variable)
        const [validation] = blocks(definition, 'validation')
        t.match(validation?.['condition'], `var.${variable}`, `${variable} is validated`)
        t.match(validation?.['error_message'], /^[A-Z].*\.$/, `${variable}: a sentence`)
        t.match(text.split(`variable "${variable}"`).join(''), `var.${variable}`, `${variable} is used`)
      }
      t.end()
    })

    await t.test('takes images by their digest alone', (t) => {
      const [image] = (parsed['variable'] as Record<string, [Json]>)['image']!
      t.match(JSON.stringify(blocks(image, 'validation')), /@sha256:\[0-9a-f\]\{64\}/)
      t.match(image['default'], /^$|@sha256:[0-9a-f]{64}$/)
      const images = tasks.flatMap((task) => blocks(task, 'config')).flatMap((config) => config['image'] ?? [])
      t.ok(images.length > 0)
      t.ok(images.every((one) => one === '${var.image}'))
      t.end()
    })

    await t.test('gives a container no more than it needs', (t) => {
      for (const config of tasks.flatMap((task) => blocks(task, 'config')).filter((one) => 'image' in one)) {
        t.type(config['pids_limit'], 'number')
        t.notOk('privileged' in config)
        if (name === 'postgres') continue // the official image changes its user by itself, for which it needs some
        t.equal(config['readonly_rootfs'], true)
        t.same(config['cap_drop'], ['all'])
        // file capabilities, by which Caddy may listen on 443, need new privileges
        if (name !== 'plimsoll-edge') t.same(config['security_opt'], ['no-new-privileges'])
      }
      t.end()
    })

    await t.test('puts no secret into the environment', (t) => {
      for (const task of tasks) {
        for (const variable of envNames(task)) {
          t.notOk(holdsSecret(variable), variable)
        }
        for (const template of blocks(task, 'template').filter((one) => one['env'] === true)) {
          t.match(template['destination'], '${NOMAD_SECRETS_DIR}/', 'only from a file that only the task can read')
          t.match(template['data'], /with (secret|nomadVar) /)
        }
        for (const vault of blocks(task, 'vault')) t.equal(vault['env'], false, 'no token in the environment')
      }
      t.end()
    })

    await t.test('has resources, a restart policy and time to end for every task', (t) => {
      for (const group of groups) t.equal(blocks(group, 'restart').length, 1)
      for (const task of tasks) {
        const [resources] = blocks(task, 'resources')
        t.ok(resources?.['cpu'] && resources['memory'])
        // a client cuts a longer one to its max_kill_timeout
        t.ok(seconds(task['kill_timeout']) <= 30, `${String(task['kill_timeout'])} is at most 30 s`)
      }
      t.end()
    })

    await t.test('asks what Consul has to ask, and restarts only what does not live', (t) => {
      const checks = groups.flatMap((group) => blocks(group, 'service')).flatMap((service) => blocks(service, 'check'))
      for (const check of checks) {
        t.ok(seconds(check['interval']) >= 1 && seconds(check['timeout']) >= 1, 'Nomad refuses less than a second')
        t.equal(blocks(check, 'check_restart').length, check['name'] === 'alive' ? 1 : 0, String(check['name']))
      }
      t.end()
    })
  })
}

t.test('the API waits for a judgement, and goes back by itself', async (t) => {
  const [update] = blocks(api.job, 'update')
  t.match(update, { auto_promote: false, auto_revert: true, canary: '${var.canaries}', max_parallel: 1 })
  t.ok(seconds(update!['healthy_deadline']) < seconds(update!['progress_deadline']))
  const [group] = api.groups
  t.equal(blocks(api.job, 'spread').length, 1)
  t.equal(blocks(group!, 'disconnect').length, 1)
  const checks = blocks(blocks(group!, 'service')[0]!, 'check')
  t.same(
    checks.map(({ name, path }) => `${String(name)} ${String(path)}`),
    ['alive /healthz', 'ready /readyz']
  )
})

t.test('the API has time to leave: out of Consul, then drained, then closed', async (t) => {
  const [group] = api.groups
  const [task] = api.tasks
  // the edge asks Consul every second
  t.ok(seconds(group!['shutdown_delay']) >= 2)
  const drainMs = Number(/SHUTDOWN_TIMEOUT_MS\s*=\s*"(\d+)"/.exec(envOf(task!))?.[1])
  t.ok(seconds(task!['kill_timeout']) * 1_000 >= drainMs + 5_000, 'longer than the drain')
  t.match(read('nomad/Caddyfile'), 'refresh 1s')
})

t.test('what a job tells the program are settings of the program', async (t) => {
  const ofNode = ['NODE_OPTIONS']
  t.ok(envNames(api.tasks[0]!).includes('SHUTDOWN_TIMEOUT_MS'), 'they are found at all')
  t.same(envNames({ env: [{ PORT: '1' }] }), ['PORT'], 'in a block, too')
  for (const { name, tasks } of jobs.filter((job) => ['plimsoll-api', 'migrate'].includes(job.name))) {
    const unknown = tasks.flatMap(envNames).filter((variable) => ![...settingNames, ...ofNode].includes(variable))
    t.same(unknown, [], name)
  }
})

t.test('what the edge tells Caddy are variables of the Caddyfile, all of them explained there', async (t) => {
  const caddyfile = read('nomad/Caddyfile')
  const used = [...new Set([...caddyfile.matchAll(/\{\$(EDGE_\w+)/g)].map(([, name]) => name!))].toSorted()
  const head = caddyfile.slice(0, caddyfile.search(/^[^#]/m))
  const explained = [...new Set(head.match(/EDGE_\w+/g))].toSorted()
  t.same(explained, used)
  const edge = jobs.find(({ name }) => name === 'plimsoll-edge')!
  const told = edge.tasks.flatMap(envNames).filter((name) => name.startsWith('EDGE_'))
  t.same(
    told.filter((name) => !used.includes(name)),
    []
  )
})

t.test('the edge sends every route of the API to the API, and pages to the page', async (t) => {
  const [, list = ''] = /@api path (.*)/.exec(read('nomad/Caddyfile')) ?? []
  const patterns = list.split(' ')
  const isApi = (path: string): boolean =>
    patterns.some((pattern) => (pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern))
  const paths = [...Object.keys(allRoutes).map((key) => key.split(' ')[1]!), '/docs', '/docs/json', '/openapi.json']
  t.same(
    paths.filter((path) => !isApi(path)),
    []
  )
  t.same(['/', '/alerts', '/services/shop', '/_app/immutable/a.js', '/apis'].filter(isApi), [])
})

t.test('staging and production say the same things, and only things that a job knows', async (t) => {
  const known = new Set(jobs.flatMap(({ parsed }) => Object.keys(parsed['variable'] as Json)))
  const [staging, production] = await Promise.all(
    ['staging', 'production'].map(async (name) => {
      const vars = (await parse(name, read(`nomad/vars/${name}.vars.hcl`))) as Json
      t.equal(vars['environment'], name)
      t.same(
        Object.keys(vars).filter((key) => !known.has(key)),
        [],
        `${name} sets no variable that nobody reads`
      )
      return Object.keys(vars).toSorted()
    })
  )
  t.same(staging, production)
})

const nomad = spawnSync('nomad', ['version']).status === 0
t.test('a wrong variable is refused in words', { skip: !nomad && 'no nomad in PATH' }, async (t) => {
  const wrong = [
    ['image', 'registry.example/plimsoll:latest', 'named by its digest'],
    ['driver', 'podman', 'docker, exec or raw_exec'],
    ['release', 'one two', 'named by at most 63'],
    ['instances', '0', 'Between 1 and 20'],
    ['settings', '{API_TOKEN="x"}', 'never stand in a job'],
    ['checkout', 'relative/path', 'absolute path']
  ] as const
  for (const [variable, value, words] of wrong) {
    const args = ['job', 'validate', `-var=${variable}=${value}`, join(checkout, 'nomad/plimsoll-api.nomad.hcl')]
    const { status, stderr } = spawnSync('nomad', args, { encoding: 'utf8', env: { PATH: process.env['PATH'] } })
    t.not(status, 0, variable)
    t.match(stderr, words)
  }
})
