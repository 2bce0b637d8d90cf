import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from '@prometheus-io/client'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    /** Metrics of Plimsoll itself; a room adds its own with `registers: [app.metrics]`. */
    metrics: Registry
  }
}

export { Counter, Gauge, Histogram, type Registry }

export interface MetricsOptions {
  /** Process, heap, garbage collection and event-loop metrics: once per process, so not in tests. */
  readonly ofProcess: boolean
}

export const metricsPlugin = fp<MetricsOptions>(
  async (app, { ofProcess }) => {
    const registry = new Registry()
    app.decorate('metrics', registry)
    if (ofProcess) collectDefaultMetrics({ register: registry })
    app.addHook('onClose', () => registry.clear())
  },
  { name: 'metrics' }
)
