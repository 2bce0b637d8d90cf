import type { Kysely } from 'kysely'
import type { BudgetHistory } from '../contract/index.ts'
import type { Tables } from '../platform/database/tables.ts'
import type { ResolvedObjective } from '../plan/objective.ts'
import type { SliceStore } from '../signals/store.ts'
import { widthFor } from '../signals/store/widths.rules.ts'
import { RunningSums, pointOf, revisionAt } from './history.rules.ts'
import { promiseOf } from './objective-in-force.ts'
import type { SteppedRange } from '../signals/range.rules.ts'
import { revisionsOf, type Revision } from './revisions.ts'
import { judgeSlice, judgeable, selects, sliceVerdict } from './selection.rules.ts'
import { spanAt } from './window.rules.ts'
import { instant } from './words.rules.ts'

export interface HistoryDeps {
  readonly db: Kysely<Tables>
  readonly store: Pick<SliceStore, 'eachStep' | 'retention'>
  readonly nowMs: number
}

/** What lies before the range is added up in steps of this; a rolling window's far edge is exact to one. */
const lookBackStepsMs = [3_600_000, 60_000] as const

/** Budget and burn over time, each point judged by the revision that was in force then. */
export const historyOf = async (
  objective: ResolvedObjective,
  wanted: SteppedRange,
  { db, store, nowMs }: HistoryDeps
): Promise<BudgetHistory> => {
  const range = wholeSlices(wanted, objective)
  const revisions = await revisionsOf(db, objective.service, objective.name)
  const reading = { store, nowMs, range, revisions }
  const sumsByPromise = new Map<string, Promise<RunningSums>>()
  const columns: Pick<BudgetHistory, 'total' | 'bad' | 'remainingRatio' | 'burnRate'> = {
    total: [],
    bad: [],
    remainingRatio: [],
    burnRate: []
  }
  for (let fromMs = range.fromMs; fromMs < range.toMs; fromMs += range.stepMs) {
    const promised = revisionAt(revisions, fromMs)?.objective ?? objective
    const key = promiseOf(promised)
    if (!sumsByPromise.has(key)) sumsByPromise.set(key, readSums(promised, reading))
    const point = pointOf(await sumsByPromise.get(key)!, { fromMs, toMs: fromMs + range.stepMs }, promised)
    columns.total.push(point.total)
    columns.bad.push(point.bad)
    columns.remainingRatio.push(fromMs > nowMs ? null : point.remainingRatio)
    columns.burnRate.push(point.burnRate)
  }
  const { fromMs, toMs, stepMs } = range
  return {
    fromAt: instant(fromMs),
    toAt: instant(toMs),
    stepMs,
    ...columns,
    revisions: revisions
      .filter((revision) => revision.fromMs < toMs && (revision.toMs ?? Infinity) > fromMs)
      .map(toWire)
  }
}

const toWire = ({ number, objective, fromMs, toMs }: Revision): BudgetHistory['revisions'][number] => ({
  number,
  fromAt: instant(fromMs),
  toAt: toMs === null ? null : instant(toMs),
  targetRatio: objective.targetRatio,
  thresholdMs: objective.thresholdMs
})

interface Reading {
  readonly store: HistoryDeps['store']
  readonly nowMs: number
  readonly range: SteppedRange
  readonly revisions: readonly Revision[]
}

/** A step never cuts a slice of time. */
const wholeSlices = (range: SteppedRange, { budgeting }: ResolvedObjective): SteppedRange => {
  if (budgeting.kind === 'requests') return range
  const stepMs = Math.ceil(range.stepMs / budgeting.sliceMs) * budgeting.sliceMs
  return { fromMs: floor(range.fromMs, stepMs), toMs: Math.ceil(range.toMs / stepMs) * stepMs, stepMs }
}

/** Counts from the beginning of the first point's window to the end of the range. */
const readSums = async (objective: ResolvedObjective, reading: Reading): Promise<RunningSums> => {
  const { nowMs, range } = reading
  const { window } = objective
  const firstEndMs = range.fromMs + range.stepMs
  const wantedMs = window.kind === 'rolling' ? firstEndMs - window.durationMs : spanAt(window, firstEndMs - 1).fromMs
  const sums = new RunningSums()
  if (wantedMs < range.fromMs) await readLookBack(objective, wantedMs, reading, sums)
  await readSteps(objective, { ...range, toMs: Math.min(range.toMs, nextStep(nowMs, range)) }, reading, sums)
  return sums
}

/** In hours where the window begins with one, else in minutes; from the next whole one before the range, in its own steps. */
const readLookBack = async (
  objective: ResolvedObjective,
  wantedMs: number,
  reading: Reading,
  sums: RunningSums
): Promise<void> => {
  const { store, nowMs, range } = reading
  const isCalendar = objective.window.kind === 'calendar'
  const fits = (stepMs: number): boolean => !isCalendar || wantedMs % stepMs === 0
  const stepMs =
    lookBackStepsMs.find(
      (step) => fits(step) && widthFor(floor(wantedMs, step), step, nowMs, store.retention) !== null
    ) ?? lookBackStepsMs[0]
  const joinMs = floor(range.fromMs, stepMs)
  await readSteps(objective, { fromMs: floor(wantedMs, stepMs), toMs: joinMs, stepMs }, reading, sums)
  if (joinMs < range.fromMs) {
    await readSteps(
      objective,
      { fromMs: joinMs, toMs: range.fromMs, stepMs: range.stepMs < 60_000 ? 10_000 : 60_000 },
      reading,
      sums
    )
  }
}

const readSteps = async (
  objective: ResolvedObjective,
  range: SteppedRange,
  { store, revisions }: Reading,
  sums: RunningSums
): Promise<void> => {
  if (range.toMs <= range.fromMs) return
  const { budgeting, service, indicator } = objective
  const sliceMs = budgeting.kind === 'timeSlices' ? budgeting.sliceMs : range.stepMs
  const countedSinceMs =
    revisions.find((revision) => revision.objective.thresholdMs === objective.thresholdMs)?.fromMs ?? 0
  const open = { untilMs: range.fromMs + range.stepMs, total: 0, bad: 0 }
  const closeUntil = (ms: number): void => {
    for (; open.untilMs <= ms; open.untilMs += range.stepMs) {
      if (open.total > 0) sums.add(open.untilMs, open)
      open.total = 0
      open.bad = 0
    }
  }
  await store.eachStep(
    {
      service,
      fromMs: range.fromMs,
      toMs: range.toMs,
      stepMs: sliceMs,
      latency: indicator === 'latency' && range.fromMs < countedSinceMs, // older counts may know other thresholds only
      streams: (stream) => selects(objective, stream)
    },
    (startMs, counts) => {
      closeUntil(startMs)
      const events = judgeSlice(objective, judgeable(counts))
      const tally = budgeting.kind === 'requests' ? events : sliceVerdict(events, budgeting.sliceTargetRatio)
      open.total += tally.total
      open.bad += tally.bad
    }
  )
  closeUntil(range.toMs)
}

const floor = (atMs: number, stepMs: number): number => Math.floor(atMs / stepMs) * stepMs

const nextStep = (nowMs: number, { stepMs }: SteppedRange): number => Math.ceil(nowMs / stepMs) * stepMs
