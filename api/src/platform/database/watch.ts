import type { LogEvent } from 'kysely'
import { explainStoreError, type StoreFault } from './faults.ts'

/** Faults of one statement rather than of the store. */
const passing = new Set(['too_slow', 'shutting_down'])

/** Learns from every statement whether the store works: no probing while all is well. */
export class StoreWatch {
  /** Why the store does not take writes; null while it does, as far as is known. */
  fault: StoreFault | null = null
  /** Told of every statement; set by the metrics. */
  onStatement: (durationMs: number, outcome: 'ok' | 'error') => void = () => {}

  /** For Kysely's `log`. */
  readonly log = (event: LogEvent): void => {
    if (event.level === 'error') {
      this.onStatement(event.queryDurationMillis, 'error')
      this.failed(event.error)
    } else {
      this.onStatement(event.queryDurationMillis, 'ok')
      // a read may succeed where a write cannot, and a write inside a transaction may yet be taken back
      if (this.fault && /^\s*commit/i.test(event.query.sql)) this.fault = null
    }
  }

  failed(error: unknown): void {
    const fault = explainStoreError(error)
    if (fault && !passing.has(fault.code)) this.fault = fault
  }
}
