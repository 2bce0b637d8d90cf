import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'

const main = join(import.meta.dirname, '../../src/main.ts')

export interface ServerProcess {
  readonly child: ChildProcess
  /** The origin it listens at; rejects with what it said when it ended instead. */
  readonly origin: Promise<string>
  /** What it wrote until now, both streams. */
  output(): string
  /** Ends with the exit code, or the signal's name. */
  readonly ended: Promise<number | string>
}

/** The real server as its own process, with nothing of this process's environment but PATH. */
export function startServer(
  settings: Readonly<Record<string, string>>,
  options: { cwd?: string; nodeArgs?: readonly string[] } = {}
): ServerProcess {
  const child = spawn(process.execPath, [...(options.nodeArgs ?? []), main], {
    cwd: options.cwd,
    env: { PATH: process.env['PATH'], PORT: '0', ...settings },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  let text = ''
  const ended = new Promise<number | string>((resolve) => {
    child.on('close', (code, signal) => resolve(code ?? signal ?? 'unknown'))
  })
  const origin = new Promise<string>((resolve, reject) => {
    const look = (chunk: Buffer): void => {
      text += chunk.toString()
      const found = /runs at (http:\/\/\S+)/.exec(text)?.[1]
      if (found) resolve(found)
    }
    child.stdout.on('data', look)
    child.stderr.on('data', look)
    void ended.then((how) => reject(new Error(`ended with ${how}:\n${text}`)))
  })
  origin.catch(() => {}) // whoever waits for the end need not also wait for this
  return { child, origin, ended, output: () => text }
}
