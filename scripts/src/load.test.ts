// `plimsoll load …` against real servers of known behaviour.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { LoadLine, LoadRun } from '../../api/src/contract/load.ts'
import { startKnownServer, type Behaviour } from '../../api/test/support/known-server.ts'
import { readClassClaim } from '../../api/src/signals/class-header.rules.ts'
import { commands } from './commands.ts'
import { run } from './run.ts'

t.setTimeout(180_000) // real seconds of load

const key = 'a-key-that-both-sides-know'

interface Around {
  readonly env?: Readonly<Record<string, string>>
  /** Makes it a terminal whose last line is redrawn, and hears each redrawing. */
  readonly onProgress?: (line: string) => unknown
}

async function type(args: readonly string[], signal = new AbortController().signal, { env, onProgress }: Around = {}) {
  const written = { out: '', err: '' }
  const hear = (chunk: string): void => {
    written.err += chunk
    if (chunk.includes('left')) onProgress?.(chunk)
  }
  const exit = await run(args, commands, {
    env: { CLASS_KEY: key, ...env },
    stdout: { write: (chunk) => (written.out += chunk) },
    stderr: { write: hear, isTTY: onProgress !== undefined, columns: 200 },
    signal
  })
  return { exit, ...written }
}

async function known(test: Pick<typeof t, 'teardown'>, behaviour: Behaviour) {
  const server = await startKnownServer(behaviour)
  test.teardown(() => server.close())
  return server
}

const exits = { pass: 0, warn: 0, fail: 1, not_enough_evidence: 2, could_not_measure: 2 }

t.test('a run gives its document, exits by its verdict and marks every request', async (t) => {
  const server = await known(t, { kind: 'constant', delayMs: 5 })
  const shown = await type(['load', 'run', server.url, '--rate', '50', '--duration', '2s', '--json'])
  const document = JSON.parse(shown.out) as LoadRun
  t.match(document, {
    offeredPerS: 50,
    achievedPerS: 50,
    total: 100,
    bad: 0,
    latencyMs: { p50: Number, p90: Number, p95: Number, p99: Number, max: Number },
    state: String,
    reasons: [{ code: String, text: String }]
  })
  t.equal(shown.exit, exits[document.state])
  const { claims } = await server.seen()
  t.equal(
    claims.every((claim) => readClassClaim(claim, [key])?.trafficClass === 'load'),
    true,
    'signed, the first request included'
  )
  const text = await type(['load', 'run', server.url, '--rate', '50', '--duration', '1s', '--poisson'])
  t.match(text.out, /requests in 1 s, .*offered, .*sent\n +p50 +[^]* 200 +\d+/)
})

t.test('a broken promise is a no', async (t) => {
  const server = await known(t, { kind: 'status', status: 500 })
  const shown = await type(['load', 'run', server.url, '--rate', '100', '--duration', '2s', '--json'])
  const document = JSON.parse(shown.out) as LoadRun
  t.equal(document.bad, document.total)
  t.ok(document.state === 'fail' || document.sender?.limited, 'unless the machine was too busy to say')
  t.equal(shown.exit, exits[document.state])
})

t.test('a mix, a file for the result, and saturation', async (t) => {
  const server = await known(t, { kind: 'status', status: 200 })
  const folder = t.testdir({})
  const [mix, result] = [join(folder, 'mix.json'), join(folder, 'run.json')]
  writeFileSync(mix, JSON.stringify(['GET /a', { path: '/b', method: 'post', weight: 3, body: { x: 1 } }]))
  const args = ['load', 'run', '--json', result, server.url, '--saturate', '--duration', '1s', '--warm-up', '0s']
  const shown = await type([...args, '--connections', '4', '--requests', mix])
  t.equal(shown.out, '', 'the file has it')
  t.match(JSON.parse(readFileSync(result, 'utf8')), { kind: 'saturation', tool: 'autocannon', offeredPerS: null })
  t.match(shown.err, / requests in /)
})

t.test('a run that is interrupted keeps what it has, marked partial', async (t) => {
  const server = await known(t, { kind: 'status', status: 200 })
  const interrupted = new AbortController()
  const shown = await type(
    ['load', 'run', server.url, '--rate', '50', '--duration', '60s', '--json'],
    interrupted.signal,
    { onProgress: (line) => /[1-9]\d* answered/.test(line) && interrupted.abort() }
  )
  t.equal(shown.exit, 2)
  const document = JSON.parse(shown.out) as LoadRun
  t.equal(document.partial, true)
  t.ok(document.total > 0 && document.total < 3_000)
})

