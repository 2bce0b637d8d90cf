// What rooms promise, once more with every application on a PostgreSQL database of its own. Stores have
// suites of their own that run on both (database, slices, plan-store, audit).
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import t from 'tap'
import { postgresMissing, startPostgres } from './support/postgres.ts'

const suites = [
  'canary', // the longest first
  'slo-http',
  'sign-in',
  'access',
  'gate',
  'signals',
  'canary-http',
  'push',
  'load-http',
  'slo',
  'plan-checks',
  'plan'
]

t.setTimeout(290_000)

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

t.test('suites pass on PostgreSQL', { skip: postgresMissing() ?? false, timeout: 280_000 }, async (t) => {
  const server = await startPostgres()
  t.teardown(() => server.stop())
  const waiting = suites.values()
  const lane = async (): Promise<void> => {
    for (const name of waiting) {
      const { code, failures, passed } = await runSuite(name, server.url)
      t.strictSame(failures, [], name)
      t.equal(code, 0, name)
      t.ok(passed > 10, `${name}: ${passed} checks were made`)
    }
  }
  await Promise.all([lane(), lane()]) // while one waits for the server the other works
})
