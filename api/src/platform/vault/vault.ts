import type { FastifyBaseLogger } from 'fastify'
import type { Cancel, Clock } from '../clock.ts'
import type { Secrets } from '../secrets.ts'
import type { Settings } from '../settings.ts'
import type { Signer } from '../signing/signer.ts'
import { clientOf } from './client-of.ts'
import { DatabaseLogin } from './database-user.ts'
import { FaultBook, type VaultFault } from './fault-book.ts'
import { loginOf } from './login.ts'
import { patience } from './patience.ts'
import { RotatingSecrets } from './rotating-secrets.ts'
import { VaultSession } from './session.ts'
import type { Values } from './secret-values.ts'
import { TransitSigner } from './transit-signer.ts'

export interface Vault {
  readonly secrets: Secrets
  /** Null: no key in Vault is named. */
  readonly signer: Signer | null
  readonly status: VaultStatus
  close(): Promise<void>
}

/** What operators see of it. */
export interface VaultStatus {
  /** Null while all is well. */
  readonly fault: VaultFault | null
  /** Whether the user of the database has ended and none took its place. */
  readonly isDatabaseUserGone: boolean
  /** Version of the secret in force; 0 when none is read. */
  readonly secretVersion: number
  /** What is left of the token, ms; infinite for one that never ends. */
  readonly tokenLeftMs: number
  /** To be told when the database refuses the login: another user is asked for. Nothing without VAULT_DATABASE_ROLE. */
  readonly loginRefused: () => void
}

export interface VaultOptions {
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly log: FastifyBaseLogger
  /** The settings with these values of Vault put in; throws when they do not fit together. */
  readonly resolve: (values: Values) => Promise<Settings>
}

/**
 * Logs in to Vault and gets all that the settings name, before anything else is opened: what is not
 * whole does not start. Afterwards keeps it fresh.
 *
 * @param settings - those of the environment alone
 * @throws PLIMSOLL_VAULT_… ; a Vault that is sealed, standby or away is waited for first, VAULT_BOOT_WAIT_S long
 */
export async function openVault(settings: Settings, { clock, random, log, resolve }: VaultOptions): Promise<Vault> {
  const faults = new FaultBook(log)
  const login = loginOf(settings)
  const client = clientOf(settings, clock, log)
  const session = new VaultSession({
    client,
    login,
    clock,
    random,
    log,
    onFault: faults.of('token'),
    onNewToken: () => void databaseLogin?.replaceNow().catch(() => {}) // the user ends with the token it was made on; told by onFault
  })
  const databaseLogin =
    settings.VAULT_DATABASE_ROLE === ''
      ? null
      : new DatabaseLogin({
          session,
          role: { mount: settings.VAULT_DATABASE_MOUNT, name: settings.VAULT_DATABASE_ROLE },
          clock,
          random,
          log,
          onFault: faults.of('database user'),
          onNewUser: (user) => secrets.useDatabaseUser(user)
        })
  const signer =
    settings.VAULT_TRANSIT_KEY === ''
      ? null
      : new TransitSigner(session, { mount: settings.VAULT_TRANSIT_MOUNT, name: settings.VAULT_TRANSIT_KEY })
  const secrets = new RotatingSecrets({
    session,
    secret: settings.VAULT_KV_PATH === '' ? null : { mount: settings.VAULT_KV_MOUNT, name: settings.VAULT_KV_PATH },
    required: settings.VAULT_REQUIRE.split(/[\s,]+/).filter(Boolean),
    overlapMs: settings.VAULT_OVERLAP_S * 1_000,
    clock,
    log,
    resolve,
    onFault: faults.of('rotation')
  })

  const patiently = patience({ clock, random, log, waitMs: settings.VAULT_BOOT_WAIT_S * 1_000 })
  let stop: Cancel = () => {}
  const close = async (): Promise<void> => {
    stop()
    databaseLogin?.stop()
    await session.close()
  }
  try {
    await patiently(() => session.start())
    if (databaseLogin) await patiently(() => databaseLogin.start())
    await patiently(() => secrets.start(databaseLogin?.user ?? null))
    if (signer) await patiently(() => signer.refresh())
  } catch (error) {
    await close()
    throw error
  }

  const refresh = async (): Promise<void> => {
    await session.followFile()
    await secrets.refresh()
    await signer?.refresh()
    await session.tryNow()
    await databaseLogin?.tryNow()
  }
  let refreshing = false
  stop = clock.every(settings.VAULT_REFRESH_S * 1_000, () => {
    if (refreshing) return
    refreshing = true
    refresh()
      .then(() => faults.of('refresh')(null), faults.of('refresh'))
      .finally(() => (refreshing = false))
  })

  return {
    secrets,
    signer,
    status: {
      get fault() {
        return faults.first
      },
      get isDatabaseUserGone() {
        return databaseLogin?.leftMs === 0
      },
      get secretVersion() {
        return secrets.version
      },
      get tokenLeftMs() {
        return session.leftMs
      },
      loginRefused: () => void databaseLogin?.replaceRefused().catch(() => {}) // told by onFault
    },
    close
  }
}
