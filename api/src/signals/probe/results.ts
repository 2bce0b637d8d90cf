import type { Kysely } from 'kysely'
import type { Tables } from '../../platform/database/tables.ts'
import type { Leadership } from '../../platform/lease.ts'
import type { ProbeResult } from './run.ts'

/** Results of probes, kept for people to look back at; what objectives count is in the slices. */
export interface ProbeResults {
  save(service: string, probe: string, result: ProbeResult): Promise<void>
  /** When the certificate last seen by a probe expires, Unix ms; null: none was seen. */
  certificateExpiresMs(service: string, probe: string): Promise<number | null>
  /** Deletes results sent before `beforeMs` (Unix ms); returns how many. */
  prune(beforeMs: number): Promise<number>
}

export const createProbeResults = (db: Kysely<Tables>, lease: Pick<Leadership, 'act'>): ProbeResults => ({
  async save(service, probe, { atMs, finding, status, durationUs, certificateExpiresMs }) {
    const row = {
      service,
      probe,
      at_ms: atMs,
      ok: finding.kind === 'ok' ? 1 : 0,
      status,
      duration_us: durationUs,
      error_code: finding.kind === 'ok' ? null : finding.code,
      error_text: finding.kind === 'ok' ? null : finding.text,
      certificate_expires_ms: certificateExpiresMs
    }
    await lease.act((transaction) => transaction.insertInto('probe_results').values(row).execute())
  },

  async certificateExpiresMs(service, probe) {
    const row = await db
      .selectFrom('probe_results')
      .select('certificate_expires_ms')
      .where('service', '=', service)
      .where('probe', '=', probe)
      .where('certificate_expires_ms', 'is not', null)
      .orderBy('at_ms', 'desc')
      .limit(1)
      .executeTakeFirst()
    return row?.certificate_expires_ms ?? null
  },

  async prune(beforeMs) {
    const { numDeletedRows } = await db
      .deleteFrom('probe_results')
      .where('at_ms', '<', beforeMs)
      .executeTakeFirstOrThrow()
    return Number(numDeletedRows)
  }
})
