import { spawn } from 'node:child_process'
import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../platform/clock.ts'
import type { CommandCheck } from '../model.ts'
import { outcome, type Outcome } from './outcome.ts'

/** Only the end of what a command says is kept, bytes. */
const maxOutputBytes = 8_192

export interface CommandTools {
  readonly clock: Clock
  /** The setting COMMAND_ALLOW: programs with their arguments. */
  readonly allowed: readonly (readonly string[])[]
  /** Where commands run. */
  readonly directory: string
}

/**
 * Runs a command that the setting COMMAND_ALLOW names word for word: without a shell, without our
 * environment but for PATH, HOME and LANG, in a process group that ends with it. Never rejects.
 */
export function runCommandCheck(check: CommandCheck, tools: CommandTools, stop: AbortSignal): Promise<Outcome> {
  const text = check.run.join(' ')
  if (!tools.allowed.some((command) => isDeepStrictEqual(command, check.run))) {
    const next = `add it to COMMAND_ALLOW, if this machine may run it: ${text}`
    return Promise.resolve(
      outcome('could_not_measure', 'command_not_allowed', `${text} is not among the commands that may be run`, next)
    )
  }
  return new Promise((resolve) => {
    const [program = '', ...args] = check.run
    const child = spawn(program, args, {
      cwd: tools.directory,
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], LANG: process.env['LANG'] },
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: false,
      detached: true
    })
    let output = Buffer.alloc(0)
    const keep = (chunk: Buffer): void => {
      output = Buffer.concat([output, chunk]).subarray(-maxOutputBytes)
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)

    let timedOut = false
    const kill = (): void => killGroup(child.pid)
    const cancel = tools.clock.after(check.timeoutMs, () => {
      timedOut = true
      kill()
    })
    stop.addEventListener('abort', kill, { once: true })
    const finish = (result: Outcome): void => {
      cancel()
      stop.removeEventListener('abort', kill)
      child.stdout.destroy() // a grandchild may still hold the other end
      child.stderr.destroy()
      resolve(result)
    }

    child.on('error', (error: NodeJS.ErrnoException) =>
      finish(
        outcome(
          'could_not_measure',
          'command_not_started',
          `${text} could not be started (${error.code ?? error.message})`
        )
      )
    )
    child.on('exit', (code, signal) => {
      kill() // what it has left running
      if (timedOut) return finish(outcome('fail', 'timeout', `${text} took longer than ${check.timeoutMs} ms`))
      if (code === 0) return finish(outcome('pass', 'command_succeeded', `${text} ended with 0`))
      const last = lastLine(output.toString('utf8'))
      finish(outcome('fail', 'command_failed', `${text} ended with ${code ?? signal}${last && `: ${last}`}`))
    })
  })
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // nothing of the group is left
  }
}

const lastLine = (output: string): string =>
  (output.trim().split('\n').at(-1) ?? '').replaceAll(/[^\P{C}\t]/gu, '').slice(0, 200)
