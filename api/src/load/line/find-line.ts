import { randomUUID } from 'node:crypto'
import type { LoadLine, LoadRun } from '../../contract/load.ts'
import { sleep, systemClock, type Clock } from '../../platform/clock.ts'
import { senderDied } from '../errors.ts'
import type { LoadSession } from '../run/load.ts'
import type { Progress } from '../sender/plan.ts'
import type { LineProbe, Phase } from './probe.rules.ts'
import { loadSpentMs } from './probe.rules.ts'
import { describeLine } from './result.rules.ts'
import { estimateLine, nextStep, type ProbeStep, type SearchOptions } from './search.rules.ts'

/** Where a search stands. */
export interface LineProgress {
  readonly phase: Phase
  readonly ratePerS: number
  /** Within the probe; null between two. */
  readonly sending: Progress | null
  readonly estimatePerS: number | null
  readonly intervalPerS: readonly [number, number] | null
  /** At most, milliseconds. */
  readonly leftMs: number
  readonly probes: readonly LineProbe[]
}

export interface LineWatch {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: LineProgress) => void) | undefined
  readonly clock?: Clock
}

/** A server that has just started is slower than it will be: this much load is not looked at. */
const warmUpMs = 3_000
/** Rest between two probes, when nothing is outstanding any more. */
const restMs = 500

/** Finds the load line of a target: the search of `search.rules.ts` with a real sender. */
export async function findLine(
  session: LoadSession,
  options: SearchOptions,
  { signal, onProgress, clock = systemClock }: LineWatch = {}
): Promise<LoadLine> {
  const send = (step: ProbeStep, probes: readonly LineProbe[]): Promise<LoadRun> =>
    session.run(
      {
        kind: 'paced',
        ratePerS: step.ratePerS,
        arrivals: 'poisson',
        jitterRatio: 0,
        warmUpMs: step.settleMs,
        durationMs: step.durationMs - step.settleMs,
        connections: null
      },
      { signal, onProgress: (sending) => onProgress?.(progressOf(step, sending, probes, options)) }
    )

  const first = nextStep([], options) as ProbeStep
  let last = await send({ ...first, settleMs: 0, durationMs: warmUpMs }, [])
  const probes: LineProbe[] = []
  for (;;) {
    const step = nextStep(probes, options)
    if (step.kind === 'done' || signal?.aborted) {
      const outcome = step.kind === 'done' ? step.outcome : null
      const { service, release, target, machine, version, commit, promised } = last
      const measuredAt = new Date(clock.nowMs()).toISOString()
      const found = describeLine(probes, outcome, options.promised)
      return { id: randomUUID(), service, release, target, measuredAt, promised, machine, version, commit, ...found }
    }
    onProgress?.(progressOf(step, null, probes, options))
    await sleep(clock, restMs, signal)
    last = await send(step, probes)
    if (last.sender === null) throw senderDied(`it ended during a probe at ${step.ratePerS} per second`)
    if (!last.partial || last.sender.limited) probes.push(probeOf(step, last))
  }
}

const probeOf = (step: ProbeStep, run: LoadRun): LineProbe => ({
  phase: step.phase,
  ratePerS: step.ratePerS,
  // Poisson arrivals are never exactly the rate asked for: what counts is whether what was due went out
  achievedPerS: run.offeredPerS ? step.ratePerS * (run.achievedPerS / run.offeredPerS) : 0,
  durationMs: step.durationMs,
  total: run.total,
  slow: run.slow ?? 0,
  failed: run.bad,
  slowPerSecond: run.seconds.slow.map((slow) => slow ?? 0),
  p50Ms: run.latencyMs.p50,
  p95Ms: run.latencyMs.p95,
  p99Ms: run.latencyMs.p99,
  senderLimited: run.sender?.limited ?? true
})

const progressOf = (
  { phase, ratePerS, durationMs }: ProbeStep,
  sending: Progress | null,
  probes: readonly LineProbe[],
  options: SearchOptions
): LineProgress => {
  const estimate = estimateLine(probes, options.promised)
  const budgetMs = estimate?.limitedBy === 'errors' ? options.errorBudgetMs : options.budgetMs
  const sentMs = Math.max(0, sending?.elapsedMs ?? 0)
  const leftMs = phase === 'hold' ? durationMs - sentMs : budgetMs - loadSpentMs(probes) - sentMs + options.holdMs
  return {
    phase,
    ratePerS,
    sending,
    estimatePerS: estimate?.fit.ratePerS ?? null,
    intervalPerS: estimate?.fit.interval ?? null,
    leftMs: Math.max(0, leftMs),
    probes
  }
}
