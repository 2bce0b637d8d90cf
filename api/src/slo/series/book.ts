import type { Clock } from '../../platform/clock.ts'
import type { SliceDelta, Stream } from '../../signals/slice.ts'
import type { SliceStore } from '../../signals/store.ts'
import type { ObjectiveInForce } from '../objective-in-force.ts'
import { judgeable, selects } from '../selection.rules.ts'
import type { Bank } from './bank.ts'
import { historyTiles, type HistoryTile } from './load-plan.rules.ts'
import { countSlice, judgeableStored, noteForTick, openSeries, type Series } from './series.ts'

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
  #banks = new Set<Bank>()
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
    return [...this.#banks]
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
    for (const bank of this.#banks) bank.advance(nowMs)
    for (const { slices } of this.#all) slices?.advance(nowMs)
  }

  /**
   * Takes the objectives of a plan. Those whose promise is unchanged keep their counts; the history
   * of the others is read from the store, a service at a time, while events go on being counted.
   * Fails when the store does; take them again then, forgetting.
   *
   * @param forget - also the counts of unchanged ones, e.g. after the wall clock was set
   */
  take(objectives: readonly ObjectiveInForce[], forget = false): Promise<void> {
    const nowMs = this.#options.clock.nowMs()
    if (!forget) this.advance(nowMs)
    const generation = ++this.#generation
    this.#all = openSeries(objectives, forget ? [] : this.#all, nowMs)
    this.#banks = new Set(this.#all.map(({ bank }) => bank))
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
          if (selects(series.objective, slice.stream)) countSlice(series, slice.startMs, judgeableStored(slice))
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
        const tally = countSlice(series, startMs, judgeable(counts))
        if (series.slices === null && nowMs - startMs <= recentMs) noteForTick(series, tally)
      }
    }
    this.#options.onEvents?.(deltas)
  }
}

/** Older events are history: they change budgets, not the present. Sources count them in slices of a minute. */
const recentMs = 15 * 60_000
