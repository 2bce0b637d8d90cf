// Sends requests at a fixed rate whatever becomes of those before, and measures from when each was due.
import { Agent, get, type IncomingMessage } from 'node:http'

export interface Reply {
  /** When it was due, ms since the first. */
  readonly dueMs: number
  /** From when it was due to the end of the reply. */
  readonly latencyMs: number
  /** Null: no reply. */
  readonly status: number | null
}

export interface Load {
  readonly url: string
  readonly ratePerS: number
  readonly durationMs: number
}

/** A request that has no reply after this long has none. */
const timeoutMs = 10_000

/** Sends, and resolves when every reply has come or its time is over. */
export async function sendOpenLoop({ url, ratePerS, durationMs }: Load): Promise<Reply[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 2_000, maxFreeSockets: 2_000 }) // as a proxy keeps them
  const beginMs = performance.now()
  const replies: Promise<Reply>[] = []
  const total = Math.floor((ratePerS * durationMs) / 1_000)
  while (replies.length < total) {
    const elapsedMs = performance.now() - beginMs
    const due = Math.min(total, Math.floor((elapsedMs * ratePerS) / 1_000) + 1)
    while (replies.length < due) {
      const dueMs = (replies.length * 1_000) / ratePerS
      replies.push(
        send(url, agent).then((status) => ({ dueMs, status, latencyMs: performance.now() - beginMs - dueMs }))
      )
    }
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  const all = await Promise.all(replies)
  agent.destroy()
  return all
}

const send = (url: string, agent: Agent): Promise<number | null> =>
  new Promise((resolve) => {
    const request = get(
      url,
      { agent, headers: { host: 'localhost' }, timeout: timeoutMs },
      (reply: IncomingMessage) => {
        reply.resume()
        reply.on('end', () => resolve(reply.statusCode ?? null))
        reply.on('error', () => resolve(null))
      }
    )
    request.on('timeout', () => request.destroy())
    request.on('error', () => resolve(null))
  })

/** @param share - 0.95 for p95; NaN without values */
export const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(values.length * share) - 1)] ?? NaN
