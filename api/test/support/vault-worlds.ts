import { generateKeyPairSync } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { ManualClock, systemClock, type Clock } from '../../src/platform/clock.ts'
import type { Engine, VaultClient } from '../../src/platform/vault/client.ts'
import { openVaultClient } from '../../src/platform/vault/node-vault-client.ts'
import { callVault, signedJwt, startRealVault } from './vault-real.ts'
import { recordings, startReplay, type Recording } from './vault-replay.ts'
import { PretendVault } from './vault-server.ts'

/** What a case works with; a case uses what it needs. */
export interface Stand {
  readonly client: VaultClient
  readonly token: string
  readonly roleId: string
  readonly secretId: string
  readonly jwt: string
  readonly role: string
  readonly secret: Engine
  readonly version: number | null
  readonly key: Engine
}

/** A Vault of some kind in which each case of the conformance suite can be brought about. */
export interface VaultWorld {
  readonly name: string
  /** @param name - of a recording; the other worlds bring about what was recorded */
  stand(name: string): Promise<Stand>
  close(): Promise<void>
}

export const openClient = (
  address: string,
  clock: Clock = systemClock,
  options: { namespace?: string; ca?: string; timeoutMs?: number } = {}
) =>
  openVaultClient({
    address,
    namespace: options.namespace ?? '',
    ca: options.ca ?? null,
    timeoutMs: options.timeoutMs ?? 5_000,
    clock
  })

/** What was recorded with Vault 1.8. */
export async function replayedWorld(): Promise<VaultWorld> {
  const replay = await startReplay()
  const client = openClient(replay.address)
  return {
    name: 'Vault 1.8, recorded',
    async stand(name) {
      const recording = recordings.get(name)
      if (!recording) throw new Error(`${name} was not recorded`)
      replay.play(recording)
      return { client, ...inputsOf(recording) }
    },
    async close() {
      await client.close()
      await replay.close()
    }
  }
}

const inputsOf = ({ request }: Recording): Omit<Stand, 'client'> => {
  const url = new URL(request.url, 'http://vault')
  const [, mount = '', name = ''] = /^\/v1\/([^/]+)\/(?:data|keys)\/(.+)$/.exec(url.pathname) ?? []
  const version = url.searchParams.get('version')
  return {
    token: request.headers['X-Vault-Token'] ?? '',
    roleId: request.body?.['role_id'] ?? '',
    secretId: request.body?.['secret_id'] ?? '',
    jwt: request.body?.['jwt'] ?? '',
    role: request.body?.['role'] ?? '',
    secret: { mount, name },
    version: version === null ? null : Number(version),
    key: { mount, name }
  }
}

/** The pretended one of the other tests: it has to do what was recorded. */
export async function pretendedWorld(): Promise<VaultWorld> {
  const clock = new ManualClock(Date.now())
  const vault = new PretendVault({ clock })
  const address = await vault.listen()
  const live = await liveWorld('the one of the tests', {
    address,
    rootToken: vault.rootToken,
    unsealKey: 'any',
    pass: async (ms) => clock.advance(ms)
  })
  return {
    ...live,
    async close() {
      await live.close()
      await vault.close()
    }
  }
}

export async function realWorld(dir: string): Promise<VaultWorld> {
  const vault = await startRealVault(dir)
  const live = await liveWorld(vault.program, { ...vault, pass: (ms) => delay(ms) })
  return {
    ...live,
    async close() {
      await live.close()
      await vault.close()
    }
  }
}

interface Live {
  readonly address: string
  readonly rootToken: string
  readonly unsealKey: string
  /** Lets time pass for tokens. */
  readonly pass: (ms: number) => Promise<void>
}

const policy = `path "secret/data/plimsoll/*" { capabilities = ["read"] }
path "transit/keys/plimsoll" { capabilities = ["read"] }`

