import type { Clock } from '../../platform/clock.ts'
import { Histogram } from '../../signals/histogram.ts'
import type { SliceDelta, Stream } from '../../signals/slice.ts'
import type { SliceStore } from '../../signals/store.ts'
import type { StoredSlice } from '../../signals/store/scan.ts'
import type { Tally } from '../burn.rules.ts'
import { objectiveKey, promiseOf, type ObjectiveInForce } from '../objective-in-force.ts'
import { judgeable, judgeSlice, selects, type Judgeable } from '../selection.rules.ts'
import { tiersFor, type Tier } from '../tiers.rules.ts'
import { longestMs, nominalMs } from '../window.rules.ts'
import { Bank } from './bank.ts'
import { layoutFor } from './layout.rules.ts'
import { historyTiles, type HistoryTile } from './load-plan.rules.ts'
import { TimeSlices } from './time-slices.ts'

/** The counts of one objective: a column of a bank, and what does not fit into one. */
export interface Series {
  readonly objective: ObjectiveInForce
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

export interface BookOptions {
  readonly clock: Clock
  readonly store: Pick<SliceStore, 'follow' | 'onCommitted' | 'oldestKeptMs'>
  /** Told of every commit's events, whether or not an objective counts them. */
  readonly onEvents?: (deltas: readonly SliceDelta[]) => void
}

/** Events this much ahead of the clock are still read from the store; sources refuse those further ahead. */
const aheadMs = 24 * 3_600_000

/**
 * The counts of every objective, kept up to date by what sources commit. Reading the store happens
 * when an objective is new, never while judging.
 */
export class SeriesBook {
  readonly #options: BookOptions
  readonly #stop: () => void
  #all: Series[] = []
  #byService = new Map<string, Series[]>()
  #banks = new Map<string, Bank>()
  #loading: Promise<void> = Promise.resolve()
  #generation = 0

  constructor(options: BookOptions) {
    this.#options = options
    this.#stop = options.store.onCommitted((deltas) => this.#add(deltas))
  }

  close(): void {
    this.#stop()
    this.#generation++
  }

