import type { Kysely } from 'kysely'
import type { Clock } from '../platform/clock.ts'
import type { Tables } from '../platform/database/tables.ts'
import type { Leadership } from '../platform/lease.ts'
import type { LoggedService } from './caddy-log/options.ts'
import type { AddressGuard } from '../platform/guard/address-guard.ts'
import { startFileFeed } from './caddy-log/feed.ts'
import { TcpLog } from './caddy-log/tcp.ts'
import type { FeedWish, WishedService } from './feed-wishes.rules.ts'
import { startProbeFeed } from './probe/feed.ts'
import { Places } from './probe/places.ts'
import { createProbeResults } from './probe/results.ts'
import type { PushIntake } from './push/intake.ts'
import { pushSource } from './push/source.ts'
import type { Recorder } from './recorder.ts'
import type { SelfRequests } from './self-requests.ts'
import { startSelf } from './self.ts'
import type { Feed, SourceError } from './source.ts'
import type { SliceStore } from './store.ts'
import { dayMs, hourMs } from './store/widths.rules.ts'

export interface FeedStarterOptions {
  readonly db: Kysely<Tables>
  readonly store: SliceStore
  readonly clock: Clock
  readonly lease: Leadership
  readonly instance: { readonly id: string }
  /** Name of this release, that of its own requests. */
  readonly release: string
  readonly flushIntervalMs: number
  readonly classKeys: readonly string[]
  readonly secret: (name: string) => string | undefined
  readonly guard: AddressGuard
  readonly recorder: Recorder
  readonly intake: PushIntake
  readonly requests: SelfRequests
  readonly onError: (error: unknown) => void
}

/** Probes out at once, over all services. */
const maxProbes = 64

/** A route group that had no request for so long makes room for another at the next start. */
export const routesKnownMs = 7 * dayMs

/** Makes the function that starts whatever feed the plan wishes for. */
export function feedStarter(options: FeedStarterOptions): (wish: FeedWish) => Promise<Feed> {
  const { db, store, clock, instance, flushIntervalMs, classKeys, secret, recorder, intake, requests, onError } =
    options
  const places = new Places(maxProbes)
  const results = createProbeResults(db, options.lease)
  const oldestKeptMs = (): number => store.oldestKeptMs(hourMs)

  const withRoutes = async (counting: LoggedService): Promise<LoggedService> => ({
    ...counting,
    knownRoutes: await store.routes(counting.service, clock.nowMs() - routesKnownMs)
  })
  const readingOf = async (services: readonly WishedService[]) => ({
    services: await Promise.all(services.map(({ counting }) => withRoutes(counting))),
    classKeys,
    oldestKeptMs
  })
  const said = ({ text, ...details }: SourceError): void => onError(Object.assign(new Error(text), details))
  const idsOf = (services: readonly WishedService[]): string[] => services.map(({ signalId }) => signalId)

  return async (wish) => {
    switch (wish.kind) {
      case 'caddyLog': {
        const reading = await readingOf(wish.services)
        // The same path on another machine is another file.
        const source = `caddyLog:${wish.file}@${instance.id}`
        const { file, startAt } = wish
        return startFileFeed(
          { ...reading, source, writer: source, file, startAt, store, db, clock, flushIntervalMs, onError: said },
          idsOf(wish.services)
        )
      }
      case 'caddyLogTcp': {
        const reading = await readingOf(wish.services)
        return new TcpLog({ listen: wish.listen, reading, signals: idsOf(wish.services), clock, recorder, onError })
      }
      case 'probe': {
        const { service, thresholdsMs, objectivePaths } = wish.counting
        const random = Math.random
        const { lease, guard } = options
        const counting = { service, thresholdsMs, objectivePaths, oldestKeptMs, recorder, results, lease, onError }
        return startProbeFeed({ ...counting, signal: wish.signal, clock, secret, guard, places, random })
      }
      case 'push': {
        const { signal } = wish
        const release = intake.open(await withRoutes(wish.counting))
        const { service } = wish.counting
        return { sources: [pushSource({ service, signal, intake, clock })], stop: async () => release() }
      }
      case 'self': {
        const counting = await withRoutes(wish.counting)
        const { signal } = wish
        const { release } = options
        return startSelf({ signal, counting, release, classKeys, oldestKeptMs, clock, recorder, requests })
      }
    }
  }
}
