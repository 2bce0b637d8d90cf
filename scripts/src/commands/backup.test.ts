import { rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openDatabase } from '../../../api/src/platform/database/open.ts'
import { commands } from '../commands.ts'
import { run } from '../run.ts'

/** A data directory of its own with an empty store in it. */
async function aStore(test: Pick<typeof t, 'testdir'>) {
  const dataDir = test.testdir({})
  const env = {
    DATA_DIR: dataDir,
    DATABASE_URL: `sqlite:${join(dataDir, 'plimsoll.sqlite')}`,
    BACKUP_DIR: join(dataDir, 'backups'),
    BACKUP_KEEP: '2'
  }
  const database = await openDatabase(env.DATABASE_URL, { nowMs: 1 })
  await database.close()
  return {
    dataDir,
    type: async (line: string) => {
      const written = { out: '', err: '' }
      const exit = await run(line.split(' '), commands, {
        env,
        stdout: { write: (chunk) => (written.out += chunk) },
        stderr: { write: (chunk) => (written.err += chunk) },
        signal: new AbortController().signal
      })
      return { exit, ...written }
    }
  }
}

type Backups = { backups: { path: string }[] }

t.test('a backup is made, listed, verified and put back', async (t) => {
  const { type } = await aStore(t)
  t.match(await type('backup list'), { exit: 1, out: /No backup in .*backups/ })
  t.match(await type('backup verify'), { exit: 2, out: 'no backup to verify' })
  t.match(await type('backup create'), { exit: 0, out: /plimsoll-\d{8}T\d{9}Z\.sqlite: .* rows\n$/ })
  const listed = await type('backup list --json')
  t.equal(listed.exit, 0)
  const { backups } = JSON.parse(listed.out) as Backups
  t.equal(backups.length, 1)
  const path = String(backups[0]?.path)
  t.match(await type('backup verify'), { exit: 0, out: `${path}: whole` }, 'the newest unless named')
  t.match(await type(`backup verify ${path}`), { exit: 0 })
  t.match(await type(`restore ${path}`), { exit: 0, out: /is the store now.*\nthe store before it lies at/ })
})

t.test('a backup that is damaged, or none of ours, is a no; a missing one was not judged', async (t) => {
  const { type, dataDir } = await aStore(t)
  const { path } = JSON.parse((await type('backup create --json')).out) as { path: string }
  truncateSync(path, 10_000)
  t.match(await type(`backup verify ${path}`), { exit: 1 })
  const other = join(dataDir, 'other.sqlite')
  writeFileSync(other, 'a letter to a friend')
  t.match(await type(`backup verify ${other} --json`), { exit: 1, out: '"whole": false' })
  t.match(await type('backup verify nowhere.sqlite'), { exit: 2, err: 'PLIMSOLL_NO_FILE' })
  t.match(await type(`restore ${other}`), { exit: 2, err: 'PLIMSOLL_RESTORE_FAILED' })
})

t.test('a store is brought to the schema of this version, and says when it has it', async (t) => {
  const { dataDir, type } = await aStore(t)
  t.match(await type('migrate'), { exit: 0, out: /has schema \d+: nothing to do/ })
  rmSync(join(dataDir, 'plimsoll.sqlite'))
  t.match(await type('migrate'), { exit: 0, out: /schema 0 → \d+/ })
  const { out } = await type('migrate --json')
  t.match(JSON.parse(out), { store: /plimsoll\.sqlite$/, from: Number, to: Number })
})

t.test('a move that cannot be says why, shows no password and changes nothing', async (t) => {
  const { dataDir, type } = await aStore(t)
  t.match(await type('move'), { exit: 2, err: /from SQLite to PostgreSQL/ })
  const refused = await type(`move --from sqlite:${dataDir}/plimsoll.sqlite --to postgres://u:hunter2@127.0.0.1:1/x`)
  t.match(refused, { exit: 2, err: /^(?!.*hunter2).*does not answer/ })
  t.match(await type(`move --from sqlite:${dataDir}/none --to postgres://127.0.0.1:1/x`), {
    exit: 2,
    err: /no store at/
  })
})
