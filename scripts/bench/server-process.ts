import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** A server of `json-server.ts` in its own process. */
export interface ServerProcess {
  readonly origin: string
  /** CPU spent since this was last asked, µs. */
  cpuUs(): Promise<number>
  stop(): Promise<void>
}

export async function startServer(mode: 'bare' | 'ours', workUs = 0): Promise<ServerProcess> {
  const child = fork(join(import.meta.dirname, 'json-server.ts'), [mode, String(workUs)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc']
  })
  const { origin } = await nextMessage<{ origin: string }>(child)
  return {
    origin,
    async cpuUs() {
      child.send('cpu')
      const { cpuUs } = await nextMessage<{ cpuUs: number }>(child)
      return cpuUs
    },
    async stop() {
      const exited = once(child, 'exit')
      child.disconnect()
      await exited
    }
  }
}

async function nextMessage<T>(child: ChildProcess): Promise<T> {
  const [message] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`the server ended with ${code}`)))
  ])) as [T]
  return message
}
