/** One line of BENCHMARKS.md. A file `scripts/bench/NAME.bench.ts` reports as many as it has. */
export interface Measurement {
  /** What was measured: `log ingest, CPU per line`. */
  readonly what: string
  readonly value: number
  /** `ns/line`, `MB/s`, `ratio to wc -l`. */
  readonly unit: string
  /** The promise, in the same unit; none for numbers that only give scale. */
  readonly target?: { readonly atMost: number } | { readonly atLeast: number }
  /** How: `median of 7, interleaved; fastest 480, slowest 530`. */
  readonly note?: string
}

/** Says a measurement to the runner, which reads standard output. Other lines are shown to the person who waits. */
export const report = (measurement: Measurement): void => console.log(`measurement ${JSON.stringify(measurement)}`)

/** Middle of the values, mean of the two middle ones; NaN without any. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[middle] ?? NaN) : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2
}
