// `plimsoll perf compare` and `perf pin`: running servers, stored runs, and checkouts of a repository.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { LoadRun } from '../../api/src/contract/load.ts'
import { thisMachine } from '../../api/src/load/run/machine.ts'
import { startKnownServer } from '../../api/test/support/known-server.ts'
import { commands } from './commands.ts'
import { Scratch } from './perf/compare/scratch.ts'
import type { CompareReport } from './perf/report.ts'
import { run } from './run.ts'

t.setTimeout(180_000) // real seconds of load

async function type(...args: string[]) {
  const written = { out: '', err: '' }
  const exit = await run(args, commands, {
    env: { CLASS_KEY: 'a-key-that-both-sides-know' },
    stdout: { write: (chunk) => (written.out += chunk) },
    stderr: { write: (chunk) => (written.err += chunk) },
    signal: new AbortController().signal
  })
  return { exit, ...written }
}

t.test('a server that takes ten times as long is found out by both measures', async (t) => {
  const [base, head] = await Promise.all([
    startKnownServer({ kind: 'constant', delayMs: 10 }),
    startKnownServer({ kind: 'constant', delayMs: 100 })
  ])
  t.teardown(() => Promise.all([base.close(), head.close()]))
  const folder = t.testdir({})
  const files = ['--junit', join(folder, 'c.xml'), '--markdown', join(folder, 'c.md')]
  const short = ['--rate', '50', '--duration', '200ms', '--saturation', '250ms', '--connections', '2', '--rounds', '12']
  const shown = await type(
    'perf',
    'compare',
    '--base-target',
    base.url,
    '--target',
    head.url,
    ...short,
    ...files,
    '--json'
  )
  const report = JSON.parse(shown.out) as CompareReport
  // a machine too busy to send even this much says so instead
  if (report.leftOut.length > report.rounds.length) return t.match(report, { state: 'could_not_measure' })
  t.equal(shown.exit, 1)
  t.match(report, { kind: 'perf-compare', state: 'fail', ratePerS: 50, marginRatio: 0.1 })
  for (const { name, state, reasons } of report.checks) {
    t.equal(state, 'fail', name)
    t.ok(reasons[0]!.value! > 1.1, name)
  }
  t.ok(report.rounds.length >= 5 && report.rounds.length <= 12)
  t.match(readFileSync(join(folder, 'c.xml'), 'utf8'), 'failures="2"')
  t.match(
    readFileSync(join(folder, 'c.md'), 'utf8'),
    /❌ Performance compared: FAIL[^]*base [▁▂▃▄▅▆▇█]+\n {2}head [▁▂▃▄▅▆▇█]+/
  )
})

t.test('a stored run of another machine, or one that did not pass, is refused before any load', async (t) => {
  const server = await startKnownServer({ kind: 'status', status: 200 })
  t.teardown(() => server.close())
  const folder = t.testdir({})
  const made = await type('load', 'run', server.url, '--rate', '20', '--duration', '1s', '--json')
  const good = { ...(JSON.parse(made.out) as LoadRun), state: 'pass', partial: false } as LoadRun
  const asFile = (name: string, change: Partial<LoadRun>): string => {
    const file = join(folder, name)
    writeFileSync(file, JSON.stringify({ ...good, ...change }))
    return file
  }
  const { served } = await server.seen()
  const elsewhere = asFile('elsewhere.json', { machine: { ...thisMachine(), fingerprint: 'another' } })
  const failed = asFile('failed.json', { state: 'fail' })
  const cases = [
    { file: elsewhere, code: 'machine_differs' },
    { file: failed, code: 'no_baseline' },
    { file: asFile('partial.json', { partial: true }), code: 'no_baseline' }
  ]
  for (const { file, code } of cases) {
    const shown = await type('perf', 'compare', '--reference', file, '--target', server.url, '--json')
    t.equal(shown.exit, 2, file)
    t.match(JSON.parse(shown.out), { state: 'could_not_measure', checks: [{ reasons: [{ code }] }] }, file)
  }
  t.equal((await server.seen()).served, served, 'nothing was sent')
  const to = join(folder, 'pinned', 'reference.json')
  t.match(await type('perf', 'pin', failed, '--to', to), { exit: 2, err: /PLIMSOLL_NO_BASELINE/ })
  t.notOk(existsSync(to))
  t.equal((await type('perf', 'pin', asFile('good.json', {}), '--to', to)).exit, 0)
  t.equal((JSON.parse(readFileSync(to, 'utf8')) as LoadRun).id, good.id)
})

