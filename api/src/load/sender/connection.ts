import { Client, buildConnector, type Dispatcher } from 'undici'
import type { PlannedTarget } from './plan.ts'
import { failureOf } from './failure.rules.ts'
import type { FailureKind } from './tally.ts'

/** A longer reply is a fault of the target: load tests are not downloads. */
export const maxReplyBytes = 16 * 1_024 * 1_024

export type Request = Pick<Dispatcher.DispatchOptions, 'path' | 'method' | 'headers' | 'body'>

export type Connect = ReturnType<typeof buildConnector>

/**
 * Connects to the one address that was looked up and checked, speaking HTTP/1.1 alone.
 *
 * @param timeoutMs - to be connected, TLS included
 */
export const connecting = ({ address, verifyTls, origin }: PlannedTarget, timeoutMs: number): Connect => {
  const { hostname } = new URL(origin)
  // an IP address is no server name: RFC 6066, section 3
  const servername = /^\[|^[\d.]+$/.test(hostname) ? null : hostname
  const connect = buildConnector({
    allowH2: false,
    rejectUnauthorized: verifyTls,
    timeout: timeoutMs,
    ...(servername !== null && { servername })
  })
  return (options, done) => connect({ ...options, hostname: address }, done)
}

/** Who wants to know what became of the request on a connection. */
export interface Owner {
  answered(connection: Connection, status: number): void
  failed(connection: Connection, kind: FailureKind, error: Error): void
}

/**
 * One connection with one request at a time: client, handler and bookkeeping in one object, so that
 * a request makes nothing new. A connection that timed out is destroyed; its owner drops it.
 */
export class Connection implements Dispatcher.DispatchHandler {
  readonly #client: Client
  readonly #owner: Owner
  #status = 0
  #bytes = 0
  /** When the latency of the request on it counts from, milliseconds on the sender's clock. */
  startMs = 0
  /** When it fails for want of a reply. */
  deadlineMs = 0
  /** Second it is counted in; below 0 it is not. */
  second = 0
  busy = false

  constructor(origin: string, connect: Connect, owner: Owner) {
    this.#owner = owner
    this.#client = new Client(origin, { connect, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 })
  }

  send(request: Request): void {
    this.busy = true
    this.#status = 0
    this.#bytes = 0
    this.#client.dispatch(request, this)
  }

  /** Ends the connection at once; the request on it is settled by whoever calls. */
  destroy(): void {
    this.busy = false
    void this.#client.destroy().catch(() => {}) // it is thrown away, however it ends
  }

  onRequestStart(): void {}

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    // 1xx announces the reply, it is none
    if (status >= 200) this.#status = status
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#bytes > maxReplyBytes) controller.abort(new ReplyTooLarge())
  }

  onResponseEnd(): void {
    if (!this.busy) return
    this.busy = false
    this.#owner.answered(this, this.#status)
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (!this.busy) return
    this.busy = false
    this.#owner.failed(this, failureOf(error), error)
  }
}

class ReplyTooLarge extends Error {
  readonly code = 'UND_ERR_RES_EXCEEDED_MAX_SIZE'
}
