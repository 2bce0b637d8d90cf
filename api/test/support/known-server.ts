import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** What a server does with every request. */
export type Behaviour = { readonly seed?: number; readonly workers?: number } & (
  | { readonly kind: 'constant'; readonly delayMs: number }
  /** The whole process stands still for `frozenMs` every `everyMs`. */
  | { readonly kind: 'freeze'; readonly frozenMs: number; readonly everyMs: number }
  /** Every n-th request is never answered. */
  | { readonly kind: 'hang'; readonly everyNth: number }
  /** First come, first served by `workers` that take `serviceMs` on average. */
  | { readonly kind: 'queue'; readonly serviceMs: number }
  /** 503 for what comes above a rate. */
  | { readonly kind: 'refuse'; readonly abovePerS: number }
  | { readonly kind: 'status'; readonly status: number }
)

export type FromKnownServer =
  | { readonly kind: 'listening'; readonly port: number }
  | {
      readonly kind: 'seen'
      readonly served: number
      /** Class headers that came, `none` for a request without. */
      readonly claims: readonly string[]
      /** What each request had to take by the server's own schedule. */
      readonly truthMs: readonly number[]
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
