// The commands against the whole application: what help promises is what the server does.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { buildTestApp } from '../../api/test/support/app.ts'
import { commands } from './commands.ts'
import { run } from './run.ts'

const plan = (log: string) => `plan: plimsoll/v1
services:
  - name: shop
    owner: team-shop
    signals:
      - caddyLog: { file: ${log}, host: shop.example }
    promise: { availability: 99.9%, p95: 200ms, errors: 0.1%, window: 30d }
`

/** One line as Caddy writes it. */
const aLine = (tsS: number, status = 200) =>
  JSON.stringify({
    level: 'info',
    ts: tsS,
    logger: 'http.log.access.log0',
    msg: 'handled request',
    request: { remote_ip: '127.0.0.1', proto: 'HTTP/1.1', method: 'GET', host: 'shop.example', uri: '/', headers: {} },
    user_id: '',
    duration: 0.012,
    size: 5,
    status,
    resp_headers: {}
  })

async function world(test: Pick<typeof t, 'testdir' | 'teardown'>) {
  const dir = test.testdir({})
  const log = join(dir, 'absent.ndjson')
  const built = await buildTestApp({ plan: plan(log) })
  test.teardown(() => built.close())
  const url = await built.listen()
  const type = async (line: string) => {
    const written = { out: '', err: '' }
    const exit = await run(line.split(' '), commands, {
      env: { PLIMSOLL_URL: url },
      stdout: { write: (chunk) => (written.out += chunk) },
      stderr: { write: (chunk) => (written.err += chunk) },
      signal: new AbortController().signal
    })
    return { exit, ...written }
  }
  return { ...built, dir, log, type }
}

t.test('before anything was measured, no promise is judged', async (t) => {
  const { type } = await world(t)
  t.match(await type('services list'), { exit: 0, out: /shop +\S+ +team-shop/ })
  t.match(await type('status'), { exit: 2, out: /shop +(could not measure|not enough evidence)/ })
  t.match(await type('status shop'), { exit: 2, out: /OBJECTIVE +STATE/ })
  t.match(await type('status shoe'), { exit: 2, err: /no service shoe.*\n.*shop/ })
  t.match(await type('alerts list'), { exit: 0 })
})

t.test('a log is imported once, packed or not', async (t) => {
  const { type, dir, clock } = await world(t)
  const startS = clock.nowMs() / 1_000 - 3_600
  const lines = Array.from({ length: 500 }, (_, i) => aLine(startS + i, i % 100 === 0 ? 502 : 200))
  const text = `${lines.join('\n')}\nnot a log line\n`
  const [plain, packed] = [join(dir, 'access.ndjson'), join(dir, 'access-old.ndjson.gz')]
  writeFileSync(plain, text)
  writeFileSync(packed, gzipSync(text))
  const first = await type(`import --service shop ${plain} --json`)
  t.equal(first.exit, 0)
  const counted = (out: string) =>
    (JSON.parse(out) as { files: { reply: { counted: number } }[] }).files[0]?.reply.counted
  t.equal(counted(first.out), 500)
  const again = await type(`import --service shop ${plain} ${packed}`)
  t.equal(again.exit, 0)
  t.match(again.out, /access\.ndjson: .* 0 counted.*\n.*access-old\.ndjson\.gz: .* 0 counted/)
})

t.test('a plan is checked, compared, applied and exported', async (t) => {
  const { type, dir, log } = await world(t)
  const [good, bad, back] = ['good.yaml', 'bad.yaml', 'back.yaml'].map((name) => join(dir, name)) as [
    string,
    string,
    string
  ]
  writeFileSync(good, plan(log).replace('99.9%', '99.5%'))
  writeFileSync(bad, plan(log).replace('promise', 'promsie'))
  const wrong = await type(`plan check ${bad}`)
  t.equal(wrong.exit, 1)
  t.match(wrong.out, /bad\.yaml:\d+:\d+: error: .*promsie/)
  t.match(await type(`plan apply ${bad}`), { exit: 1, out: /bad\.yaml:\d+:\d+: error: .*promsie[^]*Refused/ })
  t.match(await type(`plan check ${good}`), { exit: 0, out: 'is right: 1 service' })
  t.match(await type(`plan diff ${good} --exit-code`), { exit: 1, out: /99\.5/ })
  t.match(await type(`plan apply ${good}`), { exit: 0, out: 'is in force' })
  t.match(await type(`plan diff ${good} --exit-code`), { exit: 0, out: 'Nothing would change' })
  const exported = await type('plan export')
  t.match(exported, { exit: 0, out: '99.5%' })
  writeFileSync(back, exported.out)
  t.match(await type(`plan diff ${back} --exit-code`), { exit: 0 }, 'what is exported is what is in force')
  for (const format of ['resolved', 'openslo']) t.equal((await type(`plan export --format ${format}`)).exit, 0, format)
})
