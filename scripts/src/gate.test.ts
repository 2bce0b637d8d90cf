// The gate's commands against the whole application: the exit codes that CI acts on.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Verdict } from '../../api/src/contract/gate.ts'
import { buildTestApp } from '../../api/test/support/app.ts'
import { commands } from './commands.ts'
import { run } from './run.ts'

const plan = `plan: plimsoll/v1
services:
  - { name: shop, signals: [push], promise: { availability: 99.9% } }
risks:
  - { id: R-1, title: one database, impact: high, probability: high, owner: me }
`

async function world(test: Pick<typeof t, 'testdir' | 'teardown'>, text = plan) {
  const dir = test.testdir({})
  const built = await buildTestApp({ plan: text })
  built.app.gate.provideReleases({ inFlight: async () => [], outcome: async () => null })
  test.teardown(() => built.close())
  const url = await built.listen()
  const type = async (line: string, env: Record<string, string> = {}) => {
    const written = { out: '', err: '' }
    const exit = await run(line.split(' '), commands, {
      env: { PLIMSOLL_URL: url, ...env },
      stdout: { write: (chunk) => (written.out += chunk) },
      stderr: { write: (chunk) => (written.err += chunk) },
      signal: new AbortController().signal
    })
    return { exit, ...written }
  }
  return { ...built, dir, url, type }
}

t.test('a version that may not ship ends with 1, and every report says why', async (t) => {
  const { type, dir } = await world(t)
  const [junit, markdown, summary] = ['gate.xml', 'gate.md', 'summary.md'].map((name) => join(dir, name))
  const line = `gate shop --version 2.0 --env staging --junit ${junit} --markdown ${markdown}`
  const { exit, out } = await type(line, { GITHUB_STEP_SUMMARY: summary! })
  t.equal(exit, 1)
  t.match(out, /^shop 2\.0 may not ship to staging: R-1 one database/)
  t.match(out, /No open high risk without mitigation +FAIL +1 risks +0 risks/)
  t.match(out, /next: .*\n.*No open high risk without mitigation: write a mitigation/)
  t.match(readFileSync(junit!, 'utf8'), /<failure type="fail" message="FAIL: R-1 one database/)
  t.match(readFileSync(markdown!, 'utf8'), /❌ FAIL: shop 2\.0 to staging/)
  t.equal(readFileSync(summary!, 'utf8'), readFileSync(markdown!, 'utf8'))
})

t.test('what was never measured ends with 2 in production, and with a warning and 0 in staging', async (t) => {
  const { type } = await world(t, plan.replace(/risks:[^]*/, ''))
  t.match(await type('gate shop --version 2.0 --env production'), { exit: 2, out: /^whether shop 2\.0 may ship/ })
  t.match(await type('gate shop --version 2.0 --env production --wait 1s'), { exit: 2 })
  t.match(await type('gate shop --version 2.0 --env staging'), { exit: 0, out: /with a warning/ })
  t.match(await type('gate shoe --version 2.0 --env staging'), { exit: 2, err: /PLIMSOLL_NOT_FOUND/ })
  t.match(await type('gate shop --env staging'), { exit: 64, err: /--version/ })
})

t.test('a dry run keeps nothing, and prints the verdict for programs', async (t) => {
  const { type, app } = await world(t)
  const { exit, out } = await type('gate shop --version 2.0 --env staging --dry-run --json')
  t.equal(exit, 1)
  t.match(JSON.parse(out) as Verdict, { dryRun: true, state: 'fail', keyId: null })
  t.same(await app.gate.store.verdicts({ service: 'shop', limit: 10 }), [])
})

t.test('a verdict is checked offline, and a changed one is found', async (t) => {
  const { type, dir, url, app, close } = await world(t)
  const [file, forged, key] = ['verdict.json', 'forged.json', 'key.pem'].map((name) => join(dir, name))
  await type(`gate shop --version 2.0 --env staging --envelope ${file}`)
  const { publicKeyPem } = (await app.inject('/api/v1/signing-key')).json<{ publicKeyPem: string }>()
  writeFileSync(key!, publicKeyPem)
  t.match(await type(`verify ${file} --url ${url}`), { exit: 0, out: /^genuine/ })
  await close()

  const about = '--service shop --version 2.0 --env staging'
  t.match(await type(`verify ${file} --key ${key} ${about}`), { exit: 0, out: /genuine\nsigned by [0-9a-f]{64}\n/ })
  t.match(await type(`verify ${file} --key ${key} --version 2.1`), { exit: 1, out: /it is about version 2.0, not 2.1/ })
  t.match(await type(`verify ${file} --key ${key} --may-ship`), { exit: 1, out: /it says fail/ })

  const envelope = JSON.parse(readFileSync(file!, 'utf8')) as { payload: string }
  const payload = Buffer.from(envelope.payload, 'base64').toString().replace('"mayShip":false', '"mayShip":true')
  writeFileSync(forged!, JSON.stringify({ ...envelope, payload: Buffer.from(payload).toString('base64') }))
  t.match(await type(`verify ${forged} --key ${key}`), { exit: 1, out: /the signature does not fit what it says/ })
  t.match(await type(`verify ${key} --key ${key}`), { exit: 2, err: /PLIMSOLL_NOT_JSON/ })
  t.match(await type(`verify ${file} --key ${file}`), { exit: 2, err: /PLIMSOLL_KEY_UNREADABLE/ })
})
