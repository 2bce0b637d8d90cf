import { sql, type Kysely } from 'kysely'
import type { Tables } from '../../platform/database/tables.ts'
import { dayMs, hourMs } from './widths.rules.ts'

/** A release and when it answered requests. */
export interface ReleaseSeen {
  readonly release: string
  /** Start of the first minute, Unix ms; of the first hour when a longer range was asked for than {@link toTheMinuteMs}. */
  readonly firstSeenMs: number
  /** End of the last hour, Unix ms. */
  readonly lastSeenMs: number
}

const minuteMs = 60_000

/** Enough for several deployments a day over the longest window. */
const maxReleases = 200

/** Up to this range a release is dated to the minute: on a chart of a longer one an hour is hardly a pixel. */
const toTheMinuteMs = 2 * dayMs

/** Releases that answered requests in a range, the newest first. */
export async function releasesOf(
  db: Kysely<Tables>,
  service: string,
  fromMs: number,
  toMs: number
): Promise<ReleaseSeen[]> {
  const inRange = db
    .selectFrom('streams')
    .select('release')
    .where('service', '=', service)
    .where('release', '!=', '')
    .where('last_ms', '>', fromMs - hourMs)
    .where('first_ms', '<', toMs)
  // all of its streams say when it came: a route that is new in the range makes no new release
  const rows = await db
    .selectFrom('streams')
    .select(['release', sql<number>`min(first_ms)`.as('first_ms'), sql<number>`max(last_ms)`.as('last_ms')])
    .where('service', '=', service)
    .where('release', 'in', inRange)
    .groupBy('release')
    .orderBy('first_ms', 'desc')
    .orderBy('release')
    .limit(maxReleases)
    .execute()
  const minutes = toMs - fromMs > toTheMinuteMs ? new Map<string, number>() : await firstMinutesOf(db, service, fromMs)
  const firstMs = ({ release, first_ms }: (typeof rows)[number]): number =>
    // one that was there before has streams of later as well: they say nothing of its beginning
    first_ms > fromMs - hourMs ? (minutes.get(release) ?? first_ms) : first_ms
  return rows.map((row) => ({
    release: row.release,
    firstSeenMs: firstMs(row),
    lastSeenMs: row.last_ms + hourMs
  }))
}

/** The first minute that is kept of each release, among its streams that began after a time or in the hour before it. */
async function firstMinutesOf(db: Kysely<Tables>, service: string, fromMs: number): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('streams')
    .innerJoin('slices', 'slices.stream_id', 'streams.id')
    .select(['streams.release', sql<number>`min(slices.start_ms)`.as('start_ms')])
    .where('streams.service', '=', service)
    .where('streams.release', '!=', '')
    .where('streams.first_ms', '>', fromMs - hourMs)
    .where('slices.width_ms', '=', minuteMs)
    .whereRef('slices.start_ms', '>=', 'streams.first_ms')
    .where((is) => is('slices.start_ms', '<', is('streams.first_ms', '+', hourMs)))
    .groupBy('streams.release')
    .execute()
  return new Map(rows.map(({ release, start_ms }) => [release, start_ms]))
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
