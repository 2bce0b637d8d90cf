import { Histogram } from '../../signals/histogram.ts'
import { seededRandom } from '../random.rules.ts'
import { arrivals, drawing } from './arrivals.rules.ts'
import { Connection, connecting, type Owner, type Request } from './connection.ts'
import { lateMs, type FromSender, type PacedPlan, type SenderFacts } from './plan.ts'
import { Tally, type FailureKind } from './tally.ts'

/**
 * A request that leaves within this of its due time left on time: timers wake to the millisecond, and
 * the server is not to blame for that. Later, its latency counts from when it was due.
 */
const onTimeMs = 2
/** After a wake-up that came late, this much of the schedule is made up for at a time: no burst. */
const catchUpMs = 4
/** Farther behind its schedule than this the sender gives up: it would never make up for it. */
const hopelessMs = 2_000
const sweepMs = 20
const reportMs = 500

interface Waiting {
  readonly request: Request
  readonly startMs: number
  readonly deadlineMs: number
  readonly second: number
}

/**
 * Sends requests when they are due, whatever the answers do: the open loop of independent users.
 * A request that finds every connection busy waits for one, and its latency counts meanwhile.
 */
export class PacedSender implements Owner {
  readonly #plan: PacedPlan
  readonly #tell: (message: FromSender) => void
  readonly #tally: Tally
  readonly #requests: readonly Request[]
  readonly #draw: () => number
  readonly #nextMs: () => number
  readonly #connect
  readonly #open = new Set<Connection>()
  readonly #free: Connection[] = []
  #waiting: Waiting[] = []
  #waitingFrom = 0
  readonly #lag = new Histogram()
  #dueMs = 0
  #originMs = 0
  #quota = 1
  #late = 0
  #lagMaxMs = 0
  #due = 0
  #sent = 0
  #opened = 0
  #peak = 0
  #waited = 0
  #neverSent = 0
  #unfinished = 0
  #hopeless = false
  #stoppedMs: number | null = null
  #cpuAtStart = process.cpuUsage()
  #finish!: (facts: SenderFacts) => void

