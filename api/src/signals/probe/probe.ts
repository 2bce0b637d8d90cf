import { sleep } from '../../platform/clock.ts'
import type { Leadership } from '../../platform/lease.ts'
import type { ProbeSignal } from '../../plan/model.ts'
import type { Places } from './places.ts'
import { runProbe, type ProbeResult, type ProbeTools } from './run.ts'
import { firstDelayMs, nextDelayMs } from './schedule.rules.ts'

export interface ProbeDeps extends ProbeTools {
  /** The leader probes for all instances; the others stand by. */
  readonly lease: Pick<Leadership, 'isLeader' | 'fencing'>
  /** Bounds how many probes are out at once. */
  readonly places: Places
  /** Told of every result, in order. A result that was not run counts neither way. */
  readonly onResult: (result: ProbeResult) => void
  /** In [0, 1). */
  readonly random: () => number
}

export interface ProbeStatus {
  readonly runs: number
  readonly ok: number
  readonly failed: number
  /** Not run, by code. */
  readonly notRun: Readonly<Record<string, number>>
  /** The last one that ended; null before the first, and while another instance probes. */
  readonly last: ProbeResult | null
  /** Another instance probes. */
  readonly standsBy: boolean
}

export interface Probe {
  readonly signal: ProbeSignal
  status(): ProbeStatus
  /** Ends the schedule and whatever is out; resolves when nothing is. */
  stop(): Promise<void>
}

/** Who stands by looks this often whether it leads now. */
const standByMs = 1_000

/** Probes one address on its schedule, never overlapping itself, until stopped. */
export function startProbe(signal: ProbeSignal, deps: ProbeDeps): Probe {
  const stop = new AbortController()
  const notRun: Record<string, number> = {}
  const counts = { runs: 0, ok: 0, failed: 0 }
  let last: ProbeResult | null = null

  const note = (result: ProbeResult): void => {
    const { finding } = result
    counts.runs++
    if (finding.kind === 'not_run') notRun[finding.code] = (notRun[finding.code] ?? 0) + 1
    else counts[finding.kind]++
    last = result
    deps.onResult(result)
  }

  const loop = async (): Promise<void> => {
    await sleep(deps.clock, firstDelayMs(signal.everyMs, deps.random()), stop.signal)
    while (!stop.signal.aborted) {
      if (!deps.lease.isLeader) {
        last = null
        await sleep(deps.clock, Math.min(standByMs, signal.everyMs), stop.signal)
        continue
      }
      const startedMs = deps.clock.monotonicMs()
      const { fencing } = deps.lease
      const result = await deps.places.use(() => runProbe(signal, deps, stop.signal))
      if (stop.signal.aborted) return // cut short by us: it says nothing of the service
      if (!deps.lease.isLeader || deps.lease.fencing !== fencing) continue // it may have been frozen over it
      note(result)
      const tookMs = deps.clock.monotonicMs() - startedMs
      await sleep(deps.clock, nextDelayMs(signal.everyMs, tookMs, deps.random()), stop.signal)
    }
  }
  const ended = loop()

  return {
    signal,
    status: () => ({ ...counts, notRun: { ...notRun }, last, standsBy: !deps.lease.isLeader }),
    async stop() {
      stop.abort()
      await ended
    }
  }
}
