// `plimsoll deploy` and `plimsoll rollback` against a Nomad in memory, and the real one when `nomad` is on PATH.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createNomad } from '../../api/src/platform/nomad/client.ts'
import { startFakeNomad } from '../../api/test/support/fake-nomad.ts'
import { noNomad, nomadJob, startNomadAgent } from '../../api/test/support/nomad-agent.ts'
import { commands } from './commands.ts'
import { run } from './run.ts'

const digestOf = (digit: string): string => digit.repeat(64)
const imageOf = (digit: string): string => `registry.example/shop@sha256:${digestOf(digit)}`
const [a, b, c] = [imageOf('a'), imageOf('b'), imageOf('c')]

interface Bench {
  /** Types a command line; `API` forces the API of Nomad. */
  type(line: string, more?: { signal?: AbortSignal; plimsoll?: string }): Promise<Typed>
  deploy(image: string, options?: string, more?: { plimsoll?: string }): Promise<Typed>
  /** What the job answers its check from now on. */
  behave(behaviour: 'ok' | 'unhealthy'): void
  readonly nomad: ReturnType<typeof createNomad>
}

interface Typed {
  readonly exit: number
  readonly out: string
  readonly err: string
}

function bench(t: Test, address: string, api: boolean): Bench {
  const folder = t.testdir({})
  const file = join(folder, 'shop.nomad.hcl')
  mkdirSync(join(folder, 'vars'))
  writeFileSync(join(folder, 'vars', 'staging.vars.hcl'), '# staging\n')
  const behave = (behaviour: 'ok' | 'unhealthy') => writeFileSync(file, nomadJob('shop', { behaviour }))
  behave('ok')
  const nomad = createNomad({ address })
  t.teardown(() => nomad.close())
  const type: Bench['type'] = async (line, { signal = new AbortController().signal, plimsoll } = {}) => {
    const written = { out: '', err: '' }
    const exit = await run(line.split(' '), commands, {
      env: { PATH: process.env['PATH'], NOMAD_ADDR: address, ...(plimsoll && { PLIMSOLL_URL: plimsoll }) },
      stdout: { write: (chunk) => (written.out += chunk) },
      stderr: { write: (chunk) => (written.err += chunk) },
      signal
    })
    return { exit, ...written }
  }
  const deploy: Bench['deploy'] = (image, options = '', more = {}) =>
    type(`deploy --env staging --job ${file} --image ${image}${api ? ' --api' : ''}${options && ` ${options}`}`, more)
  return { type, deploy, behave, nomad }
}

async function fakeBench(t: Test) {
  const server = await startFakeNomad()
  t.teardown(() => server.close())
  return { ...bench(t, server.url, true), server }
}

