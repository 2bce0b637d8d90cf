import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { QueueKind } from './known-queue.ts'

/** What a server does with every request. */
export type Behaviour = { readonly seed?: number } & (
  | { readonly kind: 'constant'; readonly delayMs: number }
  /** The whole process stands still for `frozenMs` every `everyMs`. */
  | { readonly kind: 'freeze'; readonly frozenMs: number; readonly everyMs: number }
  /** Every n-th request is never answered. */
  | { readonly kind: 'hang'; readonly everyNth: number }
  /** A queue of known capacity: `workers` ÷ `serviceMs`. */
  | ({ readonly kind: 'queue' } & QueueKind)
  /** 503 for what comes above a rate. */
  | { readonly kind: 'refuse'; readonly abovePerS: number }
  | { readonly kind: 'status'; readonly status: number }
)

export type FromKnownServer =
  | { readonly kind: 'listening'; readonly port: number }
  | {
      readonly kind: 'seen'
      readonly served: number
      /** Replies by status, as it gave them. */
      readonly statuses: Readonly<Record<number, number>>
      /** Class headers that came, `none` for a request without. */
      readonly claims: readonly string[]
      /** How long each request was to take by the schedule, in the order they came, milliseconds. */
      readonly scheduledMs: readonly number[]
      /** How long each did take inside the server, in the order they were answered, milliseconds. */
      readonly heldMs: readonly number[]
    }

export interface KnownServer {
  readonly url: string
  seen(): Promise<Extract<FromKnownServer, { kind: 'seen' }>>
  close(): Promise<void>
}

/** A real HTTP server of known behaviour in a process of its own. */
export async function startKnownServer(behaviour: Behaviour): Promise<KnownServer> {
  const child = fork(join(import.meta.dirname, 'known-server-process.ts'), [JSON.stringify(behaviour)], {
    serialization: 'advanced',
    execArgv: []
  })
  const [{ port }] = (await once(child, 'message')) as [Extract<FromKnownServer, { kind: 'listening' }>]
  return {
    url: `http://127.0.0.1:${port}`,
    async seen() {
      child.send('seen')
      const [seen] = (await once(child, 'message')) as [Extract<FromKnownServer, { kind: 'seen' }>]
      return seen
    },
    async close() {
      const ended = once(child, 'exit')
      child.disconnect()
      await ended
    }
  }
}
