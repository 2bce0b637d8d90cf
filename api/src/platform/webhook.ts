import { createHash, createHmac } from 'node:crypto'
import { Agent, fetch } from 'undici'
import type { Clock } from './clock.ts'
import { messageOf } from './errors.ts'
import type { AddressGuard } from './guard/address-guard.ts'
import { parseRetryAfter, type Attempt } from './notify.rules.ts'

/** Somebody who is told. */
export interface Receiver {
  /** For people and for the table; never the URL, whose path is often a secret. */
  readonly name: string
  /** Null: the secret that holds it is not set. */
  readonly url: string | null
  readonly headers: Readonly<Record<string, string>>
  /** Signs bodies; empty: unsigned. */
  readonly secret: string
  readonly timeoutMs: number
  /** Which messages it is told. */
  readonly wants: (labels: Readonly<Record<string, string>>) => boolean
}

/** Host and a hash, for receivers that have no other name. */
export const receiverName = (url: string): string =>
  `${new URL(url).host}#${createHash('sha256').update(url).digest('hex').slice(0, 8)}`

export interface WebhookMessage {
  /** The same for every attempt to deliver this message. */
  readonly id: string
  readonly dedupKey: string
  readonly body: string
}

export interface WebhookTools {
  readonly clock: Clock
  readonly guard: AddressGuard
}

const noUrl: Attempt = { status: null, error: 'the secret that holds its URL is not set', retryAfterMs: null }

/** Tries once to deliver a message. Never throws: what went wrong is the result. */
export async function postWebhook(
  { url, headers, secret, timeoutMs }: Receiver,
  { id, dedupKey, body }: WebhookMessage,
  { clock, guard }: WebhookTools,
  signal: AbortSignal
): Promise<Attempt> {
  if (url === null) return noUrl
  const timeout = new AbortController()
  const cancel = clock.after(timeoutMs, () => timeout.abort(new Error(`no reply within ${timeoutMs} ms`)))
  const timestamp = String(Math.floor(clock.nowMs() / 1_000))
  const agent = new Agent({ connect: { lookup: guard.lookup }, pipelining: 0 })
  try {
    guard.refuseHost(new URL(url))
    const response = await fetch(url, {
      dispatcher: agent,
      method: 'POST',
      body,
      redirect: 'manual',
      signal: AbortSignal.any([timeout.signal, signal]),
      headers: {
        ...headers,
        'content-type': 'application/json',
        'user-agent': 'plimsoll',
        'idempotency-key': id,
        'x-plimsoll-dedup-key': dedupKey,
        'x-plimsoll-timestamp': timestamp,
        ...(secret && { 'x-plimsoll-signature': signature(secret, timestamp, body) })
      }
    })
    await response.body?.cancel()
    const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'), clock.nowMs())
    return { status: response.status, error: null, retryAfterMs }
  } catch (error) {
    return { status: null, error: reasonOf(error), retryAfterMs: null }
  } finally {
    cancel()
    await agent.destroy().catch(() => {}) // thrown away, however it ends
  }
}

/** `v1=` and the hex HMAC-SHA256 of `<timestamp>.<body>`: a receiver can refuse what is forged or old. */
export const signature = (secret: string, timestamp: string, body: string): string =>
  `v1=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`

/** `fetch` hides what happened in `cause`, and its own message may hold the URL. */
const reasonOf = (error: unknown): string => {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const { code } = cause as { code?: unknown }
  return typeof code === 'string' ? code : messageOf(cause)
}
