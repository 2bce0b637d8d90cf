import { dirname } from 'node:path'
import fp from 'fastify-plugin'
import type { PlanInForce } from '../plan/service.ts'
import { messageOf } from '../platform/errors.ts'
import { classKeyOf } from './class-key.ts'
import { feedStarter } from './feeds.ts'
import { feedWishesOf } from './feed-wishes.rules.ts'
import { addSignalMetrics, commitMetrics } from './metrics.ts'
import { longestWindowMs, promisedMs } from './promise.rules.ts'
import { pruneJob } from './prune.job.ts'
import { PushIntake } from './push/intake.ts'
import { LiveJob } from './recent/live.job.ts'
import { Recent } from './recent/recent.ts'
import { restoreRecent } from './recent/restore.ts'
import { trafficNow, type TrafficSubject } from './recent/traffic.ts'
import { Recorder } from './recorder.ts'
import { signalRoutes } from './routes.ts'
import { SelfRequests } from './self-requests.ts'
import { SignalManager } from './signal-manager.ts'
import type { SourceReport } from './source.ts'
import { createSliceStore, type SliceStore } from './store.ts'
import { retentionFor } from './store/widths.rules.ts'
import type { Traffic } from '../contract/index.ts'

declare module 'fastify' {
  interface FastifyInstance {
    slices: SliceStore
    signals: Signals
  }
}

/** What other rooms ask of the sources. */
export interface Signals {
  /** What the sources of a service say now, in the order of the plan's kinds. */
  reports(service: string): SourceReport[]
  /** What a service of the plan is doing now. */
  traffic(service: string): Traffic
  /** The last hour in memory. */
  readonly recent: Recent
  readonly push: PushIntake
  /** Secrets that sign `X-Plimsoll-Class`; sources believe claims signed with any of them. */
  readonly classKeys: readonly string[]
  /** Resolves when the feeds of the plan in force run. */
  readonly settled: Promise<void>
}

/** Counts what happens: the store of slices, its sources, and what is read of them. */
export const signalsPlugin = fp(
  async (app) => {
    const { settings, clock, database, instance, plan, log } = app
    const onError = (error: unknown): void => log.warn({ reason: messageOf(error) }, 'a source has trouble')

    const store = createSliceStore({
      db: database.db,
      clock,
      onTransaction: commitMetrics(app.metrics),
      onListenerError: (error) => log.error({ err: error }, 'a listener of counts failed')
    })
    app.decorate('slices', store)

    let subjects = subjectsOf(plan.current())
    const subjectOf = (service: string): TrafficSubject => {
      const subject = subjects.get(service) ?? { service, origin: 'requests', promisedMs: null }
      const isMeasured = manager.reports(service).some(isMeasuring)
      return { ...subject, isMeasured }
    }
    const recent = new Recent({ clock, thresholdOf: (service) => subjects.get(service)?.promisedMs ?? null })
    const liveJob = new LiveJob({ clock, live: app.live, recent, subjects: () => [...subjects.keys()].map(subjectOf) })
    store.onCommitted((deltas) => {
      recent.add(deltas)
      liveJob.add(deltas)
    })

    const recorder = new Recorder({
      store,
      clock,
      writer: `process@${instance.id}`,
      flushIntervalMs: settings.FLUSH_INTERVAL_MS,
      onError: (error) => log.warn({ reason: messageOf(error) }, 'counts wait for the store')
    })
    const push = new PushIntake({
      db: database.db,
      store,
      clock,
      writer: `push@${instance.id}`,
      isService: (name) => subjects.has(name)
    })
    const classKeys = [classKeyOf(settings)]
    const start = feedStarter({
      db: database.db,
      store,
      clock,
      instance,
      flushIntervalMs: settings.FLUSH_INTERVAL_MS,
      classKeys,
      secret: (name) => process.env[name],
      recorder,
      intake: push,
      requests: new SelfRequests(app),
      onError
    })
    const manager = new SignalManager({ clock, start, onError })
    const prune = pruneJob({ store, clock, log })

    let settled = Promise.resolve()
    const take = (now: PlanInForce): void => {
      subjects = subjectsOf(now)
      const windowMs = Math.max(0, ...now.services.map(({ objectives }) => longestWindowMs(objectives)))
      store.retention = retentionFor(windowMs, settings)
      settled = manager.take(feedWishesOf(now, dirname(settings.PLAN_FILE)))
    }
    take(plan.current())
    const forgetPlan = plan.onChange(take)
    restoreRecent(store, recent, [...subjects.keys()], clock.nowMs()).catch(onError)
    const stopSweep = clock.every(60_000, () => recent.sweep())

    app.decorate('signals', {
      reports: (service) => manager.reports(service),
      traffic: (service) => trafficNow(recent, subjectOf(service), clock.nowMs()),
      recent,
      push,
      classKeys,
      get settled() {
        return settled
      }
    })
    addSignalMetrics(app, () => [...subjects.keys()])
    app.readiness.add('counts', () => {
      const { failure } = store
      return failure && { code: 'counts_wait', text: `counts are not stored: ${messageOf(failure.error)}` }
    })
    app.addHook('onClose', async () => {
      forgetPlan()
      stopSweep()
      liveJob.close()
      await prune.close()
      await manager.close()
      await recorder.close()
      await store.settled()
    })
    await app.register(signalRoutes)
  },
  { name: 'signals', dependencies: ['ground', 'metrics', 'readiness', 'plan', 'bodies'] }
)

type Subject = Omit<TrafficSubject, 'isMeasured'>

const subjectsOf = ({ services }: Pick<PlanInForce, 'services'>): Map<string, Subject> =>
  new Map(
    services.map(({ name, signals, objectives }) => {
      const isProbedOnly = signals.length > 0 && signals.every(({ kind }) => kind === 'probe')
      return [name, { service: name, origin: isProbedOnly ? 'probes' : 'requests', promisedMs: promisedMs(objectives) }]
    })
  )

/** Whether a source would tell of a request if there was one. */
const isMeasuring = ({ origin, health }: SourceReport): boolean =>
  origin === 'requests' && (health === 'live' || health === 'idle')
