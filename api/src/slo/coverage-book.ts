import type { Kysely } from 'kysely'
import type { Tables } from '../platform/database/tables.ts'
import { leadsAlone, type Leadership } from '../platform/lease.ts'
import type { Origin } from '../plan/objective.ts'
import type { SliceDelta } from '../signals/slice.ts'
import { cover, coverageRatio, coveredMs, since, spokenFor, type Interval } from './coverage.rules.ts'

/** As long as hourly slices are. */
const keptMs = 400 * 86_400_000
/** A log that holds events this close to each other was being written all the while. */
const idleAtMostMs = 3_600_000

/** When we could know what happened, for every service and origin; saved, because slices cannot tell. */
export class CoverageBook {
  readonly #db: Kysely<Tables>
  readonly #lease: Pick<Leadership, 'act'>
  #known = new Map<string, { service: string; origin: Origin; intervals: readonly Interval[]; isDirty: boolean }>()

  /** @param lease - who may write it for all instances; whoever runs alone may */
  constructor(db: Kysely<Tables>, lease: Pick<Leadership, 'act'> = leadsAlone(db)) {
    this.#db = db
    this.#lease = lease
  }

  /** Adds what is stored to what is known here. */
  async load(): Promise<void> {
    const rows = await this.#db.selectFrom('coverage').selectAll().orderBy('from_ms').execute()
    for (const row of rows) {
      const entry = this.#entry(row.service, row.origin as Origin)
      entry.intervals = cover(entry.intervals, { fromMs: row.from_ms, toMs: row.to_ms })
    }
  }

  /**
   * Somebody was looking.
   *
   * @param joinMs - gaps before it that are closed, because the source remembers what happened meanwhile
   */
  mark(service: string, origin: Origin, interval: Interval, joinMs = 0): void {
    const entry = this.#entry(service, origin)
    entry.intervals = cover(entry.intervals, interval, joinMs)
    entry.isDirty = true
  }

  /** Events that were counted speak for the time around them, however late they come. */
  markEvents(deltas: readonly SliceDelta[]): void {
    const groups = Map.groupBy(deltas, ({ stream, widthMs }) => `${widthMs} ${stream.origin} ${stream.service}`)
    for (const group of groups.values()) {
      const { stream, widthMs } = group[0]!
      const starts = new Set(group.map(({ startMs }) => startMs))
      for (const interval of spokenFor(starts, widthMs, idleAtMostMs)) {
        this.mark(stream.service, stream.origin, interval, widthMs === 60_000 ? idleAtMostMs : 0)
      }
    }
  }

  /** Share of a stretch that is covered; see {@link coverageRatio}. */
  ratio(service: string, origin: Origin, fromMs: number, toMs: number): number | null {
    return coverageRatio(this.#intervals(service, origin), fromMs, toMs)
  }

  /** Covered part of a stretch, milliseconds. */
  coveredMs(service: string, origin: Origin, fromMs: number, toMs: number): number {
    return coveredMs(this.#intervals(service, origin), fromMs, toMs)
  }

  /** When somebody first and last looked; null: never. */
  reach(service: string, origin: Origin): Interval | null {
    const intervals = this.#intervals(service, origin)
    return intervals.length === 0 ? null : { fromMs: intervals[0]!.fromMs, toMs: intervals.at(-1)!.toMs }
  }

  /** Writes what has changed. */
  async save(nowMs: number): Promise<void> {
    const dirty = [...this.#known.values()].filter(({ isDirty }) => isDirty)
    if (dirty.length === 0) return
    for (const entry of dirty) {
      entry.isDirty = false
      entry.intervals = since(entry.intervals, nowMs - keptMs)
    }
    try {
      await this.#lease.act(async (transaction) => {
        for (const { service, origin, intervals } of dirty) {
          await transaction.deleteFrom('coverage').where('service', '=', service).where('origin', '=', origin).execute()
          const rows = intervals.map(({ fromMs, toMs }) => ({
            service,
            origin,
            from_ms: Math.round(fromMs),
            to_ms: Math.round(toMs)
          }))
          if (rows.length > 0) await transaction.insertInto('coverage').values(rows).execute()
        }
      })
    } catch (error) {
      for (const entry of dirty) entry.isDirty = true
      throw error
    }
  }

  #intervals(service: string, origin: Origin): readonly Interval[] {
    return this.#known.get(`${origin} ${service}`)?.intervals ?? []
  }

  #entry(service: string, origin: Origin) {
    const key = `${origin} ${service}`
    let entry = this.#known.get(key)
    if (!entry) this.#known.set(key, (entry = { service, origin, intervals: [], isDirty: false }))
    return entry
  }
}
