import { Histogram } from '../../signals/histogram.ts'
import type { StoredSlice } from '../../signals/store/scan.ts'
import type { Tally } from '../burn.rules.ts'
import { objectiveKey, promiseOf, type ObjectiveInForce } from '../objective-in-force.ts'
import { judgeSlice, type Judgeable } from '../selection.rules.ts'
import { tiersFor, type Tier } from '../tiers.rules.ts'
import { longestMs, nominalMs } from '../window.rules.ts'
import { Bank } from './bank.ts'
import { layoutFor } from './layout.rules.ts'
import { TimeSlices } from './time-slices.ts'

/** The counts of one objective: a column of a bank, and what does not fit into one. */
export interface Series {
  objective: ObjectiveInForce
  readonly tiers: readonly Tier[]
  readonly bank: Bank
  readonly column: number
  readonly slices: TimeSlices | null
  /** Events since the last tick of the slow-burn detector, late ones included. */
  sinceTick: { total: number; bad: number }
  /** Start of the oldest and of the newest slice with events, Unix time in milliseconds. */
  firstMs: number | null
  newestMs: number | null
  /** Events judged by the histogram because their threshold is younger than they are. */
  estimated: number
  /** While history is read: every slice that starts before this has been. Null when it has all been read. */
  reachedMs: number | null
}

/**
 * Series for the objectives of a plan, in their order. A bank whose objectives all promise what they
 * did is kept as it is; elsewhere counts of unchanged promises are taken over. The others are new:
 * their history has to be read.
 */
export const openSeries = (
  objectives: readonly ObjectiveInForce[],
  before: readonly Series[],
  nowMs: number
): Series[] => {
  const known = new Map(before.map((series) => [objectiveKey(series.objective), series]))
  const opened = new Map<string, Series>()
  for (const members of Map.groupBy(objectives, bankKey).values()) {
    for (const series of keepBank(members, known) ?? newBank(members, known, nowMs)) {
      opened.set(objectiveKey(series.objective), series)
    }
  }
  return objectives.map((objective) => opened.get(objectiveKey(objective))!)
}

/**
 * Counts the events of a slice.
 *
 * @returns what they are to the objective
 */
export const countSlice = (series: Series, startMs: number, slice: Judgeable): Tally => {
  const tally = judgeSlice(series.objective, slice)
  if (tally.total === 0) return tally
  series.firstMs = Math.min(series.firstMs ?? startMs, startMs)
  series.newestMs = Math.max(series.newestMs ?? startMs, startMs)
  series.estimated += tally.estimated
  if (series.slices) series.slices.add(startMs, tally)
  else series.bank.add(series.column, startMs, tally)
  return tally
}

/** Lets the slow-burn detector see events with its next tick. */
export const noteForTick = ({ sinceTick }: Series, { total, bad }: Tally): void => {
  sinceTick.total += total
  sinceTick.bad += bad
}

export const judgeableStored = (slice: StoredSlice): Judgeable => ({
  total: slice.total,
  status5xx: slice.status5xx,
  slowerThan: (thresholdMs) => slice.slowerThan(thresholdMs),
  estimateSlower: (thresholdMs) =>
    slice.row.latency ? Histogram.decode(slice.row.latency).countAbove(thresholdMs * 1_000) : null
})

/** Objectives share a bank when their windows, and those of their tiers, are the same. */
const bankKey = ({ window, targetRatio }: ObjectiveInForce): string =>
  JSON.stringify([window, tiersFor(nominalMs(window), targetRatio).map(({ longMs }) => longMs)])

/** The series of a bank that holds exactly these promises and nothing else; null: there is none. */
const keepBank = (members: readonly ObjectiveInForce[], known: ReadonlyMap<string, Series>): Series[] | null => {
  const kept = members.flatMap((objective) => known.get(objectiveKey(objective)) ?? [])
  const bank = kept[0]?.bank
  if (!bank || kept.length !== members.length || bank.columns !== members.length) return null
  if (!kept.every((series, i) => series.bank === bank && isSame(series, members[i]!))) return null
  for (const [i, series] of kept.entries()) series.objective = members[i]! // titles may have changed
  return kept
}

const newBank = (members: readonly ObjectiveInForce[], known: ReadonlyMap<string, Series>, nowMs: number): Series[] => {
  const { window, targetRatio } = members[0]!
  const layout = layoutFor(longestMs(window), tiersFor(nominalMs(window), targetRatio))
  const bank = new Bank(layout, window, members.length, nowMs)
  return members.map((objective, column) => {
    const series = newSeries(bank, column, objective, nowMs)
    const before = known.get(objectiveKey(objective))
    if (before && isSame(before, objective)) takeOver(series, before)
    return series
  })
}

/** Whether the counts of a series are complete and those of this promise. */
const isSame = (series: Series, objective: ObjectiveInForce): boolean =>
  series.reachedMs === null && promiseOf(series.objective) === promiseOf(objective)

const newSeries = (bank: Bank, column: number, objective: ObjectiveInForce, nowMs: number): Series => {
  const { budgeting, window, targetRatio } = objective
  const emit = (startMs: number, change: Tally): void => {
    bank.add(column, startMs, change)
    if (series.reachedMs === null && change.total > 0) noteForTick(series, change)
  }
  const isSliced = budgeting.kind === 'timeSlices'
  const series: Series = {
    objective,
    tiers: tiersFor(nominalMs(window), targetRatio),
    bank,
    column,
    slices: isSliced ? new TimeSlices({ ...budgeting, spanMs: longestMs(window), nowMs, emit }) : null,
    sinceTick: { total: 0, bad: 0 },
    firstMs: null,
    newestMs: null,
    estimated: 0,
    reachedMs: -Infinity
  }
  return series
}

const takeOver = (series: Series, before: Series): void => {
  if (series.slices !== null) return // slices of time are read again: they know their own bank only
  series.bank.copyColumn(series.column, before.bank, before.column)
  series.sinceTick = before.sinceTick
  series.firstMs = before.firstMs
  series.newestMs = before.newestMs
  series.estimated = before.estimated
  series.reachedMs = null
}
