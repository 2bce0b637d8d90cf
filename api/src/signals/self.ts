import type { SelfSignal } from '../plan/model.ts'
import type { Clock } from '../platform/clock.ts'
import type { LoggedService } from './caddy-log/options.ts'
import { ServiceCounter, type Target } from './caddy-log/service-counter.ts'
import { readClassClaim } from './class-header.rules.ts'
import type { Recorder } from './recorder.ts'
import type { SelfRequest, SelfRequests } from './self-requests.ts'
import type { Feed, SourceReport } from './source.ts'

/** Longest silence that counts as live rather than idle. */
const liveMs = 60_000

/** Paths whose way of counting is remembered. */
const maxTargets = 1_000

export interface SelfOptions {
  readonly signal: SelfSignal
  readonly counting: LoggedService
  /** Plimsoll's own version: the release of its requests. */
  readonly release: string
  readonly classKeys: readonly (string | Uint8Array)[]
  readonly oldestKeptMs: () => number
  readonly clock: Clock
  readonly recorder: Recorder
  readonly requests: SelfRequests
}

/** Plimsoll's own requests as a source: those it answered, refused under load, and lost because the client went away. */
export function startSelf({
  signal,
  counting,
  release,
  classKeys,
  oldestKeptMs,
  clock,
  recorder,
  requests
}: SelfOptions): Feed {
  const counter = new ServiceCounter(counting, { classKeys, oldestKeptMs })
  const giveUp = recorder.adopt(counter.accumulator)
  const targets = new Map<string, Target | null>()
  const targetOf = ({ method, host, path }: SelfRequest): Target | null => {
    const key = `${method} ${host} ${path}`
    const known = targets.get(key)
    if (known !== undefined) return known
    if (targets.size >= maxTargets) targets.clear()
    const target = counter.target(method, host, path)
    targets.set(key, target)
    return target
  }
  let read = 0
  let filtered = 0
  let dropped = 0
  const stop = requests.listen((request) => {
    read++
    const target = targetOf(request)
    if (!target) return void filtered++
    if (recorder.isFull) return void dropped++
    counter.accumulator.setTime(clock.nowMs())
    const claim = request.classHeader === undefined ? undefined : readClassClaim(request.classHeader, classKeys)
    counter.record(target, request, release, claim)
  })
  const report = (): SourceReport => {
    const { counted, late, aborted, unsignedClaims, skipped, toMs: lastEventMs } = counter.tally
    const isLive = lastEventMs !== null && clock.nowMs() - lastEventMs < liveMs
    return {
      id: signal.id,
      kind: 'self',
      title: 'requests to Plimsoll itself',
      origin: 'requests',
      remembers: false,
      health: isLive ? 'live' : 'idle',
      reasons: isLive
        ? []
        : [{ code: 'no_requests', text: 'nobody asks Plimsoll anything; health checks do not count' }],
      lagMs: 0,
      behindBytes: null,
      lastEventMs,
      lastReadMs: clock.nowMs(),
      counts: { read, counted, filtered, late, aborted, dropped, unsignedClaims, skipped: { ...skipped } },
      lastError: null,
      certificate: null
    }
  }
  return {
    sources: [{ service: counting.service, report }],
    async stop() {
      stop()
      giveUp()
    }
  }
}
