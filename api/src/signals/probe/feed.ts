import { compilePathPattern } from '../../plan/match.rules.ts'
import type { ProbeSignal } from '../../plan/model.ts'
import { Accumulator } from '../accumulator.ts'
import type { Recorder } from '../recorder.ts'
import type { Stream } from '../slice.ts'
import type { Feed, SourceReport } from '../source.ts'
import { countedStatus } from './probe-fault.rules.ts'
import { startProbe, type ProbeDeps, type ProbeStatus } from './probe.ts'
import type { ProbeResults } from './results.ts'
import type { ProbeResult } from './run.ts'

export interface ProbeFeedOptions extends Omit<ProbeDeps, 'onResult'> {
  readonly service: string
  readonly signal: ProbeSignal
  readonly thresholdsMs: readonly number[]
  readonly objectivePaths: readonly string[]
  readonly oldestKeptMs: () => number
  readonly recorder: Recorder
  readonly results: ProbeResults
  readonly onError: (error: unknown) => void
}

/** A probe as a source: its results are kept for people, and counted for objectives over probes. */
export function startProbeFeed(options: ProbeFeedOptions): Feed {
  const { service, signal, thresholdsMs, recorder, results, clock, oldestKeptMs } = options
  const accumulator = new Accumulator({ thresholdsMs, oldestKeptMs })
  const giveUp = recorder.adopt(accumulator)
  const slots = accumulator.stream(streamOf(options))
  let counted = 0
  let dropped = 0
  let lastEventMs: number | null = null
  let certificateMs: number | null = null

  const onResult = (result: ProbeResult): void => {
    certificateMs = result.certificateExpiresMs ?? certificateMs
    results.save(service, signal.id, result).catch(options.onError)
    const { finding, atMs, durationUs, status } = result
    if (finding.kind === 'not_run') return
    if (recorder.isFull) return void dropped++
    accumulator.setTime(clock.nowMs())
    const isTimeout = finding.kind === 'failed' && finding.code === 'timeout'
    accumulator.record(slots, atMs, durationUs, countedStatus(finding.kind === 'ok', status), isTimeout)
    counted++
    lastEventMs = atMs
  }
  const probe = startProbe(signal, { ...options, onResult })
  results
    .certificateExpiresMs(service, signal.id)
    .then((expiresMs) => (certificateMs ??= expiresMs))
    .catch(options.onError)

  const report = (): SourceReport => {
    const status = probe.status()
    return {
      id: signal.id,
      kind: 'probe',
      title: `${signal.method} ${signal.url}`,
      origin: 'probes',
      remembers: false,
      ...healthOf(signal, status, clock.nowMs()),
      lagMs: 0,
      behindBytes: null,
      lastEventMs: status.standsBy ? null : lastEventMs,
      lastReadMs: status.last?.atMs ?? null,
      counts: {
        read: status.runs,
        counted,
        filtered: 0,
        late: 0,
        aborted: 0,
        dropped,
        unsignedClaims: 0,
        skipped: { ...status.notRun }
      },
      lastError: lastErrorOf(status),
      certificate: certificateMs === null ? null : { expiresMs: certificateMs, warnMs: signal.tls.expiryWarningMs },
      probe: {
        lastStatus: status.last?.status ?? null,
        lastDurationMs: status.last && status.last.durationUs / 1_000,
        everyMs: signal.everyMs
      }
    }
  }
  return {
    sources: [{ service, report }],
    async stop() {
      await probe.stop()
      giveUp()
    }
  }
}

const streamOf = ({ service, signal, objectivePaths }: ProbeFeedOptions): Stream => {
  const { pathname } = new URL(signal.url)
  return {
    service,
    release: '',
    trafficClass: 'synthetic',
    route: signal.id,
    scope: objectivePaths
      .filter((pattern) => compilePathPattern(pattern)(pathname))
      .toSorted()
      .join(' '),
    origin: 'probes'
  }
}

/** A failed probe tells what happens as well as one that succeeded: only one that could not run is broken. */
const healthOf = (
  signal: ProbeSignal,
  { last, standsBy }: ProbeStatus,
  nowMs: number
): Pick<SourceReport, 'health' | 'reasons'> => {
  if (standsBy) return { health: 'waiting', reasons: [{ code: 'stands_by', text: 'another instance probes' }] }
  if (last === null)
    return { health: 'waiting', reasons: [{ code: 'not_probed_yet', text: 'the first probe is still to come' }] }
  if (last.finding.kind === 'not_run') {
    const { code, text, hint } = last.finding
    return { health: 'broken', reasons: [{ code, text, next: hint }] }
  }
  const silentMs = nowMs - last.atMs
  if (silentMs > 3 * signal.everyMs + signal.timeoutMs) {
    const text = `no probe has ended for ${Math.round(silentMs / 1_000)} s, ${signal.everyMs / 1_000} s apart were planned`
    return {
      health: 'broken',
      reasons: [{ code: 'probes_behind', text, next: 'give Plimsoll more CPU, or probe less often' }]
    }
  }
  return { health: 'live', reasons: [] }
}

const lastErrorOf = ({ last }: ProbeStatus): SourceReport['lastError'] =>
  last === null || last.finding.kind === 'ok'
    ? null
    : { atMs: last.atMs, code: last.finding.code, text: last.finding.text, hint: last.finding.hint }
