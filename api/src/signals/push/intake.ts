import type { Kysely } from 'kysely'
import type { PushReply } from '../../contract/index.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Tables } from '../../platform/database/tables.ts'
import { codedError, storeUnavailable } from '../../platform/errors.ts'
import { recentMs } from '../accumulator.ts'
import type { LoggedService } from '../caddy-log/options.ts'
import { ServiceCounter } from '../caddy-log/service-counter.ts'
import { Places } from '../probe/places.ts'
import type { SliceDelta } from '../slice.ts'
import type { SliceStore } from '../store.ts'
import { hourMs } from '../store/widths.rules.ts'
import { yielder } from '../store/yielder.ts'
import { readEvent, type BadLine, type ReadEvent, type Rejection } from './events.ts'
import { givenReply, KeyTaken, takeKey } from './idempotency.ts'
import { readLines, type BodyLine } from './lines.ts'

export const pushEmpty = codedError({
  code: 'PLIMSOLL_PUSH_EMPTY',
  status: 400,
  title: 'The push holds no event',
  hint: 'send one JSON object a line: {"service":"shop-api","status":200,"durationMs":12.5}'
})

export const pushRejected = codedError({
  code: 'PLIMSOLL_PUSH_REJECTED',
  status: 422,
  title: 'No line of the push could be counted',
  hint: 'see errors for what is wrong with the first lines; the idempotency key is still free'
})

export interface PushIntakeOptions {
  readonly db: Kysely<Tables>
  readonly store: Pick<SliceStore, 'commit' | 'oldestKeptMs'>
  readonly clock: Clock
  /** Who counts: `push@<instance>`. */
  readonly writer: string
  /** Whether the plan names such a service. */
  readonly isService: (name: string) => boolean
}

export interface PushOptions {
  readonly key?: string | undefined
  /** Whether the caller may push events of a service; all unless given. */
  readonly mayPush?: (service: string) => boolean
}

/** How pushes of one service went, since it takes them. */
export interface PushTally {
  /** Lines read of it, counted or not. */
  read: number
  counted: number
  late: number
  aborted: number
  rejected: Record<string, number>
  lastEventMs: number | null
  lastPushMs: number | null
}

/** A body that was read, and what it comes to. */
interface CountedPush {
  readonly nowMs: number
  readonly events: readonly ReadEvent[]
  readonly bad: readonly BadLine[]
  readonly deltas: readonly SliceDelta[]
}

/** Faults told of a push of which nothing could be counted. */
const maxFaults = 100

/** Commits of pushes that met another of the same key; each time one of them has won. */
const maxAttempts = 3

/** Takes pushed events: what is acknowledged is stored, once. */
export class PushIntake {
  #options: PushIntakeOptions
  #counters = new Map<string, ServiceCounter>()
  #turns = new Places(1)
  #tallies = new Map<string, PushTally>()

  constructor(options: PushIntakeOptions) {
    this.#options = options
  }

