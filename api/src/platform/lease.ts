import { randomBytes } from 'node:crypto'
import fp from 'fastify-plugin'
import { sql, type Kysely, type Transaction } from 'kysely'
import type { Cancel, Clock } from './clock.ts'
import type { Database } from './database/open.ts'
import { channel, type Line } from './database/line.ts'
import type { Tables } from './database/tables.ts'
import { codedError, messageOf } from './errors.ts'
import { Gauge } from './metrics.ts'

export const leaseLost = codedError({
  code: 'PLIMSOLL_LEASE_LOST',
  status: 503,
  title: 'Another instance leads now',
  hint: 'nothing to do: what was to be written here is written there'
})

/** Who may act for all instances: one of them at a time. */
export interface Leadership {
  /** Whether this instance may act, now. It ends by itself: ask right before acting. */
  readonly isLeader: boolean
  /** Fencing token: grows with every change of leader, so of two that believe to lead the smaller is wrong. 0: never led. */
  readonly fencing: number
  /** @returns ends the subscription */
  onChange(listener: (isLeader: boolean) => void): Cancel
  /**
   * Makes a transaction one of the leader's: it commits before another instance can lead, or not at all.
   *
   * @throws PLIMSOLL_LEASE_LOST
   */
  guard(transaction: Transaction<Tables>): Promise<void>
  /** A transaction of the leader's; see {@link Leadership.guard}. */
  act<T>(task: (transaction: Transaction<Tables>) => Promise<T>): Promise<T>
}

/** Who holds the lease, for people. Times are by the database's clock, Unix ms. */
export interface LeaseStatus {
  readonly holder: string | null
  readonly token: number
  readonly sinceMs: number | null
}

export interface Lease extends Leadership {
  /** This process among all that share the store: instance and a random part. */
  readonly holder: string
  status(): Promise<LeaseStatus>
  /** Resolves when it was tried once to take the lease. */
  start(): Promise<void>
  /** Another instance has let go. */
  tryNow(): void
  /** Lets go, so that another instance need not wait for the end of the lease. */
  close(): Promise<void>
}

const name = 'leader'

/** Leads alone, without a store: for parts that are run by themselves. */
export const leadsAlone = (db: Kysely<Tables>): Leadership => ({
  isLeader: true,
  fencing: 1,
  onChange: () => () => {},
  guard: () => Promise.resolve(),
  act: (task) => db.transaction().execute(task)
})

/** The lease where one process alone can have the store: always held, with a new token at every start. */
export class SoleLease implements Lease {
  readonly isLeader = true
  readonly holder: string
  readonly #db: Kysely<Tables>
  readonly #clock: Clock
  #token = 0

  constructor(db: Kysely<Tables>, holder: string, clock: Clock) {
    this.#db = db
    this.holder = holder
    this.#clock = clock
  }

  get fencing(): number {
    return this.#token
  }

