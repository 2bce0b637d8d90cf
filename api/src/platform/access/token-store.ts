import { randomBytes } from 'node:crypto'
import type { Selectable } from 'kysely'
import type { ApiToken, CreateToken, Role } from '../../contract/access.ts'
import type { Clock } from '../clock.ts'
import type { Database } from '../database/open.ts'
import type { ApiTokensTable } from '../database/tables.ts'
import { messageOf } from '../errors.ts'
import type { Caller } from './caller.ts'
import { hashOf, startOf, tokenOf } from './token.rules.ts'

/** The last use is written at most this often, ms. */
const useEveryMs = 60_000

/** What was read of a token is believed this long, ms: a token revoked elsewhere works no longer than that. */
const believedMs = 2_000

/** Tokens remembered at most; beyond it all are read again. */
const maxRemembered = 1_000

type Row = Selectable<ApiTokensTable>

interface Remembered {
  readonly row: Row
  readonly readMs: number
}

/** Tokens for programs: made here, shown once, kept as hashes. */
export class TokenStore {
  readonly #db: Database['db']
  readonly #clock: Clock
  readonly #onFault: (reason: string) => void
  #remembered = new Map<string, Remembered>()

  constructor({ db }: Database, clock: Clock, onFault: (reason: string) => void) {
    this.#db = db
    this.#clock = clock
    this.#onFault = onFault
  }

  /** Makes a token. Its text is in the result and nowhere else. */
  async create(
    { name, role, services, expiresAt }: CreateToken,
    by: Caller
  ): Promise<{ token: ApiToken; secret: string }> {
    const secret = tokenOf(randomBytes(32))
    const row: Row = {
      id: `tok_${randomBytes(6).toString('hex')}`,
      hash: hashOf(secret),
      start: startOf(secret),
      name,
      role,
      services: services ? JSON.stringify(services) : null,
      created_ms: this.#clock.nowMs(),
      created_by: by.name,
      expires_ms: expiresAt === undefined ? null : Date.parse(expiresAt),
      revoked_ms: null,
      used_ms: null
    }
    await this.#db.insertInto('api_tokens').values(row).execute()
    return { token: this.#present(row), secret }
  }

  /** Newest first, those that no longer work too. */
  async list(): Promise<ApiToken[]> {
    const rows = await this.#db
      .selectFrom('api_tokens')
      .selectAll()
      .orderBy('created_ms', 'desc')
      .orderBy('id')
      .execute()
    return rows.map((row) => this.#present(row))
  }

  /** Ends a token for good; one that is revoked stays as it is. Null: there is no such token. */
  async revoke(id: string): Promise<ApiToken | null> {
    await this.#db
      .updateTable('api_tokens')
      .set({ revoked_ms: this.#clock.nowMs() })
      .where('id', '=', id)
      .where('revoked_ms', 'is', null)
      .execute()
    this.#remembered.clear()
    const row = await this.#db.selectFrom('api_tokens').selectAll().where('id', '=', id).executeTakeFirst()
    return row ? this.#present(row) : null
  }

  /** Who a token stands for, or why it stands for nobody. */
  async callerOf(secret: string): Promise<Caller | { readonly refused: string }> {
    const row = await this.#read(hashOf(secret))
    if (!row) return { refused: 'The token is wrong' }
    if (row.revoked_ms !== null) return { refused: `The token "${row.name}" was revoked` }
    const nowMs = this.#clock.nowMs()
    if (row.expires_ms !== null && row.expires_ms <= nowMs) return { refused: `The token "${row.name}" has expired` }
    this.#noteUse(row, nowMs)
    return {
      kind: 'token',
      id: `token:${row.id}`,
      name: row.name,
      role: row.role as Role,
      services: servicesOf(row.services)
    }
  }

  async #read(hash: string): Promise<Row | undefined> {
    const known = this.#remembered.get(hash)
    const nowMs = this.#clock.monotonicMs()
    if (known && nowMs - known.readMs < believedMs) return known.row
    const row = await this.#db.selectFrom('api_tokens').selectAll().where('hash', '=', hash).executeTakeFirst()
    if (this.#remembered.size >= maxRemembered) this.#remembered.clear()
    if (row)
      this.#remembered.set(hash, { row: { ...row, used_ms: latest(known?.row.used_ms, row.used_ms) }, readMs: nowMs })
    else this.#remembered.delete(hash)
    return row && this.#remembered.get(hash)?.row
  }

  /** Nobody waits for it, and a store that takes no writes costs the note alone. */
  #noteUse(row: Row, nowMs: number): void {
    if (row.used_ms !== null && nowMs - row.used_ms < useEveryMs) return
    row.used_ms = nowMs
    this.#db
      .updateTable('api_tokens')
      .set({ used_ms: nowMs })
      .where('id', '=', row.id)
      .execute()
      .catch((error: unknown) => this.#onFault(messageOf(error)))
  }

  #present(row: Row): ApiToken {
    const expired = row.expires_ms !== null && row.expires_ms <= this.#clock.nowMs()
    return {
      id: row.id,
      name: row.name,
      start: row.start,
      role: row.role as Role,
      services: servicesOf(row.services),
      createdAt: instant(row.created_ms),
      createdBy: row.created_by,
      expiresAt: instantOrNull(row.expires_ms),
      revokedAt: instantOrNull(row.revoked_ms),
      lastUsedAt: instantOrNull(row.used_ms),
      state: row.revoked_ms !== null ? 'revoked' : expired ? 'expired' : 'active'
    }
  }
}

const servicesOf = (json: string | null): string[] | null => (json === null ? null : (JSON.parse(json) as string[]))

const latest = (a: number | null | undefined, b: number | null): number | null =>
  a === null || a === undefined ? b : Math.max(a, b ?? 0)

const instant = (atMs: number): string => new Date(atMs).toISOString()

const instantOrNull = (atMs: number | null): string | null => (atMs === null ? null : instant(atMs))
