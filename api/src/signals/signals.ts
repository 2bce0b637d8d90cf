import { dirname } from 'node:path'
import type { FastifyBaseLogger } from 'fastify'
import type { Kysely } from 'kysely'
import type { Traffic } from '../contract/index.ts'
import type { ResolvedService } from '../plan/model.ts'
import type { PlanInForce } from '../plan/service.ts'
import type { Clock } from '../platform/clock.ts'
import type { Tables } from '../platform/database/tables.ts'
import { messageOf } from '../platform/errors.ts'
import { addressGuard } from '../platform/guard/address-guard.ts'
import type { Leadership } from '../platform/lease.ts'
import type { OtherInstance } from '../platform/instances.ts'
import type { LiveHub } from '../platform/live.ts'
import type { Settings } from '../platform/settings.ts'
import { importLog, type ImportReport } from './caddy-log/import.ts'
import { feedStarter, routesKnownMs } from './feeds.ts'
import { mergeReports } from './merge-reports.rules.ts'
import { feedWishesOf, importCountingOf } from './feed-wishes.rules.ts'
import { Places } from './probe/places.ts'
import { isProbedOnly, longestWindowMs, promisedMs } from './promise.rules.ts'
import { pruneJob } from './prune.job.ts'
import { PushIntake } from './push/intake.ts'
import { LiveJob } from './recent/live.job.ts'
import { Recent } from './recent/recent.ts'
import { restoreRecent } from './recent/restore.ts'
import { trafficNow, type TrafficSubject } from './recent/traffic.ts'
import { Recorder } from './recorder.ts'
import type { SelfRequests } from './self-requests.ts'
import { SignalManager } from './signal-manager.ts'
import type { SourceReport } from './source.ts'
import type { SliceStore } from './store.ts'
import { hourMs, retentionFor } from './store/widths.rules.ts'

export interface SignalsOptions {
  readonly db: Kysely<Tables>
  readonly store: SliceStore
  readonly clock: Clock
  readonly live: Pick<LiveHub, 'publish'>
  /** The leader probes and deletes for all instances; every instance reads the logs it finds. */
  readonly lease: Leadership
  /** Those that share the store, with the reports of their sources. */
  readonly others: () => readonly OtherInstance[]
  readonly log: Pick<FastifyBaseLogger, 'debug' | 'warn'>
  readonly settings: Pick<
    Settings,
    | 'release'
    | 'ALLOW_LINK_LOCAL'
    | 'FLUSH_INTERVAL_MS'
    | 'PLAN_FILE'
    | 'RETAIN_10S_HOURS'
    | 'RETAIN_1M_DAYS'
    | 'RETAIN_1H_DAYS'
  >
  readonly instance: { readonly id: string; readonly version: string }
  /** Secrets that sign `X-Plimsoll-Class`. */
  readonly classKeys: readonly string[]
  /** The value of a named secret; undefined: there is none. */
  readonly secret: (name: string) => string | undefined
  readonly requests: SelfRequests
}

export type ReportsByService = Readonly<Record<string, readonly SourceReport[]>>

/** Logs read at once for somebody who brings them; others wait. */
const maxImports = 2

const sweepMs = 60_000

/** The sources of the plan in force, what they tell, and the last hour of it. */
export class Signals {
  readonly recent: Recent
  readonly push: PushIntake
  readonly classKeys: readonly string[]
  readonly #options: SignalsOptions
  readonly #manager: SignalManager
  readonly #recorder: Recorder
  readonly #live: LiveJob
  readonly #prune: ReturnType<typeof pruneJob>
  readonly #imports = new Places(maxImports)
  readonly #stopSweep: () => void
  #subjects = new Map<string, TrafficSubject>()
  /** What was worked out this second: many pages may ask for it. */
  #shown = new Map<string, { readonly second: number; readonly traffic: Traffic }>()
  #settled: Promise<void> = Promise.resolve()
  #restored: Promise<void> = Promise.resolve()

