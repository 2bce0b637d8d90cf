import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { promisify } from 'node:util'
import type { Machine } from '../../contract/load.ts'

/** This machine, as far as it decides how fast a program runs. */
export function thisMachine(): Machine {
  const cpu = cpus()[0]?.model.trim() ?? 'unknown'
  const cores = availableParallelism()
  // a gibibyte more or less is the firmware's, not the machine's
  const memoryGiB = Math.round(totalmem() / 1_024 ** 3)
  const platform = `${process.platform} ${process.arch}`
  const [major] = process.versions.node.split('.')
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([cpu, cores, memoryGiB, platform, major]))
    .digest('hex')
    .slice(0, 16)
  return { fingerprint, cpu, cores, memoryGiB, platform, node: process.versions.node }
}

const run = promisify(execFile)

/** The commit that is checked out in a directory, `-dirty` when files were changed; null where there is none. */
export async function gitCommit(directory: string): Promise<string | null> {
  const git = async (...args: string[]): Promise<string> =>
    (await run('git', args, { cwd: directory, timeout: 5_000 })).stdout.trim()
  try {
    const commit = await git('rev-parse', 'HEAD')
    return (await git('status', '--porcelain', '--untracked-files=no')) === '' ? commit : `${commit}-dirty`
  } catch {
    return null // no repository, or no git: a run is worth keeping all the same
  }
}
