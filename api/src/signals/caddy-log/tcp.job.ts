import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { Cancel, Clock } from '../../platform/clock.ts'
import type { Batch } from '../slice.ts'
import { LogLines } from './log-lines.ts'
import type { LogReading } from './options.ts'
import { feedNow } from './reading.ts'
import { countSkipped } from './skip-reason.ts'
import { idleAfterMs, sourceError, type SourceError, type SourceStatus } from './source-status.ts'
import type { CommitTarget } from './tailer.job.ts'

export interface TcpListenerOptions extends LogReading {
  /** Stable name of the source in this instance: numbers its commits, so that a repeated one counts once. */
  readonly source: string
  readonly writer: string
  /** Default: this machine alone. */
  readonly host?: string
  /** 0 takes any free one; see {@link TcpListener.port}. */
  readonly port: number
  readonly store: CommitTarget
  readonly clock: Clock
  readonly flushIntervalMs?: number
  /** Longest line, bytes. */
  readonly maxLineBytes?: number
  /** Most that all connections together may hold of unfinished lines, bytes. */
  readonly maxHeldBytes?: number
  /** Largest share of this process's time that reading may take, ratio in (0, 1]. */
  readonly maxBusyRatio?: number
  readonly maxConnections?: number
  readonly onError?: (error: SourceError) => void
}

/** What one connection has sent of a line that is not complete. */
interface Connection {
  held: Buffer[]
  heldBytes: number
  /** The line was too long, or there was no room for it: skip to its end. */
  givenUp: boolean
}

/** While the store takes nothing, slices grow with time and streams; above this many, lines are dropped. */
const maxOpenSlots = 50_000

const busyWindowMs = 1_000
const retryListenMs = 5_000
const newline = 10

/**
 * Takes access logs over TCP (Caddy's `output net`). Caddy writes to such a sink without a deadline,
 * so that one who stops reading stops the proxy: sockets are always drained, and what cannot be
 * dealt with is dropped and counted. Lines that are sent while nobody listens are lost.
 */
export class TcpListener {
  readonly #options: TcpListenerOptions
  readonly #lines: LogLines
  readonly #connections = new Map<Socket, Connection>()
  #server: Server | null = null
  #timers: Cancel[] = []
  #dropped = 0
  #heldBytes = 0
  #windowMs = 0
  #busyMs = 0
  #flushing: Promise<void> | null = null
  #pending: Batch | null = null
  /** The last commit's number, as stored; undefined before it was read. */
  #position: string | null | undefined
  #failing = false
  #stopped = false
  #lastReadMs: number | null = null
  #lastError: SourceError | null = null

  constructor(options: TcpListenerOptions) {
    this.#options = options
    this.#lines = new LogLines(options, { chunkBytes: 256 * 1_024, maxLineBytes: 2 * this.#maxLineBytes })
  }

  /** Begins to listen; resolves when it does, or when it has failed and will try again. */
  async start(): Promise<void> {
    const { clock, flushIntervalMs = 1_000 } = this.#options
    this.#timers.push(clock.every(flushIntervalMs, () => void this.flush()))
    await this.#listen()
  }

  /** The port that is listened on; null while it is not. */
  get port(): number | null {
    const address = this.#server?.address() as AddressInfo | null | undefined
    return address?.port ?? null
  }

  /** Ends all connections and stores what was counted. */
  async close(): Promise<void> {
    this.#stopped = true
    for (const cancel of this.#timers) cancel()
    const server = this.#server
    const closed = new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()))
    for (const socket of this.#connections.keys()) socket.destroy()
    await closed
    await this.#flushing // what it took then lacks the last lines
    await this.flush()
  }

  status(service: string): SourceStatus {
    const { clock, source } = this.#options
    const counter = this.#lines.counters.find((counter) => counter.service === service)
    if (!counter) throw new RangeError(`${source} does not count for ${service}`)
    const nowMs = clock.nowMs()
    const isRecent = this.#lastReadMs !== null && nowMs - this.#lastReadMs < idleAfterMs
    const state = this.#failing || this.#stopped ? 'broken' : isRecent ? 'reading' : 'idle'
    const { toMs } = counter.tally
    return {
      state,
      delivery: 'at_most_once',
      silentBecause: state === 'reading' ? null : state,
      lagMs: toMs === null ? null : 0,
      behindBytes: 0,
      lastEventMs: toMs,
      lastReadMs: this.#lastReadMs,
      counts: this.#lines.countsOf(counter, this.#dropped),
      lastError: this.#lastError
    }
  }

