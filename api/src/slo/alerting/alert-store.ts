import type { Kysely, Transaction } from 'kysely'
import type { Alert } from '../../contract/index.ts'
import type { Tables } from '../../platform/database/tables.ts'
import type { BurnMemory } from './burn-alert.rules.ts'
import type { CauseKind } from './cause.rules.ts'

/** An alert without what became of its messages: those are asked for when it is shown. */
export type AlertRecord = Omit<Alert, 'deliveries'>

/** An alert as it is kept: what the API gives, and what evaluation goes on with after a restart. */
export interface StoredAlert {
  readonly alert: AlertRecord
  readonly cause: CauseKind
  /** The last message that was sent about it; null: none, it is muted. */
  readonly told: 'page' | 'ticket' | 'notice' | 'resolved' | null
  /** How many messages were sent about it; absent in rows of older versions. */
  readonly tellings?: number
  readonly memory: Readonly<Record<string, BurnMemory>>
}

export interface AlertPage {
  readonly state?: 'open' | 'resolved'
  readonly service?: string
  readonly limit: number
  /** The last alert of the page before. */
  readonly after?: { readonly openedMs: number; readonly id: string }
}

/** Inserts or replaces an alert. */
export const saveAlert = async (db: Kysely<Tables> | Transaction<Tables>, stored: StoredAlert): Promise<void> => {
  const { alert } = stored
  const row = {
    dedup_key: alert.dedupKey,
    service: alert.service,
    objective: alert.objectives[0] ?? null,
    kind: alert.kind,
    severity: alert.severity,
    state: alert.state,
    opened_ms: Date.parse(alert.openedAt),
    resolved_ms: alert.resolvedAt === null ? null : Date.parse(alert.resolvedAt),
    body: JSON.stringify(stored)
  }
  await db
    .insertInto('alerts')
    .values({ id: alert.id, ...row })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute()
}

/** Open alerts, and those that ended at or after `sinceMs`. */
export const recentAlerts = async (db: Kysely<Tables>, sinceMs: number): Promise<StoredAlert[]> => {
  const rows = await db
    .selectFrom('alerts')
    .select('body')
    .where((where) => where.or([where('state', '=', 'open'), where('resolved_ms', '>=', sinceMs)]))
    .orderBy('opened_ms')
    .execute()
  return rows.map(({ body }) => JSON.parse(body) as StoredAlert)
}

/** Newest first. */
export const pageOfAlerts = async (db: Kysely<Tables>, page: AlertPage): Promise<AlertRecord[]> => {
  const { state, service, after, limit } = page
  const rows = await db
    .selectFrom('alerts')
    .select('body')
    .$if(state !== undefined, (query) => query.where('state', '=', state!))
    .$if(service !== undefined, (query) => query.where('service', '=', service!))
    .$if(after !== undefined, (query) =>
      query.where((where) =>
        where.or([
          where('opened_ms', '<', after!.openedMs),
          where.and([where('opened_ms', '=', after!.openedMs), where('id', '<', after!.id)])
        ])
      )
    )
    .orderBy('opened_ms', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
  return rows.map(({ body }) => (JSON.parse(body) as StoredAlert).alert)
}

/** Alerts of a service that were open at some time of a range, oldest first. */
export const alertsBetween = async (
  db: Kysely<Tables>,
  service: string,
  fromMs: number,
  toMs: number
): Promise<AlertRecord[]> => {
  const rows = await db
    .selectFrom('alerts')
    .select('body')
    .where('service', '=', service)
    .where('opened_ms', '<', toMs)
    .where((where) => where.or([where('resolved_ms', 'is', null), where('resolved_ms', '>=', fromMs)]))
    .orderBy('opened_ms')
    .execute()
  return rows.map(({ body }) => (JSON.parse(body) as StoredAlert).alert)
}

export const alertById = async (db: Kysely<Tables>, id: string): Promise<AlertRecord | null> => {
  const row = await db.selectFrom('alerts').select('body').where('id', '=', id).executeTakeFirst()
  return row ? (JSON.parse(row.body) as StoredAlert).alert : null
}

/** Alerts of a service that page and are open, oldest first. */
export const openPages = async (db: Kysely<Tables>, service: string): Promise<AlertRecord[]> => {
  const rows = await db
    .selectFrom('alerts')
    .select('body')
    .where('service', '=', service)
    .where('state', '=', 'open')
    .where('severity', '=', 'page')
    .orderBy('opened_ms')
    .execute()
  return rows.map(({ body }) => (JSON.parse(body) as StoredAlert).alert)
}
