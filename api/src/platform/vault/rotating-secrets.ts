import { isDeepStrictEqual } from 'node:util'
import type { FastifyBaseLogger } from 'fastify'
import type { Cancel, Clock } from '../clock.ts'
import type { Secrets, SecretsListener, TextSetting } from '../secrets.ts'
import type { Settings } from '../settings.ts'
import { isPostgres } from '../database/open.ts'
import { acceptedValues, changedNames, type Moment } from './accepted.rules.ts'
import type { DatabaseUser, Engine } from './client.ts'
import { isSameDatabase, withUser } from './database-url.rules.ts'
import { vaultSettingsUnfit } from './errors.ts'
import { noSecret, readHeldSecret, type HeldSecret, type Values } from './secret-values.ts'
import type { VaultSession } from './session.ts'

export interface RotatingSecretsOptions {
  readonly session: VaultSession
  /** Null: nothing is read from the KV engine. */
  readonly secret: Engine | null
  readonly required: readonly string[]
  readonly overlapMs: number
  readonly clock: Clock
  readonly log: FastifyBaseLogger
  readonly resolve: (values: Values) => Promise<Settings>
  /** Told when somebody could not use a new secret, and null when all could. */
  readonly onFault: (error: unknown) => void
}

const mostRemembered = 20

interface Listener {
  readonly call: SecretsListener
  /** What it has not yet been able to use. */
  readonly owed: Set<string>
}

/** The settings with the secrets of Vault put in, and what becomes of them when one is rotated. */
export class RotatingSecrets implements Secrets {
  readonly #options: RotatingSecretsOptions
  readonly #listeners = new Set<Listener>()
  #held: HeldSecret = noSecret
  #turn: Promise<void> = Promise.resolve()
  #settings: Settings | null = null
  #user: DatabaseUser | null = null
  /** Versions that were looked at, since looking takes a while. */
  readonly #usable = new Map<string, Promise<boolean>>()
  #seen: Moment = { held: noSecret, settings: {}, nowMs: 0 }

  constructor(options: RotatingSecretsOptions) {
    this.#options = options
  }

  get settings(): Settings {
    if (!this.#settings) throw new Error('start() first')
    return this.#settings
  }

  get version(): number {
    return this.#held.version
  }

  accepted(name: TextSetting): readonly string[] {
    return acceptedValues(this.settings[name], name, this.#held, this.#options.clock.nowMs())
  }

  onChange(call: SecretsListener): Cancel {
    const listener = { call, owed: new Set<string>() }
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Reads for the first time. */
  async start(user: DatabaseUser | null): Promise<void> {
    const { log } = this.#options
    this.#user = user
    const held = await this.#read()
    this.#settings = await this.#resolve(held)
    this.#held = held
    this.#seen = this.#now()
    if (held.ignored.length > 0) {
      log.warn({ ignored: held.ignored }, 'vault holds keys that are no secret settings of this version')
    }
    if (held.version > 0) {
      log.info({ version: held.version, names: Object.keys(held.values) }, 'secrets read from vault')
    }
  }

  /** Reads again and tells whoever is concerned; what cannot be used leaves everything as it was. */
  async refresh(): Promise<void> {
    const held = await this.#read()
    await this.#inTurn(async () => {
      if (!isDeepStrictEqual(held.values, this.#held.values) || held.version !== this.#held.version) {
        this.#settings = await this.#resolve(held)
        this.#options.log.info({ from: this.#held.version, to: held.version }, 'secrets in vault have a new version')
      }
      this.#held = held
      await this.#tell().catch(() => {}) // told by onFault, and tried again; nothing else has to wait for it
    })
  }

  /**
   * @throws what the pool of connections says of the new user; the one before stays
   */
  useDatabaseUser(user: DatabaseUser): Promise<void> {
    return this.#inTurn(async () => {
      const before = { user: this.#user, settings: this.#settings }
      this.#user = user
      try {
        this.#settings = await this.#resolve(this.#held)
        await this.#tell()
      } catch (error) {
        this.#user = before.user
        this.#settings = before.settings
        this.#seen = this.#now()
        throw error
      }
    })
  }

  /** One change after the other: none is worked out from what another is about to replace. */
  #inTurn(change: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(change)
    this.#turn = done.catch(() => {})
    return done
  }

  async #read(): Promise<HeldSecret> {
    const { session, secret, overlapMs, required, clock } = this.#options
    if (secret === null) return noSecret
    const held = await readHeldSecret(session, secret, { overlapMs, required, nowMs: clock.nowMs() })
    const usable = await Promise.all(held.replaced.map(({ version, values }) => this.#isUsable(version, values)))
    return { ...held, replaced: held.replaced.filter((_, index) => usable[index]) }
  }

  /** A version that was refused when it was the newest is not accepted as an older one either. */
  #isUsable(version: number, values: Values): Promise<boolean> {
    const key = `${version} ${JSON.stringify(values)}`
    const known = this.#usable.get(key)
    if (known) return known
    const answer = this.#options.resolve(values).then(
      () => true,
      () => false
    )
    if (this.#usable.size >= mostRemembered) this.#usable.clear()
    this.#usable.set(key, answer)
    return answer
  }

  async #resolve({ values }: HeldSecret): Promise<Settings> {
    const resolved = await this.#options.resolve(values)
    const settings = this.#user ? withDatabaseUser(resolved, this.#user) : resolved
    const inForce = this.#settings?.DATABASE_URL
    if (inForce === undefined || isSameDatabase(inForce, settings.DATABASE_URL)) return settings
    this.#options.log.warn('DATABASE_URL means another database now: that takes effect with a restart')
    return { ...settings, DATABASE_URL: inForce }
  }

  /** Tells every listener what has changed, and again what it could not use before. */
  async #tell(): Promise<void> {
    const now = this.#now()
    const changed = changedNames(this.#seen, now)
    this.#seen = now
    let fault: unknown = null
    for (const { call, owed } of this.#listeners) {
      for (const name of changed) owed.add(name)
      if (owed.size === 0) continue
      try {
        await call({ changed: new Set(owed) })
        owed.clear()
      } catch (error) {
        fault = error
      }
    }
    if (changed.size > 0) this.#options.log.info({ names: [...changed] }, 'secrets changed')
    this.#options.onFault(fault)
    if (fault !== null) throw fault as Error
  }

  #now(): Moment {
    const { settings } = this
    const texts = Object.entries({ ...settings, ...settings.planSecrets }).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string'
    )
    return { held: this.#held, settings: Object.fromEntries(texts), nowMs: this.#options.clock.nowMs() }
  }
}

const withDatabaseUser = (settings: Settings, { username, password }: DatabaseUser): Settings => {
  if (!isPostgres(settings.DATABASE_URL)) {
    throw vaultSettingsUnfit('VAULT_DATABASE_ROLE is set, but DATABASE_URL is not postgres://…', {
      hint: 'set DATABASE_URL to postgres://HOST:PORT/DATABASE; user and password come from Vault'
    })
  }
  return { ...settings, DATABASE_URL: withUser(settings.DATABASE_URL, username, password) }
}
