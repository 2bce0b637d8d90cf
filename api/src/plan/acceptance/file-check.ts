import { realpath, stat } from 'node:fs/promises'
import { relative, resolve, sep } from 'node:path'
import type { FileCheck } from '../model.ts'
import { outcome, type Outcome } from './outcome.ts'

/**
 * Whether a file is there and not empty, below the directory of the plan; a link that leads out of
 * it does not count. Never rejects.
 */
export async function runFileCheck({ path }: FileCheck, directory: string): Promise<Outcome> {
  try {
    const root = await realpath(directory)
    const target = await realpath(resolve(root, path))
    const inside = relative(root, target)
    if (inside === '..' || inside.startsWith(`..${sep}`)) {
      return outcome(
        'could_not_measure',
        'outside_of_plan',
        `${path} leads out of the directory of the plan`,
        'name a file below the plan file'
      )
    }
    const stats = await stat(target)
    if (!stats.isFile()) return outcome('fail', 'not_a_file', `${path} is not a file`)
    if (stats.size === 0) return outcome('fail', 'file_empty', `${path} is empty`)
    return outcome('pass', 'file_there', `${path} is there, ${stats.size} bytes, changed ${stats.mtime.toISOString()}`)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return outcome('fail', 'file_missing', `there is no ${path}`)
    return outcome('could_not_measure', 'file_unreadable', `${path} cannot be looked at (${code})`)
  }
}
