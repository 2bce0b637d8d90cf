import type { Kysely } from 'kysely'
import type { Envelope, ExternalEvidence, Override, Verdict } from '../../contract/gate.ts'
import type { Tables } from '../../platform/database/tables.ts'
import type { GateFacts } from './facts.ts'

export interface Page {
  readonly limit: number
  /** The last entry of the page before. */
  readonly after?: { readonly openedMs: number; readonly id: string } | undefined
}

export interface VerdictQuery extends Page {
  readonly service: string
  readonly version?: string | undefined
  readonly environment?: string | undefined
}

/** A verdict with what it was decided by, and what proves it. */
export interface KeptVerdict {
  readonly verdict: Verdict
  readonly facts: GateFacts
  readonly envelope: Envelope
  /** SubjectPublicKeyInfo as PEM. */
  readonly publicKeyPem: string
}

/** Verdicts (written once, never changed), overrides and external evidence. */
export class GateStore {
  readonly #db: Kysely<Tables>

  constructor(db: Kysely<Tables>) {
    this.#db = db
  }

  async keep({ verdict, facts, envelope, publicKeyPem }: KeptVerdict): Promise<void> {
    const { id, service, environment, version, at } = verdict
    await this.#db
      .insertInto('verdicts')
      .values({
        id,
        service,
        environment,
        version,
        at_ms: Date.parse(at),
        body: JSON.stringify(verdict),
        facts: JSON.stringify(facts),
        envelope: JSON.stringify(envelope),
        public_key: publicKeyPem
      })
      .execute()
  }

  async verdict(id: string): Promise<KeptVerdict | null> {
    const row = await this.#db.selectFrom('verdicts').selectAll().where('id', '=', id).executeTakeFirst()
    return row ? kept(row) : null
  }

  /** Newest first. */
  async verdicts({ service, version, environment, limit, after }: VerdictQuery): Promise<Verdict[]> {
    const rows = await this.#db
      .selectFrom('verdicts')
      .select('body')
      .where('service', '=', service)
      .$if(version !== undefined, (query) => query.where('version', '=', version!))
      .$if(environment !== undefined, (query) => query.where('environment', '=', environment!))
      .$if(after !== undefined, (query) =>
        query.where((is) =>
          is.or([
            is('at_ms', '<', after!.openedMs),
            is.and([is('at_ms', '=', after!.openedMs), is('id', '<', after!.id)])
          ])
        )
      )
      .orderBy('at_ms', 'desc')
      .orderBy('id', 'desc')
      .limit(limit)
      .execute()
    return rows.map(({ body }) => JSON.parse(body) as Verdict)
  }

  /** The last verdict of each version that was asked for in a range, oldest first. */
  async lastOfEachVersion(service: string, environment: string, fromMs: number, toMs: number): Promise<KeptVerdict[]> {
    const rows = await this.#db
      .selectFrom('verdicts')
      .selectAll()
      .where('service', '=', service)
      .where('environment', '=', environment)
      .where('at_ms', '>=', fromMs)
      .where('at_ms', '<', toMs)
      .orderBy('at_ms')
      .orderBy('id')
      .execute()
    return [...new Map(rows.map((row) => [row.version, kept(row)])).values()]
  }

  async addOverride(override: Override): Promise<void> {
    await this.#db
      .insertInto('gate_overrides')
      .values({
        id: override.id,
        service: override.service,
        environment: override.environment,
        created_ms: Date.parse(override.createdAt),
        until_ms: Date.parse(override.until),
        revoked_ms: null,
        body: JSON.stringify(override)
      })
      .execute()
  }