  constructor(options: SignalsOptions) {
    const { db, store, clock, live, lease, log, settings, instance } = options
    this.#options = options
    this.classKeys = options.classKeys
    const flushIntervalMs = settings.FLUSH_INTERVAL_MS
    const say = (what: string) => (error: unknown) => log.warn({ reason: messageOf(error) }, what)
    const subjectOf = (service: string): TrafficSubject | null => this.#subjects.get(service) ?? null

    this.recent = new Recent({ clock, thresholdOf: (service) => subjectOf(service)?.promisedMs ?? null })
    this.#live = new LiveJob({ clock, live, recent: this.recent, subjectOf })
    store.onCommitted((deltas) => {
      this.recent.add(deltas)
      this.#live.add(deltas)
      for (const { stream } of deltas) this.#shown.delete(stream.service)
    })
    this.#recorder = new Recorder({
      store,
      clock,
      writer: `process@${instance.id}`,
      flushIntervalMs,
      onError: say('counts wait for the store')
    })
    this.push = new PushIntake({
      db,
      store,
      clock,
      writer: `push@${instance.id}`,
      isService: (name) => this.#subjects.has(name)
    })
    const onError = say('a source has trouble')
    const start = feedStarter({
      ...options,
      guard: addressGuard(settings.ALLOW_LINK_LOCAL),
      release: settings.release,
      flushIntervalMs,
      recorder: this.#recorder,
      intake: this.push,
      onError
    })
    this.#manager = new SignalManager({ clock, start, onError })
    this.#prune = pruneJob({ store, lease, clock, log })
    this.#stopSweep = clock.every(sweepMs, () => this.recent.sweep())
  }

  /** Runs the sources of a plan and no others, and keeps counts as long as its windows need. */
  take({ services }: Pick<PlanInForce, 'services'>): void {
    const { store, settings } = this.#options
    this.#shown.clear()
    this.#subjects = new Map(services.map((service) => [service.name, this.#subjectOf(service)]))
    const windowMs = Math.max(0, ...services.map(({ objectives }) => longestWindowMs(objectives)))
    store.retention = retentionFor(windowMs, settings)
    this.#settled = this.#manager.take(feedWishesOf({ services }, dirname(settings.PLAN_FILE)))
  }

  /** Fills the last hour from the store, so that a restart does not begin with empty pages. What was there is forgotten. */
  restore(): Promise<void> {
    const { store, clock } = this.#options
    const fill = (): Promise<void> => {
      this.recent.clear()
      this.#shown.clear()
      return restoreRecent(store, this.recent, this.services, clock.nowMs())
    }
    this.#restored = this.#restored.then(fill, fill) // one after the other: each begins with nothing
    return this.#restored
  }

  /** Resolves when the sources of the plan in force run. */
  get settled(): Promise<void> {
    return this.#settled
  }

  /** The services of the plan in force. */
  get services(): readonly string[] {
    return [...this.#subjects.keys()]
  }

  /** What the sources of a service say now, in all instances together. */
  reports(service: string): SourceReport[] {
    const others = this.#options.others()
    const own = this.#manager.reports(service)
    if (others.length === 0) return own
    const elsewhere = others.map(({ instance, isGone, sources }) => ({
      instance,
      isGone,
      reports: (sources as ReportsByService)[service] ?? []
    }))
    return mergeReports(own, elsewhere)
  }

  /** What the sources of this instance say now. */
  ownReports(): ReportsByService {
    return Object.fromEntries(this.services.map((service) => [service, this.#manager.reports(service)]))
  }

  /** What a service is doing now. */
  traffic(service: string): Traffic {
    const nowMs = this.#options.clock.nowMs()
    const second = Math.floor(nowMs / 1_000)
    const known = this.#shown.get(service)
    if (known?.second === second) return known.traffic
    const traffic = trafficNow(this.recent, this.#subjects.get(service) ?? unknownSubject(service), nowMs)
    this.#shown.set(service, { second, traffic })
    return traffic
  }

  /** Counts a log that somebody brings; see {@link importLog}. */
  importLog(input: AsyncIterable<Uint8Array>, service: ResolvedService, name: string): Promise<ImportReport> {
    const { store, db, clock, classKeys, instance } = this.#options
    return this.#imports.use(async () => {
      const knownRoutes = await store.routes(service.name, clock.nowMs() - routesKnownMs)
      return importLog(input, {
        service: { ...importCountingOf(service), knownRoutes },
        name,
        classKeys,
        oldestKeptMs: () => store.oldestKeptMs(hourMs),
        writer: `import@${instance.id}`,
        store,
        db,
        clock
      })
    })
  }

  /** Stores what was counted and ends every source. */
  async close(): Promise<void> {
    this.#stopSweep()
    this.#live.close()
    await this.#prune.close()
    await this.#manager.close()
    await this.#recorder.close()
    await this.#options.store.settled()
  }

  #subjectOf({ name, signals, objectives }: ResolvedService): TrafficSubject {
    return {
      service: name,
      origin: isProbedOnly(signals) ? 'probes' : 'requests',
      promisedMs: promisedMs(objectives),
      isMeasured: () => this.reports(name).some(isMeasuring)
    }
  }
}

const unknownSubject = (service: string): TrafficSubject => ({
  service,
  origin: 'requests',
  promisedMs: null,
  isMeasured: () => false
})

/** Whether a source would tell of a request if there was one. */
const isMeasuring = ({ origin, health }: SourceReport): boolean =>
  origin === 'requests' && (health === 'live' || health === 'idle')
