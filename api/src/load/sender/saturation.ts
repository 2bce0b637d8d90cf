import type { EventEmitter } from 'node:events'
import { isIP } from 'node:net'
import autocannon from 'autocannon'
import { cycle } from './arrivals.rules.ts'
import type { FromSender, SaturationPlan, SenderFacts } from './plan.ts'
import { SaturatedConnection } from './saturated-connection.ts'
import { Tally, type FailureKind } from './tally.ts'

const reportMs = 500
/** Connections that fail at once are made again at once: after this many without one reply it is over. */
const hopelessFailures = 2_000

/**
 * As many requests as the connections carry: each sends again as soon as it is answered (closed
 * loop), by autocannon. Latencies come from its `response` events; its own summary has no p95, whole
 * milliseconds and no timeouts, and is never used.
 */
export class SaturationSender {
  readonly #plan: SaturationPlan
  readonly #tell: (message: FromSender) => void
  readonly #tally: Tally
  readonly #connections: SaturatedConnection[] = []
  #originMs = 0
  #endMs: number
  #failuresInARow = 0
  #unfinished = 0
  #stopped = false
  #ended = false
  #instance: autocannon.Instance | null = null

  constructor(plan: SaturationPlan, tell: (message: FromSender) => void) {
    this.#plan = plan
    this.#tell = tell
    this.#tally = new Tally(plan.thresholdMs)
    this.#endMs = plan.warmUpMs + plan.durationMs
  }

  async run(): Promise<SenderFacts> {
    const cpuAtStart = process.cpuUsage()
    this.#originMs = performance.now()
    const report = setInterval(() => this.#report(), reportMs)
    const end = setTimeout(() => this.#end(), this.#endMs)
    try {
      await new Promise<void>((resolve, reject) => {
        this.#instance = autocannon(this.#options(), (error: Error | null) => (error ? reject(error) : resolve()))
        this.#instance.on('response', (_client, status, _bytes, latencyMs) => this.#answered(status, latencyMs))
      })
    } finally {
      clearInterval(report)
      clearTimeout(end)
    }
    return this.#facts(process.cpuUsage(cpuAtStart))
  }

  stop(): void {
    this.#stopped = true
    this.#end()
  }

  #options(): autocannon.Options {
    const { target, requests, timeoutMs, connections, pipelining } = this.#plan
    const all = requests.map(({ method, path, headers, body }) => ({
      method: method as NonNullable<autocannon.Request['method']>,
      path,
      headers: { ...headers },
      ...(body !== null && { body })
    }))
    const { hostname, port, protocol } = new URL(target.origin)
    const address = target.address.includes(':') ? `[${target.address}]` : target.address
    return {
      url: `${protocol}//${address}${port === '' ? '' : `:${port}`}`,
      // the end is ours; autocannon's own comes late enough never to be it
      duration: Math.ceil(this.#endMs / 1_000) + 60,
      sampleInt: 100, // how soon it notices that it was stopped, milliseconds
      connections,
      pipelining,
      timeout: Math.max(1, timeoutMs / 1_000), // it takes no less; each connection is told the true one
      requests: cycle(requests).map((index) => withHost(all[index]!, new URL(target.origin).host)),
      // an IP address is no server name: RFC 6066, section 3
      ...(protocol === 'https:' && isIP(hostname.replace(/^\[|\]$/g, '')) === 0 && { servername: hostname }),
      setupClient: (client) => this.#watch(client)
    }
  }

  /** Lost requests as each connection tells them: autocannon's own count squares them under pipelining. */
  #watch(client: EventEmitter): void {
    const lost = (kind: FailureKind): void => this.#failed(kind)
    const { target, timeoutMs } = this.#plan
    this.#connections.push(new SaturatedConnection(client, { verifyTls: target.verifyTls, timeoutMs, lost }))
    client.on('timeout', () => this.#failed('timeout'))
  }

  #answered(status: number, latencyMs: number): void {
    this.#failuresInARow = 0
    this.#count((second) => this.#tally.answered(second, status, latencyMs * 1_000))
  }

  #failed(kind: FailureKind): void {
    this.#count((second) => this.#tally.failed(second, kind))
    if (++this.#failuresInARow === hopelessFailures) this.stop()
  }

  #count(settle: (second: number) => void): void {
    const second = Math.floor((this.#now() - this.#plan.warmUpMs) / 1_000)
    if (this.#ended || second < 0) return
    this.#tally.begin(second)
    settle(second)
  }

  #now(): number {
    return performance.now() - this.#originMs
  }

  /** Ends the counting now; what was outstanding for longer than the limit is slow. */
  #end(): void {
    if (this.#ended) return
    this.#endMs = Math.min(this.#endMs, this.#now())
    const second = Math.max(0, Math.ceil((this.#endMs - this.#plan.warmUpMs) / 1_000) - 1)
    for (const connection of this.#connections) {
      for (const ageUs of connection.waitingUs()) {
        this.#tally.begin(second)
        if (!this.#tally.cut(second, ageUs)) this.#unfinished++
      }
      connection.close()
    }
    this.#ended = true
    this.#instance?.stop()
  }

  #report(): void {
    const elapsedMs = this.#now() - this.#plan.warmUpMs
    for (const counts of this.#tally.takeFinal(Math.floor(elapsedMs / 1_000))) this.#tell({ kind: 'second', ...counts })
    const p95Us = this.#tally.takeRecentP95Us()
    const { settled, bad, slow } = this.#tally.totals
    this.#tell({
      kind: 'progress',
      elapsedMs,
      sent: settled,
      settled,
      bad,
      slow,
      outstanding: this.#plan.connections * this.#plan.pipelining,
      p95Ms: p95Us === null ? null : p95Us / 1_000
    })
  }

  #facts({ user, system }: NodeJS.CpuUsage): SenderFacts {
    for (const counts of this.#tally.takeFinal(Infinity)) this.#tell({ kind: 'second', ...counts })
    const { settled } = this.#tally.totals
    return {
      countedMs: Math.max(0, this.#endMs - this.#plan.warmUpMs),
      due: settled,
      sent: settled,
      lagP99Ms: null,
      lagMaxMs: null,
      lateRatio: 0,
      connectionsOpened: this.#plan.connections,
      connectionsPeak: this.#plan.connections,
      waitedForConnection: 0,
      neverSent: 0,
      unfinished: this.#unfinished,
      cpuUsPerRequest: settled === 0 ? null : (user + system) / settled,
      stopped: this.#stopped
    }
  }
}

/** The connection goes to the address that was checked; the request still names the host. */
const withHost = <R extends { headers: Record<string, string> }>(request: R, host: string): R => ({
  ...request,
  headers: { host, ...request.headers }
})
