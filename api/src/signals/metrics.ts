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

type Labels = Readonly<Record<string, string>>

/** Metrics of every source, read when they are asked for. */
export function addSignalMetrics({ signals, metrics }: Pick<FastifyInstance, 'signals' | 'metrics'>): void {
  const gauge = (
    what: { readonly name: string; readonly help: string; readonly label?: string },
    read: (report: SourceReport, set: (value: number, labels?: Labels) => void) => void
  ): void => {
    const { name, help, label } = what
    const labelNames = ['service', 'signal', ...(label === undefined ? [] : [label])]
    const metric = new Gauge({
      name,
      help,
      labelNames,
      registers: [],
      collect() {
        this.reset()
        for (const service of signals.services) {
          for (const report of signals.reports(service)) {
            read(report, (value, labels) => this.set({ service, signal: report.id, ...labels }, value))
          }
        }
      }
    })
    metrics.registerMetric(metric)
  }

  gauge({ name: 'plimsoll_signal_lag_seconds', help: 'How old what a source tells is' }, ({ lagMs }, set) => {
    if (lagMs !== null) set(lagMs / 1_000)
  })
  gauge(
    { name: 'plimsoll_signal_behind_bytes', help: 'Bytes of a log that are still to be read' },
    ({ behindBytes }, set) => {
      if (behindBytes !== null) set(behindBytes)
    }
  )
  gauge({ name: 'plimsoll_signal_health', help: '1 for the state a source is in', label: 'health' }, (report, set) => {
    for (const health of ['live', 'idle', 'waiting', 'broken'] as const)
      set(Number(report.health === health), { health })
  })
  gauge(
    {
      name: 'plimsoll_signal_lines',
      help: 'Lines or events of a source since it was started, by what became of them',
      label: 'outcome'
    },
    ({ counts: { skipped, unsignedClaims, ...counts } }, set) => {
      set(unsignedClaims, { outcome: 'unsigned_claims' })
      for (const [outcome, count] of Object.entries(counts)) set(count, { outcome })
      for (const [reason, count] of Object.entries(skipped)) set(count, { outcome: `skipped_${reason}` })
    }
  )
}
