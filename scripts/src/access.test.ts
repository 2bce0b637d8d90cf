// Tokens and the audit log by command, against the whole application.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { buildTestApp } from '../../api/test/support/app.ts'
import { commands } from './commands.ts'
import { run } from './run.ts'

async function world(test: Pick<typeof t, 'testdir' | 'teardown'>) {
  const dir = test.testdir({})
  const built = await buildTestApp()
  test.teardown(() => built.close())
  const url = await built.listen()
  const type = async (args: readonly string[], token?: string) => {
    const written = { out: '', err: '' }
    const exit = await run(args, commands, {
      env: { PLIMSOLL_URL: url, ...(token && { PLIMSOLL_TOKEN: token }) },
      stdout: { write: (chunk) => (written.out += chunk) },
      stderr: { write: (chunk) => (written.err += chunk) },
      signal: new AbortController().signal
    })
    return { exit, ...written }
  }
  return { ...built, dir, type }
}

t.test('a token is made, used, listed without its secret, and revoked', async (t) => {
  const { type } = await world(t)
  const made = await type(['token', 'create', 'ci of shop', '--role', 'deployer', '--service', 'shop,cart'])
  t.equal(made.exit, 0)
  t.match(made.out, /^plm_[\w-]{43}\n$/, 'a shell can take it as it is')
  t.match(made.err, /tok_\w+: deployer of shop, cart, until 2026-04-01T00:00:00.000Z\n.*not shown again/)
  const token = made.out.trim()
  t.match(await type(['services', 'list'], token), { exit: 0 })
  t.match(await type(['token', 'list'], token), { exit: 2, err: /PLIMSOLL_ROLE_TOO_LOW/ })
  const listed = await type(['token', 'list'])
  t.match(listed.out, /tok_\w+ +ci of shop +plm_\S{6}… +deployer +shop, cart +active/)
  t.notMatch(listed.out, token)
  const [id = ''] = /tok_\w+/.exec(listed.out) ?? []
  t.match(await type(['token', 'revoke', id]), { exit: 0, out: /was revoked/ })
  t.match(await type(['services', 'list'], token), { exit: 2, err: /revoked.*PLIMSOLL_UNAUTHENTICATED/ })
  t.match(await type(['token', 'list']), { out: /There is no token/ })
  t.match(await type(['token', 'list', '--all']), { out: /revoked/ })
  t.match(await type(['token', 'create', 'x', '--role', 'root']), { exit: 64, err: /no role/ })
  t.match(await type(['token', 'create', 'x', '--role', 'viewer', '--expires', 'soon']), { exit: 64 })
})

t.test('the audit log is verified on the server and from a file, and tells what was done to it', async (t) => {
  const { type, dir, database } = await world(t)
  t.match(await type(['audit', 'verify']), { exit: 0, out: /Whole: 0 entries/ }, 'an empty log is whole')
  for (const name of ['one', 'two', 'three']) await type(['token', 'create', name, '--role', 'viewer'])
  t.match(await type(['audit', 'list']), {
    exit: 0,
    out: /3 .* local \(local\) +POST \/api\/v1\/tokens +tok_\w+ +done/
  })
  const verified = await type(['audit', 'verify'])
  t.match(verified, { exit: 0, out: /Whole: 3 entries/ })
  const [head = ''] = /3:[0-9a-f]{64}/.exec(verified.out) ?? []
  t.match(await type(['audit', 'verify', '--head', head]), { exit: 0 })
  t.match(await type(['audit', 'verify', '--head', `3:${'0'.repeat(64)}`]), { exit: 1, out: /other_head/ })
  t.match(await type(['audit', 'verify', '--head', `9:${'0'.repeat(64)}`]), { exit: 1, out: /cut_off/ })
  t.match(await type(['audit', 'verify', '--head', 'x']), { exit: 64 })

  const file = join(dir, 'audit.ndjson')
  writeFileSync(file, (await type(['audit', 'export'])).out)
  t.match(await type(['audit', 'verify', file]), { exit: 0, out: /Whole: 3/ })
  t.match(await type(['audit', 'verify', file, '--head', head]), { exit: 0 })
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  const tampered = async (changed: readonly string[]) => {
    writeFileSync(file, changed.join('\n'))
    return type(['audit', 'verify', file])
  }
  t.match(await tampered([lines[0]!, lines[2]!]), { exit: 1, out: /entry 2 is missing/ })
  t.match(await tampered(lines.map((line) => line.replace('"name":"two"', '"name":"none"'))), {
    exit: 1,
    out: /entry 2 was altered/
  })
  t.match(await tampered([lines[1]!, lines[0]!, lines[2]!]), { exit: 1 })
  t.match(await tampered(['hello']), { exit: 2, err: /PLIMSOLL_NO_AUDIT_ENTRY/ })
  t.match(await type(['audit', 'verify', join(dir, 'absent')]), { exit: 2, err: /PLIMSOLL_NO_FILE/ })

  await database.db.schema.dropTable('audit_log').execute()
  t.match(await type(['audit', 'verify']), { exit: 2 }, 'what could not be read is not broken')
})