  /** Stores what was counted. Never throws; what could not be stored is tried again. */
  flush(): Promise<void> {
    this.#flushing ??= this.#flush()
      .then(() => {
        this.#failing = this.#server === null && !this.#stopped
      })
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#flushing = null
      })
    return this.#flushing
  }

  get #maxLineBytes(): number {
    return this.#options.maxLineBytes ?? 1_024 * 1_024
  }

  async #listen(): Promise<void> {
    const { clock, host = '127.0.0.1', port, maxConnections = 1_000 } = this.#options
    const server = createServer({ noDelay: true }, (socket) => this.#accept(socket))
    server.maxConnections = maxConnections
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen({ host, port }, resolve)
      })
      server.removeAllListeners('error')
      server.on('error', (error) => this.#fail(error))
      this.#server = server
      this.#failing = false
    } catch (error) {
      this.#fail(error)
      this.#timers.push(clock.after(retryListenMs, () => void (this.#stopped || this.#listen())))
    }
  }

  #accept(socket: Socket): void {
    const connection: Connection = { held: [], heldBytes: 0, givenUp: false }
    this.#connections.set(socket, connection)
    socket.on('data', (bytes) => this.#take(connection, bytes))
    socket.on('error', () => {}) // its end follows, and that is all there is to know
    socket.on('close', () => {
      this.#connections.delete(socket)
      this.#end(connection)
    })
  }

  #take(connection: Connection, bytes: Buffer): void {
    const { clock } = this.#options
    const sinceMs = clock.monotonicMs()
    this.#lastReadMs = clock.nowMs()
    if (sinceMs - this.#windowMs >= busyWindowMs) {
      this.#windowMs = sinceMs
      this.#busyMs = 0
    }
    if (this.#isOverloaded()) this.#drop(connection, bytes)
    else this.#read(connection, bytes)
    this.#busyMs += clock.monotonicMs() - sinceMs
  }

  #isOverloaded(): boolean {
    const openSlots = this.#lines.counters.reduce((sum, { accumulator }) => sum + accumulator.openSlots, 0)
    return this.#busyMs > busyWindowMs * (this.#options.maxBusyRatio ?? 0.5) || openSlots > maxOpenSlots
  }

  #read(connection: Connection, bytes: Buffer): void {
    const first = bytes.indexOf(newline) + 1
    if (first === 0) return this.#hold(connection, bytes)
    const end = bytes.lastIndexOf(newline) + 1
    this.#lines.setTime(this.#options.clock.nowMs())
    if (connection.givenUp) connection.givenUp = false
    else feedNow(this.#lines, Buffer.concat([...this.#release(connection), bytes.subarray(0, first)]))
    feedNow(this.#lines, bytes.subarray(first, end))
    if (end < bytes.length) this.#hold(connection, bytes.subarray(end))
  }

  /** Keeps the beginning of a line, or gives it up. */
  #hold(connection: Connection, bytes: Buffer): void {
    if (connection.givenUp) return
    const { maxHeldBytes = 64 * 1_024 * 1_024 } = this.#options
    const isTooLong = connection.heldBytes + bytes.length > this.#maxLineBytes
    if (isTooLong || this.#heldBytes + bytes.length > maxHeldBytes) {
      this.#release(connection)
      connection.givenUp = true
      if (isTooLong) {
        this.#lines.tally.read++
        countSkipped(this.#lines.tally.skipped, 'too_long')
      } else this.#dropped++
      return
    }
    connection.held.push(Buffer.from(bytes)) // a piece of a larger buffer would keep all of it
    connection.heldBytes += bytes.length
    this.#heldBytes += bytes.length
  }

  #release(connection: Connection): Buffer[] {
    const { held } = connection
    this.#heldBytes -= connection.heldBytes
    connection.held = []
    connection.heldBytes = 0
    return held
  }

  /** Counts the lines without reading them: a twentieth of the work. */
  #drop(connection: Connection, bytes: Buffer): void {
    const end = bytes.lastIndexOf(newline) + 1
    let lines = 0
    for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, at + 1)) lines++
    if (lines > 0) {
      this.#dropped += connection.givenUp ? lines - 1 : lines
      this.#release(connection)
      connection.givenUp = false
    }
    if (end < bytes.length && !connection.givenUp) {
      if (lines === 0) this.#release(connection)
      this.#dropped++
      connection.givenUp = true
    }
  }

  /** A line that was begun when the connection ended counts if it is complete by itself. */
  #end(connection: Connection): void {
    const held = this.#release(connection)
    if (held.length === 0) return
    this.#lines.setTime(this.#options.clock.nowMs())
    feedNow(this.#lines, Buffer.concat(held))
    this.#lines.finish()
  }

  async #flush(): Promise<void> {
    const { store, source, writer } = this.#options
    if (this.#position === undefined) this.#position = await store.readCursor(source)
    if (this.#pending === null) {
      const deltas = this.#lines.counters.flatMap(({ accumulator }) => accumulator.drain())
      if (deltas.length === 0) return
      const cursor = { source, expected: this.#position, position: nextOf(this.#position) }
      this.#pending = { writer, deltas, cursor }
    }
    const outcome = await store.commit(this.#pending)
    const pending = this.#pending
    this.#pending = null
    if (outcome.kind !== 'superseded') {
      this.#position = pending.cursor!.position
      return
    }
    // Somebody else commits under this name, which is a mistake, but not one that should lose counts.
    const { position } = outcome
    this.#position = position
    this.#pending = { ...pending, cursor: { source, expected: position, position: nextOf(position) } }
  }

  #fail(error: unknown): void {
    const said = sourceError(error, this.#options.clock.nowMs())
    if (!this.#failing || said.text !== this.#lastError?.text) this.#options.onError?.(said)
    this.#lastError = said
    this.#failing = true
  }
}

/** Commits are numbered from 1. */
const nextOf = (position: string | null): string =>
  JSON.stringify({ commit: position === null ? 1 : (JSON.parse(position) as { commit: number }).commit + 1 })
