import type { RouteGroups } from '../../contract/index.ts'
import type { ResolvedService } from '../../plan/model.ts'
import { otherRoute } from '../route-group.rules.ts'
import type { SliceStore } from '../store.ts'
import type { SeriesSubject } from './traffic-series.ts'

/** Route groups with their counts and percentiles over a whole range, busiest first. */
export async function readRoutes(
  store: Pick<SliceStore, 'sum'>,
  { service, streams, fromMs, toMs }: Omit<SeriesSubject, 'stepMs'>,
  { groups, cap }: ResolvedService['routes']
): Promise<RouteGroups> {
  const sums = await store.sum({ service, streams, fromMs, toMs, latency: true, groupBy: ({ route }) => route })
  const automatic = [...sums.keys()].filter((route) => route !== otherRoute && !groups.includes(route))
  const quantileMs = (us: number | null): number | null => (us === null ? null : us / 1_000)
  return {
    fromAt: new Date(fromMs).toISOString(),
    toAt: new Date(toMs).toISOString(),
    capped: sums.has(otherRoute) && automatic.length >= cap,
    routes: [...sums]
      .map(([route, { total, status5xx, status4xx, latency }]) => ({
        route,
        total,
        status5xx,
        status4xx,
        p50Ms: quantileMs(latency.quantileUs(0.5)),
        p95Ms: quantileMs(latency.quantileUs(0.95))
      }))
      .toSorted((a, b) => b.total - a.total || (a.route < b.route ? -1 : 1))
  }
}
