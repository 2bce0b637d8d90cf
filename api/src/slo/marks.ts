import type { Kysely } from 'kysely'
import type { Marks } from '../contract/index.ts'
import type { Tables } from '../platform/database/tables.ts'
import type { MaintenanceBand } from '../plan/model.ts'
import type { SliceStore } from '../signals/store.ts'
import { alertsBetween } from './alerting/alert-store.ts'
import { revisionsBetween } from './revisions.ts'
import { instant } from './words.rules.ts'

export interface MarksQuery {
  readonly service: string
  readonly fromMs: number
  readonly toMs: number
}

export interface MarksDeps {
  readonly db: Kysely<Tables>
  readonly store: Pick<SliceStore, 'releases'>
  readonly maintenance: readonly MaintenanceBand[]
}

type Mark = Marks['marks'][number]

/** What happened to a service at a time: alerts, maintenance, releases, changed promises and plans; oldest first. */
export const marksOf = async (query: MarksQuery, { db, store, maintenance }: MarksDeps): Promise<Mark[]> => {
  const { service, fromMs, toMs } = query
  const groups = await Promise.all([
    alertsBetween(db, service, fromMs, toMs).then((alerts) =>
      alerts.map(({ id, title, severity, openedAt, resolvedAt }): Mark => {
        return { kind: 'alert', fromAt: openedAt, toAt: resolvedAt, title, severity, ref: id }
      })
    ),
    revisionsBetween(db, service, fromMs, toMs).then((revisions) =>
      revisions
        .filter(({ number }) => number > 1) // the first changed nothing
        .map(({ objective, number, fromMs }): Mark => {
          const title = `${objective.title}: revision ${number}`
          return { kind: 'revision', fromAt: instant(fromMs), toAt: null, title, ref: objective.name }
        })
    ),
    store.releases(service, fromMs, toMs).then((releases) =>
      releases
        .filter(({ firstSeenMs }) => firstSeenMs >= fromMs)
        .map(({ release, firstSeenMs }): Mark => {
          return {
            kind: 'release',
            fromAt: instant(firstSeenMs),
            toAt: null,
            title: `release ${release}`,
            ref: release
          }
        })
    ),
    plansBetween(db, fromMs, toMs)
  ])
  return [...groups.flat(), ...bandsIn(maintenance, query)].toSorted(
    (a, b) => Date.parse(a.fromAt) - Date.parse(b.fromAt)
  )
}

const plansBetween = async (db: Kysely<Tables>, fromMs: number, toMs: number): Promise<Mark[]> => {
  const rows = await db
    .selectFrom('plans')
    .select(['revision', 'source', 'applied_ms'])
    .where('applied_ms', '>=', fromMs)
    .where('applied_ms', '<', toMs)
    .orderBy('applied_ms')
    .execute()
  return rows.map(({ revision, source, applied_ms }) => ({
    kind: 'plan',
    fromAt: instant(applied_ms),
    toAt: null,
    title: `plan ${revision}, by ${source}`,
    ref: String(revision)
  }))
}

const bandsIn = (maintenance: readonly MaintenanceBand[], { service, fromMs, toMs }: MarksQuery): Mark[] =>
  maintenance
    .filter((band) => (band.service === null || band.service === service) && band.fromMs < toMs && band.toMs > fromMs)
    .map(({ fromMs, toMs, reason }) => ({
      kind: 'maintenance',
      fromAt: instant(fromMs),
      toAt: instant(toMs),
      title: reason
    }))