t.test('what cannot be loaded, or was not meant, is refused before any load', async (t) => {
  const server = await known(t, { kind: 'status', status: 200 })
  const folder = t.testdir({ 'bad.json': '[{"path":"items"}]' })
  const rate = ['--rate', '10']
  const cases = [
    { name: 'another machine', args: ['http://192.0.2.1/', ...rate], exit: 2, code: 'PLIMSOLL_TARGET_NOT_ALLOWED' },
    { name: 'nothing there', args: ['http://127.0.0.1:1/', ...rate], exit: 2, code: 'PLIMSOLL_TARGET_REFUSED' },
    { name: 'no URL', args: ['shop', ...rate], exit: 64, code: 'PLIMSOLL_USAGE' },
    { name: 'neither rate nor saturation', args: [server.url], exit: 64, code: 'PLIMSOLL_USAGE' },
    { name: 'both', args: [server.url, ...rate, '--saturate'], exit: 64, code: 'PLIMSOLL_USAGE' },
    { name: 'no rate', args: [server.url, '--rate', 'fast'], exit: 64, code: 'PLIMSOLL_USAGE' },
    { name: 'no duration', args: [server.url, ...rate, '--duration', '5'], exit: 64, code: 'PLIMSOLL_USAGE' },
    { name: 'a file that was not asked for', args: [server.url, 'x.json', ...rate], exit: 64, code: 'PLIMSOLL_USAGE' },
    {
      name: 'a mix with a fault',
      args: [server.url, ...rate, '--requests', join(folder, 'bad.json')],
      exit: 2,
      code: 'PLIMSOLL_REQUESTS_INVALID'
    }
  ]
  for (const { name, args, exit, code } of cases) {
    const shown = await type(['load', 'run', ...args])
    t.equal(shown.exit, exit, name)
    t.match(shown.err, code, name)
  }
  t.equal((await server.seen()).served, 0, 'nothing was sent')
})

t.test('a service of the plan is loaded as the plan says, and no more than it allows', async (t) => {
  const server = await known(t, { kind: 'status', status: 200 })
  const load = `{ url: "${server.url}/base", requests: [GET /a], maxRate: 40 }`
  const plan = `plan: plimsoll/v1
services:
  - { name: shop, owner: us, promise: { p95: 100ms }, load: ${load} }
  - { name: bare, owner: us }
`
  const around = { env: { PLAN_FILE: join(t.testdir({ 'plan.yaml': plan }), 'plan.yaml') } }
  const shown = await type(['load', 'run', 'shop', '--rate', '20', '--duration', '1s', '--json'], undefined, around)
  const wanted = { service: 'shop', target: `${server.url}/base`, total: 20, promised: { thresholdMs: 100 } }
  t.match(JSON.parse(shown.out), wanted)
  t.equal((await server.seen()).served, 21, 'one before the load')
  const refused = [
    { name: 'more than the plan allows', args: ['shop', '--rate', '41'] },
    { name: 'saturation', args: ['shop', '--saturate'] },
    { name: 'a service without a target', args: ['bare', '--rate', '1'] },
    { name: 'no service', args: ['nobody', '--rate', '1'] }
  ]
  for (const { name, args } of refused) {
    const { exit, err } = await type(['load', 'run', ...args], undefined, around)
    t.equal(exit, 64, name)
    t.match(err, 'PLIMSOLL_USAGE', name)
  }
  t.equal((await server.seen()).served, 21, 'nothing more was sent')
})

t.test('a search that is interrupted at once is told, written, and kept for a Plimsoll that is down', async (t) => {
  const server = await known(t, { kind: 'constant', delayMs: 2 })
  const folder = t.testdir({})
  const [result, spool] = [join(folder, 'line.json'), join(folder, 'spool')]
  const interrupted = new AbortController()
  const args = ['load', 'line', server.url, '--service', 'shop', '--start', '30', '--max-rate', '40', '--json', result]
  const shown = await type(args, interrupted.signal, {
    env: { PLIMSOLL_URL: 'http://127.0.0.1:1', PLIMSOLL_SPOOL: spool },
    // the first line of progress: no probe has ended, so nothing depends on how busy this machine is
    onProgress: () => interrupted.abort()
  })
  t.equal(shown.exit, 2)
  const line = JSON.parse(readFileSync(result, 'utf8')) as LoadLine
  t.match(line, {
    partial: true,
    ratePerS: null,
    state: 'could_not_measure',
    probes: [],
    reasons: [{ code: 'partial' }]
  })
  t.match(shown.err, /raising to 30\/s/)
  t.match(shown.err, /1 result kept for http:\/\/127\.0\.0\.1:1: nothing answers/)
  const [name] = readdirSync(spool) as [string]
  t.match(JSON.parse(readFileSync(join(spool, name), 'utf8')), {
    kind: 'line',
    service: 'shop',
    document: { id: line.id }
  })
})
