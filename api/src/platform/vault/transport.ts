import { Agent, request } from 'undici'
import type { Clock } from '../clock.ts'

/** A request as node-vault hands it over. */
export interface OutgoingRequest {
  readonly method: string
  readonly uri: string
  readonly headers: Readonly<Record<string, string>>
  readonly json?: object | boolean
}

/** An answer as node-vault takes it. */
export interface IncomingAnswer {
  readonly statusCode: number
  readonly body: unknown
  readonly request: { readonly path: string }
}

export interface TransportOptions {
  /** CA certificates, PEM; null: those of the system. */
  readonly ca: string | null
  readonly timeoutMs: number
  readonly clock: Clock
}

export interface Transport {
  readonly send: (outgoing: OutgoingRequest) => Promise<IncomingAnswer>
  close(): Promise<void>
}

/** No answer that is used here comes near it. */
const largestAnswerBytes = 1_048_576

/** A standby that does not forward sends on to the active node: once, then it is a loop. */
const mostRedirects = 1

export const timedOut = 'TIMEOUT'

/**
 * How requests travel, in place of node-vault's own: every answer within a time and a size, TLS
 * always verified whatever VAULT_SKIP_VERIFY says, no proxy of the environment in between, and
 * nothing that DEBUG=… would print with its headers.
 */
export function openTransport({ ca, timeoutMs, clock }: TransportOptions): Transport {
  const agent = new Agent({
    connect: { ...(ca !== null && { ca }), rejectUnauthorized: true, timeout: timeoutMs },
    maxResponseSize: largestAnswerBytes,
    connections: 4
  })

  const sendOnce = async (
    outgoing: OutgoingRequest,
    signal: AbortSignal,
    redirects: number
  ): Promise<IncomingAnswer> => {
    const { method, uri, headers, json } = outgoing
    const body = typeof json === 'object' ? JSON.stringify(json) : null
    const response = await request(uri, {
      method,
      headers: { accept: 'application/json', ...(body !== null && { 'content-type': 'application/json' }), ...headers },
      body,
      dispatcher: agent,
      signal
    })
    const text = await response.body.text()
    const { statusCode } = response
    if ((statusCode === 307 || statusCode === 308) && redirects < mostRedirects) {
      const next = redirectOf(uri, response.headers['location'])
      if (next !== null) return sendOnce({ ...outgoing, uri: next }, signal, redirects + 1)
    }
    return { statusCode, body: parsed(text), request: { path: new URL(uri).pathname } }
  }

  return {
    async send(outgoing) {
      const timeout = new AbortController()
      const cancel = clock.after(timeoutMs, () =>
        timeout.abort(Object.assign(new Error('no answer in time'), { code: timedOut }))
      )
      try {
        return await sendOnce(outgoing, timeout.signal, 0)
      } finally {
        cancel()
      }
    },
    close: () => agent.destroy()
  }
}

/** Where the active node is; null when following would carry the token out of TLS. */
const redirectOf = (from: string, location: string | string[] | undefined): string | null => {
  if (typeof location !== 'string' || !URL.canParse(location, from)) return null
  const next = new URL(location, from)
  return next.protocol === new URL(from).protocol || next.protocol === 'https:' ? next.href : null
}

const parsed = (text: string): unknown => {
  try {
    return text === '' ? undefined : JSON.parse(text)
  } catch {
    return text
  }
}
