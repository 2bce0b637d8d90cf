import type { Kysely, Transaction } from 'kysely'
import type { Tables } from '../platform/database/tables.ts'
import type { ResolvedObjective } from '../plan/objective.ts'
import { objectiveKey, promiseOf, type ObjectiveInForce } from './objective-in-force.ts'

/** What was promised from when to when. */
export interface Revision {
  readonly number: number
  readonly objective: ResolvedObjective
  readonly fromMs: number
  /** Null while in force. */
  readonly toMs: number | null
}

/**
 * Takes the objectives of a plan: a promise that changed, or came back, opens a new revision; one
 * that is gone closes its last. Past revisions stay as they are.
 */
export const putInForce = (
  db: Kysely<Tables>,
  objectives: readonly ResolvedObjective[],
  nowMs: number
): Promise<ObjectiveInForce[]> =>
  db.transaction().execute(async (transaction) => {
    await inTurn(transaction)
    const known = await allRevisions(transaction)
    const wanted = new Set(objectives.map(objectiveKey))
    for (const [key, revisions] of known) {
      const last = revisions.at(-1)!
      if (!wanted.has(key) && last.toMs === null) await close(transaction, last, nowMs)
    }
    const inForce: ObjectiveInForce[] = []
    for (const objective of objectives) {
      inForce.push(await revise(transaction, objective, known.get(objectiveKey(objective)) ?? [], nowMs))
    }
    return inForce
  })

/** Instances take a new plan at the same moment: one after the other, so that each change is one revision. */
const inTurn = async (transaction: Transaction<Tables>): Promise<void> => {
  await transaction
    .insertInto('meta')
    .values({ key: 'objective_revisions', value: 'in turn' })
    .onConflict((conflict) => conflict.column('key').doUpdateSet({ value: 'in turn' }))
    .execute()
}

/** Every revision of an objective, oldest first. */
export const revisionsOf = async (db: Kysely<Tables>, service: string, objective: string): Promise<Revision[]> => {
  const rows = await db
    .selectFrom('objective_revisions')
    .selectAll()
    .where('service', '=', service)
    .where('objective', '=', objective)
    .orderBy('revision')
    .execute()
  return rows.map(toRevision)
}

/** Revisions of a service that came into force in a range, oldest first. */
export const revisionsBetween = async (
  db: Kysely<Tables>,
  service: string,
  fromMs: number,
  toMs: number
): Promise<Revision[]> => {
  const rows = await db
    .selectFrom('objective_revisions')
    .selectAll()
    .where('service', '=', service)
    .where('from_ms', '>=', fromMs)
    .where('from_ms', '<', toMs)
    .orderBy('from_ms')
    .orderBy('objective')
    .execute()
  return rows.map(toRevision)
}

const revise = async (
  transaction: Transaction<Tables>,
  objective: ResolvedObjective,
  revisions: readonly Revision[],
  nowMs: number
): Promise<ObjectiveInForce> => {
  const last = revisions.at(-1)
  if (last && last.toMs === null && promiseOf(last.objective) === promiseOf(objective)) {
    if (JSON.stringify(last.objective) !== JSON.stringify(objective)) await rename(transaction, objective, last.number)
    return {
      ...objective,
      revision: last.number,
      sinceMs: last.fromMs,
      thresholdSinceMs: thresholdSince(objective, revisions)
    }
  }
  if (last && last.toMs === null) await close(transaction, last, nowMs)
  const number = (last?.number ?? 0) + 1
  await transaction
    .insertInto('objective_revisions')
    .values({
      service: objective.service,
      objective: objective.name,
      revision: number,
      spec: JSON.stringify(objective),
      from_ms: nowMs,
      to_ms: null
    })
    .execute()
  const all = [...revisions, { number, objective, fromMs: nowMs, toMs: null }]
  return { ...objective, revision: number, sinceMs: nowMs, thresholdSinceMs: thresholdSince(objective, all) }
}

/** Start of the unbroken row of revisions that ends now and has this threshold. */
const thresholdSince = ({ thresholdMs }: ResolvedObjective, revisions: readonly Revision[]): number => {
  const others = revisions.findLastIndex(({ objective }) => objective.thresholdMs !== thresholdMs)
  const gap = revisions.findLastIndex(
    ({ toMs }, i) => toMs !== null && revisions[i + 1] && revisions[i + 1]!.fromMs > toMs
  )
  return revisions[Math.max(others, gap) + 1]!.fromMs
}

const close = async (
  transaction: Transaction<Tables>,
  { objective, number }: Revision,
  nowMs: number
): Promise<void> => {
  await transaction
    .updateTable('objective_revisions')
    .set({ to_ms: nowMs })
    .where('service', '=', objective.service)
    .where('objective', '=', objective.name)
    .where('revision', '=', number)
    .execute()
}

/** Title and description may change without a new revision. */
const rename = async (
  transaction: Transaction<Tables>,
  objective: ResolvedObjective,
  number: number
): Promise<void> => {
  await transaction
    .updateTable('objective_revisions')
    .set({ spec: JSON.stringify(objective) })
    .where('service', '=', objective.service)
    .where('objective', '=', objective.name)
    .where('revision', '=', number)
    .execute()
}

const allRevisions = async (transaction: Transaction<Tables>): Promise<Map<string, Revision[]>> => {
  const rows = await transaction.selectFrom('objective_revisions').selectAll().orderBy('revision').execute()
  return Map.groupBy(rows.map(toRevision), ({ objective }) => objectiveKey(objective))
}

const toRevision = (row: { revision: number; spec: string; from_ms: number; to_ms: number | null }): Revision => ({
  number: row.revision,
  objective: JSON.parse(row.spec) as ResolvedObjective,
  fromMs: row.from_ms,
  toMs: row.to_ms
})