  constructor(plan: PacedPlan, tell: (message: FromSender) => void) {
    this.#plan = plan
    this.#tell = tell
    this.#tally = new Tally(plan.thresholdMs)
    this.#requests = plan.requests.map(({ method, path, headers, body }) => ({
      method,
      path,
      headers: Object.entries(headers).flat(),
      body
    }))
    this.#draw = drawing(plan.requests, seededRandom(plan.seed + 1))
    this.#nextMs = arrivals(plan)
    this.#connect = connecting(plan.target, plan.timeoutMs)
    this.#quota = Math.max(1, Math.ceil((plan.ratePerS * catchUpMs) / 1_000))
  }

  /** Runs the plan to its end, or until {@link stop}; resolves when nothing is outstanding. */
  async run(): Promise<SenderFacts> {
    const facts = new Promise<SenderFacts>((resolve) => (this.#finish = resolve))
    this.#originMs = performance.now()
    this.#cpuAtStart = process.cpuUsage()
    this.#dueMs = this.#nextMs()
    const sweep = setInterval(() => this.#sweep(), sweepMs)
    const report = setInterval(() => this.#report(), reportMs)
    this.#wake()
    return facts.finally(() => {
      clearInterval(sweep)
      clearInterval(report)
      for (const connection of this.#open) connection.destroy()
    })
  }

  /** No further request; what is outstanding is counted if it is slow by now. */
  stop(): void {
    this.#stoppedMs ??= this.#now()
    this.#sweep()
  }

  answered(connection: Connection, status: number): void {
    if (connection.second >= 0) {
      this.#tally.answered(connection.second, status, (this.#now() - connection.startMs) * 1_000)
    }
    this.#release(connection)
  }

  failed(connection: Connection, kind: FailureKind): void {
    if (connection.second >= 0) this.#tally.failed(connection.second, kind)
    this.#release(connection)
  }

  /** Milliseconds since the run began, warm-up included. */
  #now(): number {
    return performance.now() - this.#originMs
  }

  #endMs(): number {
    return this.#plan.warmUpMs + this.#plan.durationMs
  }

  #wake(): void {
    const now = this.#now()
    for (let sent = 0; sent < this.#quota && this.#dueMs <= now && this.#isSending(); sent++) {
      this.#launch(this.#dueMs)
      this.#dueMs = this.#nextMs()
    }
    if (now - this.#dueMs > hopelessMs) this.#giveUpSchedule(now)
    if (this.#isSending()) setTimeout(() => this.#wake(), Math.max(1, Math.floor(this.#dueMs - now)))
  }

  #isSending(): boolean {
    return this.#stoppedMs === null && !this.#hopeless && this.#dueMs < this.#endMs()
  }

  /** What was due until now and never left still was offered. */
  #giveUpSchedule(now: number): void {
    this.#hopeless = true
    for (; this.#dueMs < Math.min(now, this.#endMs()); this.#dueMs = this.#nextMs()) {
      if (this.#dueMs < this.#plan.warmUpMs) continue
      this.#due++
      this.#late++
    }
  }

  #launch(dueMs: number): void {
    const now = this.#now()
    const lagMs = now - dueMs
    const second = Math.floor((dueMs - this.#plan.warmUpMs) / 1_000)
    const request = this.#requests[this.#draw()]!
    if (second >= 0) {
      this.#due++
      this.#lag.record(lagMs * 1_000)
      if (lagMs > this.#lagMaxMs) this.#lagMaxMs = lagMs
      if (lagMs > lateMs) this.#late++
      this.#tally.begin(second)
    }
    const waiting = {
      request,
      second,
      startMs: lagMs <= onTimeMs ? now : dueMs,
      deadlineMs: dueMs + this.#plan.timeoutMs
    }
    const connection = this.#free.pop() ?? this.#connection()
    if (connection) return this.#send(connection, waiting)
    if (second >= 0) this.#waited++
    this.#waiting.push(waiting)
  }

  #connection(): Connection | null {
    if (this.#open.size >= this.#plan.connections) return null
    const connection = new Connection(this.#plan.target.origin, this.#connect, this)
    this.#open.add(connection)
    this.#opened++
    this.#peak = Math.max(this.#peak, this.#open.size)
    return connection
  }

  #send(connection: Connection, { request, startMs, deadlineMs, second }: Waiting): void {
    connection.startMs = startMs
    connection.deadlineMs = deadlineMs
    connection.second = second
    if (second >= 0 && this.#now() < this.#endMs() + lateMs) this.#sent++
    connection.send(request)
  }

  #release(connection: Connection): void {
    const next = this.#waiting[this.#waitingFrom]
    if (!next) {
      this.#free.push(connection)
      return
    }
    this.#waitingFrom++
    if (this.#waitingFrom > 1_024) {
      this.#waiting = this.#waiting.slice(this.#waitingFrom)
      this.#waitingFrom = 0
    }
    this.#send(connection, next)
  }

  /** Gives up what is over its time, wherever it is, and ends the run when nothing is left. */
  #sweep(): void {
    const now = this.#now()
    const isOver = (deadlineMs: number): boolean => this.#stoppedMs !== null || deadlineMs <= now
    let busy = 0
    for (const connection of this.#open) {
      if (!connection.busy) continue
      if (!isOver(connection.deadlineMs)) {
        busy++
        continue
      }
      this.#open.delete(connection)
      connection.destroy()
      this.#giveUp(connection, now)
    }
    for (let next = this.#waiting[this.#waitingFrom]; next; next = this.#waiting[this.#waitingFrom]) {
      if (isOver(next.deadlineMs)) {
        if (next.second >= 0 && this.#stoppedMs === null) this.#neverSent++
        this.#giveUp(next, now)
      } else {
        // a connection given up above has made room
        const connection = this.#free.pop() ?? this.#connection()
        if (!connection) break
        this.#send(connection, next)
        busy++
      }
      this.#waitingFrom++
    }
    if (!this.#isSending() && busy === 0) this.#end()
  }

  #giveUp({ second, startMs }: Pick<Waiting, 'second' | 'startMs'>, now: number): void {
    if (second < 0) return
    if (this.#stoppedMs === null) this.#tally.failed(second, 'timeout')
    else if (!this.#tally.cut(second, (now - startMs) * 1_000)) this.#unfinished++
  }

  #report(): void {
    const elapsedMs = this.#now() - this.#plan.warmUpMs
    for (const counts of this.#tally.takeFinal(Math.floor(elapsedMs / 1_000))) this.#tell({ kind: 'second', ...counts })
    const p95Us = this.#tally.takeRecentP95Us()
    const { settled, bad, slow } = this.#tally.totals
    this.#tell({
      kind: 'progress',
      elapsedMs,
      sent: this.#sent,
      settled,
      bad,
      slow,
      outstanding: this.#due - settled,
      p95Ms: p95Us === null ? null : p95Us / 1_000
    })
  }

  #end(): void {
    for (const counts of this.#tally.takeFinal(Infinity)) this.#tell({ kind: 'second', ...counts })
    const { user, system } = process.cpuUsage(this.#cpuAtStart)
    const lagP99Us = this.#lag.quantileUs(0.99)
    const endedMs = Math.min(this.#stoppedMs ?? Infinity, this.#hopeless ? this.#dueMs : Infinity, this.#endMs())
    const countedMs = Math.max(0, endedMs - this.#plan.warmUpMs)
    this.#finish({
      countedMs,
      due: this.#due,
      sent: this.#sent,
      lagP99Ms: lagP99Us === null ? null : lagP99Us / 1_000,
      lagMaxMs: this.#due === 0 ? null : this.#lagMaxMs,
      lateRatio: this.#due === 0 ? 0 : this.#late / this.#due,
      connectionsOpened: this.#opened,
      connectionsPeak: this.#peak,
      waitedForConnection: this.#waited,
      neverSent: this.#neverSent,
      unfinished: this.#unfinished,
      cpuUsPerRequest: this.#sent === 0 ? null : (user + system) / this.#sent,
      stopped: this.#stoppedMs !== null || this.#hopeless
    })
  }
}
