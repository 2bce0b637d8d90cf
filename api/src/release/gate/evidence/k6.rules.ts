import type { State } from '../../../contract/primitives.ts'
import { readForeign } from '../../../load/import/read.rules.ts'
import { messageOf } from '../../../platform/errors.ts'
import { Unreadable } from './reading.ts'

type Fields = Readonly<Record<string, unknown>>

/**
 * What a k6 summary says by its own thresholds: `--summary-export` writes whether each was crossed,
 * `handleSummary` whether each is ok. Without thresholds nobody has said what is good.
 */
export const judgeRun = (text: string, body: Fields): { readonly state: State; readonly text: string } => {
  const total = totalOf(text)
  const thresholds = Object.entries((body['metrics'] ?? {}) as Fields).flatMap(([metric, value]) =>
    Object.entries(((value as Fields | null)?.['thresholds'] ?? {}) as Fields).map(([limit, outcome]) => ({
      name: `${metric} ${limit}`,
      ok: typeof outcome === 'boolean' ? !outcome : (outcome as Fields | null)?.['ok'] === true
    }))
  )
  if (total === 0) return { state: 'could_not_measure', text: 'k6 sent no request' }
  if (thresholds.length === 0) return { state: 'could_not_measure', text: 'the k6 run has no thresholds' }
  const crossed = thresholds.filter(({ ok }) => !ok).map(({ name }) => name)
  if (crossed.length > 0) return { state: 'fail', text: `crossed: ${crossed.slice(0, 5).join(', ')}` }
  return { state: 'pass', text: `${total} requests within all ${thresholds.length} thresholds` }
}

const totalOf = (text: string): number => {
  try {
    const { tool, summary, samples } = readForeign(text)
    if (tool === 'k6') return summary?.total ?? samples?.length ?? 0
  } catch (error) {
    throw new Unreadable(messageOf(error))
  }
  throw new Unreadable('it is no k6 summary')
}