  /**
   * Takes events of a service from now on.
   *
   * @returns takes none of it any more
   */
  open(counting: LoggedService): () => void {
    const counter = new ServiceCounter(counting, { classKeys: [] })
    this.#counters.set(counting.service, counter)
    return () => {
      if (this.#counters.get(counting.service) === counter) this.#counters.delete(counting.service)
    }
  }

  tallyOf(service: string): PushTally {
    const known = this.#tallies.get(service)
    if (known) return known
    const tally: PushTally = {
      read: 0,
      counted: 0,
      late: 0,
      aborted: 0,
      rejected: {},
      lastEventMs: null,
      lastPushMs: null
    }
    this.#tallies.set(service, tally)
    return tally
  }

  /**
   * Counts the events of a body, all lines that can be counted in one transaction.
   *
   * @param options.key - idempotency key: the same key and body give the same reply and count once
   * @throws PLIMSOLL_BODY_TOO_LARGE, PLIMSOLL_MALFORMED_BODY, PLIMSOLL_PUSH_EMPTY, PLIMSOLL_PUSH_REJECTED,
   *   PLIMSOLL_IDEMPOTENCY_KEY_REUSED, PLIMSOLL_STORE_UNAVAILABLE; nothing is counted then
   */
  async take(body: AsyncIterable<Buffer>, { key, mayPush = () => true }: PushOptions = {}): Promise<PushReply> {
    const { lines, hash } = await readLines(body)
    for (let attempt = 1; attempt <= maxAttempts; attempt++) {
      const given = key === undefined ? null : await givenReply(this.#options.db, key, hash)
      if (given) return given
      if (lines.length === 0) throw pushEmpty('The body has no line')
      const counted = await this.#turns.use(() => this.#count(lines, mayPush))
      try {
        return await this.#store(counted, key === undefined ? null : { key, bodyHash: hash })
      } catch (error) {
        if (!(error instanceof KeyTaken)) throw error
      }
    }
    throw storeUnavailable(`The key ${key} is being stored by others`, { hint: 'send it again' })
  }

  /** One push at a time: what is recorded until it is drained is its own. */
  async #count(lines: readonly BodyLine[], mayPush: (service: string) => boolean): Promise<CountedPush> {
    const { clock, store } = this.#options
    const nowMs = clock.nowMs()
    const pause = yielder(clock)
    const counters = new Map(this.#counters)
    const takes = (name: string): boolean | null => this.#takes(name, counters)
    const rules = { nowMs, oldestMs: store.oldestKeptMs(hourMs), mayPush, takes }
    const events: ReadEvent[] = []
    const bad: BadLine[] = []
    const touched = new Set<ServiceCounter>()
    for (const line of lines) {
      const read = readEvent(line, rules)
      if (read.kind === 'rejected') bad.push(read)
      else {
        const counter = counters.get(read.event.service)!
        if (!touched.has(counter)) counter.accumulator.setTime(nowMs)
        touched.add(counter)
        record(counter, read)
        events.push(read)
      }
      await pause()
    }
    return { nowMs, events, bad, deltas: [...touched].flatMap((counter) => counter.accumulator.drain()) }
  }

  async #store(
    { nowMs, events, bad, deltas }: CountedPush,
    key: { readonly key: string; readonly bodyHash: string } | null
  ): Promise<PushReply> {
    const { store, writer } = this.#options
    const rejected = bad.map(({ rejection }) => rejection)
    if (events.length === 0) {
      this.#noteBad(bad)
      throw allRejected(rejected)
    }
    const reply: PushReply = { accepted: events.length, duplicate: false, rejected }
    await store.commit({
      writer,
      deltas,
      ...(key && { also: (transaction) => takeKey(transaction, { ...key, reply, nowMs }) })
    })
    this.#note(events, nowMs)
    this.#noteBad(bad)
    return reply
  }

  #takes(service: string, counters: ReadonlyMap<string, ServiceCounter>): boolean | null {
    if (counters.has(service)) return true
    return this.#options.isService(service) ? false : null
  }

  #note(events: readonly ReadEvent[], nowMs: number): void {
    for (const { event, atMs } of events) {
      const tally = this.tallyOf(event.service)
      const { count = 1, status } = event
      tally.read++
      tally.counted += count
      if (status === 0) tally.aborted += count
      if (nowMs - atMs > recentMs) tally.late += count
      tally.lastEventMs = Math.max(tally.lastEventMs ?? -Infinity, atMs)
      tally.lastPushMs = nowMs
    }
  }

  #noteBad(lines: readonly BadLine[]): void {
    for (const { service, rejection } of lines) {
      if (service === null) continue
      const tally = this.tallyOf(service)
      tally.read++
      tally.rejected[rejection.code] = (tally.rejected[rejection.code] ?? 0) + 1
    }
  }
}

const record = (counter: ServiceCounter, { event, atMs }: ReadEvent): void => {
  const { status, durationMs, timedOut = false, count = 1, path = '', release = '' } = event
  const target = counter.target('', '', path.split('?', 1)[0]!)! // pushes have no filters: never null
  const durationUs = Math.ceil(durationMs * 1_000)
  counter.record(target, { atMs, durationUs, status, timedOut, count }, release, undefined)
}

const allRejected = (rejected: readonly Rejection[]): Error =>
  pushRejected(`None of the ${rejected.length} lines could be counted; the first: ${rejected[0]!.detail}`, {
    errors: rejected
      .slice(0, maxFaults)
      .map(({ line, code, detail }) => ({ path: `line ${line}`, text: `${code}: ${detail}`, line }))
  })
