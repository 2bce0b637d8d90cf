import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Settings } from '../settings.ts'
import type { Grant, VaultClient } from './client.ts'
import { vaultFile, vaultLoginRefused, vaultSettingsUnfit } from './errors.ts'

/** A way to get a token, again and again. Files are read at each login: what put them there may renew them. */
export interface Login {
  /** For people. */
  readonly method: string
  /** Whether the token is made for this process alone, to be revoked when it ends. */
  readonly isOwn: boolean
  /** Whether somebody has put another token into the file since the last login. */
  isStale(): boolean
  logIn(client: VaultClient): Promise<Grant>
}

type LoginSettings = Pick<
  Settings,
  | 'VAULT_AUTH'
  | 'VAULT_AUTH_PATH'
  | 'VAULT_ROLE'
  | 'VAULT_JWT_FILE'
  | 'VAULT_ROLE_ID'
  | 'VAULT_SECRET_ID_FILE'
  | 'VAULT_SECRET_ID_WRAPPED'
  | 'VAULT_TOKEN_FILE'
  | 'VAULT_TOKEN'
  | 'NOMAD_SECRETS_DIR'
>

/**
 * The login that the settings describe.
 *
 * @throws PLIMSOLL_VAULT_SETTINGS when what the method needs is not set
 */
export function loginOf(settings: LoginSettings): Login {
  const method = settings.VAULT_AUTH === 'auto' ? firstThatIsSet(settings) : settings.VAULT_AUTH
  switch (method) {
    case 'jwt':
      return byJwt(settings)
    case 'approle':
      return byAppRole(settings)
    case 'nomad':
      return byTokenFile(settings)
    case 'token':
      return byToken(settings)
  }
}

const firstThatIsSet = (settings: LoginSettings): 'jwt' | 'approle' | 'nomad' | 'token' => {
  if (settings.VAULT_JWT_FILE) return 'jwt'
  if (settings.VAULT_ROLE_ID) return 'approle'
  if (tokenFileOf(settings)) return 'nomad'
  if (settings.VAULT_TOKEN) return 'token'
  throw vaultSettingsUnfit('Vault is to be used, but there is nothing to log in with', {
    hint: 'set VAULT_JWT_FILE, VAULT_ROLE_ID and VAULT_SECRET_ID_FILE, VAULT_TOKEN_FILE, or VAULT_TOKEN; inside Nomad a vault block does it'
  })
}

const byJwt = ({ VAULT_AUTH_PATH, VAULT_ROLE, VAULT_JWT_FILE }: LoginSettings): Login => {
  const file = needed('VAULT_JWT_FILE', VAULT_JWT_FILE, 'jwt')
  return {
    method: 'jwt',
    isOwn: true,
    isStale: () => false,
    logIn: async (client) =>
      client.loginWithJwt({
        mount: VAULT_AUTH_PATH || 'jwt-nomad',
        role: VAULT_ROLE,
        jwt: contentOf('VAULT_JWT_FILE', file)
      })
  }
}

const byAppRole = (settings: LoginSettings): Login => {
  const roleId = needed('VAULT_ROLE_ID', settings.VAULT_ROLE_ID, 'approle')
  const file = needed('VAULT_SECRET_ID_FILE', settings.VAULT_SECRET_ID_FILE, 'approle')
  /** A wrapping token works once: what it gave is kept for later logins, beside the token that gave it. */
  let unwrapped: { wrapping: string; secretId: string } | null = null
  const secretIdOf = async (client: VaultClient): Promise<string> => {
    const content = contentOf('VAULT_SECRET_ID_FILE', file)
    if (!settings.VAULT_SECRET_ID_WRAPPED) return content
    if (!/^(hv[sbr]|[sbr])\./.test(content)) {
      throw vaultLoginRefused(`${file} holds no wrapping token`, {
        hint: 'VAULT_SECRET_ID_WRAPPED is true: write the secret id with -wrap-ttl; a plain one here may be a forged one'
      })
    }
    if (unwrapped?.wrapping !== content) {
      unwrapped = { wrapping: content, secretId: await client.unwrapSecretId(content) }
    }
    return unwrapped.secretId
  }
  return {
    method: 'approle',
    isOwn: true,
    isStale: () => false,
    logIn: async (client) =>
      client.loginWithAppRole({
        mount: settings.VAULT_AUTH_PATH || 'approle',
        roleId,
        secretId: await secretIdOf(client)
      })
  }
}

/** Nomad (or an agent of Vault) logs in, renews, and writes each new token into the file. */
const byTokenFile = (settings: LoginSettings): Login => {
  const file = needed('VAULT_TOKEN_FILE', tokenFileOf(settings), 'nomad')
  let used = ''
  return {
    method: 'nomad',
    isOwn: false,
    isStale() {
      try {
        return contentOf('VAULT_TOKEN_FILE', file) !== used
      } catch {
        return false // in the middle of being replaced, or gone: the token in use may still be good
      }
    },
    async logIn(client) {
      const token = contentOf('VAULT_TOKEN_FILE', file)
      const grant = await client.lookUp(token)
      used = token
      return grant
    }
  }
}

const byToken = ({ VAULT_TOKEN }: LoginSettings): Login => {
  const token = needed('VAULT_TOKEN', VAULT_TOKEN, 'token')
  return { method: 'token', isOwn: false, isStale: () => false, logIn: (client) => client.lookUp(token) }
}

const tokenFileOf = ({ VAULT_TOKEN_FILE, NOMAD_SECRETS_DIR }: LoginSettings): string =>
  VAULT_TOKEN_FILE || (NOMAD_SECRETS_DIR && join(NOMAD_SECRETS_DIR, 'vault_token'))

const needed = (name: string, value: string, method: string): string => {
  if (value) return value
  throw vaultSettingsUnfit(`${name} is not set, and a login by ${method} needs it`, {
    hint: `set ${name}, or another VAULT_AUTH`
  })
}

const contentOf = (name: string, file: string): string => {
  let content: string
  try {
    content = readFileSync(file, 'utf8').trim()
  } catch (error) {
    const { code = 'unreadable' } = error as NodeJS.ErrnoException
    throw vaultFile(`${name} ${file}: ${code}`, {
      hint: 'it must be there and readable for this user before the start'
    })
  }
  if (content !== '') return content
  throw vaultFile(`${name} ${file} is empty`, { hint: 'whoever writes it has not done so yet, or failed' })
}
