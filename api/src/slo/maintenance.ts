import type { MaintenanceBand } from '../plan/model.ts'
import type { SliceStore } from '../signals/store.ts'
import type { Tally } from './burn.rules.ts'
import { bandsWithin } from './maintenance.rules.ts'
import type { Series } from './series/series.ts'
import { judgeSlice, judgeable, selects, sliceVerdict } from './selection.rules.ts'

/** What an objective counted in the maintenance of its window, band by band, from the store: exact to the minute. */
export const maintenanceOf = async (
  { objective, bank }: Series,
  bands: readonly MaintenanceBand[],
  store: Pick<SliceStore, 'sum' | 'eachStep'>,
  nowMs: number
): Promise<{ band: MaintenanceBand; tally: Tally }[]> => {
  const within = bandsWithin(bands, objective.service, { fromMs: bank.span.fromMs, toMs: nowMs })
  const counted: { band: MaintenanceBand; tally: Tally }[] = []
  for (const band of within) {
    const query = {
      service: objective.service,
      fromMs: band.fromMs,
      toMs: band.toMs,
      latency: objective.indicator === 'latency' && band.fromMs < objective.thresholdSinceMs,
      streams: (stream: Parameters<typeof selects>[1]) => selects(objective, stream)
    }
    counted.push({ band, tally: await countBand(objective, query, store) })
  }
  return counted
}

const countBand = async (
  objective: Series['objective'],
  query: Omit<Parameters<SliceStore['sum']>[0], 'groupBy'>,
  store: Pick<SliceStore, 'sum' | 'eachStep'>
): Promise<Tally> => {
  const { budgeting } = objective
  if (budgeting.kind === 'requests') {
    const sums = await store.sum({ ...query, groupBy: () => '' })
    const counts = sums.get('')
    return counts ? judgeSlice(objective, judgeable(counts)) : { total: 0, bad: 0 }
  }
  const { sliceMs, sliceTargetRatio } = budgeting
  const tally = { total: 0, bad: 0 }
  const range = {
    fromMs: Math.floor(query.fromMs / sliceMs) * sliceMs,
    toMs: Math.ceil(query.toMs / sliceMs) * sliceMs
  }
  await store.eachStep({ ...query, ...range, stepMs: sliceMs }, (_, counts) => {
    const { total, bad } = sliceVerdict(judgeSlice(objective, judgeable(counts)), sliceTargetRatio)
    tally.total += total
    tally.bad += bad
  })
  return tally
}
