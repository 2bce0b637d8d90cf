import type { HoldCounts } from './hold.rules.ts'
import type { Probe } from './isotonic.rules.ts'

export type Phase = 'bracket' | 'refine' | 'hold'

/** What one probe at one rate came to; its settling time is not counted. */
export interface LineProbe extends HoldCounts {
  readonly phase: Phase
  /** Arrivals per second that were asked for. */
  readonly ratePerS: number
  /** Requests per second that went out. */
  readonly achievedPerS: number
  /** Time under load, settling included, milliseconds. */
  readonly durationMs: number
  readonly p50Ms: number | null
  readonly p95Ms: number | null
  readonly p99Ms: number | null
  /** The sender could not keep up: the probe says nothing of the server. */
  readonly senderLimited: boolean
}

/** A smaller share of the arrivals than this means that not all could be sent. */
const sentEnough = 0.98

/** Fewer requests went out than were due, because the server held every connection. */
export const isOverloaded = ({ achievedPerS, ratePerS, senderLimited }: LineProbe): boolean =>
  !senderLimited && achievedPerS < sentEnough * ratePerS

/** Slow requests over the rate. Every request of an overloaded probe counts: what could not be sent would have been slow. */
export const asSlow = (probe: LineProbe): Probe => {
  const total = Math.max(probe.total, 1)
  return { ratePerS: probe.ratePerS, total, bad: isOverloaded(probe) ? total : probe.slow }
}

/** Failed requests over the rate. */
export const asFailed = (probes: readonly LineProbe[]): Probe[] =>
  probes.flatMap(({ ratePerS, total, failed }) => (total > 0 ? [{ ratePerS, total, bad: failed }] : []))

/** Probes that say something of the server, holds apart. */
export const searched = (probes: readonly LineProbe[]): LineProbe[] =>
  probes.filter(({ phase, senderLimited }) => phase !== 'hold' && !senderLimited)

/** Load so far, holds apart, milliseconds. */
export const loadSpentMs = (probes: readonly LineProbe[]): number =>
  probes.reduce((sum, { phase, durationMs }) => (phase === 'hold' ? sum : sum + durationMs), 0)
