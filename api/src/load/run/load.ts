import { randomUUID } from 'node:crypto'
import type { LoadRun } from '../../contract/load.ts'
import { systemClock, type Clock } from '../../platform/clock.ts'
import type { AddressGuard } from '../../platform/guard/address-guard.ts'
import { version } from '../../platform/version.ts'
import { targetCloses } from '../errors.ts'
import type { Promised } from '../line/hold.rules.ts'
import { contact, resolveTarget } from '../sender/contact.ts'
import type { Plan, PlannedRequest, PlannedTarget } from '../sender/plan.ts'
import { Sender, type Watch } from '../sender/sender.ts'
import { shownTarget } from '../sender/target.rules.ts'
import { loadClaim } from './class-claim.ts'
import { gitCommit, thisMachine } from './machine.ts'
import { resultOf } from './result.rules.ts'

/** What a load test is about, whatever is sent. */
export interface LoadSubject {
  readonly url: URL
  /** Without the class header: it is put in here. */
  readonly requests: readonly PlannedRequest[]
  /** Hosts that may be loaded beside this machine. */
  readonly allowed: readonly string[]
  readonly verifyTls: boolean
  /** What may be loaded at all; the strict one unless given. */
  readonly guard?: AddressGuard
  readonly classKey: string
  readonly promised: Promised
  readonly timeoutMs: number
  readonly service: string | null
  readonly release: string | null
  /** Directory whose commit the run belongs to; null: what is loaded comes from no directory here. */
  readonly directory: string | null
}

/** What is sent, besides the subject. */
export type LoadOrder =
  | {
      readonly kind: 'paced'
      readonly ratePerS: number
      readonly arrivals: 'constant' | 'poisson'
      readonly jitterRatio: number
      readonly durationMs: number
      readonly warmUpMs: number
      /** Null: as many as the rate may need. */
      readonly connections: number | null
    }
  | {
      readonly kind: 'saturation'
      readonly durationMs: number
      readonly warmUpMs: number
      readonly connections: number
      readonly pipelining: number
    }

/** Rate × 2 s: a server that answers within two seconds never makes a request wait for a connection. */
const connectionSeconds = 2
/** Most connections opened without being told: more than this exhausts ports and files. */
const mostConnections = 5_000

/**
 * A target that was looked up, checked and asked once, and a process that is ready to load it.
 */
export class LoadSession {
  readonly #subject: LoadSubject
  readonly #target: PlannedTarget
  readonly #sender: Sender
  readonly #clock: Clock
  readonly #closesConnections: boolean

  constructor(subject: LoadSubject, target: PlannedTarget, closesConnections: boolean, clock: Clock) {
    this.#subject = subject
    this.#target = target
    this.#closesConnections = closesConnections
    this.#clock = clock
    this.#sender = new Sender(clock)
  }

  /**
   * @throws PLIMSOLL_TARGET_… when the target may not or cannot be loaded; nothing was loaded then
   */
  static async open(subject: LoadSubject, signal?: AbortSignal, clock: Clock = systemClock): Promise<LoadSession> {
    const { url, requests, timeoutMs, classKey } = subject
    const target = await resolveTarget(url.href, subject)
    const claim = loadClaim(classKey, clock.nowMs(), contactTimeoutMs(timeoutMs) * (requests.length + 1))
    const replies = await contact(target, marked(requests, claim), { timeoutMs: contactTimeoutMs(timeoutMs), signal })
    return new LoadSession(
      subject,
      target,
      replies.some(({ closes }) => closes),
      clock
    )
  }

  /**
   * Sends one order and gives its result; a run that was aborted is marked partial.
   *
   * @throws PLIMSOLL_TARGET_CLOSES for a saturation run of a server that closes its connections
   */
  async run(order: LoadOrder, watch: Watch = {}): Promise<LoadRun> {
    const { url, promised, service, release, directory } = this.#subject
    if (order.kind === 'saturation' && this.#closesConnections) {
      throw targetCloses(`${this.#target.origin} closes each connection after its reply`)
    }
    const plan = this.#planOf(order)
    const sent = await this.#sender.send(plan, watch)
    return resultOf(plan, sent, promised, {
      id: randomUUID(),
      service,
      release,
      target: shownTarget(url),
      machine: thisMachine(),
      version,
      commit: directory === null ? null : await gitCommit(directory)
    })
  }

  async close(): Promise<void> {
    await this.#sender.close()
  }

  #planOf(order: LoadOrder): Plan {
    const { requests, timeoutMs, promised, classKey } = this.#subject
    const forMs = order.warmUpMs + order.durationMs + timeoutMs
    const common = {
      target: this.#target,
      requests: marked(requests, loadClaim(classKey, this.#clock.nowMs(), forMs)),
      durationMs: order.durationMs,
      warmUpMs: order.warmUpMs,
      timeoutMs,
      thresholdMs: promised.thresholdMs
    }
    if (order.kind === 'saturation') {
      return { ...common, kind: 'saturation', connections: order.connections, pipelining: order.pipelining }
    }
    const needed = Math.max(10, Math.ceil(order.ratePerS * connectionSeconds))
    return {
      ...common,
      kind: 'paced',
      ratePerS: order.ratePerS,
      arrivals: order.arrivals,
      jitterRatio: order.jitterRatio,
      connections: order.connections ?? Math.min(needed, mostConnections),
      seed: Math.trunc(this.#clock.nowMs())
    }
  }
}

/** Nobody waits longer than this to hear that a target does not answer. */
const contactTimeoutMs = (timeoutMs: number): number => Math.min(timeoutMs, 5_000)

const marked = (requests: readonly PlannedRequest[], claim: Readonly<Record<string, string>>): PlannedRequest[] =>
  requests.map((request) => ({ ...request, headers: { ...request.headers, ...claim } }))
