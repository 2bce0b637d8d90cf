import type { FastifyInstance } from 'fastify'
import type { ReleaseBrief } from '../../contract/releases.ts'
import { historyOf } from '../../slo/history.ts'
import type { ReleaseRecord } from './record.ts'

const minuteMs = 60_000
/** Longest time after its end that still counts as of a release. */
const longestMs = 7 * 86_400_000

/** Share of each error budget that was spent while a release was on its way, or since it serves. */
export async function budgetSpentSince(
  { slo, plan, slices, database, clock }: Pick<FastifyInstance, 'slo' | 'plan' | 'slices' | 'database' | 'clock'>,
  { service, startedMs }: ReleaseRecord
): Promise<ReleaseBrief['budgetSpent']> {
  const promised = plan.current().services.find(({ name }) => name === service)?.objectives ?? []
  const judged = await slo.objectives(service, { explain: false })
  const nowMs = clock.nowMs()
  const fromMs = Math.floor(startedMs / minuteMs) * minuteMs
  const toMs = Math.max(fromMs + minuteMs, Math.floor(Math.min(nowMs, startedMs + longestMs) / minuteMs) * minuteMs)
  const stepMs = Math.ceil((toMs - fromMs) / minuteMs / 60) * minuteMs
  return Promise.all(
    promised.map(async (objective) => {
      const allowed = judged.find(({ name }) => name === objective.name)?.budget.allowed ?? null
      if (allowed === null || allowed <= 0) return { objective: objective.name, spentRatio: null }
      const { bad } = await historyOf(objective, { fromMs, toMs, stepMs }, { db: database.db, store: slices, nowMs })
      const spent = bad.reduce<number>((sum, count) => sum + (count ?? 0), 0)
      return { objective: objective.name, spentRatio: spent / allowed }
    })
  )
}
