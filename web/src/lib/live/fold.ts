import { headroomRatio } from '../load/headroom.ts'
import type { LiveSlices, LiveState, ObjectiveBrief, ServiceSummary, Traffic } from '@plimsoll/api/contract'

/** Live messages folded into what was read before, without reading it again. */

/** The services with the last second's counts and rates; those the message does not name stay the same objects. */
export const withSlices = (services: readonly ServiceSummary[], message: LiveSlices): ServiceSummary[] =>
  services.map((service) => {
    const news = message.services[service.name]
    return news ? serviceWith(service, news, message.atMs) : service
  })

/** One service with its traffic of now, and the headroom that follows from it. */
export const serviceWith = <S extends Pick<ServiceSummary, 'traffic' | 'loadLine' | 'headroomRatio'>>(
  service: S,
  news: News,
  atMs: number
): S => ({
  ...service,
  traffic: trafficWith(service.traffic, news, atMs),
  headroomRatio: headroomRatio(news.ratePerS, service.loadLine?.ratePerS ?? null)
})

type News = LiveSlices['services'][string]

/**
 * One service's traffic with the counts of new seconds added to the slots they belong to.
 *
 * @param atMs - the message's last second: a silent service's window moves on as well
 */
const trafficWith = (traffic: Traffic, news: News, atMs: number): Traffic => ({
  ...traffic,
  ratePerS: news.ratePerS,
  errorRatio: news.errorRatio,
  p95Ms: news.p95Ms,
  recent: recentWith(traffic.recent, news.seconds, atMs)
})

/**
 * The sparkline's slots with new seconds added; the window moves on when a second lies beyond its end.
 * Seconds before the window are dropped: they are no longer shown.
 */
const recentWith = (recent: Traffic['recent'], seconds: News['seconds'], atMs: number): Traffic['recent'] => {
  const { stepMs } = recent
  const slots = recent.total.length
  const lastMs = Math.max(atMs, ...seconds.map(([ms]) => ms))
  const oldFromMs = Date.parse(recent.fromAt)
  const moved = Math.max(0, Math.floor((lastMs - oldFromMs) / stepMs) - (slots - 1))
  const fromMs = oldFromMs + moved * stepMs
  const total = shifted(recent.total, moved)
  const status5xx = shifted(recent.status5xx, moved)
  for (const [ms, all, failed] of seconds) {
    const slot = Math.floor((ms - fromMs) / stepMs)
    if (slot < 0) continue
    total[slot] = (total[slot] ?? 0) + all
    status5xx[slot] = (status5xx[slot] ?? 0) + failed
  }
  return {
    fromAt: new Date(fromMs).toISOString(),
    toAt: new Date(fromMs + slots * stepMs).toISOString(),
    stepMs,
    total,
    status5xx
  }
}

const shifted = (column: readonly number[], by: number): number[] => column.map((_, slot) => column[slot + by] ?? 0)

/** The services with one's new judgement. */
export const withState = (services: readonly ServiceSummary[], message: LiveState): ServiceSummary[] =>
  services.map((service) =>
    service.name === message.service
      ? {
          ...service,
          state: message.state,
          remainingRatio: message.remainingRatio,
          // A reason that speaks of another state than this one would mislead; the next reading brings the new one.
          reasons: service.state === message.state ? service.reasons : [],
          objectives: service.objectives.map((objective) => briefWith(objective, message.objectives))
        }
      : service
  )

const briefWith = (objective: ObjectiveBrief, news: LiveState['objectives']): ObjectiveBrief => {
  const own = news.find(({ name }) => name === objective.name)
  return own
    ? { ...objective, state: own.state, remainingRatio: own.remainingRatio, burnRate: own.burnRate }
    : objective
}
