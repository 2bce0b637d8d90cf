import { existsSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { runCommandCheck } from '../src/plan/acceptance/command-check.ts'
import { runFileCheck } from '../src/plan/acceptance/file-check.ts'
import { runHttpCheck } from '../src/plan/acceptance/http-check.ts'
import type { CommandCheck, HttpCheck } from '../src/plan/model.ts'
import { ManualClock } from '../src/platform/clock.ts'
import { strictGuard } from '../src/platform/guard/address-guard.ts'
import { buildTestApp, type TestApp, type TestAppOptions } from './support/app.ts'
import { openTestDatabase } from './support/database.ts'

async function anApp(t: Test, options: TestAppOptions): Promise<TestApp> {
  const test = await buildTestApp(options)
  t.teardown(() => test.close())
  return test
}

const clock = new ManualClock()
const tools = { clock, guard: strictGuard }
const never = new AbortController().signal

const aCheck = { key: 'k', title: 'x', everyMs: 60_000, evidenceMs: 3_600_000 }

const aSite = async (t: Test, answer: RequestListener): Promise<string> => {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close().closeAllConnections())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const http = (url: string, more: Partial<HttpCheck> = {}): HttpCheck => ({
  ...aCheck,
  kind: 'http',
  url,
  method: 'GET',
  timeoutMs: 5_000,
  expect: { status: [{ from: 200, to: 299 }], body: null },
  ...more
})

t.test('a check over HTTP compares what is answered with what is expected', async (t) => {
  const url = await aSite(t, ({ url, method }, reply) => {
    if (url === '/sorry') return reply.writeHead(503).end()
    if (url === '/long') return reply.end('x'.repeat(70_000) + 'end')
    reply.end(`${method} is ok`)
  })
  const run = async (check: HttpCheck) => {
    const { state, reasons } = await runHttpCheck(check, tools, never)
    return [state, reasons[0]?.code]
  }
  const body = (text: string) => ({
    expect: { status: [{ from: 200, to: 200 }], body: { kind: 'contains', text } as const }
  })
  t.same(await run(http(`${url}/`)), ['pass', 'as_expected'])
  t.same(await run(http(`${url}/sorry`)), ['fail', 'unexpected_status'])
  t.same(await run(http(`${url}/sorry`, { expect: { status: [{ from: 503, to: 503 }], body: null } })), [
    'pass',
    'as_expected'
  ])
  t.same(await run(http(`${url}/`, body('GET is ok'))), ['pass', 'as_expected'])
  t.same(await run(http(`${url}/`, body('not ok'))), ['fail', 'unexpected_body'])
  t.same(await run(http(`${url}/long`, body('end'))), ['fail', 'unexpected_body'], 'only the first 64 KiB are read')
  t.same(await run(http(`${url}/`, { method: 'HEAD' })), ['pass', 'as_expected'])
  t.same(await run(http('http://127.0.0.1:1/')), ['fail', 'no_answer'])
})

t.test('a redirect is followed at home, three times at most, and never elsewhere', async (t) => {
  const other = await aSite(t, (_request, reply) => reply.end('secret'))
  const url = await aSite(t, ({ url }, reply) => {
    if (url === '/home') return reply.writeHead(302, { location: '/' }).end()
    if (url === '/away') return reply.writeHead(302, { location: other }).end()
    if (url === '/round') return reply.writeHead(302, { location: '/round' }).end()
    if (url === '/broken') return reply.writeHead(302, { location: 'http://' }).end()
    reply.end('ok')
  })
  const run = async (path: string) => (await runHttpCheck(http(url + path), tools, never)).reasons[0]
  t.match(await run('/home'), { code: 'as_expected' })
  t.match(await run('/away'), { code: 'redirected', text: `${url}/away is redirected to ${other}` })
  t.match(await run('/round'), { code: 'redirected', text: `${url}/round is redirected more than 3 times` })
  t.match(await run('/broken'), { code: 'redirected' })
})

t.test('an answer that does not come in time is a failure', async (t) => {
  const clock = new ManualClock()
  let asked = () => {}
  const isAsked = new Promise<void>((resolve) => (asked = resolve))
  const url = await aSite(t, () => asked())
  const run = runHttpCheck(http(url), { clock }, never)
  await isAsked
  clock.advance(5_000)
  t.match(await run, { state: 'fail', reasons: [{ code: 'timeout' }] })
})

t.test('the metadata services of clouds are not asked, by whatever name', async (t) => {
  for (const host of ['169.254.169.254', '[fe80::1]', '[fd00:ec2::254]', '[::ffff:169.254.169.254]', '2852039166']) {
    const { state, reasons } = await runHttpCheck(http(`http://${host}/latest/meta-data`), tools, never)
    t.match({ state, reasons }, { state: 'could_not_measure', reasons: [{ code: 'address_forbidden' }] }, host)
  }
  const answer = await new Promise((resolve) => strictGuard.lookup('169.254.169.254', { all: true }, resolve))
  t.match(
    answer,
    { name: 'Error', message: /link-local/ },
    'a name that resolves to one is caught where the connection is made'
  )
  t.equal(
    await new Promise((resolve) => strictGuard.lookup('127.0.0.1', {}, (error, address) => resolve(error ?? address))),
    '127.0.0.1'
  )
})

t.test('a file is there when it is a file below the plan with something in it', async (t) => {
  const directory = t.testdir({ 'README.md': 'read me', empty: '', docs: { 'a.md': 'a' } })
  symlinkSync('/etc/passwd', join(directory, 'out'))
  symlinkSync('README.md', join(directory, 'in'))
  const run = async (path: string) => {
    const { state, reasons } = await runFileCheck({ ...aCheck, kind: 'file', path }, directory)
    return `${state} ${reasons[0]?.code}`
  }
  t.equal(await run('README.md'), 'pass file_there')
  t.equal(await run('docs/a.md'), 'pass file_there')
  t.equal(await run('in'), 'pass file_there')
  t.equal(await run('empty'), 'fail file_empty')
  t.equal(await run('docs'), 'fail not_a_file')
  t.equal(await run('nothing'), 'fail file_missing')
  t.equal(await run('README.md/x'), 'fail file_missing')
  t.equal(await run('out'), 'could_not_measure outside_of_plan')
  t.equal(await run(`${'../'.repeat(32)}etc/passwd`), 'could_not_measure outside_of_plan')
})

const node = process.execPath

t.test('a command is run only as the setting names it, word for word', async (t) => {
  const directory = t.testdir()
  const run = async (command: string[], allowed: string[][] = [command]) => {
    const check: CommandCheck = { ...aCheck, kind: 'command', run: command, timeoutMs: 60_000 }
    const { state, reasons } = await runCommandCheck(check, { clock, allowed, directory }, never)
    return { state, ...reasons[0] }
  }
  const script = (text: string) => [node, '-e', text]
  t.match(await run(script('')), { state: 'pass', code: 'command_succeeded' })
  t.match(await run(script('console.log("a\\nb\\u001b[31m"); process.exit(3)')), {
    state: 'fail',
    text: /ended with 3: b\[31m$/
  })
  t.match(await run(script(''), []), { state: 'could_not_measure', code: 'command_not_allowed', next: /COMMAND_ALLOW/ })
  t.match(await run([node, '-e', ''], [[node, '-e']]), { code: 'command_not_allowed' }, 'not with one argument more')
  t.match(await run(['echo', '$HOME; touch x']), { state: 'pass' }, 'no shell reads it')
  t.match(await run(['no-such-program']), { state: 'could_not_measure', code: 'command_not_started' })
  process.env['PLIMSOLL_TEST_SECRET'] = 'x'
  t.teardown(() => delete process.env['PLIMSOLL_TEST_SECRET'])
  t.match(
    await run(script('process.exit(process.env.PLIMSOLL_TEST_SECRET ? 1 : 0)')),
    { state: 'pass' },
    'it sees nothing of our environment'
  )
  t.match(
    await run(script('process.stdout.write("x".repeat(1e6)); process.exitCode = 1')),
    { state: 'fail' },
    'whatever it says'
  )
})

t.test('a command that takes too long is ended, with all that it has started', async (t) => {
  const clock = new ManualClock()
  const directory = t.testdir()
  const ready = join(directory, 'ready')
  const script = `require('child_process').spawn('sleep', ['60'], { stdio: 'inherit' }); require('fs').writeFileSync(${JSON.stringify(ready)}, ''); setInterval(() => {}, 1000)`
  const command = [node, '-e', script]
  const check: CommandCheck = { ...aCheck, kind: 'command', run: command, timeoutMs: 1_000 }
  const run = runCommandCheck(check, { clock, allowed: [command], directory }, never)
  while (!existsSync(ready)) await new Promise<void>((resolve) => setImmediate(resolve))
  clock.advance(1_000)
  t.match(await run, { state: 'fail', reasons: [{ code: 'timeout' }] })
})

const plan = (acceptance: string): string =>
  `plan: plimsoll/v1\nservices: [{ name: shop, signals: [self], objectives: [] }]\nmilestones: [{ id: M-1, title: x, owner: y, acceptance: ${acceptance} }]\n`

interface Shown {
  readonly milestones: {
    readonly state: string
    readonly checks: { state: string; checkedAt: string | null; reasons: { code: string }[] }[]
  }[]
}

t.test('checks run on their schedule, and what they show is dated and expires', async (t) => {
  const clock = new ManualClock()
  const { app, dir, database } = await anApp(t, {
    clock,
    settings: { PRESSURE_EVENT_LOOP_DELAY_MS: '0' }, // the clock runs faster than the loop
    plan: plan('[{ file: there, every: 10m, evidence: 1h }, { file: later, every: 10m }]')
  })
  writeFileSync(join(dir, 'there'), 'x')
  const shown = async () => (await app.inject('/api/v1/plan/milestones')).json<Shown>().milestones[0]
  const states = async () => (await shown())?.checks.map(({ state, reasons }) => `${state} ${reasons[0]?.code}`)
  const until = async (wanted: string[]) => {
    for (let i = 0; i < 200 && String(await states()) !== String(wanted); i++) await clock.advanceAsync(1_000)
    t.same(await states(), wanted)
  }
  t.same(await states(), ['could_not_measure not_checked_yet', 'could_not_measure not_checked_yet'])
  await until(['pass file_there', 'fail file_missing'])
  writeFileSync(join(dir, 'later'), 'x')
  await until(['pass file_there', 'pass file_there'])
  t.equal((await shown())?.state, 'pass')

  const rows = await database.db.selectFrom('check_results').select(['check_key', 'state']).orderBy('id').execute()
  t.same(
    rows.map(({ state }) => state).toSorted(),
    ['fail', 'pass', 'pass'],
    'a row for every change, however often was looked'
  )
  clock.setWallClock(clock.nowMs() + 3_600_000)
  t.same(await states(), ['could_not_measure evidence_expired', 'pass file_there'], 'nobody looked for an hour')
})

t.test('evidence outlives a restart, and belongs to what was checked, not to its place', async (t) => {
  const clock = new ManualClock()
  const database = await openTestDatabase(clock.nowMs())
  t.teardown(() => database.close())
  const first = await buildTestApp({ clock, database, plan: plan('[{ file: plan.yaml }]') })
  const reply = await first.app.inject({ method: 'POST', url: '/api/v1/plan/milestones/M-1/checks' })
  t.match(reply.json(), { state: 'pass', passed: 1 })
  await first.close()
  const second = await buildTestApp({
    clock,
    database,
    plan: plan('[{ file: other }, { title: as before, file: plan.yaml }]')
  })
  t.teardown(() => second.close())
  t.match((await second.app.inject('/api/v1/plan/milestones')).json(), {
    milestones: [
      { state: 'could_not_measure', checks: [{ state: 'could_not_measure' }, { state: 'pass', title: 'as before' }] }
    ]
  })
})

t.test('a plan that ships asks its own instance, wherever that listens', async (t) => {
  const test = await anApp(t, {
    plan: plan('[{ http: "self:/healthz", body: ok }, { http: "self:/no/such/page", status: 404 }]')
  })
  const { app } = test
  await test.listen()
  const reply = await app.inject({ method: 'POST', url: '/api/v1/plan/milestones/M-1/checks' })
  t.match(reply.json(), { checks: [{ state: 'pass' }, { kind: 'http' }] })
})

t.test('an objective is asked of the room that judges it', async (t) => {
  const text = plan('[{ objective: shop/availability }]').replace('objectives: []', 'promise: { availability: 99% }')
  const { app } = await anApp(t, { plan: text })
  app.plan.provideObjectiveState((service, objective) =>
    service === 'shop' && objective === 'availability'
      ? { state: 'not_enough_evidence', reasons: [{ code: 'few', text: '3 requests' }] }
      : null
  )
  const reply = await app.inject({ method: 'POST', url: '/api/v1/plan/milestones/M-1/checks' })
  t.match(reply.json(), {
    state: 'not_enough_evidence',
    checks: [{ reasons: [{ text: 'shop/availability is not_enough_evidence, not pass' }, { code: 'few' }] }]
  })
})
