import type { FastifyBaseLogger } from 'fastify'
import type { Clock } from '../clock.ts'
import type { DatabaseUser, Engine } from './client.ts'
import { Keeper } from './keeper.ts'
import type { VaultSession } from './session.ts'

export interface DatabaseLoginOptions {
  readonly session: VaultSession
  readonly role: Engine
  readonly clock: Clock
  readonly random: () => number
  readonly log: FastifyBaseLogger
  readonly onFault: (error: unknown) => void
  /** A new user is there. When it throws, the one before stays in use and this is tried again. */
  readonly onNewUser: (user: DatabaseUser) => Promise<void>
}

/** A database that refuses everybody must not be filled with users, ms. */
const refusedPauseMs = 30_000

interface MadeUser {
  readonly user: DatabaseUser
  /** By the monotonic clock. */
  readonly madeMs: number
}

/** The short-lived user of the database that Vault makes for this process, kept alive and replaced in time. */
export class DatabaseLogin {
  readonly #options: DatabaseLoginOptions
  readonly #keeper: Keeper
  #user: DatabaseUser | null = null
  #untaken: MadeUser | null = null
  #refusedMs = Number.NEGATIVE_INFINITY

  constructor(options: DatabaseLoginOptions) {
    this.#options = options
    const { session, clock, random, onFault } = options
    this.#keeper = new Keeper({
      clock,
      random,
      onFault,
      renew: () => session.call((client, token) => client.renewLease(token, this.#user?.leaseId ?? '')),
      replace: async () => {
        const { user, madeMs } = this.#fresh() ?? { user: await this.#make(), madeMs: clock.monotonicMs() }
        this.#untaken = { user, madeMs }
        await options.onNewUser(user)
        this.#untaken = null
        this.#user = user
        return { ...user, ttlMs: user.ttlMs - (clock.monotonicMs() - madeMs) }
      }
    })
  }

  get user(): DatabaseUser | null {
    return this.#user
  }

  /** What is left of the user, ms. */
  get leftMs(): number {
    return this.#keeper.leftMs
  }

  async start(): Promise<void> {
    this.#user = await this.#make()
    this.#keeper.keep(this.#user)
  }

  replaceNow(): Promise<void> {
    return this.#keeper.replaceNow()
  }

  tryNow(): Promise<void> {
    return this.#keeper.tryNow()
  }

  /** The database does not know this user any more, though its time is not over: somebody has revoked it. */
  async replaceRefused(): Promise<void> {
    const { clock } = this.#options
    if (clock.monotonicMs() - this.#refusedMs < refusedPauseMs) return
    this.#refusedMs = clock.monotonicMs()
    await this.#keeper.replaceNow()
  }

  stop(): void {
    this.#keeper.stop()
  }

  /** A user that could not be taken yet, while most of its life is left: asking for one at every try would fill the database. */
  #fresh(): MadeUser | null {
    const ageMs = this.#options.clock.monotonicMs() - (this.#untaken?.madeMs ?? 0)
    return this.#untaken !== null && ageMs < this.#untaken.user.ttlMs / 3 ? this.#untaken : null
  }

  async #make(): Promise<DatabaseUser> {
    const { session, role, log } = this.#options
    const user = await session.call((client, token) => client.makeDatabaseUser(token, role))
    log.info({ user: user.username, ttlS: user.ttlMs / 1_000 }, 'vault made a database user')
    return user
  }
}
