import type { Kysely, Selectable, Transaction } from 'kysely'
import type { CanaryAction, ReleaseState, TimelineEntry } from '../../contract/releases.ts'
import type { ReleaseActionsTable, ReleasesTable, Tables } from '../../platform/database/tables.ts'
import type { ActionRecord, Happening, ReleaseRecord } from './record.ts'
import type { Batch } from './rules/batches.rules.ts'

export interface ReleaseQuery {
  readonly service?: string | undefined
  readonly environment?: string | undefined
  /** Only those that have not ended. */
  readonly open?: boolean | undefined
  readonly state?: ReleaseState | undefined
  readonly limit: number
  /** The last entry of the page before. */
  readonly after?: { readonly openedMs: number; readonly id: string } | undefined
}

type Writer = Kysely<Tables> | Transaction<Tables>

/** Releases, their timelines, batches and actions. Writing is the leader's: pass its transaction. */
export class ReleaseStore {
  readonly #db: Kysely<Tables>

  constructor(db: Kysely<Tables>) {
    this.#db = db
  }

  /** What is written by one instance at a time or adds rows only; the leader's own go through its lease. */
  transaction<T>(task: (transaction: Transaction<Tables>) => Promise<T>): Promise<T> {
    return this.#db.transaction().execute(task)
  }

  async get(id: string): Promise<ReleaseRecord | null> {
    const row = await this.#db.selectFrom('releases').selectAll().where('id', '=', id).executeTakeFirst()
    return row ? read(row) : null
  }

  async byDeployment(deployment: string): Promise<ReleaseRecord | null> {
    const row = await this.#db
      .selectFrom('releases')
      .selectAll()
      .where('deployment', '=', deployment)
      .executeTakeFirst()
    return row ? read(row) : null
  }

  /** Newest first. */
  async list({ service, environment, open = false, state, limit, after }: ReleaseQuery): Promise<ReleaseRecord[]> {
    const rows = await this.#db
      .selectFrom('releases')
      .selectAll()
      .$if(service !== undefined, (query) => query.where('service', '=', service!))
      .$if(environment !== undefined, (query) => query.where('environment', '=', environment!))
      .$if(state !== undefined, (query) => query.where('state', '=', state!))
      .$if(open, (query) => query.where('ended_ms', 'is', null))
      .$if(after !== undefined, (query) =>
        query.where((is) =>
          is.or([
            is('started_ms', '<', after!.openedMs),
            is.and([is('started_ms', '=', after!.openedMs), is('id', '<', after!.id)])
          ])
        )
      )
      .orderBy('started_ms', 'desc')
      .orderBy('id', 'desc')
      .limit(limit)
      .execute()
    return rows.map(read)
  }

  /** The newest release of a version; null: it is not known. */
  async ofVersion(service: string, environment: string, version: string): Promise<ReleaseRecord | null> {
    const row = await this.#db
      .selectFrom('releases')
      .selectAll()
      .where('service', '=', service)
      .where('environment', '=', environment)
      .where('version', '=', version)
      .orderBy('started_ms', 'desc')
      .limit(1)
      .executeTakeFirst()
    return row ? read(row) : null
  }

  /** Writes a release, new or changed. */
  async save(release: ReleaseRecord, writer: Writer = this.#db): Promise<void> {
    const { id, service, environment, version, state, startedMs, endedMs, nomad, ...rest } = release
    const changing = {
      state,
      ended_ms: endedMs,
      deployment: nomad?.deployment ?? null,
      body: JSON.stringify({ ...rest, nomad })
    }
    await writer
      .insertInto('releases')
      .values({ id, service, environment, version, started_ms: startedMs, ...changing })
      .onConflict((conflict) => conflict.column('id').doUpdateSet(changing))
      .execute()
  }

  /** Adds what is new to a timeline. @returns whether anything was */
  async tell(releaseId: string, happenings: readonly Happening[], writer: Writer = this.#db): Promise<boolean> {
    if (happenings.length === 0) return false
    const { numInsertedOrUpdatedRows } = await writer
      .insertInto('release_timeline')
      .values(
        happenings.map(({ key, atMs, kind, text, by }) => ({
          release_id: releaseId,
          key,
          at_ms: atMs,
          kind,
          text,
          by_whom: by ?? null
        }))
      )
      .onConflict((conflict) => conflict.columns(['release_id', 'key']).doNothing())
      .executeTakeFirst()
    return (numInsertedOrUpdatedRows ?? 0n) > 0n
  }

