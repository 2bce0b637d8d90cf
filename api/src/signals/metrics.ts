import type { FastifyInstance } from 'fastify'
import { Counter, Gauge, Histogram, type Registry } from '../platform/metrics.ts'
import type { SourceReport } from './source.ts'
import type { TransactionReport } from './store/committer.ts'

/** @returns to be told of every transaction of the slice store */
export function commitMetrics(registry: Registry): (report: TransactionReport) => void {
  const registers = [registry]
  const duration = new Histogram({
    name: 'plimsoll_commit_duration_seconds',
    help: 'Time to store counts, by outcome',
    labelNames: ['outcome'],
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
    registers
  })
  const rows = new Counter({ name: 'plimsoll_commit_rows_total', help: 'Rows of slices written', registers })
  const batches = new Counter({ name: 'plimsoll_commit_batches_total', help: 'Batches of sources stored', registers })
  return (report) => {
    const outcome = report.error === null ? 'committed' : 'failed'
    duration.observe({ outcome }, report.durationMs / 1_000)
    rows.inc(report.rows)
    if (report.error === null) batches.inc(report.batches)
  }
}

const states: readonly SourceReport['health'][] = ['live', 'idle', 'waiting', 'broken']
const outcomes = ['read', 'counted', 'filtered', 'late', 'aborted', 'dropped', 'unsignedClaims'] as const
const label = { unsignedClaims: 'unsigned_claims' } as const

/** Metrics of every source, read when they are asked for. */
export function addSignalMetrics(app: FastifyInstance, services: () => readonly string[]): void {
  const registers = [app.metrics]
  const labelNames = ['service', 'signal'] as const
  const each = (visit: (labels: { service: string; signal: string }, report: SourceReport) => void): void => {
    for (const service of services()) {
      for (const report of app.signals.reports(service)) visit({ service, signal: report.id }, report)
    }
  }
  new Gauge({
    name: 'plimsoll_signal_lag_seconds',
    help: 'How old what a source tells is',
    labelNames,
    registers,
    collect() {
      this.reset()
      each((labels, { lagMs }) => lagMs !== null && this.set(labels, lagMs / 1_000))
    }
  })
  new Gauge({
    name: 'plimsoll_signal_behind_bytes',
    help: 'Bytes of a log that are still to be read',
    labelNames,
    registers,
    collect() {
      this.reset()
      each((labels, { behindBytes }) => behindBytes !== null && this.set(labels, behindBytes))
    }
  })
  new Gauge({
    name: 'plimsoll_signal_health',
    help: '1 for the state a source is in: live, idle, waiting or broken',
    labelNames: [...labelNames, 'health'],
    registers,
    collect() {
      this.reset()
      each((labels, report) => {
        for (const health of states) this.set({ ...labels, health }, Number(report.health === health))
      })
    }
  })
  new Gauge({
    name: 'plimsoll_signal_lines',
    help: 'Lines or events of a source since it was started, by what became of them',
    labelNames: [...labelNames, 'outcome'],
    registers,
    collect() {
      this.reset()
      each((labels, { counts }) => {
        for (const outcome of outcomes) {
          this.set({ ...labels, outcome: outcome === 'unsignedClaims' ? label[outcome] : outcome }, counts[outcome])
        }
        for (const [reason, count] of Object.entries(counts.skipped)) {
          this.set({ ...labels, outcome: `skipped_${reason}` }, count)
        }
      })
    }
  })
}