  async start(): Promise<void> {
    const row = { holder: this.holder, expires_ms: 0, taken_ms: this.#clock.nowMs() }
    const { token } = await this.#db
      .insertInto('leases')
      .values({ name, token: 1, ...row })
      .onConflict((conflict) =>
        conflict.column('name').doUpdateSet((eb) => ({ ...row, token: eb('leases.token', '+', 1) }))
      )
      .returning('token')
      .executeTakeFirstOrThrow()
    this.#token = token
  }

  status = (): Promise<LeaseStatus> => statusOf(this.#db)
  onChange = (): Cancel => () => {}
  guard = (): Promise<void> => Promise.resolve()
  act = <T>(task: (transaction: Transaction<Tables>) => Promise<T>): Promise<T> => this.#db.transaction().execute(task)
  tryNow = (): void => {}
  close = (): Promise<void> => Promise.resolve()
}

export interface SharedLeaseOptions {
  readonly db: Kysely<Tables>
  readonly line: Pick<Line, 'query'>
  readonly clock: Clock
  readonly holder: string
  /** How long the lease lasts without being renewed, ms. */
  readonly durationMs: number
  readonly log: { info(facts: object, text: string): void; warn(facts: object, text: string): void }
}

/** Clocks of two machines run at slightly different speeds: the leader stops this much of the duration early. */
const marginRatio = 0.1

/** Unix time by the database's clock at this very moment, whole ms. */
const databaseNow = 'floor(extract(epoch from clock_timestamp()) * 1000)::bigint'

const takeStatement = `
  insert into leases as held (name, holder, token, expires_ms, taken_ms)
  values ('${name}', $1, 1, ${databaseNow} + $2::bigint, ${databaseNow})
  on conflict (name) do update
    set holder = excluded.holder, token = held.token + 1,
        expires_ms = excluded.expires_ms, taken_ms = excluded.taken_ms
    where held.expires_ms <= ${databaseNow}
  returning token`

const renewStatement = `
  update leases set expires_ms = ${databaseNow} + $2::bigint
  where name = '${name}' and holder = $1 and token = $3::bigint
  returning token`

const releaseStatement = `
  with released as (
    update leases set expires_ms = 0 where name = '${name}' and holder = $1 and token = $2::bigint returning token)
  select pg_notify('${channel}', 'lease ' || $1) from released`

/**
 * The lease that instances on one PostgreSQL share. It is taken and renewed by the database's clock;
 * the leader counts its own time from before it asked, by the clock that never steps, and stops
 * before the lease can end. A leader that was frozen and does not know yet is stopped by
 * {@link SharedLease.guard}: its transactions hold the row of the lease, and compare the token in it.
 */
export class SharedLease implements Lease {
  readonly holder: string
  readonly #options: SharedLeaseOptions
  readonly #listeners = new Set<(isLeader: boolean) => void>()
  #token = 0
  /** Until when this instance may act, by its monotonic clock. */
  #untilMs = -Infinity
  /** What listeners were told last. */
  #told = false
  #beating: Promise<void> | null = null
  #stopBeating: Cancel = () => {}
  #cancelEnd: Cancel = () => {}
  #closed = false

  constructor(options: SharedLeaseOptions) {
    this.#options = options
    this.holder = options.holder
  }

  get isLeader(): boolean {
    return this.#options.clock.monotonicMs() < this.#untilMs
  }

  get fencing(): number {
    return this.#token
  }

  onChange(listener: (isLeader: boolean) => void): Cancel {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async start(): Promise<void> {
    const { clock, durationMs } = this.#options
    this.#stopBeating = clock.every(Math.max(50, Math.round(durationMs / 4)), () => this.tryNow())
    await this.#beat()
  }

  tryNow(): void {
    void this.#beat()
  }

  status(): Promise<LeaseStatus> {
    return statusOf(this.#options.db)
  }

  async guard(transaction: Transaction<Tables>): Promise<void> {
    const { durationMs } = this.#options
    if (!this.isLeader) throw leaseLost('The lease of this instance has ended')
    // The row stays locked until this transaction ends, so nobody takes the lease in between. Frozen within
    // the transaction, the server ends it after one more duration.
    const { rows } = await sql`
      select set_config('idle_in_transaction_session_timeout', ${`${durationMs}ms`}, true)
      from leases where name = ${name} and holder = ${this.holder} and token = ${this.#token} for share`.execute(
      transaction
    )
    if (rows.length > 0) return
    this.#end('its token is old')
    throw leaseLost('Another instance has taken the lease')
  }

  act<T>(task: (transaction: Transaction<Tables>) => Promise<T>): Promise<T> {
    return this.#options.db.transaction().execute(async (transaction) => {
      await this.guard(transaction)
      return task(transaction)
    })
  }

  async close(): Promise<void> {
    const { line, durationMs } = this.#options
    this.#closed = true
    this.#stopBeating()
    await this.#beating
    const held = this.isLeader
    this.#end('stopping')
    if (!held) return
    // if it cannot be told, the lease ends by itself
    await line.query(releaseStatement, [this.holder, this.#token], durationMs).catch(() => [])
  }

  /** Renews the lease, or tries to take it; one such question is under way at most. Never rejects. */
  #beat(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    this.#beating ??= this.#ask()
      .catch((error: unknown) => {
        if (this.isLeader) this.#options.log.warn({ reason: messageOf(error) }, 'lease could not be renewed yet')
      })
      .finally(() => (this.#beating = null))
    return this.#beating
  }

  async #ask(): Promise<void> {
    const { line, clock, durationMs } = this.#options
    const renews = this.isLeader
    const askedMs = clock.monotonicMs()
    const [statement, values] = renews
      ? [renewStatement, [this.holder, durationMs, this.#token]]
      : [takeStatement, [this.holder, durationMs]]
    const [row] = await line.query<{ token: number }>(statement, values, Math.max(250, durationMs / 2))
    if (row) this.#hold(row.token, askedMs + durationMs * (1 - marginRatio))
    else if (renews) this.#end('another instance has taken it')
  }

  #hold(token: number, untilMs: number): void {
    const { clock, log } = this.#options
    if (untilMs <= clock.monotonicMs()) return // the answer came too late
    if (token !== this.#token) this.#end('it was taken anew')
    const isNew = !this.#told
    this.#token = token
    this.#untilMs = untilMs
    this.#cancelEnd()
    this.#cancelEnd = clock.after(untilMs - clock.monotonicMs() + 1, () => {
      if (!this.isLeader) this.#end('it could not be renewed in time')
    })
    if (!isNew) return
    log.info({ fencing: token }, 'this instance leads')
    this.#tell(true)
  }

  #end(reason: string): void {
    this.#untilMs = -Infinity
    this.#cancelEnd()
    if (!this.#told) return
    this.#options.log.warn({ fencing: this.#token, reason }, 'this instance leads no more')
    this.#tell(false)
  }

  #tell(isLeader: boolean): void {
    this.#told = isLeader
    for (const listener of this.#listeners) listener(isLeader)
  }
}

const statusOf = async (db: Kysely<Tables>): Promise<LeaseStatus> => {
  const row = await db.selectFrom('leases').selectAll().where('name', '=', name).executeTakeFirst()
  if (!row) return { holder: null, token: 0, sinceMs: null }
  return { holder: row.holder, token: row.token, sinceMs: row.taken_ms }
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Who may act for all instances. Rooms ask it before they alert, probe, delete or deploy. */
    lease: Lease
  }
}

/** The lease of this process, asked for when the application is ready. */
export const openLease = (
  { db, line }: Database,
  options: { clock: Clock; instance: string; durationMs: number; log: SharedLeaseOptions['log'] }
): Lease => {
  const { clock, instance, durationMs, log } = options
  const holder = `${instance}.${randomBytes(4).toString('hex')}`
  return line ? new SharedLease({ db, line, clock, holder, durationMs, log }) : new SoleLease(db, holder, clock)
}

export const leasePlugin = fp<{ readonly clock: Clock }>(
  async (app, { clock }) => {
    const { settings, database, instance, log, metrics } = app
    const lease = openLease(database, { clock, instance: instance.id, durationMs: settings.LEASE_DURATION_MS, log })
    app.decorate('lease', lease)
    new Gauge({
      name: 'plimsoll_leader',
      help: '1 while this instance acts for all: alerts, probes, retention',
      registers: [metrics],
      collect() {
        this.set(lease.isLeader ? 1 : 0)
      }
    })
    database.line?.open({
      clock,
      onNotice: (text) => {
        const [kind = '', holder] = text.split(' ')
        if (holder === lease.holder) return
        if (kind === 'lease') lease.tryNow()
        else app.notices.tell(kind)
      },
      onConnected: () => {
        lease.tryNow()
        app.notices.tellAll()
      },
      onError: (reason) => log.warn({ reason }, 'what other instances tell is not heard')
    })
    if (database.line) {
      app.notices.announce = (kind) => {
        sql`select pg_notify(${channel}, ${`${kind} ${lease.holder}`})`
          .execute(database.db)
          .catch((error: unknown) => log.warn({ kind, reason: messageOf(error) }, 'other instances could not be told'))
      }
    }
    app.addHook('onReady', () => lease.start())
    app.addHook('onClose', () => lease.close())
  },
  { name: 'lease', dependencies: ['ground', 'metrics', 'notices'] }
)
