import type { ResolvedService } from '../../plan/model.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Leadership } from '../../platform/lease.ts'
import type { Deployment } from '../../platform/nomad/model.ts'
import { dispersion } from '../../slo/statistics/evidence.rules.ts'
import { Analysis, gapMs } from './analysis.ts'
import { countsOf, type ArmsSource } from './arms.ts'
import type { ReleaseKeeper } from './keeper.ts'
import { policyOf } from './policy-of.rules.ts'
import { endedStates, type AnalysisRecord, type Happening, type ReleaseRecord } from './record.ts'

export interface AnalysesOptions {
  readonly keeper: ReleaseKeeper
  readonly clock: Clock
  readonly lease: Leadership
  readonly recent: ArmsSource
  /** How long after a second its counts are there, ms. */
  readonly settleMs: number
  /** Whether a page about the service is open. */
  readonly isPaged: (service: string) => Promise<boolean>
}

/** Seconds are kept this long; see `Recent`. */
const keptMs = 840_000

/** The analyses under way, each rebuilt from its kept batches when it is first asked for. */
export class Analyses {
  readonly #options: AnalysesOptions
  readonly #underWay = new Map<string, Analysis>()
  /** What came of those that are decided and acted upon. */
  readonly #decided = new Map<string, string>()

  constructor(options: AnalysesOptions) {
    this.#options = options
  }

  /** What an analysis is begun with: the policy of the plan, and how failures of the baseline come. */
  begin(
    { name, release, objectives }: ResolvedService,
    baseline: string,
    deployment: Deployment | null = null
  ): AnalysisRecord {
    const { recent, clock } = this.#options
    const nowMs = clock.nowMs()
    const groups = deployment?.groups ?? []
    return {
      startedMs: nowMs,
      warmUpMs: release!.warmUpMs,
      baseline,
      policy: policyOf(release!, objectives, dispersion(failuresBySecond(recent, name, baseline, nowMs))),
      allocations: {
        canary: deployment && groups.reduce((sum, { canaries }) => sum + canaries.length, 0),
        baseline: deployment && groups.reduce((sum, { wanted }) => sum + wanted, 0)
      }
    }
  }

  /** As far as it is judged; null: the release has none. */
  async of({ id, service, version, state, analysis }: ReleaseRecord): Promise<Analysis | null> {
    if (analysis === null) return null
    const { keeper, lease } = this.#options
    const known = lease.isLeader ? this.#underWay.get(id) : undefined
    if (known) return known
    const arms = { service, canary: version, baseline: analysis.baseline }
    const made = new Analysis(analysis, arms, await keeper.store.batches(id))
    if (lease.isLeader && !endedStates.has(state)) this.#underWay.set(id, made)
    return made
  }

  /**
   * Judges the seconds that are settled since the last time.
   *
   * @returns the analysis when it is decided and {@link Analyses.close} was not called since this
   *   process leads: it may have been killed after the last batch was kept, and before anything was done
   */
  async judge(release: ReleaseRecord): Promise<Analysis | null> {
    const { keeper, clock, recent, settleMs, isPaged, lease } = this.#options
    const analysis = await this.of(release)
    if (!analysis || this.#decided.has(release.id)) return null
    if (analysis.judge.decided) return analysis
    const settledMs = Math.floor((clock.nowMs() - settleMs) / 1_000) * 1_000
    const skippedMs = analysis.skipTo(settledMs - keptMs)
    if (skippedMs > gapMs) await keeper.save(release, [gap(settledMs, skippedMs)], release)
    for (;;) {
      const next = analysis.next(recent, settledMs)
      if (next === null) return null
      const batch = { ...next.batch, paged: await isPaged(release.service) }
      await lease.act((transaction) => keeper.store.addBatch(release.id, next.sequence, batch, transaction))
      analysis.add(batch, next.tailsToMs)
      if (analysis.judge.decided) return analysis
    }
  }

  /** Notes that what a decided analysis leads to is written. */
  close(id: string, sentence: string): void {
    this.#decided.set(id, sentence)
  }

  /** How a decided analysis that is acted upon ended, in a sentence; null: it is not, or not by this process. */
  sentence(id: string): string | null {
    return this.#decided.get(id) ?? null
  }

  /** Lets go of an analysis that has ended; without an id, of all. */
  forget(id?: string): void {
    for (const kept of [this.#underWay, this.#decided]) {
      if (id === undefined) kept.clear()
      else kept.delete(id)
    }
  }

  /** Makes an analysis anew from its kept batches the next time: they may be another leader's. */
  rebuild(id: string): void {
    this.#underWay.delete(id)
  }
}

const gap = (atMs: number, skippedMs: number): Happening => ({
  key: `gap-${atMs}`,
  atMs,
  kind: 'note',
  text: `${Math.round(skippedMs / 1_000)} s were not watched`
})

/** Failures of a version in each of the last seconds that are kept. */
const failuresBySecond = (recent: ArmsSource, service: string, release: string, nowMs: number): number[] => {
  const lastMs = Math.floor(nowMs / 1_000) * 1_000
  return Array.from({ length: keptMs / 1_000 }, (_, i) => {
    const fromMs = lastMs - (i + 1) * 1_000
    return countsOf(recent, service, release, fromMs, fromMs + 1_000).bad
  })
}
