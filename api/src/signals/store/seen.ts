import { sql, type Kysely } from 'kysely'
import type { Tables } from '../../platform/database/tables.ts'
import { hourMs } from './widths.rules.ts'

/** A release and the hours it answered requests in. */
export interface ReleaseSeen {
  readonly release: string
  /** Start of the first hour, Unix ms. */
  readonly firstSeenMs: number
  /** End of the last hour, Unix ms. */
  readonly lastSeenMs: number
}

/** Enough for several deployments a day over the longest window. */
const maxReleases = 200

/** Releases that answered requests in a range, the newest first. */
export async function releasesOf(
  db: Kysely<Tables>,
  service: string,
  fromMs: number,
  toMs: number
): Promise<ReleaseSeen[]> {
  const rows = await db
    .selectFrom('streams')
    .select(['release', sql<number>`min(first_ms)`.as('first_ms'), sql<number>`max(last_ms)`.as('last_ms')])
    .where('service', '=', service)
    .where('release', '!=', '')
    .where('last_ms', '>', fromMs - hourMs)
    .where('first_ms', '<', toMs)
    .groupBy('release')
    .orderBy('first_ms', 'desc')
    .orderBy('release')
    .limit(maxReleases)
    .execute()
  return rows.map((row) => ({
    release: row.release,
    firstSeenMs: row.first_ms,
    lastSeenMs: row.last_ms + hourMs
  }))
}

/** Route groups of a service that had requests since a time. */
export async function routesOf(db: Kysely<Tables>, service: string, sinceMs: number): Promise<string[]> {
  const rows = await db
    .selectFrom('streams')
    .select('route')
    .distinct()
    .where('service', '=', service)
    .where('origin', '=', 'requests')
    .where('last_ms', '>', sinceMs - hourMs)
    .execute()
  return rows.map(({ route }) => route)
}