  get banks(): readonly Bank[] {
    return [...this.#banks.values()]
  }

  get all(): readonly Series[] {
    return this.#all
  }

  of(service: string): readonly Series[] {
    return this.#byService.get(service) ?? []
  }

  find(service: string, name: string): Series | undefined {
    return this.of(service).find(({ objective }) => objective.name === name)
  }

  /** Resolves when all history that was asked for has been read. */
  get loaded(): Promise<void> {
    return this.#loading
  }

  /** Moves the present on. */
  advance(nowMs: number): void {
    for (const bank of this.#banks.values()) bank.advance(nowMs)
    for (const { slices } of this.#all) slices?.advance(nowMs)
  }

  /**
   * Takes the objectives of a plan. Those whose promise is unchanged keep their counts; the history
   * of the others is read from the store, a service at a time, while events go on being counted.
   *
   * @param forget - also the counts of unchanged ones, e.g. after the wall clock was set
   */
  take(objectives: readonly ObjectiveInForce[], forget = false): Promise<void> {
    const nowMs = this.#options.clock.nowMs()
    if (!forget) this.advance(nowMs)
    const known = new Map(forget ? [] : this.#all.map((series) => [objectiveKey(series.objective), series]))
    const generation = ++this.#generation
    this.#banks = banksFor(objectives, nowMs)
    const free = new Map<Bank, number>()
    this.#all = objectives.map((objective) => {
      const bank = this.#banks.get(bankKey(objective))!
      const column = free.get(bank) ?? 0
      free.set(bank, column + 1)
      const series = seriesIn(bank, column, objective, nowMs)
      const before = known.get(objectiveKey(objective))
      if (before && before.reachedMs === null && promiseOf(before.objective) === promiseOf(objective))
        keep(series, before)
      return series
    })
    this.#byService = Map.groupBy(this.#all, ({ objective }) => objective.service)
    this.#loading = this.#load(generation, nowMs)
    return this.#loading
  }

  async #load(generation: number, nowMs: number): Promise<void> {
    for (const [service, all] of this.#byService) {
      const fresh = all.filter((series) => series.reachedMs !== null)
      if (fresh.length === 0) continue
      for (const tile of this.#tiles(fresh, nowMs)) {
        if (generation !== this.#generation) return
        await this.#read(service, fresh, tile, generation)
      }
      if (generation === this.#generation) for (const series of fresh) series.reachedMs = null
    }
  }

  #tiles(fresh: readonly Series[], nowMs: number): HistoryTile[] {
    const { store } = this.#options
    const spans = fresh.map(({ bank }) =>
      bank.layout.rings.map(({ widthMs, slots }) => ({ widthMs, spanMs: widthMs * slots }))
    )
    const finest = (belowMs: number): number =>
      Math.max(...spans.flat().map(({ widthMs, spanMs }) => (widthMs < belowMs ? spanMs : 0)))
    const sliced = fresh.some(({ slices }) => slices !== null)
    const fromMs = Math.min(...fresh.map(({ bank }) => bank.span.fromMs))
    return historyTiles({
      fromMs,
      toMs: nowMs + aheadMs,
      minutesFromMs: sliced ? fromMs : nowMs - finest(3_600_000),
      tenSecondsFromMs: nowMs - finest(60_000),
      minutesKeptMs: store.oldestKeptMs(60_000),
      tenSecondsKeptMs: store.oldestKeptMs(10_000)
    })
  }

  async #read(service: string, fresh: readonly Series[], tile: HistoryTile, generation: number): Promise<void> {
    const estimates = fresh.some(
      ({ objective }) => objective.thresholdMs !== null && objective.thresholdSinceMs > tile.fromMs
    )
    const range = {
      service,
      ...tile,
      latency: estimates,
      streams: (stream: Stream) => fresh.some(({ objective }) => selects(objective, stream))
    }
    await this.#options.store.follow(
      range,
      (slice) => {
        if (generation !== this.#generation) return
        for (const series of fresh) {
          if (tile.widthMs > (series.slices?.sliceMs ?? Infinity)) continue // too coarse to judge its slices
          if (selects(series.objective, slice.stream)) count(series, slice.startMs, judgeableSlice(slice))
        }
      },
      (reachedMs) => {
        if (generation === this.#generation) for (const series of fresh) series.reachedMs = reachedMs
      }
    )
  }

  #add(deltas: readonly SliceDelta[]): void {
    const nowMs = this.#options.clock.nowMs()
    for (const { stream, startMs, counts } of deltas) {
      for (const series of this.of(stream.service)) {
        if (series.reachedMs !== null && startMs >= series.reachedMs) continue // will be read
        if (!selects(series.objective, stream)) continue
        const tally = count(series, startMs, judgeable(counts))
        if (series.slices === null && nowMs - startMs <= recentMs) noteForTick(series, tally)
      }
    }
    this.#options.onEvents?.(deltas)
  }
}

/** Older events are history: they change budgets, not the present. Sources count them in slices of a minute. */
const recentMs = 15 * 60_000

const bankKey = (objective: ObjectiveInForce): string =>
  JSON.stringify([
    objective.window,
    tiersFor(nominalMs(objective.window), objective.targetRatio).map((tier) => tier.longMs)
  ])

const banksFor = (objectives: readonly ObjectiveInForce[], nowMs: number): Map<string, Bank> => {
  const groups = Map.groupBy(objectives, bankKey)
  return new Map(
    [...groups].map(([key, members]) => {
      const { window, targetRatio } = members[0]!
      const layout = layoutFor(longestMs(window), tiersFor(nominalMs(window), targetRatio))
      return [key, new Bank(layout, window, members.length, nowMs)]
    })
  )
}

const seriesIn = (bank: Bank, column: number, objective: ObjectiveInForce, nowMs: number): Series => {
  const { budgeting, window, targetRatio } = objective
  const tiers = tiersFor(nominalMs(window), targetRatio)
  const series: Series = {
    objective,
    tiers,
    bank,
    column,
    slices:
      budgeting.kind === 'timeSlices' ? new TimeSlices({ ...budgeting, spanMs: longestMs(window), nowMs, emit }) : null,
    sinceTick: { total: 0, bad: 0 },
    firstMs: null,
    newestMs: null,
    estimated: 0,
    reachedMs: -Infinity
  }
  function emit(startMs: number, change: Tally): void {
    bank.add(column, startMs, change)
    if (series.reachedMs === null && change.total > 0) noteForTick(series, change)
  }
  return series
}

const noteForTick = ({ sinceTick }: Series, { total, bad }: Tally): void => {
  sinceTick.total += total
  sinceTick.bad += bad
}

/** Takes over the counts of the same promise under the plan before. */
const keep = (series: Series, before: Series): void => {
  if (series.slices !== null) return // its slices are read again: they know their own bank only
  series.bank.copyColumn(series.column, before.bank, before.column)
  series.sinceTick = before.sinceTick
  series.firstMs = before.firstMs
  series.newestMs = before.newestMs
  series.estimated = before.estimated
  series.reachedMs = null
}

const count = (series: Series, startMs: number, slice: Judgeable): Tally => {
  const tally = judgeSlice(series.objective, slice)
  if (tally.total === 0) return tally
  series.firstMs = Math.min(series.firstMs ?? startMs, startMs)
  series.newestMs = Math.max(series.newestMs ?? startMs, startMs)
  series.estimated += tally.estimated
  if (series.slices) series.slices.add(startMs, tally)
  else series.bank.add(series.column, startMs, tally)
  return tally
}

const judgeableSlice = (slice: StoredSlice): Judgeable => ({
  total: slice.total,
  status5xx: slice.status5xx,
  slowerThan: (thresholdMs) => slice.slowerThan(thresholdMs),
  estimateSlower: (thresholdMs) =>
    slice.row.latency ? Histogram.decode(slice.row.latency).countAbove(thresholdMs * 1_000) : null
})
