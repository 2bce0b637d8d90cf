import { ManualClock } from '../../src/platform/clock.ts'
import { openDatabase, type Database } from '../../src/platform/database/open.ts'
import { leadsAlone, type Leadership } from '../../src/platform/lease.ts'
import type { Notification } from '../../src/platform/notify.ts'
import { emptyCounts } from '../../src/signals/counts.ts'
import type { SliceDelta, Stream } from '../../src/signals/slice.ts'
import type { CommitListener, SliceStore } from '../../src/signals/store.ts'
import { AlertBook } from '../../src/slo/alerting/alert-book.ts'
import { CoverageBook } from '../../src/slo/coverage-book.ts'
import { Evaluator } from '../../src/slo/evaluator.job.ts'
import type { ObjectiveInForce } from '../../src/slo/objective-in-force.ts'
import { SeriesBook } from '../../src/slo/series/book.ts'
import type { SourceView } from '../../src/slo/sources.rules.ts'

export const dayMs = 86_400_000
export const hourMs = 3_600_000
export const minuteMs = 60_000
export const secondMs = 1_000

/** Uniform numbers in [0, 1), seeded (mulberry32). */
export const randomFrom = (seed: number) => {
  let state = seed >>> 0
  return (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A Poisson count: by gaps for small means, by the normal approximation for large ones. */
export const poisson = (random: () => number, mean: number): number => {
  if (mean > 50) {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
    return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal))
  }
  let count = 0
  for (let time = -Math.log(1 - random()); time < mean; time -= Math.log(1 - random())) count++
  return count
}

/** 99.9 % of user requests without failure over 30 days; change what the test is about. */
export const anObjective = (change: Partial<ObjectiveInForce> = {}): ObjectiveInForce => ({
  service: 'shop-api',
  name: 'availability',
  title: '99.9 % available',
  description: null,
  indicator: 'availability',
  origin: 'requests',
  classes: ['user'],
  path: null,
  thresholdMs: null,
  targetRatio: 0.999,
  budgeting: { kind: 'requests' },
  window: { kind: 'rolling', durationMs: 30 * dayMs },
  revision: 1,
  sinceMs: 0,
  thresholdSinceMs: 0,
  ...change
})

export const aStream = (change: Partial<Stream> = {}): Stream => ({
  service: 'shop-api',
  release: '',
  trafficClass: 'user',
  route: '/',
  scope: '',
  origin: 'requests',
  ...change
})

export interface Happening {
  readonly total: number
  readonly failed?: number
  /** Slower than 200 ms, failed ones included; default: the failed ones. */
  readonly slow?: number
}

export const aDelta = (
  startMs: number,
  { total, failed = 0, slow = failed }: Happening,
  stream = aStream()
): SliceDelta => ({
  stream,
  startMs,
  widthMs: 1_000,
  counts: { ...emptyCounts(), total, status5xx: failed, status2xx: total - failed, slow: new Map([[200, slow]]) }
})

/** The slice store as far as judging knows it, without a database: nothing was there before, events are told at once. */
export class SliceFeed implements Pick<SliceStore, 'follow' | 'onCommitted' | 'oldestKeptMs'> {
  #listeners = new Set<CommitListener>()

