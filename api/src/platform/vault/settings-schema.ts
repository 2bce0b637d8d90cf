import { Type } from 'typebox'
import { text, wholeNumber } from '../setting.ts'

const path = { pattern: '^($|[^/\\s?#]+(/[^/\\s?#]+)*$)', allowed: 'a path without a slash at its ends' }

/**
 * Where secrets come from. Vault is used when one of VAULT_KV_PATH, VAULT_DATABASE_ROLE and
 * VAULT_TRANSIT_KEY is set: VAULT_ADDR alone, as many shells have it, changes nothing.
 */
export const vaultSettings = {
  VAULT_ADDR: text('address of Vault or OpenBao; used when VAULT_KV_PATH, …_DATABASE_ROLE or …_TRANSIT_KEY is set', {
    pattern: '^($|https?://[^/\\s?#@]+/?$)',
    allowed: 'empty, or https://HOST:PORT; http:// only where nobody listens in'
  }),
  VAULT_NAMESPACE: text('namespace of Vault Enterprise or OpenBao; empty: the root'),
  VAULT_CACERT: text('file of the CA certificates that Vault is trusted by, PEM; empty: those of the system'),
  VAULT_AUTH: Type.Union(
    (['auto', 'nomad', 'jwt', 'approle', 'token'] as const).map((method) => Type.Literal(method)),
    {
      default: 'auto',
      description:
        'how to log in; auto: the first that is set of VAULT_JWT_FILE, VAULT_ROLE_ID, the token file, VAULT_TOKEN'
    }
  ),
  VAULT_AUTH_PATH: text('where the method is mounted; empty: jwt-nomad or approle', path),
  VAULT_ROLE: text('role of a JWT login; empty: the default role of the mount'),
  VAULT_JWT_FILE: text(
    'file of the workload identity that Nomad writes, for example $NOMAD_SECRETS_DIR/nomad_vault.jwt'
  ),
  VAULT_ROLE_ID: text('role id of an AppRole login'),
  VAULT_SECRET_ID_FILE: text('file of the secret id of an AppRole login'),
  VAULT_SECRET_ID_WRAPPED: Type.Boolean({
    default: false,
    description: 'the file holds a response-wrapping token: it is unwrapped once, and a plain secret id is refused'
  }),
  VAULT_TOKEN_FILE: text('file of a token that somebody else keeps fresh; empty: NOMAD_SECRETS_DIR/vault_token'),
  VAULT_TOKEN: text('a token, for trying things out', { secret: true }),
  NOMAD_SECRETS_DIR: text('set by Nomad inside a task: where its token files lie'),

  VAULT_KV_MOUNT: text('where the KV version 2 engine is mounted', { default: 'secret', ...path }),
  VAULT_KV_PATH: text(
    'the secret whose keys are settings of this list marked secret, and PLAN_SECRET_…; they win over the environment',
    path
  ),
  VAULT_REQUIRE: text('settings that must come from Vault, separated by commas: without one of them nothing starts', {
    pattern: '^($|[A-Z][A-Z0-9_]*(\\s*,\\s*[A-Z][A-Z0-9_]*)*$)',
    allowed: 'empty, or names such as API_TOKEN,CLASS_KEY'
  }),
  VAULT_REFRESH_S: wholeNumber('s', 'how often the secret is read again', { default: 60, minimum: 1, maximum: 86_400 }),
  VAULT_OVERLAP_S: wholeNumber(
    's',
    'how long a replaced API_TOKEN or CLASS_KEY is accepted beside the new one, counted from the new version in Vault',
    { default: 900, minimum: 0, maximum: 604_800 }
  ),
  VAULT_DATABASE_MOUNT: text('where the database engine is mounted', { default: 'database', ...path }),
  VAULT_DATABASE_ROLE: text(
    'role whose short-lived user and password are put into DATABASE_URL; empty: DATABASE_URL as it is',
    path
  ),
  VAULT_TRANSIT_MOUNT: text('where the transit engine is mounted', { default: 'transit', ...path }),
  VAULT_TRANSIT_KEY: text('Ed25519 key that signs; empty: DATA_DIR/signing.key', path),
  VAULT_TIMEOUT_MS: wholeNumber('ms', 'how long one answer of Vault may take', {
    default: 5_000,
    minimum: 100,
    maximum: 60_000
  }),
  VAULT_BOOT_WAIT_S: wholeNumber('s', 'how long the start waits for a Vault that is sealed, standby or not reachable', {
    default: 60,
    minimum: 0,
    maximum: 3_600
  })
}
