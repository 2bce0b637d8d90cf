import type { Settings } from '../settings.ts'

/** Whether anything is to come from Vault. */
export const usesVault = ({ VAULT_KV_PATH, VAULT_DATABASE_ROLE, VAULT_TRANSIT_KEY }: Settings): boolean =>
  [VAULT_KV_PATH, VAULT_DATABASE_ROLE, VAULT_TRANSIT_KEY].some((name) => name !== '')
