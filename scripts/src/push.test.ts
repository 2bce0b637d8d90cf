// Results of load tests on their way to a Plimsoll that is sometimes not there.
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import type { LoadRun } from '../../api/src/contract/load.ts'
import { buildTestApp } from '../../api/test/support/app.ts'
import { startKnownServer } from '../../api/test/support/known-server.ts'
import { commands } from './commands.ts'
import { run } from './run.ts'

t.setTimeout(60_000)

/** What stands between the command and Plimsoll: `lost` passes the request on and swallows the answer. */
type Way = 'open' | 'down' | 'busy' | 'lost' | 'portal'

const plan = `plan: plimsoll/v1
services:
  - name: shop
    owner: team-shop
`

async function world(test: Pick<typeof t, 'testdir' | 'teardown'>) {
  const built = await buildTestApp({ plan })
  test.teardown(() => built.close())
  const upstream = new URL(await built.listen())
  const way: { now: Way; tokens: (string | undefined)[] } = { now: 'open', tokens: [] }
  const proxy = createServer((asked, reply) => {
    way.tokens.push(asked.headers.authorization)
    if (way.now === 'down') return void asked.socket.destroy()
    if (way.now === 'busy') return void reply.writeHead(503).end()
    if (way.now === 'portal') return void reply.writeHead(200, { 'content-type': 'text/html' }).end('<p>Log in</p>')
    const { authorization: _, ...headers } = asked.headers // a stranger's token would be refused
    const { method, url: path } = asked
    const { hostname, port, host } = upstream
    asked.pipe(
      request({ hostname, port, method, path, headers: { ...headers, host } }, (got) => {
        if (way.now === 'lost') got.resume().on('end', () => reply.destroy())
        else got.pipe(reply.writeHead(got.statusCode!, got.headers))
      })
    )
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  test.teardown(() => {
    proxy.closeAllConnections()
    proxy.close()
  })
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
  const folder = test.testdir({})
  const spool = join(folder, 'spool')
  const type = async (...args: string[]) => {
    const written = { out: '', err: '' }
    const exit = await run(args, commands, {
      env: {
        PLIMSOLL_URL: url,
        PLIMSOLL_TOKEN: 'a-token-of-this-server',
        PLIMSOLL_SPOOL: spool,
        CLASS_KEY: 'shared-by-both'
      },
      stdout: { write: (chunk) => (written.out += chunk) },
      stderr: { write: (chunk) => (written.err += chunk) },
      signal: new AbortController().signal
    })
    return { exit, ...written }
  }
  const stored = async (): Promise<LoadRun[]> => {
    const reply = await built.app.inject({ url: '/api/v1/services/shop/runs', headers: { host: 'localhost' } })
    return (JSON.parse(reply.body) as { runs: LoadRun[] }).runs
  }
  const waiting = (): string[] => readdirSync(spool).filter((name) => name.endsWith('.json'))
  const report = (name: string, total: number): string => {
    const file = join(folder, name)
    writeFileSync(file, JSON.stringify(autocannonReport(total)))
    return file
  }
  return { way, type, stored, waiting, report, spool, url }
}

const autocannonReport = (total: number) => ({
  url: 'http://127.0.0.1:1/',
  start: '2026-11-20T10:00:00.000Z',
  duration: 10,
  latency: { p50: 3, p90: 7, p99: 20, max: 31 },
  requests: { total },
  errors: 0,
  timeouts: 0,
  '2xx': total,
  '5xx': 0,
  statusCodeStats: { 200: { count: total } }
})

t.test('a run of another tool is imported once, however often', async (t) => {
  const { type, stored, waiting, report } = await world(t)
  const file = report('cannon.json', 5_000)
  const first = await type('load', 'import', file, '--service', 'shop', '--release', '1.4.2')
  t.match(first, { exit: 0, out: /cannon\.json: 5,000 requests in 10 s[^]*1 result stored/ })
  t.equal((await type('load', 'import', file, '--service', 'shop', '--release', '1.4.2')).exit, 0)
  const runs = await stored()
  t.match(runs, [{ tool: 'autocannon', kind: 'imported', release: '1.4.2', total: 5_000 }])
  t.equal(runs.length, 1)
  t.same(waiting(), [])
  writeFileSync(file, 'no JSON at all')
  t.match(await type('load', 'import', file, '--service', 'shop'), { exit: 2, err: /PLIMSOLL_LOAD_FILE_UNKNOWN/ })
  t.match(await type('load', 'import', `${file}.gone`, '--service', 'shop'), { exit: 2, err: /PLIMSOLL_NO_FILE/ })
})

t.test('while Plimsoll is down results wait, and go along with the next one', async (t) => {
  const { way, type, stored, waiting, report } = await world(t)
  const ways: Way[] = ['down', 'busy', 'portal']
  for (const [i, now] of ways.entries()) {
    way.now = now
    const shown = await type('load', 'import', report(`${now}.json`, 1_000 + i), '--service', 'shop')
    t.match(shown, { exit: 2, out: /1 result kept for/ }, now)
  }
  t.equal(waiting().length, 3)
  way.now = 'busy'
  way.tokens.length = 0
  t.match(await type('load', 'push'), { exit: 2, out: /3 results kept for/ })
  t.equal(way.tokens.length, 1, 'a server that is busy is asked once')
  way.now = 'open'
  const server = await startKnownServer({ kind: 'status', status: 200 })
  t.teardown(() => server.close())
  const load = ['load', 'run', server.url, '--rate', '50', '--duration', '1s', '--service', 'shop', '--json']
  const shown = await type(...load)
  t.match(shown.err, /4 results stored/)
  const { id } = JSON.parse(shown.out) as LoadRun
  const runs = await stored()
  t.equal(runs.length, 4)
  t.ok(runs.some((run) => run.id === id))
  t.same(waiting(), [])
  t.match(await type('load', 'push'), { exit: 0, out: 'nothing waits' })
})

t.test('a confirmation that got lost stores nothing twice', async (t) => {
  const { way, type, stored, waiting, report } = await world(t)
  way.now = 'lost'
  t.equal((await type('load', 'import', report('a.json', 7), '--service', 'shop')).exit, 2)
  t.equal((await stored()).length, 1, 'it arrived')
  t.equal(waiting().length, 1, 'which is not known here')
  way.now = 'open'
  t.match(await type('load', 'push'), { exit: 0, out: /1 result stored/ })
  t.equal((await stored()).length, 1)
})

t.test('what a server will not take is put aside, what it does not know yet waits', async (t) => {
  const { type, waiting, report, spool } = await world(t)
  t.match(await type('load', 'import', report('a.json', 5), '--service', 'later'), {
    exit: 2,
    out: /kept for[^]*later/
  })
  const [name] = waiting() as [string]
  const parcel = JSON.parse(readFileSync(join(spool, name), 'utf8')) as { document: Partial<LoadRun> }
  delete parcel.document.latencyMs
  writeFileSync(join(spool, name), JSON.stringify({ ...parcel, service: 'shop' }))
  writeFileSync(join(spool, 'notes.json'), '{}')
  const shown = await type('load', 'push', '--json')
  t.equal(shown.exit, 2)
  t.match(JSON.parse(shown.out), { deliveries: [{ state: 'refused' }], unread: [join(spool, 'notes.json')] })
  t.same(waiting(), ['notes.json'])
  t.same(readdirSync(join(spool, 'refused')), [name], 'it is not lost')
})

t.test('a token is shown to its own server alone', async (t) => {
  const { way, type, waiting, report, url } = await world(t)
  way.now = 'busy'
  await type('load', 'import', report('a.json', 5), '--service', 'shop')
  t.equal(waiting().length, 1)
  t.equal(way.tokens.at(-1), 'Bearer a-token-of-this-server')
  await type('load', 'push', '--url', url.replace('127.0.0.1', 'localhost'))
  t.equal(way.tokens.at(-1), undefined, 'what waits for one is sent with no token of another')
})

t.test('to push a result its service has to be named, before anything is loaded', async (t) => {
  const { type } = await world(t)
  const load = ['load', 'run', 'http://127.0.0.1:1/', '--rate', '5', '--push']
  t.match(await type(...load, 'http://127.0.0.1:1'), { exit: 64, err: /--push needs --service NAME/ })
  t.match(await type(...load, 'plimsoll', '--service', 'shop'), { exit: 64, err: /plimsoll is no http or https URL/ })
  t.match(await type('load', 'run', 'http://127.0.0.1:1/', '--rate', '5'), { exit: 2, err: /say --service NAME/ })
})
