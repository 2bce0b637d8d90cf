import { statSync } from 'node:fs'
import { command } from '../cli/command.ts'
import { bytes, count } from '../cli/format.rules.ts'
import { table } from '../cli/table.rules.ts'

// The engine and the settings are loaded when a command runs: help and the other commands stay quick.
const engine = () => import('../../../api/src/platform/database/backup.ts')
const settings = async (env: Readonly<Record<string, string | undefined>>) => {
  const { readEnvironment } = await import('../../../api/src/platform/settings.ts')
  return readEnvironment(env).bare() // paths alone: no secret is needed
}

export const backupCreate = command({
  noun: 'backup',
  verb: 'create',
  summary: 'copy the store while Plimsoll runs (or not), checked, under a dated name',
  options: {},
  examples: ['plimsoll backup create', 'BACKUP_DIR=/mnt/backups plimsoll backup create --json'],
  exits: { 0: 'a whole copy was written' },
  async run(_, { output, env }) {
    const { DATABASE_URL: url, BACKUP_DIR: dir, BACKUP_KEEP: keep } = await settings(env)
    const { createBackup } = await engine()
    const report = await createBackup({ url, dir, keep, nowMs: Date.now() })
    output.result(report, [
      `${report.path}: ${bytes(report.sizeBytes)}, schema ${report.schemaVersion}, ${count(sum(report.rows))} rows`,
      ...report.removed.map((path) => `removed ${path}: ${keep} are kept (BACKUP_KEEP)`)
    ])
    return 0
  }
})

export const backupList = command({
  noun: 'backup',
  verb: 'list',
  summary: 'the backups there are, newest first',
  options: {},
  examples: ['plimsoll backup list'],
  exits: { 0: 'listed', 1: 'there is none' },
  async run(_, { output, env }) {
    const { BACKUP_DIR: dir } = await settings(env)
    const { listBackups } = await engine()
    const backups = listBackups(dir).map((path) => {
      const { size, mtime } = statSync(path)
      return { path, sizeBytes: size, writtenAt: mtime.toISOString() }
    })
    const lines = table(backups, [
      { title: 'WRITTEN', cell: (b) => b.writtenAt },
      { title: 'SIZE', right: true, cell: (b) => bytes(b.sizeBytes) },
      { title: 'FILE', cell: (b) => b.path }
    ])
    output.result(
      { dir, backups },
      lines.length > 0 ? lines : [`No backup in ${dir}. Make one: plimsoll backup create`]
    )
    return backups.length > 0 ? 0 : 1
  }
})

export const backupVerify = command({
  noun: 'backup',
  verb: 'verify',
  summary: 'whether a backup is whole and can be restored by this program',
  operands: [{ name: 'FILE', description: 'a backup; the newest one unless named', optional: true }],
  options: {},
  examples: ['plimsoll backup verify', 'plimsoll backup verify data/backups/plimsoll-20261122T210000000Z.sqlite'],
  exits: { 0: 'it is whole', 1: 'it is damaged, of another program, or of a newer schema', 2: 'it could not be read' },
  async run({ operands }, { output, env }) {
    const { inspect, listBackups } = await engine()
    const path = operands[0] ?? listBackups((await settings(env)).BACKUP_DIR)[0]
    if (path === undefined) {
      output.result({ path: null, whole: null }, ['There is no backup to verify. Make one: plimsoll backup create'])
      return 2
    }
    statSync(path) // a file that is not there is no damaged one
    try {
      const found = inspect(path)
      output.result({ path, whole: true, ...found }, [
        `${path}: whole, schema ${found.schemaVersion}, ${count(sum(found.rows))} rows`
      ])
      return 0
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      output.result({ path, whole: false, reason: text }, [`${path}: ${text}`])
      return 1
    }
  }
})

export const restore = command({
  noun: 'restore',
  verb: null,
  summary: 'put a backup in the place of the store; Plimsoll must be stopped, the old store is kept aside',
  operands: [{ name: 'FILE', description: 'a backup, as plimsoll backup list shows it' }],
  options: {},
  examples: ['plimsoll restore data/backups/plimsoll-20261122T210000000Z.sqlite'],
  exits: { 0: 'restored', 2: 'nothing was changed, the message says why' },
  async run({ operands: [backupPath = ''] }, { output, env }) {
    const { DATABASE_URL: url, DATA_DIR: dataDir } = await settings(env)
    const { restoreBackup } = await engine()
    const report = restoreBackup({ backupPath, url, dataDir, nowMs: Date.now() })
    output.result(report, [
      `${report.path} is the store now: schema ${report.schemaVersion}, ${count(sum(report.rows))} rows`,
      ...(report.keptAside === null ? [] : [`the store before it lies at ${report.keptAside}`])
    ])
    return 0
  }
})

const sum = (rows: Readonly<Record<string, number>>): number => Object.values(rows).reduce((all, n) => all + n, 0)
