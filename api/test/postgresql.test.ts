// What rooms promise over HTTP, once more with every application on a PostgreSQL database of its own. Stores below HTTP
// have suites of their own that run on both (database, slices, plan-store).
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import t from 'tap'
import { postgresMissing, startPostgres } from './support/postgres.ts'

const suites = ['plan', 'plan-checks', 'push', 'slo-http', 'gate', 'load-http', 'access', 'sign-in', 'signals', 'slo']

t.setTimeout(400_000)

interface Ended {
  readonly code: number | null
  readonly failures: readonly string[]
  readonly passed: number
}

const runSuite = async (name: string, server: string): Promise<Ended> => {
  const child = spawn(process.execPath, [join(import.meta.dirname, `${name}.test.ts`)], {
    cwd: join(import.meta.dirname, '..'),
    env: { ...process.env, PLIMSOLL_TEST_POSTGRES: server, TAP_CHILD_ID: `postgresql-${name}`, TAP_TIMEOUT: '120' },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  const lines = text.split('\n')
  return {
    code,
    failures: lines.filter((line) => /^\s*not ok/.test(line)),
    passed: lines.filter((line) => /^\s+ok/.test(line)).length
  }
}

t.test('suites over HTTP pass on PostgreSQL', { skip: postgresMissing() ?? false, timeout: 390_000 }, async (t) => {
  const server = await startPostgres()
  t.teardown(() => server.stop())
  for (const name of suites) {
    const { code, failures, passed } = await runSuite(name, server.url)
    t.strictSame(failures, [], name)
    t.equal(code, 0, name)
    t.ok(passed > 10, `${name}: ${passed} checks were made`)
  }
})
