import type { Reason } from '../../../api/src/contract/primitives.ts'
import { LoadSession, type LoadOrder, type LoadSubject } from '../../../api/src/load/run/load.ts'
import type { Progress } from '../../../api/src/load/sender/plan.ts'
import { isCodedError } from '../../../api/src/platform/errors.ts'
import { perSecond } from '../cli/format.rules.ts'
import { excuseBusyMachine } from './busy-machine.rules.ts'
import type { PerfCheck } from './report.ts'

/** What the gate sends. */
export interface GatePlan {
  readonly ratePerS: number
  readonly durationMs: number
  /** Load before each part that is not counted, milliseconds. */
  readonly warmUpMs: number
  readonly saturationMs: number
  readonly connections: number
}

export interface GateWatch {
  readonly signal: AbortSignal
  readonly onProgress: (name: string, progress: Progress, durationMs: number) => void
}

/**
 * Asks a server whether its promise holds at the stated rate, and whether it still does when as many
 * requests come as a few connections carry. What cannot be measured is an answer as well.
 */
export async function checkServer(subject: LoadSubject, plan: GatePlan, watch: GateWatch): Promise<PerfCheck[]> {
  const parts = partsOf(plan)
  let session: LoadSession
  try {
    session = await LoadSession.open(subject, watch.signal)
  } catch (error) {
    return parts.map(({ name }) => unmeasured(name, reasonOf(error, watch.signal)))
  }
  try {
    const checks: PerfCheck[] = []
    for (const { name, order } of parts) checks.push(await checkPart(session, name, order, watch))
    return excuseBusyMachine(checks)
  } finally {
    await session.close()
  }
}

const partsOf = (plan: GatePlan): { name: string; order: LoadOrder }[] => [
  {
    name: `promise at ${perSecond(plan.ratePerS)}`,
    order: {
      kind: 'paced',
      ratePerS: plan.ratePerS,
      arrivals: 'poisson', // as users come
      jitterRatio: 0,
      durationMs: plan.durationMs,
      warmUpMs: plan.warmUpMs,
      connections: null
    }
  },
  {
    name: `saturation by ${plan.connections} connections`,
    order: {
      kind: 'saturation',
      durationMs: plan.saturationMs,
      warmUpMs: Math.min(plan.warmUpMs, 2_000), // it is warm from the part before
      connections: plan.connections,
      pipelining: 1
    }
  }
]

async function checkPart(session: LoadSession, name: string, order: LoadOrder, watch: GateWatch): Promise<PerfCheck> {
  const { signal } = watch
  if (signal.aborted) return unmeasured(name, interrupted)
  try {
    const onProgress = (progress: Progress): void => watch.onProgress(name, progress, order.durationMs)
    const run = await session.run(order, { signal, onProgress })
    return { name, state: run.state, reasons: run.reasons, durationMs: run.durationMs, run }
  } catch (error) {
    return unmeasured(name, reasonOf(error, signal))
  }
}

/** A check that has no run. */
export const unmeasured = (name: string, reason: Reason): PerfCheck => ({
  name,
  state: 'could_not_measure',
  reasons: [reason],
  durationMs: 0,
  run: null
})

const interrupted: Reason = { code: 'partial', text: 'it was ended before its time', next: 'let it run to its end' }

/** @throws what is neither an interruption nor told with a code: a mistake of this program */
export const reasonOf = (error: unknown, signal: AbortSignal): Reason => {
  if (signal.aborted) return interrupted
  const coded = error instanceof Error && 'code' in error && String(error.code).startsWith('PLIMSOLL_')
  if (!coded) throw error
  const { code, hint } = error as Error & { code: string; hint?: string }
  const title = isCodedError(error) ? `${error.title}: ` : ''
  return {
    code: code.replace(/^PLIMSOLL_/, '').toLowerCase(),
    text: `${title}${error.message}`,
    ...(hint !== undefined && { next: hint })
  }
}
