import type { AnalysisRecord } from './record.ts'
import { nextBatch, slotMs, type ArmsSource, type Arms } from './arms.ts'
import { CanaryJudge, type Verdict } from './rules/judge.rules.ts'
import type { KeptBatch } from './store.ts'

/** A gap in the batches longer than this is told: nobody watched then. */
export const gapMs = 30_000

/**
 * One analysis under way: which seconds come next, and the judge. Made anew from its record and its
 * kept batches, it goes on where it was; seconds nobody counted meanwhile are left out, which takes
 * evidence away and adds none.
 */
export class Analysis {
  readonly record: AnalysisRecord
  readonly judge: CanaryJudge
  readonly arms: Arms
  #sequence = 0
  #fromMs: number
  #tailsFromMs: number

  constructor(record: AnalysisRecord, arms: Arms, batches: readonly KeptBatch[]) {
    this.record = record
    this.arms = arms
    this.judge = new CanaryJudge(record.policy)
    const beginMs = record.startedMs + record.warmUpMs
    this.#fromMs = Math.ceil(beginMs / 1_000) * 1_000
    for (const batch of batches) this.#take(batch)
    this.#tailsFromMs = Math.ceil(this.#fromMs / slotMs) * slotMs
  }

  /** The next batch, when its seconds are settled; it counts once {@link Analysis.add} has it. */
  next(recent: ArmsSource, settledMs: number): Next | null {
    const found = nextBatch(recent, this.arms, {
      fromMs: this.#fromMs,
      settledMs,
      tailsFromMs: this.#tailsFromMs,
      slowdown: this.record.policy.toleratedSlowdown
    })
    return found && { ...found, sequence: this.#sequence }
  }

  /** Takes in a batch that was kept. */
  add(batch: KeptBatch, tailsToMs: number): Verdict {
    this.#take(batch)
    this.#tailsFromMs = tailsToMs
    return this.judge.verdict
  }

  /** Leaves out what is too far in the past to be counted still. @returns ms left out */
  skipTo(oldestMs: number): number {
    const skippedMs = Math.max(0, oldestMs - this.#fromMs)
    if (skippedMs === 0) return 0
    this.#fromMs = Math.ceil(oldestMs / 1_000) * 1_000
    this.#tailsFromMs = Math.max(this.#tailsFromMs, Math.ceil(oldestMs / slotMs) * slotMs)
    return skippedMs
  }

  #take(batch: KeptBatch): void {
    this.judge.add(batch, { paged: batch.paged })
    this.#fromMs = batch.toMs
    this.#sequence += 1
  }
}

export interface Next extends NonNullable<ReturnType<typeof nextBatch>> {
  readonly sequence: number
}
