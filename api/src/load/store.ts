import type { LoadLine, LoadRun } from '../contract/load.ts'
import type { Clock } from '../platform/clock.ts'
import type { Database } from '../platform/database/open.ts'
import { loadIdTaken } from './errors.ts'

/** What the overview needs of a line. */
export interface LineInBrief {
  readonly ratePerS: number
  readonly measuredAt: string
}

export interface RunPage {
  /** Absent: runs of every service. */
  readonly service?: string
  readonly limit: number
  readonly release?: string | undefined
  readonly after?: { readonly openedMs: number; readonly id: string } | undefined
}

/** A run that is kept names its service. */
export type StoredRun = LoadRun & { readonly service: string }

/** Runs and lines as they were given, and the newest line of each service at hand. */
export class LoadStore {
  readonly #db: Database['db']
  readonly #clock: Clock
  #newest: ReadonlyMap<string, LineInBrief> = new Map()

  constructor({ db }: Database, clock: Clock) {
    this.#db = db
    this.#clock = clock
  }

  /**
   * Keeps a run; one that is kept already is left as it is.
   *
   * @throws PLIMSOLL_LOAD_ID_TAKEN when another service has a run of this id
   */
  async putRun(service: string, run: LoadRun): Promise<void> {
    const row = { id: run.id, service, release: run.release ?? '', started_ms: Date.parse(run.startedAt) }
    const body = JSON.stringify({ ...run, service })
    await this.#db
      .insertInto('load_runs')
      .values({ ...row, body })
      .onConflict((conflict) => conflict.column('id').doNothing())
      .execute()
    const kept = await this.#db
      .selectFrom('load_runs')
      .select('service')
      .where('id', '=', run.id)
      .executeTakeFirstOrThrow()
    if (kept.service !== service) throw loadIdTaken(`the run "${run.id}" is one of another service`)
  }

  async run(service: string, id: string): Promise<LoadRun | null> {
    const row = await this.#db
      .selectFrom('load_runs')
      .select('body')
      .where('id', '=', id)
      .where('service', '=', service)
      .executeTakeFirst()
    return row ? (JSON.parse(row.body) as LoadRun) : null
  }

  /** Newest first. The page is found on the index alone: bodies are large. */
  async runs({ service, limit, release, after }: RunPage): Promise<StoredRun[]> {
    let query = this.#db.selectFrom('load_runs').select('id').orderBy('started_ms', 'desc').orderBy('id', 'desc')
    if (service !== undefined) query = query.where('service', '=', service)
    if (release !== undefined) query = query.where('release', '=', release)
    if (after) {
      query = query.where((is) =>
        is.or([
          is('started_ms', '<', after.openedMs),
          is.and([is('started_ms', '=', after.openedMs), is('id', '<', after.id)])
        ])
      )
    }
    const rows = await this.#db
      .selectFrom('load_runs')
      .select('body')
      .where('id', 'in', query.limit(limit))
      .orderBy('started_ms', 'desc')
      .orderBy('id', 'desc')
      .execute()
    return rows.map(({ body }) => JSON.parse(body) as StoredRun)
  }

  /**
   * Keeps a line; one that is kept already is left as it is.
   *
   * @throws PLIMSOLL_LOAD_ID_TAKEN when another service has a line of this id
   */
  async putLine(service: string, line: LoadLine): Promise<void> {
    const found = line.ratePerS !== null && !line.partial ? 1 : 0
    const row = { id: line.id, service, release: line.release ?? '', measured_ms: Date.parse(line.measuredAt), found }
    const body = JSON.stringify({ ...line, service })
    await this.#db
      .insertInto('load_lines')
      .values({ ...row, body })
      .onConflict((conflict) => conflict.column('id').doNothing())
      .execute()
    const kept = await this.#db
      .selectFrom('load_lines')
      .select('service')
      .where('id', '=', line.id)
      .executeTakeFirstOrThrow()
    if (kept.service !== service) throw loadIdTaken(`the load line "${line.id}" is one of another service`)
    await this.refresh()
  }

  /** The newest line that was found, of one release or of any. */
  async line(service: string, release?: string): Promise<LoadLine | null> {
    let query = this.#db
      .selectFrom('load_lines')
      .select('body')
      .where('service', '=', service)
      .where('found', '=', 1)
      .where('measured_ms', '<=', this.#clock.nowMs() + clockSkewMs)
    if (release !== undefined) query = query.where('release', '=', release)
    const row = await query.orderBy('measured_ms', 'desc').orderBy('id', 'desc').limit(1).executeTakeFirst()
    return row ? (JSON.parse(row.body) as LoadLine) : null
  }

  /** One search, whatever it came to. */
  async lineById(service: string, id: string): Promise<LoadLine | null> {
    const row = await this.#db
      .selectFrom('load_lines')
      .select('body')
      .where('id', '=', id)
      .where('service', '=', service)
      .executeTakeFirst()
    return row ? (JSON.parse(row.body) as LoadLine) : null
  }

  /** Every search, newest first. */
  async lines(service: string, limit: number): Promise<LoadLine[]> {
    const rows = await this.#db
      .selectFrom('load_lines')
      .select('body')
      .where('service', '=', service)
      .orderBy('measured_ms', 'desc')
      .orderBy('id', 'desc')
      .limit(limit)
      .execute()
    return rows.map(({ body }) => JSON.parse(body) as LoadLine)
  }

  /** The newest line of a service as last read; for pages that show every service. */
  newestLine(service: string): LineInBrief | null {
    return this.#newest.get(service) ?? null
  }

  /** Reads the newest lines again: another instance may have measured. */
  async refresh(): Promise<void> {
    const services = await this.#db
      .selectFrom('load_lines')
      .select('service')
      .where('found', '=', 1)
      .groupBy('service')
      .execute()
    const newest = new Map<string, LineInBrief>()
    for (const { service } of services) {
      const line = await this.line(service)
      if (line?.ratePerS) newest.set(service, { ratePerS: line.ratePerS, measuredAt: line.measuredAt })
    }
    this.#newest = newest
  }
}

/** A line from the future is not believed, but clocks of two machines differ. */
const clockSkewMs = 300_000
