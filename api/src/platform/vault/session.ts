import type { FastifyBaseLogger } from 'fastify'
import { isCodedError } from '../errors.ts'
import type { Clock } from '../clock.ts'
import type { VaultClient } from './client.ts'
import { isAboutToken, vaultDenied } from './errors.ts'
import { Keeper } from './keeper.ts'
import type { Login } from './login.ts'

export interface SessionOptions {
  readonly client: VaultClient
  readonly login: Login
  readonly clock: Clock
  readonly random: () => number
  readonly log: FastifyBaseLogger
  readonly onFault: (error: unknown) => void
  /** After another token than the first is in use: what hangs on the one before ends with it. */
  readonly onNewToken: () => void
}

/** A token, kept alive; every call to Vault goes through it. */
export class VaultSession {
  readonly #options: SessionOptions
  readonly #keeper: Keeper
  #token = ''

  constructor(options: SessionOptions) {
    this.#options = options
    const { client, clock, random, onFault } = options
    this.#keeper = new Keeper({
      clock,
      random,
      onFault,
      renew: () => client.renewToken(this.#token),
      replace: () => this.#logIn()
    })
  }

  /** What is left of the token, ms. */
  get leftMs(): number {
    return this.#keeper.leftMs
  }

  /** The first login. */
  async start(): Promise<void> {
    this.#keeper.keep(await this.#logIn())
  }

  /**
   * Does something with the token. When Vault refuses, and that is because the token is no longer
   * any good, it is done once more with a new one.
   */
  async call<Result>(use: (client: VaultClient, token: string) => Promise<Result>): Promise<Result> {
    const { client } = this.#options
    const token = this.#token
    try {
      return await use(client, token)
    } catch (error) {
      if (!(await this.#isTokenGone(error, token))) throw error
      if (token === this.#token) await this.#keeper.replaceNow()
      return use(client, this.#token)
    }
  }

  /** Takes the token that somebody has put into the file since. */
  async followFile(): Promise<void> {
    if (this.#options.login.isStale()) await this.#keeper.replaceNow()
  }

  tryNow(): Promise<void> {
    return this.#keeper.tryNow()
  }

  /** Ends the timers, and the token when it is ours: with it goes all that was lent on it. */
  async close(): Promise<void> {
    this.#keeper.stop()
    const { client, login, log } = this.#options
    if (login.isOwn && this.#token) {
      await client.revokeToken(this.#token).catch((error: unknown) => log.debug({ err: error }, 'token not revoked'))
    }
    await client.close()
  }

  async #logIn() {
    const { client, login, log, onNewToken } = this.#options
    const grant = await login.logIn(client)
    const isFirst = this.#token === ''
    const isNew = grant.token !== this.#token
    this.#token = grant.token
    log.info({ method: login.method, ttlS: grant.ttlMs / 1_000, renewable: grant.renewable }, 'logged in to vault')
    if (isNew && !isFirst) onNewToken()
    return grant
  }

  /** A 403 says the same of a token that ended and of a path that is not allowed: the token is asked about itself. */
  async #isTokenGone(error: unknown, token: string): Promise<boolean> {
    if (!isCodedError(error) || error.code !== vaultDenied.spec.code) return false
    try {
      await this.#options.client.lookUp(token)
      return false
    } catch (aboutToken) {
      return isAboutToken(aboutToken)
    }
  }
}
