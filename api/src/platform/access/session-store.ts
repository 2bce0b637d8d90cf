import { randomBytes } from 'node:crypto'
import type { Selectable } from 'kysely'
import type { Role, Session } from '../../contract/access.ts'
import type { Clock } from '../clock.ts'
import type { Database } from '../database/open.ts'
import type { SessionsTable } from '../database/tables.ts'
import type { Caller } from './caller.ts'
import { stateOf } from './session.rules.ts'
import { hashOf } from './token.rules.ts'

/** Somebody who signed in. */
export interface Person {
  readonly subject: string
  readonly name: string
  readonly role: Role
  readonly services: readonly string[] | null
  readonly address: string
}

/** A session that a request shows. */
export interface SessionInUse {
  readonly id: string
  readonly caller: Caller
  readonly csrf: string
  readonly expiresMs: number
  /** The secret that the browser gets from now on; null: it keeps the one it has. */
  readonly renewed: string | null
}

export interface SessionOptions {
  readonly clock: Clock
  readonly idleMs: number
  readonly longestMs: number
  /** Told when a session ended because a secret was shown that had been replaced long before; the answer waits for it. */
  readonly onReuse: (caller: Caller) => Promise<void>
}

type Row = Selectable<SessionsTable>

/** People who are signed in. The browser holds a secret that changes; the store holds its hash. */
export class SessionStore {
  readonly #db: Database['db']
  readonly #options: SessionOptions

  constructor({ db }: Database, options: SessionOptions) {
    this.#db = db
    this.#options = options
  }

  /** @returns the secret for the browser, which is nowhere else */
  async open({ subject, name, role, services, address }: Person): Promise<{ secret: string; id: string }> {
    const nowMs = this.#options.clock.nowMs()
    const secret = newSecret()
    const id = `ses_${randomBytes(6).toString('hex')}`
    await this.#dropEnded(nowMs)
    await this.#db
      .insertInto('sessions')
      .values({
        id,
        hash: hashOf(secret),
        previous_hash: null,
        confirmed_ms: null,
        csrf: newSecret(),
        subject,
        name,
        role,
        services: services ? JSON.stringify(services) : null,
        address,
        created_ms: nowMs,
        rotated_ms: nowMs,
        used_ms: nowMs,
        expires_ms: nowMs + this.#options.longestMs
      })
      .execute()
    return { secret, id }
  }

  /** The session of a secret; null: there is none, or it has ended. */
  async use(secret: string): Promise<SessionInUse | null> {
    const hash = hashOf(secret)
    const row = await this.#db
      .selectFrom('sessions')
      .selectAll()
      .where((is) => is.or([is('hash', '=', hash), is('previous_hash', '=', hash)]))
      .executeTakeFirst()
    if (!row) return null
    const { clock, idleMs, onReuse } = this.#options
    const nowMs = clock.nowMs()
    const shown = row.hash === hash ? 'newest' : 'previous'
    const state = stateOf(timesOf(row), shown, { nowMs, idleMs })
    if (state.kind === 'ended') {
      await this.end(row.id)
      if (state.why === 'reused') await onReuse(callerOf(row))
      return null
    }
    const renewed = state.rotate ? await this.#rotate(row, hash, nowMs) : null
    if (state.confirm && renewed === null) await this.#set(row, { confirmed_ms: nowMs })
    if (state.note) await this.#set(row, { used_ms: nowMs })
    return { id: row.id, caller: callerOf(row), csrf: row.csrf, expiresMs: row.expires_ms, renewed }
  }

  async end(id: string): Promise<Session | null> {
    const row = await this.#db.selectFrom('sessions').selectAll().where('id', '=', id).executeTakeFirst()
    if (!row) return null
    await this.#db.deleteFrom('sessions').where('id', '=', id).execute()
    return present(row)
  }

  /** Whose session has not ended, newest first. */
  async list(): Promise<Session[]> {
    const { clock, idleMs } = this.#options
    const nowMs = clock.nowMs()
    const rows = await this.#db
      .selectFrom('sessions')
      .selectAll()
      .where('expires_ms', '>', nowMs)
      .where('used_ms', '>', nowMs - idleMs)
      .orderBy('created_ms', 'desc')
      .orderBy('id')
      .execute()
    return rows.map(present)
  }

  /** Of requests that come at once, one changes the secret; the others go on with theirs. */
  async #rotate(row: Row, shownHash: string, nowMs: number): Promise<string | null> {
    const secret = newSecret()
    const { numUpdatedRows } = await this.#db
      .updateTable('sessions')
      .set({ hash: hashOf(secret), previous_hash: shownHash, confirmed_ms: null, rotated_ms: nowMs })
      .where('id', '=', row.id)
      .where('hash', '=', row.hash)
      .executeTakeFirst()
    return numUpdatedRows === 1n ? secret : null
  }

  async #set(row: Row, values: Partial<Pick<Row, 'confirmed_ms' | 'used_ms'>>): Promise<void> {
    await this.#db.updateTable('sessions').set(values).where('id', '=', row.id).execute()
  }

  async #dropEnded(nowMs: number): Promise<void> {
    await this.#db
      .deleteFrom('sessions')
      .where((is) => is.or([is('expires_ms', '<=', nowMs), is('used_ms', '<=', nowMs - this.#options.idleMs)]))
      .execute()
  }
}

const newSecret = (): string => randomBytes(32).toString('base64url')

const timesOf = (row: Row) => ({
  rotatedMs: row.rotated_ms,
  confirmedMs: row.confirmed_ms,
  usedMs: row.used_ms,
  expiresMs: row.expires_ms
})

const callerOf = ({ subject, name, role, services }: Row): Caller => ({
  kind: 'person',
  id: `person:${subject}`,
  name,
  role: role as Role,
  services: services === null ? null : (JSON.parse(services) as string[])
})

const present = (row: Row): Session => ({
  id: row.id,
  name: row.name,
  subject: row.subject,
  role: row.role as Role,
  services: callerOf(row).services as string[] | null,
  createdAt: new Date(row.created_ms).toISOString(),
  lastUsedAt: new Date(row.used_ms).toISOString(),
  expiresAt: new Date(row.expires_ms).toISOString(),
  address: row.address
})
