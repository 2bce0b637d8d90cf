import { spawn, type ChildProcess } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** Where a program lies in PATH; null when it does not. */
export const programPath = (name: string): string | null =>
  (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((dir) => join(dir, name))
    .find((file) => existsSync(file)) ?? null

/** Another program, with what it wrote; stopped by `stop`, at once by `kill`. */
export interface Program {
  readonly child: ChildProcess
  output(): string
  stop(signal?: NodeJS.Signals): Promise<void>
}

export function startProgram(
  path: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {}
): Program {
  const child = spawn(path, args, { env: { PATH: process.env['PATH'], ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
  const ended = once(child, 'close')
  return {
    child,
    output: () => text,
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      await ended
    }
  }
}

/** Ports of 127.0.0.1 that are free for TCP and UDP alike. */
export async function freePorts(count: number): Promise<number[]> {
  const held: { close(): unknown }[] = []
  const ports: number[] = []
  while (ports.length < count) {
    const tcp = createServer().listen(0, '127.0.0.1')
    await once(tcp, 'listening')
    held.push(tcp)
    const { port } = tcp.address() as AddressInfo
    const udp = createSocket('udp4').bind(port, '127.0.0.1')
    const isFree = await Promise.race([once(udp, 'listening').then(() => true), once(udp, 'error').then(() => false)])
    if (isFree) held.push(udp)
    if (isFree) ports.push(port)
  }
  for (const socket of held) socket.close()
  return ports
}

/**
 * Asks again until the answer is something.
 *
 * @throws Error naming what was waited for, after `forMs`
 */
export async function eventually<T>(
  what: string,
  ask: () => T | Promise<T>,
  { forMs = 30_000, everyMs = 50 } = {}
): Promise<NonNullable<T>> {
  let last: unknown = 'nothing'
  for (const endMs = Date.now() + forMs; Date.now() < endMs; await delay(everyMs)) {
    try {
      const answer = await ask()
      if (answer) return answer
    } catch (error) {
      last = error
    }
  }
  throw new Error(`${what}: not within ${forMs} ms (${String(last)})`)
}