  onCommitted(listener: CommitListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  oldestKeptMs(): number {
    return 0
  }

  async follow(
    range: { service: string; toMs: number },
    _visit: unknown,
    onReached: (reachedMs: number) => void
  ): Promise<void> {
    onReached(range.toMs)
  }

  commit(deltas: readonly SliceDelta[]): void {
    for (const listener of this.#listeners) listener(deltas)
  }
}

/** Messages that would be sent, in order. */
export class Outbox {
  readonly messages: { event: string; text: string; alert: { severity: string; tier: string | null; kind: string } }[] =
    []
  readonly #ids = new Set<string>()

  enqueue({ id, body }: Notification): Promise<void> {
    if (!this.#ids.has(id)) this.messages.push(body as Outbox['messages'][number])
    this.#ids.add(id)
    return Promise.resolve()
  }

  get events(): string[] {
    return this.messages.map(({ event, alert }) => `${event} ${alert.severity}`)
  }
}

export const liveSource = (change: Partial<SourceView> = {}): SourceView => ({
  id: 'caddyLog:0',
  origin: 'requests',
  title: '/var/log/caddy/access.ndjson',
  health: 'live',
  reasons: [],
  lastEventMs: null,
  remembers: true,
  certificate: null,
  ...change
})

export interface WorldOptions {
  readonly objectives?: readonly ObjectiveInForce[]
  readonly startMs?: number
  readonly intervalMs?: number
  readonly database?: Database
  readonly outbox?: Outbox
  /** Default: it leads alone. */
  readonly lease?: Leadership
  readonly store?: Pick<SliceStore, 'follow' | 'onCommitted' | 'oldestKeptMs'>
  /** False: goes on while history is still being read. */
  readonly waitsForHistory?: boolean
  readonly mutedBy?: (service: string, nowMs: number) => string | null
}

/** Everything that judges, on a clock that is moved by hand. */
export async function aWorld(options: WorldOptions = {}) {
  const clock = new ManualClock(options.startMs ?? Date.UTC(2026, 9, 5))
  const database = options.database ?? (await openDatabase(':memory:', { nowMs: clock.nowMs() }))
  const feed = new SliceFeed()
  const outbox = options.outbox ?? new Outbox()
  const published: { name: string; data: Record<string, unknown> }[] = []
  const publish = (name: string, data: unknown): void =>
    void published.push({ name, data: data as Record<string, unknown> })
  const live = { publish, share: publish }
  const lease = options.lease ?? leadsAlone(database.db)
  const logged: string[] = []
  const note = (_: unknown, text?: string) => void logged.push(text ?? '')
  const log = { info: note, warn: note, error: note }
  const sources = new Map<string, SourceView[]>([['shop-api', [liveSource()]]])
  const coverage = new CoverageBook(database.db)
  const book = new SeriesBook({
    clock,
    store: options.store ?? feed,
    onEvents: (deltas) => coverage.markEvents(deltas)
  })
  const alerts = new AlertBook({
    db: database.db,
    lease,
    live,
    notifier: outbox,
    log,
    mutedBy: options.mutedBy ?? (() => null)
  })
  const evaluator = new Evaluator({
    clock,
    book,
    coverage,
    alerts,
    lease,
    live,
    log,
    sourcesOf: (service) => sources.get(service) ?? [],
    intervalMs: options.intervalMs ?? 5_000
  })
  await evaluator.start(options.objectives ?? [anObjective()])
  if (options.waitsForHistory !== false) await book.loaded
  return {
    clock,
    database,
    feed,
    outbox,
    published,
    logged,
    sources,
    coverage,
    book,
    alerts,
    evaluator,
    /** Lets time go by; what was found is written before it returns. */
    async pass(byMs: number, stepMs = minuteMs): Promise<void> {
      for (let leftMs = byMs; leftMs > 0; leftMs -= stepMs) {
        clock.advance(Math.min(stepMs, leftMs))
        await evaluator.settled
      }
    },
    async close(): Promise<void> {
      await evaluator.close()
      if (!options.database) await database.close()
    }
  }
}

export type World = Awaited<ReturnType<typeof aWorld>>

export interface Traffic {
  readonly perMinute: number
  /** Share of failures at a time, ratio. */
  readonly failing: (atMs: number) => number
  readonly random: () => number
  readonly forMs: number
  /** Slots in which requests are handed over, ms. */
  readonly everyMs?: number
  /** Called every minute; true ends it. */
  readonly until?: () => boolean
}

/** Sends requests at random moments, failures at random among them. */
export async function send(
  world: World,
  { perMinute, failing, random, forMs, everyMs = 10_000, until }: Traffic
): Promise<void> {
  const endMs = world.clock.nowMs() + forMs
  while (world.clock.nowMs() < endMs) {
    for (let i = 0; i < minuteMs / everyMs; i++) {
      const atMs = world.clock.nowMs()
      const total = poisson(random, (perMinute * everyMs) / minuteMs)
      const share = failing(atMs)
      let failed = share >= 1 ? total : 0
      if (share > 0 && share < 1)
        failed = total > 200 ? Math.min(total, poisson(random, total * share)) : binomial(random, total, share)
      if (total > 0) world.feed.commit([aDelta(Math.floor(atMs / secondMs) * secondMs, { total, failed })])
      world.clock.advance(everyMs)
    }
    await world.evaluator.settled
    if (until?.()) return
  }
}

const binomial = (random: () => number, total: number, share: number): number => {
  let count = 0
  for (let i = 0; i < total; i++) if (random() < share) count++
  return count
}
