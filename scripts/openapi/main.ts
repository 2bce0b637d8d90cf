// Says what api/openapi.json changed since OPENAPI_BASE (a commit; the last one unless told), and fails on a break
// that the version does not announce. Usage: node scripts/openapi/main.ts
import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { announcesBreak, compareDocuments, type Document } from './compat.rules.ts'

const root = join(import.meta.dirname, '../..')
const path = 'api/openapi.json'
const base = process.env['OPENAPI_BASE'] || 'HEAD'

function git(...args: string[]): { ok: boolean; text: string } {
  const { status, stdout, stderr } = spawnSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 })
  return { ok: status === 0, text: status === 0 ? stdout : stderr.trim() }
}

const after = JSON.parse(await readFile(join(root, path), 'utf8')) as Document
const commit = git('rev-parse', '--verify', '--quiet', `${base}^{commit}`)
const known = git('cat-file', '-e', `${base}:${path}`)
if (!commit.ok) {
  console.error(`cannot compare: there is no commit ${base} here (a shallow clone?). Set OPENAPI_BASE to one that is.`)
  process.exitCode = 2
} else if (!known.ok) {
  console.log(`${base} has no ${path}: nothing to keep yet`)
} else {
  const before = JSON.parse(git('show', `${base}:${path}`).text) as Document
  const changes = compareDocuments(before, after)
  for (const { kind, where, text } of changes) console.log(`${kind.padEnd(8)}  ${where}: ${text}`)
  const breaks = changes.filter((change) => change.kind === 'breaking').length
  const announced = announcesBreak(before.info.version, after.info.version)
  console.log(`${breaks} breaking, ${changes.length - breaks} additive since ${base}`)
  if (breaks > 0 && !announced) {
    console.error(
      `existing contracts are kept: undo the break, or announce it with a new version than ${before.info.version}`
    )
    process.exitCode = 1
  }
}
