import type { Heatmap } from '../../contract/index.ts'
import { bucketLowerUs } from '../histogram.rules.ts'
import type { SliceStore } from '../store.ts'
import type { SeriesSubject } from './traffic-series.ts'

/** Fine buckets to a row: 8 rows an octave, each a twelfth taller than the one below. More cannot be told apart by eye. */
const bucketsPerRow = 8

/** Steps at most: a wider picture has no pixels for them. */
export const mostHeatmapSteps = 2_000

/** The latency histogram over time. Rows begin at the fastest and end at the slowest that happened. */
export async function readHeatmap(store: Pick<SliceStore, 'eachStep'>, subject: SeriesSubject): Promise<Heatmap> {
  const { fromMs, toMs, stepMs } = subject
  const points = (toMs - fromMs) / stepMs
  const rows = new Map<number, number[]>()
  await store.eachStep({ ...subject, latency: true }, (startMs, { latency }) => {
    const at = (startMs - fromMs) / stepMs
    latency.forEachBucket((bucket, count) => {
      const row = Math.floor(bucket / bucketsPerRow)
      let counts = rows.get(row)
      if (!counts) rows.set(row, (counts = Array.from({ length: points }, () => 0)))
      counts[at]! += count
    })
  })
  const seen = [...rows.keys()]
  const first = Math.min(...seen)
  const height = seen.length === 0 ? 0 : Math.max(...seen) - first + 1
  const lowerMs = (row: number): number => bucketLowerUs(row * bucketsPerRow) / 1_000
  return {
    fromAt: new Date(fromMs).toISOString(),
    toAt: new Date(toMs).toISOString(),
    stepMs,
    boundsMs: height === 0 ? [] : Array.from({ length: height + 1 }, (_, i) => lowerMs(first + i)),
    counts: Array.from({ length: height }, (_, i) => rows.get(first + i) ?? Array.from({ length: points }, () => 0))
  }
}
