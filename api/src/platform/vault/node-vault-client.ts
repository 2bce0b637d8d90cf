import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Engine, VaultClient } from './client.ts'
import { vaultAnswer } from './errors.ts'
import type { Purpose } from './faults.rules.ts'
import type { Life } from './renewal.rules.ts'
import { encoded, openRequester, type ClientOptions } from './requester.ts'

const seconds = Type.Number({ minimum: 0 })
const Auth = Type.Object({
  auth: Type.Object({ client_token: Type.String({ minLength: 1 }), lease_duration: seconds, renewable: Type.Boolean() })
})
const Renewed = Type.Object({ auth: Type.Object({ lease_duration: seconds, renewable: Type.Boolean() }) })
const Lookup = Type.Object({
  data: Type.Object({ ttl: seconds, renewable: Type.Optional(Type.Boolean()), type: Type.Optional(Type.String()) })
})
const Wrapped = Type.Object({ data: Type.Object({ secret_id: Type.String({ minLength: 1 }) }) })
const Secret = Type.Object({
  data: Type.Object({
    data: Type.Record(Type.String(), Type.Unknown()),
    metadata: Type.Object({ version: Type.Integer({ minimum: 1 }), created_time: Type.String() })
  })
})
const lease = { lease_id: Type.String({ minLength: 1 }), lease_duration: seconds, renewable: Type.Boolean() }
const User = Type.Object({ ...lease, data: Type.Object({ username: Type.String(), password: Type.String() }) })
const Lease = Type.Object(lease)
const Keys = Type.Object({
  data: Type.Object({
    type: Type.String(),
    latest_version: Type.Integer({ minimum: 1 }),
    keys: Type.Record(Type.String(), Type.Unknown())
  })
})
const KeyVersion = Type.Object({ public_key: Type.String() })
const Signature = Type.Object({ data: Type.Object({ signature: Type.String() }) })

const loggingIn: Purpose = { kind: 'login', doing: 'logging in' }

/** What Plimsoll asks of Vault and OpenBao, by node-vault. */
export function openVaultClient(options: ClientOptions): VaultClient {
  const { call, close } = openRequester(options)

  const login = async (mount: string, json: Record<string, string>) => {
    const { auth } = await call(Auth, {
      ...loggingIn,
      doing: `logging in (auth/${mount})`,
      method: 'POST',
      path: `auth/${encoded(mount)}/login`,
      json,
      secrets: [json['jwt'], json['secret_id']].filter((secret) => secret !== undefined)
    })
    return { token: auth.client_token, ...lifeOf(auth) }
  }

  return {
    address: options.address,
    loginWithJwt: ({ mount, role, jwt }) => login(mount, { jwt, ...(role && { role }) }),
    loginWithAppRole: ({ mount, roleId, secretId }) => login(mount, { role_id: roleId, secret_id: secretId }),
    async unwrapSecretId(token) {
      const doing = 'unwrapping the secret id'
      const { data } = await call(Wrapped, { kind: 'login', doing, method: 'POST', path: 'sys/wrapping/unwrap', token })
      return data.secret_id
    },
    async lookUp(token) {
      const doing = 'looking up the token'
      const { data } = await call(Lookup, {
        kind: 'token',
        doing,
        method: 'GET',
        path: 'auth/token/lookup-self',
        token
      })
      return { token, ttlMs: data.ttl * 1_000, renewable: data.renewable ?? false }
    },
    async renewToken(token) {
      const doing = 'renewing the token'
      const path = 'auth/token/renew-self'
      const { auth } = await call(Renewed, { kind: 'token', doing, method: 'POST', path, token, json: {} })
      return lifeOf(auth)
    },
    async revokeToken(token) {
      const doing = 'revoking the token'
      const path = 'auth/token/revoke-self'
      await call(Type.Unknown(), { kind: 'token', doing, method: 'POST', path, token, json: {} })
    },
    async readSecret(token, secret, version) {
      const path = `${encoded(secret.mount)}/data/${encoded(secret.name)}`
      const { data } = await call(Secret, {
        kind: 'use',
        doing: `reading ${secret.mount}/${secret.name}${version === null ? '' : ` version ${version}`}`,
        method: 'GET',
        path: version === null ? path : `${path}?version=${version}`,
        token
      })
      const { metadata } = data
      return { version: metadata.version, createdMs: Date.parse(metadata.created_time), data: data.data }
    },
    async makeDatabaseUser(token, role) {
      const doing = `asking for a user of ${pathOf(role)}`
      const path = `${encoded(role.mount)}/creds/${encoded(role.name)}`
      const made = await call(User, { kind: 'use', doing, method: 'GET', path, token })
      return { leaseId: made.lease_id, ...made.data, ...lifeOf(made) }
    },
    async renewLease(token, leaseId) {
      const doing = 'renewing the lease of the database user'
      const json = { lease_id: leaseId }
      return lifeOf(await call(Lease, { kind: 'use', doing, method: 'POST', path: 'sys/leases/renew', token, json }))
    },
    async readTransitKey(token, key) {
      const doing = `reading the public key ${pathOf(key)}`
      const path = `${encoded(key.mount)}/keys/${encoded(key.name)}`
      const { data } = await call(Keys, { kind: 'use', doing, method: 'GET', path, token })
      if (data.type !== 'ed25519') {
        throw vaultAnswer(`${pathOf(key)} is a key of type ${data.type}`, {
          hint: 'VAULT_TRANSIT_KEY must be of type ed25519'
        })
      }
      const publicKeys = Object.entries(data.keys).map(([version, made]) => {
        if (Value.Check(KeyVersion, made)) return [Number(version), fromBase64(made.public_key)] as const
        throw vaultAnswer(`${pathOf(key)} version ${version} has no public key`)
      })
      return { latestVersion: data.latest_version, publicKeys: new Map(publicKeys) }
    },
    async sign(token, key, version, bytes) {
      const { data } = await call(Signature, {
        kind: 'use',
        doing: `signing with ${pathOf(key)}`,
        method: 'POST',
        path: `${encoded(key.mount)}/sign/${encoded(key.name)}`,
        token,
        json: { input: Buffer.from(bytes).toString('base64'), key_version: version }
      })
      // vault:v1:BASE64
      return fromBase64(data.signature.split(':')[2] ?? '')
    },
    close
  }
}

const lifeOf = (given: { lease_duration: number; renewable: boolean }): Life => ({
  ttlMs: given.lease_duration * 1_000,
  renewable: given.renewable
})

const pathOf = ({ mount, name }: Engine): string => `${mount}/${name}`

const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'))
