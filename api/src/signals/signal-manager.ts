import type { Cancel, Clock } from '../platform/clock.ts'
import { messageOf } from '../platform/errors.ts'
import { feedKey, servicesOf, type FeedWish } from './feed-wishes.rules.ts'
import type { Feed, SourceReport } from './source.ts'

export interface SignalManagerOptions {
  readonly clock: Clock
  /** Starts what is wished for; may reject, it is tried again then. */
  readonly start: (wish: FeedWish) => Promise<Feed>
  readonly onError: (error: unknown) => void
}

interface Running {
  /** The wish as text: equal wishes need no restart. */
  readonly text: string
  readonly feed: Feed
  readonly hasFailed: boolean
}

/** How long after a feed could not be started it is tried again, ms. */
const retryMs = 5_000

/** Keeps exactly those feeds running that the plan asks for; one whose wish did not change is left alone. */
export class SignalManager {
  #options: SignalManagerOptions
  #running = new Map<string, Running>()
  #wishes: readonly FeedWish[] = []
  #working: Promise<void> = Promise.resolve()
  #cancelRetry: Cancel = () => {}
  #closed = false

  constructor(options: SignalManagerOptions) {
    this.#options = options
  }

  /** What the sources of a service say now, in the order in which they were first wished for. */
  reports(service: string): SourceReport[] {
    return [...this.#running.values()].flatMap(({ feed }) =>
      feed.sources.filter((source) => source.service === service).map((source) => source.report())
    )
  }

  /** Runs these feeds and no others; resolves when that is so, or what failed is waiting for another try. */
  take(wishes: readonly FeedWish[]): Promise<void> {
    this.#wishes = wishes
    this.#working = this.#working.then(() => this.#reconcile()).catch(this.#options.onError)
    return this.#working
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#cancelRetry()
    await this.#working
    await Promise.all([...this.#running.values()].map(({ feed }) => this.#stop(feed)))
    this.#running.clear()
  }

  async #reconcile(): Promise<void> {
    if (this.#closed) return
    const wishes = new Map(this.#wishes.map((wish) => [feedKey(wish), wish]))
    for (const [key, { feed }] of this.#running) {
      if (wishes.has(key)) continue
      await this.#stop(feed)
      this.#running.delete(key)
    }
    for (const [key, wish] of wishes) await this.#ensure(key, wish)
    this.#cancelRetry()
    if ([...this.#running.values()].some(({ hasFailed }) => hasFailed)) {
      this.#cancelRetry = this.#options.clock.after(retryMs, () => void this.take(this.#wishes))
    }
  }

  async #ensure(key: string, wish: FeedWish): Promise<void> {
    const text = JSON.stringify(wish)
    const before = this.#running.get(key)
    if (before?.text === text && !before.hasFailed) return
    if (before) await this.#stop(before.feed)
    try {
      this.#running.set(key, { text, feed: await this.#options.start(wish), hasFailed: false })
    } catch (error) {
      if (!before?.hasFailed) this.#options.onError(error)
      this.#running.set(key, { text, feed: failedFeed(wish, error, this.#options.clock.nowMs()), hasFailed: true })
    }
  }

  async #stop(feed: Feed): Promise<void> {
    await feed.stop().catch(this.#options.onError)
  }
}

/** Stands for a feed that could not be started, so that people see why. */
const failedFeed = (wish: FeedWish, error: unknown, atMs: number): Feed => {
  const { hint = 'it is tried again every few seconds; see the log' } = error as { hint?: string }
  const text = messageOf(error)
  return {
    sources: servicesOf(wish).map(({ signalId, counting }) => ({
      service: counting.service,
      report: () => ({
        id: signalId,
        kind: wish.kind,
        title: titleOf(wish),
        origin: wish.kind === 'probe' ? 'probes' : 'requests',
        remembers: wish.kind === 'caddyLog',
        health: 'broken',
        reasons: [{ code: 'could_not_start', text, next: hint }],
        lagMs: null,
        behindBytes: null,
        lastEventMs: null,
        lastReadMs: null,
        counts: { read: 0, counted: 0, filtered: 0, late: 0, aborted: 0, dropped: 0, unsignedClaims: 0, skipped: {} },
        lastError: { atMs, code: 'could_not_start', text, hint },
        certificate: null
      })
    })),
    stop: () => Promise.resolve()
  }
}

const titleOf = (wish: FeedWish): string => {
  switch (wish.kind) {
    case 'caddyLog':
      return wish.file
    case 'caddyLogTcp':
      return `tcp/${wish.listen.host}:${wish.listen.port}`
    case 'probe':
      return `${wish.signal.method} ${wish.signal.url}`
    case 'push':
      return 'POST /api/v1/events'
    case 'self':
      return 'requests to Plimsoll itself'
  }
}
