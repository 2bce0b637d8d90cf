// `plimsoll perf …` against real servers, good and bad. Nothing here depends on how fast the machine is.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { commands } from './commands.ts'
import { findCaddy } from './perf/caddy-front.ts'
import type { GateReport } from './perf/report.ts'
import { run } from './run.ts'

t.setTimeout(180_000) // real seconds of load

async function type(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const written = { out: '', err: '' }
  const exit = await run(args, commands, {
    env: { CLASS_KEY: 'a-key-that-both-sides-know', ...env },
    stdout: { write: (chunk) => (written.out += chunk) },
    stderr: { write: (chunk) => (written.err += chunk) },
    signal: new AbortController().signal
  })
  return { exit, ...written }
}

async function serve(test: Pick<typeof t, 'teardown'>, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  test.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

const short = ['--duration', '1s', '--saturation', '1s', '--warm-up', '0s', '--connections', '8']

t.test('a server that breaks its promise fails the gate', async (t) => {
  let served = 0
  const cases = [
    {
      name: 'one answer in a hundred is an error',
      listener: ((_, reply) => void reply.writeHead(++served % 100 === 0 ? 500 : 200).end()) as RequestListener,
      code: 'errors'
    },
    {
      name: 'slow',
      listener: ((_, reply) => void setTimeout(() => reply.end(), 300)) as RequestListener,
      code: 'latency'
    }
  ]
  for (const { name, listener, code } of cases) {
    const folder = t.testdir({})
    const summary = join(folder, 'summary.md')
    const target = await serve(t, listener)
    const files = ['--junit', join(folder, 'deep', 'gate.xml'), '--markdown', join(folder, 'gate.md')]
    const shown = await type(['perf', 'gate', '--target', target, '--rate', '300', ...short, '--json', ...files], {
      GITHUB_STEP_SUMMARY: summary
    })
    const report = JSON.parse(shown.out) as GateReport
    // a machine too busy to send says so: late answers may be its doing, broken ones are not
    if (code === 'latency' && report.checks[0]?.run?.sender?.limited) {
      t.match(report, { state: 'could_not_measure' }, name)
      continue
    }
    t.equal(shown.exit, 1, name)
    t.equal(report.state, 'fail', name)
    const broken = report.checks.filter(({ state }) => state === 'fail').flatMap(({ reasons }) => reasons)
    t.ok(
      broken.some((reason) => reason.code === code && reason.value! > reason.limit!),
      `${name}: says by what`
    )
    t.match(readFileSync(join(folder, 'deep', 'gate.xml'), 'utf8'), /<failure type="fail"/, name)
    t.match(readFileSync(summary, 'utf8'), '❌ Performance gate: FAIL', name)
    t.equal(readFileSync(join(folder, 'gate.md'), 'utf8'), readFileSync(summary, 'utf8'))
  }
})

t.test('a server that cannot be measured neither passes nor fails', async (t) => {
  const frozen = await serve(t, () => {})
  const missing = await serve(t, (_, reply) => void reply.writeHead(404).end())
  const gone = 'http://127.0.0.1:1/'
  const cases = [
    { name: 'frozen', target: frozen, code: 'target_silent' },
    { name: 'refuses', target: gone, code: 'target_refused' },
    { name: 'only 404s', target: missing, code: 'client_errors' },
    { name: 'another machine', target: 'http://192.0.2.1/', code: 'target_not_allowed' }
  ]
  for (const { name, target, code } of cases) {
    const shown = await type([
      'perf',
      'gate',
      '--target',
      target,
      '--timeout',
      '1s',
      '--rate',
      '100',
      ...short,
      '--json'
    ])
    const report = JSON.parse(shown.out) as GateReport
    t.equal(shown.exit, 2, name)
    t.match(report, { state: 'could_not_measure', checks: [{ state: 'could_not_measure' }, {}] }, name)
    t.ok(
      report.checks.some(({ reasons }) => reasons.some((reason) => reason.code === code && reason.next)),
      `${name}: ${code}, and what to do`
    )
  }
  t.match(await type(['perf', 'gate', '--target', 'shop', ...short]), { exit: 64, err: /http or https URL/ })
  t.match(await type(['perf', 'gate', '--rate', 'fast']), { exit: 64, err: /--rate fast/ })
  t.match(await type(['perf', 'gate', '--port', '99999999']), { exit: 64, err: /--port/ })
  t.match(await type(['perf', 'gate', 'gate.json']), { exit: 64, err: /--json FILE/ })
})

/** The real command in a process of its own, with a folder for everything temporary. */
function start(test: Pick<typeof t, 'testdir'>, args: readonly string[]) {
  const folder = test.testdir({})
  const main = join(import.meta.dirname, 'main.ts')
  const child = spawn(process.execPath, ['--no-warnings', main, 'perf', 'gate', ...args], {
    env: { PATH: process.env['PATH'], TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  let text = ''
  const origin = new Promise<string>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      const found = /it serves at (http:\/\/[\d.:]+)/.exec(text)?.[1]
      if (found) resolve(found)
    })
    child.once('exit', () => reject(new Error(text)))
  })
  origin.catch(() => {})
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => void (out += chunk.toString()))
  const ended = once(child, 'close') as Promise<[number | null, string | null]>
  return { child, origin, ended, folder, out: () => out }
}

const answers = (origin: string): Promise<boolean> =>
  fetch(`${origin}/healthz`).then(
    () => true,
    () => false
  )

t.test('Plimsoll itself is started, loaded, judged, and gone afterwards', async (t) => {
  const gate = start(t, ['--rate', '50', ...short, '--json'])
  const origin = await gate.origin
  const [exit] = await gate.ended
  const report = JSON.parse(gate.out()) as GateReport
  t.match(report, {
    kind: 'perf-gate',
    behind: findCaddy() ? 'caddy' : null,
    checks: [{ run: Object }, { run: Object }]
  })
  for (const { name, run } of report.checks) t.ok(run!.total > 0 && (run!.statuses['200'] ?? 0) > 0, name)
  t.equal(exit, { pass: 0, warn: 0, fail: 1, not_enough_evidence: 2, could_not_measure: 2 }[report.state])
  t.equal(await answers(origin), false)
  t.strictSame(readdirSync(gate.folder), [], 'nothing is left on disk')
})

t.test('however the gate ends, what it started ends too', async (t) => {
  const interrupted = start(t, ['--duration', '60s', '--json'])
  const origin = await interrupted.origin
  interrupted.child.kill('SIGINT')
  const [exit] = await interrupted.ended
  t.equal(exit, 2)
  t.equal((JSON.parse(interrupted.out()) as GateReport).state, 'could_not_measure')
  t.equal(await answers(origin), false, 'after Ctrl-C')
  t.strictSame(readdirSync(interrupted.folder), [])

  const killed = start(t, ['--duration', '60s', '--json'])
  const left = await killed.origin
  killed.child.kill('SIGKILL')
  await killed.ended
  for (let i = 0; i < 300 && (await answers(left)); i++) await wait(50)
  t.equal(await answers(left), false, 'after kill -9')
})
