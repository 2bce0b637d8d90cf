import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { Clock } from '../../platform/clock.ts'
import type { Recorder } from '../recorder.ts'
import type { Feed, Source, SourceError, SourceReport } from '../source.ts'
import { LineCutter } from './line-cutter.ts'
import { LogLines } from './log-lines.ts'
import type { LogReading } from './options.ts'
import { feedNow } from './reading.ts'
import type { ServiceCounter } from './service-counter.ts'
import { countSkipped } from './skip-reason.ts'

/** Longest line that is kept while its end has not come, bytes. Caddy takes request headers of up to 1 MB. */
const maxLineBytes = 2 * 1_024 * 1_024

/** All unfinished lines together, bytes; past it the largest wait no longer. */
const maxHeldBytes = 32 * 1_024 * 1_024

/** More senders than a fleet of proxies has: further ones are turned away. */
const maxConnections = 512

/** How long after the address could not be used it is tried again, ms. */
const retryMs = 5_000

/** Largest share of this process's time that reading may take; what comes above it is dropped, so that the rest goes on. */
const maxBusyRatio = 0.5
const busyWindowMs = 1_000

/** Longest silence that counts as live rather than idle, ms. */
const liveMs = 60_000

const newline = 10

export interface TcpLogOptions {
  readonly listen: { readonly host: string; readonly port: number }
  /** One per service that wants lines from this address, in the order of `signals`. */
  readonly reading: LogReading
  /** Ids of the plan's signals, one per service of `reading`. */
  readonly signals: readonly string[]
  readonly clock: Clock
  readonly recorder: Pick<Recorder, 'adopt' | 'isFull'>
  readonly onError: (error: unknown) => void
}

/**
 * Takes access log lines that Caddy sends (`output net tcp/…`).
 *
 * A reader that stalls freezes the whole proxy, so whatever comes is taken off the socket at once:
 * counted, or dropped and counted as dropped when the store has failed for so long that there is no
 * room. There is no position to go on from: what is sent while nobody listens is lost, and Caddy
 * loses 10 to 15 s of lines when we restart. The file is the source to prefer.
 */
export class TcpLog implements Feed {
  readonly #options: TcpLogOptions
  readonly #lines: LogLines
  readonly #giveUps: readonly (() => void)[]
  readonly #cutters = new Map<Socket, LineCutter>()
  readonly #server: Server
  #cancelRetry: () => void = () => {}
  #heldBytes = 0
  #dropped = 0
  /** Start of the time that {@link maxBusyRatio} is now measured over, and what was read in it, monotonic ms. */
  #windowMs = -Infinity
  #busyMs = 0
  #turnedAway = 0
  #lastReadMs: number | null = null
  #lastError: SourceError | null = null
  #stopped = false

  constructor(options: TcpLogOptions) {
    this.#options = options
    this.#lines = new LogLines(options.reading)
    this.#giveUps = this.#lines.counters.map(({ accumulator }) => options.recorder.adopt(accumulator))
    this.#server = createServer((socket) => this.#accept(socket))
    this.#server.on('error', (error) => this.#failed(error))
    this.#listen()
  }

  /** Where it listens; null while it does not. */
  get address(): AddressInfo | null {
    return this.#server.listening ? (this.#server.address() as AddressInfo) : null
  }

