import type { PerfCheck } from '../report.ts'
import type { Names, Side } from './measures.rules.ts'
import type { LeftOut, Pair, RoundPlan } from './rounds.ts'

/** What a comparison sends, and when it is decided. */
export interface ComparePlan extends Omit<RoundPlan, 'ratePerS' | 'arrivals'> {
  /** Null: a share of what base carries. */
  readonly ratePerS: number | null
  readonly marginRatio: number
  readonly maxRounds: number
  readonly seed: number
}

export interface CompareWatch {
  readonly signal: AbortSignal
  /** Starts both versions anew; absent: they are what they are. */
  readonly renew?: () => Promise<Pair>
  readonly onRound: (text: string) => void
}

/** What a comparison came to. */
export interface Compared {
  readonly checks: readonly PerfCheck[]
  readonly rounds: readonly { readonly first: Names; readonly base: Side | null; readonly head: Side }[]
  readonly leftOut: readonly LeftOut[]
  readonly ratePerS: number | null
}
