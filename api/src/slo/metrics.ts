import { Counter, Gauge, Histogram, type Registry } from '../platform/metrics.ts'
import type { Slo } from './slo.ts'

/** How long looks take, and how many failed. */
export const lookMetrics = (registry: Registry) => {
  const registers = [registry]
  const duration = new Histogram({
    name: 'plimsoll_evaluation_duration_seconds',
    help: 'Time to judge all objectives once',
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1],
    registers
  })
  const failures = new Counter({
    name: 'plimsoll_evaluation_failures_total',
    help: 'Looks that ended with an error',
    registers
  })
  return {
    onLook: (durationMs: number) => duration.observe(durationMs / 1_000),
    onLookFailed: () => failures.inc()
  }
}

/** What is left of budgets and which alerts are open, as found at the last look. */
export const standingMetrics = (registry: Registry, slo: Slo, services: () => readonly string[]): void => {
  registry.registerMetric(
    new Gauge({
      name: 'plimsoll_objective_remaining_ratio',
      help: 'Share of the error budget that is left, negative when overspent; absent when nothing was measured',
      labelNames: ['service', 'objective'],
      registers: [],
      collect() {
        this.reset()
        for (const service of services()) {
          for (const { name, remainingRatio } of slo.objectivesOf(service)) {
            if (remainingRatio !== null) this.set({ service, objective: name }, remainingRatio)
          }
        }
      }
    })
  )
  registry.registerMetric(
    new Gauge({
      name: 'plimsoll_alerts_open',
      help: 'Open alerts by severity',
      labelNames: ['severity'],
      registers: [],
      collect() {
        for (const [severity, count] of Object.entries(slo.allOpenAlerts())) this.set({ severity }, count)
      }
    })
  )
}