t.test('what to compare has to be said', async (t) => {
  const cases = [
    { args: ['--base', 'a', '--reference', 'b'], says: /exclude each other/ },
    { args: ['--base-target', 'http://127.0.0.1:1/'], says: /needs --target/ },
    { args: ['--base', 'a', '--target', 'http://127.0.0.1:1/'], says: /--target goes with/ },
    { args: ['--base', 'a', '--margin', '0%'], says: /--margin/ },
    { args: ['--base', 'a', '--rounds', '2'], says: /--rounds/ }
  ]
  for (const { args, says } of cases) t.match(await type('perf', 'compare', ...args), { exit: 64, err: says })
  t.match(await type('perf', 'compare', '--base', 'no-such-branch', '--json'), {
    exit: 2,
    out: /no_revision[^]*no-such-branch/
  })
})

t.test('versions are checked out beside the tree, which nothing touches, and nothing is left', async (t) => {
  const repository = t.testdir({
    'package.json': '{"name":"x","private":true,"workspaces":["web"]}',
    web: { 'package.json': '{"name":"web","version":"1.0.0","scripts":{"build":"cp page built"}}', page: 'first' }
  })
  const git = (...args: string[]): string =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example', ...args], {
      cwd: repository,
      encoding: 'utf8'
    })
  const lock = (version: string): void =>
    writeFileSync(
      join(repository, 'package-lock.json'),
      JSON.stringify({
        name: 'x',
        lockfileVersion: 3,
        requires: true,
        packages: {
          '': { name: 'x', workspaces: ['web'] },
          'node_modules/web': { resolved: 'web', link: true },
          web: { name: 'web', version }
        }
      })
    )
  lock('1.0.0')
  mkdirSync(join(repository, 'node_modules', 'a-package'), { recursive: true })
  writeFileSync(join(repository, '.gitignore'), 'node_modules\nbuilt\n')
  git('init', '--quiet')
  git('add', '.')
  git('commit', '--quiet', '-m', 'first')
  writeFileSync(join(repository, 'web/page'), 'second')
  git('commit', '--quiet', '-am', 'second')
  writeFileSync(join(repository, 'web/page'), 'not committed')

  const scratch = await Scratch.open(repository, new AbortController().signal)
  t.equal(await scratch.hasChanges(), true)
  const base = await scratch.checkOut('base', 'HEAD~1')
  const head = await scratch.checkOut('head', 'HEAD')
  t.equal(readFileSync(join(base.folder, 'web/built'), 'utf8'), 'first')
  t.equal(readFileSync(join(head.folder, 'web/built'), 'utf8'), 'second')
  t.ok(existsSync(join(base.folder, 'node_modules/a-package')), 'the same lock: the same packages')
  lock('1.0.1') // what is installed here is no longer what those commits ask for
  const other = await scratch.checkOut('other', 'HEAD')
  t.notOk(existsSync(join(other.folder, 'node_modules/a-package')), 'another lock: packages of its own')
  t.ok(existsSync(join(other.folder, 'node_modules/web')))
  await t.rejects(scratch.checkOut('odd', '--help'), { code: 'PLIMSOLL_NO_REVISION' })
  await scratch.close()
  t.notOk(existsSync(base.folder))
  t.equal(git('worktree', 'list').trim().split('\n').length, 1)
  t.equal(readFileSync(join(repository, 'web/page'), 'utf8'), 'not committed')
  t.notOk(existsSync(join(repository, 'web/built')))
  t.same(readdirSync(join(repository, 'node_modules')), ['a-package'])
})