  /** Newest first; those that have ended stay. */
  async overrides(service: string, { limit, after }: Page): Promise<Override[]> {
    const rows = await this.#db
      .selectFrom('gate_overrides')
      .select('body')
      .where('service', '=', service)
      .$if(after !== undefined, (query) =>
        query.where((is) =>
          is.or([
            is('created_ms', '<', after!.openedMs),
            is.and([is('created_ms', '=', after!.openedMs), is('id', '<', after!.id)])
          ])
        )
      )
      .orderBy('created_ms', 'desc')
      .orderBy('id', 'desc')
      .limit(limit)
      .execute()
    return rows.map(({ body }) => JSON.parse(body) as Override)
  }

  /** Verdicts that an override changed, newest first. */
  async verdictsUsing({ service, id }: Override): Promise<string[]> {
    const rows = await this.#db
      .selectFrom('verdicts')
      .select('id')
      .where('service', '=', service)
      .where('body', 'like', `%"overriddenBy":"${id}"%`)
      .orderBy('at_ms', 'desc')
      .limit(100)
      .execute()
    return rows.map((row) => row.id)
  }

  async override(service: string, id: string): Promise<Override | null> {
    const row = await this.#db
      .selectFrom('gate_overrides')
      .select('body')
      .where('service', '=', service)
      .where('id', '=', id)
      .executeTakeFirst()
    return row ? (JSON.parse(row.body) as Override) : null
  }

  /** In force for a version now. */
  async overridesFor(service: string, environment: string, version: string, nowMs: number): Promise<Override[]> {
    const rows = await this.#db
      .selectFrom('gate_overrides')
      .select('body')
      .where('service', '=', service)
      .where('environment', '=', environment)
      .where('until_ms', '>', nowMs)
      .where('revoked_ms', 'is', null)
      .orderBy('created_ms')
      .execute()
    return rows
      .map(({ body }) => JSON.parse(body) as Override)
      .filter((override) => override.version === null || override.version === version)
  }

  /** Ends an override; one that has been ended stays as it was ended. */
  async revoke(override: Override, by: string, atMs: number): Promise<Override> {
    const revoked: Override = { ...override, revokedAt: new Date(atMs).toISOString(), revokedBy: by }
    await this.#db
      .updateTable('gate_overrides')
      .set({ revoked_ms: atMs, body: JSON.stringify(revoked) })
      .where('id', '=', override.id)
      .where('revoked_ms', 'is', null)
      .execute()
    return (await this.override(override.service, override.id)) ?? revoked
  }

  async addEvidence(evidence: ExternalEvidence): Promise<void> {
    const { id, service, receivedAt } = evidence
    await this.#db
      .insertInto('external_evidence')
      .values({ id, service, received_ms: Date.parse(receivedAt), body: JSON.stringify(evidence) })
      .execute()
  }

  /** Newest first. */
  async evidence(service: string, { limit, after }: Page, sinceMs = 0): Promise<ExternalEvidence[]> {
    const rows = await this.#db
      .selectFrom('external_evidence')
      .select('body')
      .where('service', '=', service)
      .where('received_ms', '>=', sinceMs)
      .$if(after !== undefined, (query) =>
        query.where((is) =>
          is.or([
            is('received_ms', '<', after!.openedMs),
            is.and([is('received_ms', '=', after!.openedMs), is('id', '<', after!.id)])
          ])
        )
      )
      .orderBy('received_ms', 'desc')
      .orderBy('id', 'desc')
      .limit(limit)
      .execute()
    return rows.map(({ body }) => JSON.parse(body) as ExternalEvidence)
  }

  /** Forgets evidence that no policy can ask for any more. Verdicts and overrides stay. */
  async prune(beforeMs: number): Promise<void> {
    await this.#db.deleteFrom('external_evidence').where('received_ms', '<', beforeMs).execute()
  }
}

const kept = (row: { body: string; facts: string; envelope: string; public_key: string }): KeptVerdict => ({
  verdict: JSON.parse(row.body) as Verdict,
  facts: JSON.parse(row.facts) as GateFacts,
  envelope: JSON.parse(row.envelope) as Envelope,
  publicKeyPem: row.public_key
})