/** A Plimsoll whose gate gives this answer. */
async function aGate(t: Test, status: number, body: object): Promise<string> {
  const server = createServer((request, reply) => {
    request.resume()
    reply.writeHead(status, { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' })
    reply.end(JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** What holds through the API of a Nomad and through its command alike. */
async function story(t: Test, { deploy, type, behave, nomad }: Bench): Promise<void> {
  const first = await deploy(a, '--json')
  t.equal(first.exit, 0, first.err)
  t.match(JSON.parse(first.out), { outcome: 'successful', job: 'shop', version: 0, troubles: [] })
  t.match(first.err, /no gate asked: no Plimsoll is named/)

  const again = await deploy(a)
  t.equal(again.exit, 0)
  t.match(again.err, /version 0 .*runs already/, 'the same again changes nothing')
  t.equal((await nomad.job('shop')).version, 0)

  const shown = await deploy(b, '--dry-run')
  t.equal(shown.exit, 0)
  t.match(shown.err, /group api: .*1 canary/)
  t.match(shown.err, new RegExp(`IMAGE.*"${a}" → "${b}"`))
  t.equal((await nomad.job('shop')).version, 0, 'a dry run changes nothing')

  const canary = await deploy(b)
  t.equal(canary.exit, 3, 'it waits for a person')
  t.match(canary.out, /wait for a promotion/)
  t.match(canary.err, /api: 1 of 1 canary healthy/)
  const followed = await deploy(b)
  t.equal(followed.exit, 3)
  t.match(followed.err, /handed in already: following its deployment/)
  const disturbing = await deploy(c)
  t.equal(disturbing.exit, 1)
  t.match(disturbing.err, /is being deployed.*PLIMSOLL_DEPLOY_UNDER_WAY/)
  const promoted = await deploy(b, '--promote')
  t.equal(promoted.exit, 0, promoted.err)
  t.equal((await nomad.job('shop')).version, 1, 'one version, whoever calls how often')

  behave('unhealthy')
  const failed = await deploy(c, '--promote')
  t.equal(failed.exit, 1)
  t.match(failed.err, /api\/server on \S+ \(\w{8}\): .*unhealthy/i, 'and says why')
  t.match(failed.out, /failed \(.*rolling back to job version 1\)/)
  behave('ok')
  const wentBack = await type('rollback --env staging --job shop')
  t.equal(wentBack.exit, 0)
  t.match(wentBack.err + wentBack.out, /rolled back/, 'Nomad did it already')

  t.equal((await deploy(c)).exit, 3)
  const stopped = await type('rollback --env staging --job shop')
  t.equal(stopped.exit, 0, stopped.err)
  t.match(stopped.err, /is failed\nNomad goes back to version \d by itself/)

  t.equal((await deploy(c, '--promote')).exit, 0)
  const back = await type('rollback --env staging --job shop --json')
  t.equal(back.exit, 0, back.err)
  t.match(back.err, /promoting/, 'going back has canaries of its own')
  const [now] = await nomad.jobVersions('shop')
  t.match(JSON.parse(back.out), { outcome: 'successful', version: now!.version })
  t.match(JSON.stringify(await nomad.wireJob('shop')), b)
  const twice = await type('rollback --env staging --job shop')
  t.equal(twice.exit, 0)
  t.match(twice.err, /rolled back already/, 'and not forward again')
  t.equal((await nomad.job('shop')).version, now!.version)
}

t.test('an image comes in, waits, is promoted, fails, goes back: through the API', async (t) => {
  await story(t, await fakeBench(t))
})

const missing = noNomad()
if (missing === null) t.setTimeout(300_000) // real allocations
t.test('the same on the Nomad of this machine, through its command', { skip: missing ?? false }, async (t) => {
  const agent = await startNomadAgent()
  t.teardown(() => agent.close())
  await story(t, bench(t, agent.url, false))
})

t.test('what cannot be meant is refused before anything is asked', async (t) => {
  const { deploy, type, server } = await fakeBench(t)
  for (const [line, said] of [
    ['deploy --env staging --image registry.example/shop:1.2', /has no digest: a tag may name another image tomorrow/],
    ['deploy --env staging --image shop@sha256:12', /is no image by digest/],
    ['deploy --env ../x --image x', /is no name of an environment/],
    ['deploy --env staging', /needs --image/],
    ['rollback --env staging --to latest', /is no version of a job/]
  ] as const) {
    const typed = await type(line)
    t.equal(typed.exit, 64, line)
    t.match(typed.err, said)
  }
  t.strictSame(server.asked, [])
  t.match(await deploy(a, '--env production'), { exit: 64, err: /environments with variables: staging/ })
})

t.test('the gate has a say when a Plimsoll is named', async (t) => {
  const { deploy, server } = await fakeBench(t)
  const rule = {
    rule: 'error_budget',
    title: 'error budget',
    state: 'fail',
    onFail: 'block',
    onUnmeasured: 'block',
    text: '2 % left, 10 % asked',
    limit: 0.1,
    value: 0.02,
    unit: null,
    interval: null,
    samples: 1,
    window: null,
    source: null,
    freshAt: null,
    next: 'wait 3 days, or override',
    parts: [],
    overriddenBy: null
  }
  const verdict = { id: 'v-1', state: 'fail', mayShip: false, text: 'the error budget is spent', rules: [rule] }
  const closed = await deploy(a, '', { plimsoll: await aGate(t, 200, verdict) })
  t.equal(closed.exit, 1)
  t.match(closed.err, /FAIL: error budget: 2 % left, 10 % asked; wait 3 days.*PLIMSOLL_DEPLOY_GATE/s)
  const unsure = await aGate(t, 200, { ...verdict, state: 'could_not_measure', rules: [] })
  t.equal((await deploy(a, '', { plimsoll: unsure })).exit, 2, 'nothing measured is no failure')
  const silent = await deploy(a, '', { plimsoll: 'http://127.0.0.1:1' })
  t.equal(silent.exit, 2)
  t.match(silent.err, /PLIMSOLL_UNREACHABLE/)
  t.notOk(server.asked.includes('POST /v1/jobs'), 'nothing was handed in')

  const none = await deploy(a, '', { plimsoll: await aGate(t, 404, { title: 'Not found', detail: 'no such route' }) })
  t.equal(none.exit, 0)
  t.match(none.err, /no gate asked: no such route/, 'and says so')
  const open = await aGate(t, 200, { ...verdict, state: 'warn', mayShip: true })
  t.equal((await deploy(b, '', { plimsoll: open })).exit, 3)
})

t.test('two people at once: one goes through, the other is told who', async (t) => {
  const { deploy } = await fakeBench(t)
  t.equal((await deploy(a)).exit, 0)
  const both = await Promise.all([deploy(b), deploy(c)])
  t.strictSame(
    both.map(({ exit }) => exit).toSorted((a, b) => a - b),
    [1, 3]
  )
  const loser = both.find(({ exit }) => exit === 1)!
  t.match(loser.err, /somebody was faster: version 1.*handed in at \d{4}-.*PLIMSOLL_NOMAD_CONFLICT|UNDER_WAY/s)
  const same = await fakeBench(t)
  t.equal((await same.deploy(a)).exit, 0)
  const agreeing = await Promise.all([same.deploy(b), same.deploy(b)])
  t.strictSame(
    agreeing.map(({ exit }) => exit),
    [3, 3],
    'the same image twice is one deployment'
  )
  t.equal((await same.nomad.job('shop')).version, 1)
})

t.test('Ctrl-C leaves the deployment alone; the same command follows on', async (t) => {
  const { deploy, type, server, nomad } = await fakeBench(t)
  t.equal((await deploy(a)).exit, 0)
  server.faults.healthAfterMs = 400
  const file = join(t.testdirName, 'shop.nomad.hcl')
  const ctrlC = new AbortController()
  const stopped = type(`deploy --env staging --job ${file} --image ${b} --api`, { signal: ctrlC.signal })
  while (!server.asked.includes('GET /v1/deployments') && (await nomad.job('shop')).version === 0) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  await new Promise((resolve) => setTimeout(resolve, 50))
  ctrlC.abort()
  t.match(await stopped, { exit: 2, err: /INTERRUPTED/ })
  t.equal((await deploy(b, '--promote')).exit, 0)
  t.equal((await nomad.job('shop')).version, 1)
})

t.test('a process of its own follows to the end, and to the end of its time', async (t) => {
  const { deploy, server, behave } = await fakeBench(t)
  behave('ok')
  server.faults.healthAfterMs = 600
  const file = join(t.testdirName, 'shop.nomad.hcl')
  const alone = async (...options: string[]): Promise<Typed> => {
    const args = [
      join(import.meta.dirname, 'main.ts'),
      'deploy',
      '--env',
      'staging',
      '--job',
      file,
      '--api',
      ...options
    ]
    const child = spawn(process.execPath, args, { env: { ...process.env, NOMAD_ADDR: server.url } })
    const written = { out: '', err: '' }
    child.stdout.on('data', (chunk: Buffer) => (written.out += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (written.err += chunk.toString()))
    const [exit] = (await once(child, 'close')) as [number]
    return { exit, ...written }
  }
  t.match(await alone('--image', a), { exit: 0, out: /runs/ })
  server.faults.healthAfterMs = 5_000
  t.match(await alone('--image', b, '--timeout', '1s'), { exit: 2, err: /PLIMSOLL_DEPLOY_TIMEOUT/ })
  t.equal((await deploy(b, '--dry-run')).exit, 0)
})

t.test('a deployment that Nomad begins late is waited for, not taken for none', async (t) => {
  const { deploy, server } = await fakeBench(t)
  t.equal((await deploy(a)).exit, 0)
  server.faults.beginAfterMs = 1_500
  const late = await deploy(b)
  t.equal(late.exit, 3, late.err)
  t.match(late.out, /wait for a promotion/)
})

t.test('a Nomad that refuses is told in its words, and nothing is guessed', async (t) => {
  const { deploy, type, server } = await fakeBench(t)
  server.faults.refuse = [500, 'No cluster leader']
  t.match(await deploy(a), { exit: 2, err: /No cluster leader \[PLIMSOLL_NOMAD_NO_LEADER\]/ })
  server.faults.refuse = [403, 'Permission denied']
  t.match(await deploy(a), { exit: 2, err: /PLIMSOLL_NOMAD_FORBIDDEN/ })
  server.faults.refuse = null
  t.match(await type('rollback --env staging --job shop'), { exit: 2, err: /PLIMSOLL_NOMAD_NOT_FOUND/ })
  t.equal((await deploy(a)).exit, 0)
  t.match(await type('rollback --env staging --job shop'), { exit: 1, err: /no older stable version/ })
  t.match(await type('rollback --env staging --job shop --to 9'), { exit: 1, err: /it keeps 0/ })
})
