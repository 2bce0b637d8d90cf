import fp from 'fastify-plugin'
import { Gauge } from '../metrics.ts'
import type { VaultStatus } from './vault.ts'

/** How soon it is noticed that the database refuses the login, ms. */
const lookMs = 1_000

export interface VaultOptions {
  /** Null: nothing comes from Vault. */
  readonly status: VaultStatus | null
}

/**
 * Shows to operators how it stands with Vault. While Vault is away the instance is `busy` and goes on
 * with the secrets it has: were it `not_ready`, one Vault would take every instance out of service. It
 * is `not_ready` when something that was lent has ended, and it cannot do its work.
 */
export const vaultPlugin = fp<VaultOptions>(
  async (app, { status }) => {
    if (!status) return
    app.readiness.add('vault', () => status.fault, 'busy')
    app.readiness.add('vault-database', () =>
      status.isDatabaseUserGone
        ? {
            code: 'vault_database_user_gone',
            text: 'the database user that Vault made has ended and there is no other',
            next: 'see why Vault makes none: vault read database/creds/ROLE'
          }
        : null
    )
    const stop = app.clock.every(lookMs, () => {
      if (app.database.watch.fault?.code === 'refused') status.loginRefused()
    })
    app.addHook('onClose', () => stop())
    const registers = [app.metrics]
    new Gauge({
      name: 'plimsoll_vault_up',
      help: '1 while everything asked of Vault is answered',
      registers,
      collect() {
        this.set(status.fault ? 0 : 1)
      }
    })
    new Gauge({
      name: 'plimsoll_vault_secret_version',
      help: 'Version of the secret in force',
      registers,
      collect() {
        this.set(status.secretVersion)
      }
    })
    new Gauge({
      name: 'plimsoll_vault_token_left_seconds',
      help: 'What is left of the token, +Inf when it never ends',
      registers,
      collect() {
        this.set(status.tokenLeftMs / 1_000)
      }
    })
  },
  { name: 'vault', dependencies: ['ground', 'metrics', 'readiness'] }
)
