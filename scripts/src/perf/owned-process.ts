import { spawn } from 'node:child_process'
import { setTimeout as wait } from 'node:timers/promises'
import { Failure } from '../cli/failure.ts'

/** A program that was started for a measurement and ends with it. */
export interface OwnedProcess {
  /** Exit code, or null while it runs. */
  readonly exitCode: number | null
  /** The last of what it wrote, both streams. */
  output(): string
  /** Ends it, orderly if it can be; resolves when it is gone. */
  stop(): Promise<void>
}

export interface OwnedOptions {
  readonly cwd?: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/** What it gets to end by itself, seconds; then it is killed. */
const graceS = 8
/** Of its output; a crash is told at its end. */
const mostOutput = 16_384

/**
 * Runs "$@" and ends it as soon as standard input closes: a pipe closes however its owner ends, by
 * kill -9 too, so that nothing that was started here is ever left behind.
 */
const lifeLine = `
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
(cat <&3; kill -TERM $child; sleep ${graceS}; kill -KILL $child) >/dev/null 2>&1 &
exec 3<&-
wait $child
`

export function startOwned(command: readonly [string, ...string[]], { cwd, env }: OwnedOptions): OwnedProcess {
  // a group of its own: Ctrl-C reaches this program, which then ends the other in order
  const child = spawn('sh', ['-c', lifeLine, 'sh', ...command], {
    ...(cwd !== undefined && { cwd }),
    env: { ...env },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe']
  })
  let written = ''
  let exitCode: number | null = null
  const keep = (chunk: Buffer): void => void (written = (written + chunk.toString()).slice(-mostOutput))
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  child.stdin.on('error', () => {}) // it ended first
  const exited = new Promise<void>((resolve) => {
    child.once('error', () => ((exitCode = 127), resolve()))
    child.once('exit', (code) => {
      exitCode = code ?? 128
      killGroup(child.pid)
      resolve()
    })
  })
  return {
    get exitCode() {
      return exitCode
    },
    output: () => written,
    async stop() {
      child.stdin.end()
      await Promise.race([exited, wait((graceS + 2) * 1_000, undefined, { ref: false })])
      killGroup(child.pid)
      await exited
    }
  }
}

/** Whatever is left of a group: the life line itself, and what a program left behind. */
const killGroup = (pid: number | undefined): void => {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // nothing is left
  }
}

export interface ReadyWhen {
  /** Asked over and over: true when it serves. */
  readonly check: () => Promise<boolean>
  readonly name: string
  readonly withinMs: number
  readonly signal?: AbortSignal | undefined
}

/**
 * Waits until a program serves.
 *
 * @throws PLIMSOLL_NOT_STARTED when it ended or did not get there in time, with what it said last
 */
export async function untilReady(owned: OwnedProcess, { check, name, withinMs, signal }: ReadyWhen): Promise<void> {
  const endMs = performance.now() + withinMs
  for (;;) {
    signal?.throwIfAborted()
    if (owned.exitCode !== null) throw notStarted(`${name} ended with ${owned.exitCode}`, owned)
    if (await check().catch(() => false)) return
    if (performance.now() > endMs) throw notStarted(`${name} did not answer within ${withinMs / 1_000} s`, owned)
    await wait(pollMs)
  }
}

const pollMs = 50

const notStarted = (what: string, owned: OwnedProcess): Failure => {
  const last = owned.output().trim().split('\n').slice(-6).join('\n  ')
  return new Failure('PLIMSOLL_NOT_STARTED', last === '' ? what : `${what}:\n  ${last}`, {
    hint: 'start it by hand to see why: make start'
  })
}