  /** In order of time. */
  async timeline(releaseId: string): Promise<TimelineEntry[]> {
    const rows = await this.#db
      .selectFrom('release_timeline')
      .selectAll()
      .where('release_id', '=', releaseId)
      .orderBy('at_ms')
      .orderBy('key')
      .execute()
    return rows.map(({ at_ms, kind, text, by_whom }) => ({
      at: new Date(at_ms).toISOString(),
      kind: kind as TimelineEntry['kind'],
      text,
      by: by_whom
    }))
  }

  async addBatch(releaseId: string, sequence: number, batch: KeptBatch, writer: Writer = this.#db): Promise<void> {
    await writer
      .insertInto('canary_batches')
      .values({ release_id: releaseId, sequence, body: JSON.stringify(batch) })
      .execute()
  }

  /** In order. */
  async batches(releaseId: string): Promise<KeptBatch[]> {
    const rows = await this.#db
      .selectFrom('canary_batches')
      .select('body')
      .where('release_id', '=', releaseId)
      .orderBy('sequence')
      .execute()
    return rows.map(({ body }) => JSON.parse(body) as KeptBatch)
  }

  /** Records an intention, once. @returns false: it was there already */
  async intend(action: ActionRecord, writer: Writer = this.#db): Promise<boolean> {
    const { numInsertedOrUpdatedRows } = await writer
      .insertInto('release_actions')
      .values({
        id: action.id,
        release_id: action.releaseId,
        action: action.action,
        by_whom: action.by,
        reason: action.reason,
        fencing: action.fencing,
        intended_ms: action.intendedMs,
        state: action.state,
        settled_ms: action.settledMs,
        text: action.text
      })
      .onConflict((conflict) => conflict.column('id').doNothing())
      .executeTakeFirst()
    return (numInsertedOrUpdatedRows ?? 0n) > 0n
  }

  /** Says what became of an intention; one that is settled stays so. */
  async settle(
    id: string,
    { state, text, settledMs }: Pick<ActionRecord, 'state' | 'text' | 'settledMs'>,
    writer: Writer = this.#db
  ): Promise<void> {
    await writer
      .updateTable('release_actions')
      .set({ state, text, settled_ms: settledMs })
      .where('id', '=', id)
      .where('state', '=', 'intended')
      .execute()
  }

  /** Gives up what is intended for a release and not yet seen done: somebody has decided otherwise. */
  async giveUp(releaseId: string, { text, atMs }: { text: string; atMs: number }, writer: Writer): Promise<void> {
    await writer
      .updateTable('release_actions')
      .set({ state: 'superseded', text, settled_ms: atMs })
      .where('release_id', '=', releaseId)
      .where('state', '=', 'intended')
      .execute()
  }

  /** In order of time. */
  async actions(releaseId: string): Promise<ActionRecord[]> {
    const rows = await this.#db
      .selectFrom('release_actions')
      .selectAll()
      .where('release_id', '=', releaseId)
      .orderBy('intended_ms')
      .orderBy('id')
      .execute()
    return rows.map(readAction)
  }

  /** Whether an action is to be carried out still: nobody has seen its effect, or decided otherwise. */
  async isIntended(id: string): Promise<boolean> {
    const row = await this.#db.selectFrom('release_actions').select('state').where('id', '=', id).executeTakeFirst()
    return row?.state === 'intended'
  }

  /** Intentions whose effect nobody has seen yet, oldest first. */
  async unsettled(): Promise<ActionRecord[]> {
    const rows = await this.#db
      .selectFrom('release_actions')
      .selectAll()
      .where('state', '=', 'intended')
      .orderBy('intended_ms')
      .execute()
    return rows.map(readAction)
  }
}

/** A batch, and whether the baseline was paged about meanwhile. */
export interface KeptBatch extends Batch {
  readonly paged: boolean
}

const read = (row: Selectable<ReleasesTable>): ReleaseRecord => ({
  ...(JSON.parse(row.body) as Omit<ReleaseRecord, 'id' | 'service' | 'environment' | 'version'>),
  id: row.id,
  service: row.service,
  environment: row.environment,
  version: row.version,
  state: row.state as ReleaseState,
  startedMs: row.started_ms,
  endedMs: row.ended_ms
})

const readAction = (row: Selectable<ReleaseActionsTable>): ActionRecord => ({
  id: row.id,
  releaseId: row.release_id,
  action: row.action as CanaryAction,
  by: row.by_whom,
  reason: row.reason,
  fencing: row.fencing,
  intendedMs: row.intended_ms,
  state: row.state as ActionRecord['state'],
  settledMs: row.settled_ms,
  text: row.text
})
