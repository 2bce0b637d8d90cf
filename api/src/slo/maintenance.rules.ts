import type { MaintenanceBand } from '../plan/model.ts'
import { instant } from './words.rules.ts'

/** Bands of a service, and of all services, that overlap a stretch, cut to it and joined: no moment counts twice. */
export const bandsWithin = (
  bands: readonly MaintenanceBand[],
  service: string,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }
): MaintenanceBand[] => {
  const own = bands
    .filter((band) => (band.service === null || band.service === service) && band.fromMs < toMs && band.toMs > fromMs)
    .toSorted((a, b) => a.fromMs - b.fromMs)
  const joined: MaintenanceBand[] = []
  for (const band of own) {
    const from = Math.max(band.fromMs, fromMs, joined.at(-1)?.toMs ?? -Infinity)
    const to = Math.min(band.toMs, toMs)
    if (to > from) joined.push({ ...band, fromMs: from, toMs: to })
  }
  return joined
}

/** Why nobody is to be told about a service now; null: they are. */
export const mutedBy = (bands: readonly MaintenanceBand[], service: string, nowMs: number): string | null => {
  const band = bands.find(
    (band) => (band.service === null || band.service === service) && band.fromMs <= nowMs && band.toMs > nowMs
  )
  return band ? `maintenance until ${instant(band.toMs)}: ${band.reason}` : null
}
