import type { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { maxReplyBytes } from './connection.ts'
import { failureOf } from './failure.rules.ts'
import type { FailureKind } from './tally.ts'

// autocannon's and its parser's names for what happens to a connection
const opens = '_connect'
const sendsNext = '_doRequest'
const opensAgain = '_resetConnection'
/** The headers are complete; what it returns says whether there is no body. */
const onHeaders = 2

/** A request that autocannon waits for a reply to. */
interface Pending {
  readonly startTime: [number, number]
  readonly bytes: number
  readonly req: { readonly method?: string }
}

interface ReplyHead {
  /** Whether another request may follow; false without a length, which a reply to HEAD need not have. */
  readonly shouldKeepAlive: boolean
}

/** What is used of one of autocannon's connections. It is not part of its documented interface: the tests hold it. */
interface Inside extends EventEmitter {
  readonly conn?: Socket | TLSSocket
  readonly destroyed: boolean
  destroy(): void
  /** Milliseconds. */
  timeout: number
  readonly parser: {
    /** The reply's Connection header, lower case. */
    readonly connection: string
    initialize(kind: 'RESPONSE'): void
    [onHeaders]: (info: ReplyHead) => unknown
  }
  readonly pipelinedRequests: { toArray(): readonly Pending[]; clear(): void }
  [opens]: () => void
  [sendsNext]: () => void
  [opensAgain]: () => void
}

export interface SaturatedOptions {
  readonly verifyTls: boolean
  readonly timeoutMs: number
  /** A request whose connection ended before its reply. */
  lost(kind: FailureKind): void
}

/**
 * One of autocannon's connections, made fit to measure with. Left alone it accepts any certificate,
 * writes on after a reply that ends the connection, forgets requests whose connection broke and
 * pairs later replies with them, waits for the body of a HEAD, and keeps a reply in memory however
 * long it is.
 */
export class SaturatedConnection {
  readonly #client: Inside
  readonly #options: SaturatedOptions
  #isLast = false
  #ending: FailureKind = 'reset'

  /** @param client - as `setupClient` gives it: not connected yet */
  constructor(client: EventEmitter, options: SaturatedOptions) {
    const inside = (this.#client = client as Inside)
    this.#options = options
    inside.timeout = options.timeoutMs
    const [connect, next] = [inside[opens].bind(inside), inside[sendsNext].bind(inside)]
    inside[opens] = () => this.#connect(connect)
    inside[sendsNext] = () => this.#next(next)
    inside.on('body', () => this.#checkSize())
    inside.on('connError', (error: Error) => (this.#ending = failureOf(error)))
  }

  /** How long each request has been waiting for its reply, microseconds. */
  *waitingUs(): Generator<number> {
    for (const { startTime } of this.#client.pipelinedRequests.toArray()) {
      const [seconds, nanoseconds] = process.hrtime(startTime)
      yield seconds * 1e6 + nanoseconds / 1_000
    }
  }

  /** Ends it at once: autocannon itself would go on until it looks at its clock. */
  close(): void {
    this.#client.destroy()
  }

  #connect(connect: () => void): void {
    const client = this.#client
    if (client.conn) this.#leave(client.conn)
    else this.#readHeads()
    if (client.destroyed) return // what was lost was one too many
    connect()
    if (!this.#options.verifyTls || !client.conn || !('authorized' in client.conn)) return
    const socket = client.conn
    // before a byte of a request has left: they wait for the handshake
    socket.once('secureConnect', () => {
      if (!socket.authorized) socket.destroy(notAuthorized(socket))
    })
  }

  /** Requests without a reply are lost with their connection, unless they were written after its last reply. */
  #leave(old: Socket): void {
    const { pipelinedRequests, parser } = this.#client
    const lost = pipelinedRequests.toArray().length
    pipelinedRequests.clear()
    parser.initialize('RESPONSE')
    old.removeAllListeners()
    old.on('error', () => {}) // whatever else becomes of it
    old.destroy()
    for (let i = 0; i < lost; i++) this.#options.lost(this.#ending)
    this.#ending = 'reset'
    this.#isLast = false
  }

  /** The next request, on a new connection when the server has announced the end of this one (RFC 9112, section 9.6). */
  #next(send: () => void): void {
    if (!this.#isLast || this.#client.destroyed) return send()
    this.#isLast = false
    this.#client[opensAgain]()
  }

  #readHeads(): void {
    const { parser, pipelinedRequests } = this.#client
    const headersComplete = parser[onHeaders]
    parser[onHeaders] = (head) => {
      headersComplete(head)
      const hasNoBody = pipelinedRequests.toArray()[0]?.req.method === 'HEAD'
      this.#isLast = hasNoBody ? parser.connection.includes('close') : !head.shouldKeepAlive
      return hasNoBody
    }
  }

  #checkSize(): void {
    const { pipelinedRequests, conn } = this.#client
    const [current] = pipelinedRequests.toArray()
    if (current && current.bytes > maxReplyBytes)
      conn?.destroy(coded('UND_ERR_RES_EXCEEDED_MAX_SIZE', 'reply too large'))
  }
}

const coded = (code: string, text: string): Error => Object.assign(new Error(text), { code })

const notAuthorized = ({ authorizationError }: TLSSocket): Error => {
  const why: unknown = authorizationError
  return why instanceof Error ? why : coded(typeof why === 'string' ? why : 'ERR_TLS_CERT', 'certificate not accepted')
}
