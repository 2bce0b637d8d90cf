import type { FastifyInstance } from 'fastify'
import type { ServiceDetail, ServiceSummary, Signal } from '../contract/index.ts'
import type { ResolvedService } from '../plan/model.ts'
import { toSignal, type SourceReport } from '../signals/source.ts'
import { rankOfState } from './states.rules.ts'
import { instant } from './words.rules.ts'

/** A service may announce this many days of maintenance ahead, and show as many that are over. */
const shownMaintenanceMs = 90 * 86_400_000
/** Releases that answered requests within a window and a little. */
const shownReleasesMs = 35 * 86_400_000

type Rooms = Pick<FastifyInstance, 'slo' | 'signals' | 'slices' | 'plan' | 'clock'>

/** A service at a glance. */
export const presentSummary = ({ slo, signals }: Rooms, service: ResolvedService): ServiceSummary => {
  const { name, title, owner } = service
  const traffic = signals.traffic(name)
  return {
    name,
    title,
    owner,
    ...slo.stateOf(name),
    objectives: slo.objectivesOf(name),
    traffic,
    openAlerts: slo.openAlerts(name),
    signals: countHealth(signals.reports(name)),
    ...slo.loadLineOf(name, traffic.ratePerS)
  }
}

/** A service with its sources, releases and maintenance. */
export const presentDetail = async (rooms: Rooms, service: ResolvedService): Promise<ServiceDetail> => {
  const { slo, signals, slices, plan, clock } = rooms
  const { name } = service
  const nowMs = clock.nowMs()
  const releases = await slices.releases(name, nowMs - shownReleasesMs, nowMs)
  return {
    ...presentSummary(rooms, service),
    coverageRatio: slo.coverageRatio(name),
    sources: signals.reports(name).map(toSignal),
    releases: releases.map(({ release, firstSeenMs, lastSeenMs }) => ({
      release,
      firstSeenAt: instant(firstSeenMs),
      lastSeenAt: instant(Math.min(lastSeenMs, nowMs))
    })),
    maintenance: plan
      .current()
      .maintenance.filter((band) => band.service === null || band.service === name)
      .filter(({ fromMs, toMs }) => toMs > nowMs - shownMaintenanceMs && fromMs < nowMs + shownMaintenanceMs)
      .map(({ fromMs, toMs, reason }) => ({ fromAt: instant(fromMs), toAt: instant(toMs), reason }))
  }
}

/** Those that need attention first, then those with the least budget left, then by name. */
export const worstFirst = (a: ServiceSummary, b: ServiceSummary): number =>
  rankOfState(a.state) - rankOfState(b.state) ||
  (a.remainingRatio ?? 1) - (b.remainingRatio ?? 1) ||
  (a.name < b.name ? -1 : 1)

const countHealth = (reports: readonly SourceReport[]): Record<Signal['health'], number> => {
  const counts = { live: 0, idle: 0, waiting: 0, broken: 0 }
  for (const { health } of reports) counts[health]++
  return counts
}
