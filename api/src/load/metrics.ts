import type { FastifyInstance } from 'fastify'
import { Gauge } from '../platform/metrics.ts'
import { headroomRatio } from './headroom.rules.ts'

type Rooms = Pick<FastifyInstance, 'signals' | 'metrics' | 'load'>

/** How much each service carries now, and could: what an autoscaler or another dashboard asks for. */
export function addLoadMetrics({ signals, metrics, load }: Rooms): void {
  const gauge = (name: string, help: string, read: (service: string) => number | null): void => {
    const metric = new Gauge({
      name,
      help,
      labelNames: ['service'],
      registers: [],
      collect() {
        this.reset()
        for (const service of signals.services) {
          const value = read(service)
          if (value !== null) this.set({ service }, value)
        }
      }
    })
    metrics.registerMetric(metric)
  }
  const trafficOf = (service: string): number | null => signals.traffic(service).ratePerS
  const lineOf = (service: string): number | null => load.store.newestLine(service)?.ratePerS ?? null

  gauge('plimsoll_service_requests_per_second', 'Requests of users now; load and probes apart', trafficOf)
  gauge('plimsoll_service_load_line_per_second', 'Most requests at which the promise holds, as last measured', lineOf)
  gauge('plimsoll_service_headroom_ratio', '1 - traffic / load line; below 0 it is over the line', (service) =>
    headroomRatio(trafficOf(service), lineOf(service))
  )
}
