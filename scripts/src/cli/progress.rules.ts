import { bytes, percent, wait } from './format.rules.ts'

export interface Progress {
  /** Bytes taken by the server so far. */
  readonly doneBytes: number
  /** Null when the size is not known, as for standard input. */
  readonly sizeBytes: number | null
  readonly elapsedMs: number
}

/** Bytes per second since the start; null before anything is known. */
export const ratePerS = ({ doneBytes, elapsedMs }: Progress): number | null =>
  elapsedMs > 0 && doneBytes > 0 ? (doneBytes / elapsedMs) * 1_000 : null

/** Seconds until done at the mean rate so far; null when the size or the rate is not known. */
export function etaS(progress: Progress): number | null {
  const rate = ratePerS(progress)
  return rate === null || progress.sizeBytes === null
    ? null
    : Math.max(0, progress.sizeBytes - progress.doneBytes) / rate
}

/** `access.log  [######------]  50 %  1.2 GB of 2.4 GB  80 MB/s  15 s left` */
export function progressLine(name: string, progress: Progress, width = 24): string {
  const rate = ratePerS(progress)
  const left = etaS(progress)
  const ratio = progress.sizeBytes === null ? null : Math.min(1, progress.doneBytes / Math.max(1, progress.sizeBytes))
  const full = Math.floor((ratio ?? 0) * width)
  return [
    name,
    ...(ratio === null ? [] : [`[${'#'.repeat(full)}${'-'.repeat(width - full)}]`, percent(ratio, 0)]),
    progress.sizeBytes === null
      ? bytes(progress.doneBytes)
      : `${bytes(progress.doneBytes)} of ${bytes(progress.sizeBytes)}`,
    ...(rate === null ? [] : [`${bytes(rate)}/s`]),
    ...(left === null ? [] : [`${wait(left)} left`])
  ].join('  ')
}