  /** One source per service, in the order of the options. */
  get sources(): readonly Source[] {
    return this.#lines.counters.map((counter, i) => ({
      service: counter.service,
      report: () => this.#report(counter, this.#options.signals[i]!)
    }))
  }

  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    this.#cancelRetry()
    for (const socket of this.#cutters.keys()) socket.destroy()
    if (this.#server.listening) await new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const giveUp of this.#giveUps) giveUp()
  }

  #listen(): void {
    if (this.#stopped) return
    const { host, port } = this.#options.listen
    this.#server.listen({ host, port, exclusive: true }, () => (this.#lastError = null))
  }

  #failed(error: Error & { code?: string }): void {
    const { clock, listen, onError } = this.#options
    const isFirst = this.#lastError === null
    this.#lastError = {
      atMs: clock.nowMs(),
      code: 'cannot_listen',
      text: `${listen.host}:${listen.port} cannot be used: ${error.code ?? error.message}`,
      hint: 'stop the other program there, or change `listen` in the plan'
    }
    if (isFirst) onError(error)
    this.#cancelRetry = clock.after(retryMs, () => this.#listen())
  }

  #accept(socket: Socket): void {
    if (this.#cutters.size >= maxConnections) {
      this.#turnedAway++
      socket.destroy()
      return
    }
    const cutter = new LineCutter({
      maxLineBytes,
      onLines: (lines) => this.#count(lines),
      onTooLong: () => this.#skip('too_long')
    })
    this.#cutters.set(socket, cutter)
    socket.setKeepAlive(true, 60_000)
    socket.on('data', (chunk: Buffer) => this.#receive(cutter, chunk))
    socket.on('error', () => {}) // a reset ends it like any other end: `close` follows
    socket.on('close', () => {
      this.#cutters.delete(socket)
      this.#heldBytes -= cutter.heldBytes
      if (cutter.giveUp()) this.#skip('cut_off')
    })
  }

  #receive(cutter: LineCutter, chunk: Buffer): void {
    this.#lastReadMs = this.#options.clock.nowMs()
    const before = cutter.heldBytes
    cutter.add(chunk)
    this.#heldBytes += cutter.heldBytes - before
    if (this.#heldBytes > maxHeldBytes) this.#makeRoom()
  }

  #makeRoom(): void {
    let largest: LineCutter | null = null
    for (const cutter of this.#cutters.values()) {
      if (largest === null || cutter.heldBytes > largest.heldBytes) largest = cutter
    }
    if (largest === null) return
    this.#heldBytes -= largest.heldBytes
    if (largest.giveUp()) this.#dropped++
  }

  #count(lines: Uint8Array): void {
    const { clock, recorder } = this.#options
    const sinceMs = clock.monotonicMs()
    if (sinceMs - this.#windowMs >= busyWindowMs) {
      this.#windowMs = sinceMs
      this.#busyMs = 0
    }
    if (recorder.isFull || this.#busyMs > busyWindowMs * maxBusyRatio) {
      this.#dropped += countOf(lines, newline)
      return
    }
    this.#lines.setTime(clock.nowMs())
    feedNow(this.#lines, lines)
    this.#busyMs += clock.monotonicMs() - sinceMs
  }

  #skip(reason: 'too_long' | 'cut_off'): void {
    this.#lines.tally.read++
    countSkipped(this.#lines.tally.skipped, reason)
  }

  #report(counter: ServiceCounter, id: string): SourceReport {
    const { listen, clock } = this.#options
    const { lastEventMs } = counter
    const isLive = lastEventMs !== null && clock.nowMs() - lastEventMs < liveMs
    const health = this.#lastError ? 'broken' : isLive ? 'live' : this.#cutters.size > 0 ? 'idle' : 'waiting'
    return {
      id,
      kind: 'caddyLogTcp',
      title: `tcp/${listen.host}:${this.address?.port ?? listen.port}`,
      origin: 'requests',
      remembers: false,
      health,
      reasons: this.#reasons(health),
      lagMs: isLive ? 0 : null,
      behindBytes: null,
      lastEventMs,
      lastReadMs: this.#lastReadMs,
      counts: this.#lines.countsOf(counter, this.#dropped),
      lastError: this.#lastError,
      certificate: null
    }
  }

  #reasons(health: SourceReport['health']): SourceReport['reasons'] {
    const senders = this.#cutters.size
    const reasons = []
    if (health === 'waiting') {
      const next = 'point Caddy here: `log { output net tcp/ADDRESS { soft_start } }`'
      reasons.push({ code: 'no_sender', text: 'no proxy is connected', next })
    }
    if (health === 'idle') reasons.push({ code: 'no_requests', text: `${senders} connected, no request for a minute` })
    if (this.#turnedAway > 0) {
      const text = `${this.#turnedAway} connections were turned away: at most ${maxConnections} are served`
      reasons.push({ code: 'too_many_senders', text })
    }
    return reasons
  }
}

const countOf = (bytes: Uint8Array, wanted: number): number => {
  let count = 0
  for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + 1)) count++
  return count
}