/** A running one, set up as the recorded one was, by its own API. */
async function liveWorld(name: string, { address, rootToken, unsealKey, pass }: Live): Promise<VaultWorld> {
  const root = (method: string, path: string, body?: object, headers?: Record<string, string>) =>
    callVault(address, rootToken, method, path, body, headers)
  const client = openClient(address)
  await root('POST', 'sys/auth/approle', { type: 'approle' })
  await root('PUT', 'sys/policies/acl/plimsoll', { policy })
  await root('POST', 'auth/approle/role/plimsoll', {
    token_policies: 'plimsoll',
    token_ttl: '20m',
    token_max_ttl: '1h'
  })
  const { data } = await root('GET', 'auth/approle/role/plimsoll/role-id')
  const roleId = String(data?.['role_id'])
  const newSecretId = async () =>
    String((await root('POST', 'auth/approle/role/plimsoll/secret-id', {})).data?.['secret_id'])
  await root('POST', 'sys/mounts/transit', { type: 'transit' })
  await root('POST', 'transit/keys/plimsoll', { type: 'aes256-gcm96' })
  await root('POST', 'secret/data/plimsoll/api', { data: { SESSION_KEY: 'first-session-key' } })
  await root('POST', 'secret/data/plimsoll/api', { data: { SESSION_KEY: 'second-session-key' } })
  await root('POST', 'secret/data/other', { data: { A: 'b' } })

  const keys = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  const strangers = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  await root('POST', 'sys/auth/jwt-nomad', { type: 'jwt' })
  await root('POST', 'auth/jwt-nomad/config', {
    jwt_validation_pubkeys: [keys.publicKey.export({ type: 'spki', format: 'pem' }).toString()],
    default_role: 'nomad-workloads'
  })
  await root('POST', 'auth/jwt-nomad/role/nomad-workloads', {
    role_type: 'jwt',
    bound_audiences: ['vault.io'],
    bound_claims: { nomad_namespace: 'default', nomad_job_id: 'plimsoll-api' },
    user_claim: 'nomad_job_id',
    token_policies: ['plimsoll'],
    token_period: '30m'
  })
  const claims = { aud: 'vault.io', nomad_namespace: 'default', nomad_job_id: 'plimsoll-api', sub: 'global:default' }
  const jwt = (other: object = {}, key = keys.privateKey) => signedJwt({ ...claims, ...other }, key)

  const nobody: Stand = {
    client,
    token: '',
    roleId,
    secretId: '',
    jwt: '',
    role: 'nomad-workloads',
    secret: { mount: 'secret', name: 'plimsoll/api' },
    version: null,
    key: { mount: 'transit', name: 'plimsoll' }
  }
  const loggedIn = async () => {
    const { token } = await client.loginWithAppRole({ mount: 'approle', roleId, secretId: await newSecretId() })
    return { ...nobody, token }
  }
  const shortLived = async (ttl: string) => {
    const made = await root('POST', 'auth/token/create', { ttl, policies: ['plimsoll'], renewable: false })
    return { ...nobody, token: made.auth?.client_token ?? '' }
  }
  const wrapped = async () => {
    const { wrap_info: wrap } = await root(
      'POST',
      'auth/approle/role/plimsoll/secret-id',
      {},
      { 'x-vault-wrap-ttl': '120s' }
    )
    return { ...nobody, token: wrap?.token ?? '' }
  }
  const sealed = async (stand: Stand) => {
    await root('PUT', 'sys/seal')
    return stand
  }

  const cases: Readonly<Record<string, () => Promise<Stand>>> = {
    'approle-login': async () => ({ ...nobody, secretId: await newSecretId() }),
    'approle-login-bad-secret': async () => ({ ...nobody, secretId: 'nope' }),
    'approle-login-bad-role': async () => ({ ...nobody, roleId: 'nope', secretId: await newSecretId() }),
    unwrap: wrapped,
    'unwrap-twice': async () => {
      const stand = await wrapped()
      await client.unwrapSecretId(stand.token)
      return stand
    },
    'token-lookup-self': loggedIn,
    'jwt-renew-self': async () => ({
      ...nobody,
      token: (await client.loginWithJwt({ mount: 'jwt-nomad', role: '', jwt: jwt() })).token
    }),
    'renew-nonrenewable': () => shortLived('1h'),
    'token-revoke-self': loggedIn,
    'kv-read-after-revoke': async () => {
      const stand = await loggedIn()
      await client.revokeToken(stand.token)
      return stand
    },
    'kv-read-expired-token': async () => {
      const stand = await shortLived('1s')
      await pass(1_600)
      return stand
    },
    'kv-read': loggedIn,
    'kv-read-version-1': async () => ({ ...(await loggedIn()), version: 1 }),
    'kv-read-404': async () => ({ ...(await loggedIn()), secret: { mount: 'secret', name: 'plimsoll/nope' } }),
    'kv-read-version-404': async () => ({ ...(await loggedIn()), version: 9 }),
    'kv-read-403-other-path': async () => ({ ...(await loggedIn()), secret: { mount: 'secret', name: 'other' } }),
    'kv-read-403-bad-token': async () => ({ ...nobody, token: 's.invalid' }),
    'kv-read-deleted': async () => {
      await root('POST', 'secret/data/plimsoll/deleted', { data: { A: 'b' } })
      await root('DELETE', 'secret/data/plimsoll/deleted')
      return { ...(await loggedIn()), secret: { mount: 'secret', name: 'plimsoll/deleted' } }
    },
    'kv-read-destroyed': async () => {
      await root('POST', 'secret/data/plimsoll/destroyed', { data: { A: 'b' } })
      await root('POST', 'secret/destroy/plimsoll/destroyed', { versions: [1] })
      return { ...(await loggedIn()), secret: { mount: 'secret', name: 'plimsoll/destroyed' }, version: 1 }
    },
    'transit-key-read': async () => ({ ...nobody, token: rootToken }),
    'jwt-login-ok': async () => ({ ...nobody, jwt: jwt() }),
    'jwt-login-default-role-ok': async () => ({ ...nobody, jwt: jwt(), role: '' }),
    'jwt-login-wrong-aud': async () => ({ ...nobody, jwt: jwt({ aud: 'other' }) }),
    'jwt-login-expired': async () => ({ ...nobody, jwt: jwt({ exp: Math.floor(Date.now() / 1_000) - 1_800 }) }),
    'jwt-login-bad-signature': async () => ({ ...nobody, jwt: jwt({}, strangers.privateKey) }),
    'jwt-login-no-role': async () => ({ ...nobody, jwt: jwt(), role: 'nope' }),
    'jwt-login-bound-claim-mismatch': async () => ({ ...nobody, jwt: jwt({ nomad_job_id: 'other' }) }),
    'sealed-kv-read': () => sealed({ ...nobody, token: rootToken }),
    'sealed-login': () => sealed({ ...nobody, secretId: 'any' })
  }
  return {
    name,
    async stand(caseName) {
      await fetch(`${address}/v1/sys/unseal`, { method: 'PUT', body: JSON.stringify({ key: unsealKey }) })
      await untilAwake(address)
      const make = cases[caseName]
      if (!make) throw new Error(`${caseName} cannot be brought about`)
      return make()
    },
    close: () => client.close()
  }
}

/** After unsealing it takes a moment until requests are served. */
const untilAwake = async (address: string): Promise<void> => {
  for (let tries = 0; tries < 100; tries++) {
    const { status } = await fetch(`${address}/v1/sys/health`)
    if (status === 200) return
    await delay(20)
  }
  throw new Error('it does not wake up')
}
