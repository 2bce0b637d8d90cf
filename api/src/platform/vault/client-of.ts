import { readFileSync } from 'node:fs'
import type { FastifyBaseLogger } from 'fastify'
import type { Clock } from '../clock.ts'
import type { Settings } from '../settings.ts'
import type { VaultClient } from './client.ts'
import { vaultFile, vaultSettingsUnfit } from './errors.ts'
import { openVaultClient } from './node-vault-client.ts'

/**
 * The way to the Vault that the settings name.
 *
 * @throws PLIMSOLL_VAULT_SETTINGS, PLIMSOLL_VAULT_FILE
 */
export function clientOf(settings: Settings, clock: Clock, log: FastifyBaseLogger): VaultClient {
  const {
    VAULT_ADDR: address,
    VAULT_CACERT: caFile,
    VAULT_NAMESPACE: namespace,
    VAULT_TIMEOUT_MS: timeoutMs
  } = settings
  if (address === '') {
    throw vaultSettingsUnfit('VAULT_ADDR is not set, but VAULT_KV_PATH, VAULT_DATABASE_ROLE or VAULT_TRANSIT_KEY is', {
      hint: 'set VAULT_ADDR to https://HOST:8200'
    })
  }
  if (/^http:\/\/(?!localhost|127\.|\[::1\])/.test(address)) {
    log.warn({ address }, 'secrets travel unencrypted between vault and here')
  }
  let ca: string | null = null
  try {
    if (caFile !== '') ca = readFileSync(caFile, 'utf8')
  } catch (error) {
    const { code = 'unreadable' } = error as NodeJS.ErrnoException
    throw vaultFile(`VAULT_CACERT ${caFile}: ${code}`, { hint: 'it must hold the CA certificate of Vault as PEM' })
  }
  return openVaultClient({ address: address.replace(/\/$/, ''), namespace, ca, timeoutMs, clock })
}
