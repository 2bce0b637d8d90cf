import type { LoadRun, Machine } from '../../../../api/src/contract/load.ts'
import { Failure } from '../../cli/failure.ts'
import { goodPerS } from './measures.rules.ts'

/** A run that others may be compared with: what it measured, and between which ends the truth lies. */
export interface Reference {
  readonly run: LoadRun
  readonly measure: 'p95' | 'capacity'
  readonly value: number
  readonly low: number
  /** Null: its requests were too few to bound it. */
  readonly high: number | null
}

const noBaseline = (what: string): Failure =>
  new Failure('PLIMSOLL_NO_BASELINE', what, {
    hint: 'pin a run that passed: plimsoll perf gate --json gate.json, then plimsoll perf pin gate.json'
  })

/**
 * A run as a reference.
 *
 * @throws PLIMSOLL_NO_BASELINE for a run that failed, was ended early, shows too little or is another tool's
 */
export const asReference = (run: LoadRun): Reference => {
  if (run.kind === 'imported') throw noBaseline(`the run ${run.id} is ${run.tool}'s: its load cannot be repeated here`)
  if (run.partial) throw noBaseline(`the run ${run.id} was ended before its time`)
  if (run.state !== 'pass') {
    throw noBaseline(`the run ${run.id} did not pass (${run.state}): ${run.reasons[0]?.text ?? 'no reason is given'}`)
  }
  if (run.machine === null) throw noBaseline(`the run ${run.id} does not say on which machine it was made`)
  if (run.kind === 'saturation') {
    const value = goodPerS(run)
    return { run, measure: 'capacity', value, low: value, high: value }
  }
  const { p95 } = run.latencyMs
  if (p95 === null) throw noBaseline(`the run ${run.id} has no p95`)
  const [low, high] = run.intervalsMs.p95 ?? [p95, null]
  return { run, measure: 'p95', value: p95, low, high }
}

/** @throws PLIMSOLL_MACHINE_DIFFERS when the reference was made on a machine of another kind */
export const sameMachine = ({ run }: Reference, here: Machine): void => {
  const there = run.machine
  if (there?.fingerprint === here.fingerprint) return
  const say = (machine: Machine): string =>
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.platform}, Node ${machine.node}`
  throw new Failure(
    'PLIMSOLL_MACHINE_DIFFERS',
    `the reference was measured on another machine (${there ? say(there) : 'unknown'}), this is ${say(here)}`,
    { hint: 'compare two commits here (--base REF), or pin a run of this machine: plimsoll perf pin' }
  )
}

/**
 * The run in a document: a run as `load run` writes it, or the paced run of what `perf gate` writes.
 *
 * @throws PLIMSOLL_NO_BASELINE when it holds none
 */
export const runIn = (text: string, name: string): LoadRun => {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    throw noBaseline(`${name} is no JSON`)
  }
  const checks = (document as { checks?: unknown } | null)?.checks
  const candidates: unknown[] = Array.isArray(checks)
    ? checks.map((check: { run?: unknown } | null) => check?.run)
    : [document]
  const runs = candidates.filter(isRun)
  const found = runs.find(({ kind }) => kind === 'paced') ?? runs[0]
  if (!found) throw noBaseline(`${name} holds no run`)
  return found
}

const isRun = (value: unknown): value is LoadRun => {
  const run = value as Partial<LoadRun> | null
  return typeof run === 'object' && run !== null && typeof run.id === 'string' && typeof run.latencyMs === 'object'
}
