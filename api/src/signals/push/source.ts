import type { Clock } from '../../platform/clock.ts'
import type { PushSignal } from '../../plan/model.ts'
import type { Source } from '../source.ts'
import type { PushIntake } from './intake.ts'

/** Longest silence that counts as live rather than idle, ms. */
const liveMs = 60_000

export interface PushSourceOptions {
  readonly service: string
  readonly signal: PushSignal
  readonly intake: PushIntake
  readonly clock: Clock
}

/** The pushes to one service. Whether nobody pushes because nothing happens cannot be seen from here. */
export const pushSource = ({ service, signal, intake, clock }: PushSourceOptions): Source => ({
  service,
  report() {
    const { read, counted, late, aborted, rejected, lastEventMs, lastPushMs } = intake.tallyOf(service)
    const health = lastPushMs === null ? 'waiting' : clock.nowMs() - lastPushMs < liveMs ? 'live' : 'idle'
    const waiting = {
      code: 'nothing_pushed',
      text: 'nothing was pushed since Plimsoll started',
      next: `send events to POST /api/v1/events with "service":"${service}"`
    }
    return {
      id: signal.id,
      kind: 'push',
      title: 'POST /api/v1/events',
      origin: 'requests',
      remembers: false,
      health,
      reasons: health === 'waiting' ? [waiting] : [],
      lagMs: lastPushMs === null || lastEventMs === null ? null : Math.max(0, lastPushMs - lastEventMs),
      behindBytes: null,
      lastEventMs,
      lastReadMs: lastPushMs,
      counts: { read, counted, filtered: 0, late, aborted, dropped: 0, unsignedClaims: 0, skipped: { ...rejected } },
      lastError: null,
      certificate: null
    }
  }
})
