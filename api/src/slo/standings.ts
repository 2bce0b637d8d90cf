import type { State } from '../contract/index.ts'
import type { LiveHub } from '../platform/live.ts'
import { budgetOf } from './budget.rules.ts'
import { recentBurn } from './facts.ts'
import { stateOf, type JudgeInput } from './judge.rules.ts'
import type { Series } from './series/series.ts'
import { worstOf } from './states.rules.ts'

/** What a look found about an objective. */
export interface Standing {
  readonly state: State
  readonly remainingRatio: number | null
  readonly burnRate: number | null
}

type News = 'none' | 'numbers' | 'states'

/** Numbers that moved are published this often, states at once. */
const publishNumbersMs = 15_000

/** Remembers what the last look found, and publishes what has changed. */
export class Standings {
  readonly #live: Pick<LiveHub, 'publish'>
  readonly #found = new WeakMap<Series, Standing>()
  /** When a service was last published, and whether its numbers have moved since. */
  readonly #published = new Map<string, { readonly atMs: number; isOwing: boolean }>()

  constructor(live: Pick<LiveHub, 'publish'>) {
    this.#live = live
  }

  /** What the last look found about an objective; null: it was not there. */
  of(series: Series): Standing | null {
    return this.#found.get(series) ?? null
  }

  /** Judges the objectives of a service. */
  look(service: string, all: readonly Series[], factsOf: (series: Series) => JudgeInput, nowMs: number): void {
    let news: News = 'none'
    for (const series of all) {
      const before = this.#found.get(series)
      const now = standingOf(series, factsOf(series))
      this.#found.set(series, now)
      if (before?.state !== now.state) news = 'states'
      else if (news === 'none' && !isSame(before, now)) news = 'numbers'
    }
    this.#publish(service, all, news, nowMs)
  }

  #publish(service: string, all: readonly Series[], news: News, nowMs: number): void {
    const before = this.#published.get(service)
    const isOwing = before?.isOwing === true || news === 'numbers'
    if (news !== 'states' && !(isOwing && nowMs - (before?.atMs ?? 0) >= publishNumbersMs)) {
      if (before) before.isOwing = isOwing
      return
    }
    this.#published.set(service, { atMs: nowMs, isOwing: false })
    const objectives = all.map((series) => ({ name: series.objective.name, ...this.#found.get(series)! }))
    const left = objectives.map(({ remainingRatio }) => remainingRatio).filter((ratio) => ratio !== null)
    this.#live.publish('state', {
      service,
      state: worstOf(objectives.map(({ state }) => state)),
      remainingRatio: left.length === 0 ? null : Math.min(...left),
      objectives
    })
  }
}

const standingOf = (series: Series, facts: JudgeInput): Standing => ({
  state: series.reachedMs === null ? stateOf(facts) : 'could_not_measure',
  remainingRatio: budgetOf(facts.tally, series.objective.targetRatio).remainingRatio,
  burnRate: recentBurn(series)
})

const isSame = (a: Standing, b: Standing): boolean => a.remainingRatio === b.remainingRatio && a.burnRate === b.burnRate
