import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { Failure } from '../../cli/failure.ts'

const run = promisify(execFile)

/** A version of the program that was put beside the user's checkout. */
export interface Version {
  /** `base`, `head`. */
  readonly name: string
  /** What it was asked for by. */
  readonly ref: string
  readonly commit: string
  readonly folder: string
}

/**
 * Checkouts in a temporary folder, by `git worktree`: the user's tree is neither read beyond its
 * commits nor changed, and nothing is left after `close`.
 */
export class Scratch {
  readonly #repository: string
  readonly #folder: string
  readonly #signal: AbortSignal

  private constructor(repository: string, folder: string, signal: AbortSignal) {
    this.#repository = repository
    this.#folder = folder
    this.#signal = signal
  }

  static async open(repository: string, signal: AbortSignal): Promise<Scratch> {
    return new Scratch(repository, await mkdtemp(join(await realpath(tmpdir()), 'plimsoll-compare-')), signal)
  }

  /** @throws PLIMSOLL_NO_REVISION when git does not know the ref, with what it said */
  async commitOf(ref: string): Promise<string> {
    try {
      return await this.#git('rev-parse', '--verify', '--end-of-options', `${ref}^{commit}`)
    } catch (cause) {
      throw new Failure('PLIMSOLL_NO_REVISION', `git knows no commit ${ref}: ${lastLine(cause)}`, {
        hint: 'name a branch, a tag or a commit; in CI fetch its history first (fetch-depth: 0)'
      })
    }
  }

  /** Whether files that belong to the repository differ from its last commit. */
  async hasChanges(): Promise<boolean> {
    return (await this.#git('status', '--porcelain', '--untracked-files=no')) !== ''
  }

  /** Checks a commit out, gives it its dependencies, and builds its page. */
  async checkOut(name: string, ref: string): Promise<Version> {
    const commit = await this.commitOf(ref)
    const folder = join(this.#folder, name)
    await this.#git('worktree', 'add', '--detach', '--quiet', folder, commit)
    await this.#install(folder, name)
    await this.#npm(folder, `the page of ${name} could not be built`, 'run', '--silent', 'build', '-w', 'web')
    return { name, ref, commit, folder }
  }

  async close(): Promise<void> {
    for (const name of await readdir(this.#folder).catch(() => [])) {
      // without the signal: an interrupted comparison cleans up as well
      await run('git', ['worktree', 'remove', '--force', join(this.#folder, name)], { cwd: this.#repository }).catch(
        () => {} // what git does not know as a worktree goes with the folder
      )
    }
    await rm(this.#folder, { recursive: true, force: true })
    await run('git', ['worktree', 'prune'], { cwd: this.#repository }).catch(() => {})
  }

  /** The user's dependencies when the lock is the same, else its own. */
  async #install(folder: string, name: string): Promise<void> {
    const lock = (at: string): Promise<string> => readFile(join(at, 'package-lock.json'), 'utf8')
    if ((await lock(folder)) === (await lock(this.#repository).catch(() => null))) {
      await sharePackages(this.#repository, folder)
    } else
      await this.#npm(folder, `the dependencies of ${name} could not be installed`, 'ci', '--no-audit', '--no-fund')
  }

  async #git(...args: string[]): Promise<string> {
    return (await run('git', args, { cwd: this.#repository, signal: this.#signal })).stdout.trim()
  }

  async #npm(folder: string, what: string, ...args: string[]): Promise<void> {
    const env = { ...process.env, PATH: `${join(folder, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}` }
    try {
      await run('npm', args, { cwd: folder, env, signal: this.#signal, maxBuffer: 64 * 1_024 ** 2 })
    } catch (cause) {
      throw new Failure('PLIMSOLL_NOT_BUILT', `${what}: ${lastLine(cause)}`, {
        hint: `npm ${args.join(' ')} shows more`
      })
    }
  }
}

/** Workspaces that may have packages of their own. */
const workspaces = ['.', 'api', 'web', 'scripts'] as const

/**
 * Links every installed package of one checkout into another. What tools write beside the packages
 * (names with a dot or a dollar) is not shared, and the workspaces are the other checkout's own.
 */
export async function sharePackages(from: string, to: string): Promise<void> {
  for (const workspace of workspaces) {
    const source = join(from, workspace, 'node_modules')
    const target = join(to, workspace, 'node_modules')
    for (const name of await readdir(source).catch(() => [])) {
      if (name !== '.bin' && /^[.$]/.test(name)) continue
      if (name === '@plimsoll') continue
      await link(join(source, name), join(target, name))
    }
  }
  for (const name of ['api', 'web', 'scripts']) {
    await link(join(to, name), join(to, 'node_modules/@plimsoll', name))
  }
}

async function link(source: string, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true })
  await symlink(source, target)
}

/** What a program said last: on standard error, else in its message. */
const lastLine = (error: unknown): string => {
  const { stderr, message } = error as { stderr?: string; message?: string }
  return (stderr?.trim() || message || String(error)).split('\n').slice(-3).join(' ')
}
