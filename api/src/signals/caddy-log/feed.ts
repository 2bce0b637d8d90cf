import type { Reason } from '../../contract/index.ts'
import type { Feed, SourceReport } from '../source.ts'
import type { SourceState, SourceStatus } from './source-status.ts'
import { FileTailer, type FileTailerOptions } from './tailer.job.ts'

const health = { reading: 'live', idle: 'idle', waiting_for_file: 'waiting', broken: 'broken' } as const

/**
 * Follows a log file as a feed.
 *
 * @param signalIds - ids of the plan's signals, one per service of the options
 */
export function startFileFeed(options: FileTailerOptions, signalIds: readonly string[]): Feed {
  const tailer = new FileTailer(options)
  tailer.start()
  return {
    sources: options.services.map(({ service }, i) => ({
      service,
      report: () => reportOf(signalIds[i]!, options.file, tailer.status(service))
    })),
    stop: () => tailer.close()
  }
}

const reportOf = (id: string, file: string, status: SourceStatus): SourceReport => {
  const { jsonFallback: _fallback, bytes: _bytes, ...counts } = status.counts
  return {
    id,
    kind: 'caddyLog',
    title: file,
    origin: 'requests',
    remembers: true,
    health: health[status.state],
    reasons: reasonsOf(status),
    lagMs: status.lagMs,
    behindBytes: status.behindBytes,
    lastEventMs: status.lastEventMs,
    lastReadMs: status.lastReadMs,
    counts,
    lastError: status.lastError,
    certificate: null
  }
}

const silence: Readonly<Record<SourceState, string | null>> = {
  reading: null,
  idle: 'the file is read to its end, and nothing was written for a minute',
  waiting_for_file: 'the file is not there yet',
  broken: 'the file cannot be read'
}

const reasonsOf = ({ state, lastError }: SourceStatus): Reason[] => {
  const text = silence[state]
  if (text === null) return []
  if (lastError !== null && state !== 'idle') {
    return [{ code: lastError.code, text: lastError.text, next: lastError.hint }]
  }
  return [{ code: state, text }]
}
