import t from 'tap'
import { systemClock } from '../src/platform/clock.ts'
import { isCodedError } from '../src/platform/errors.ts'
import { callVault, startRealVault, realVaultMissing } from './support/vault-real.ts'
import {
  openClient,
  pretendedWorld,
  realWorld,
  replayedWorld,
  type Stand,
  type VaultWorld
} from './support/vault-worlds.ts'

t.setTimeout(90_000)

const readIt = ({ client, token, secret, version }: Stand) => client.readSecret(token, secret, version)
const byAppRole = ({ client, roleId, secretId }: Stand) =>
  client.loginWithAppRole({ mount: 'approle', roleId, secretId })
const byJwt = ({ client, role, jwt }: Stand) => client.loginWithJwt({ mount: 'jwt-nomad', role, jwt })

interface Good {
  readonly title: string
  readonly ask: (stand: Stand) => Promise<unknown>
  readonly gives: unknown
}

interface Bad {
  readonly title: string
  readonly ask: (stand: Stand) => Promise<unknown>
  readonly code: string
  readonly message?: RegExp
  readonly hint?: RegExp
}

const grant = { token: String, ttlMs: Number, renewable: true }

/** By the name of the recording. */
const good: Readonly<Record<string, Good>> = {
  'approle-login': {
    title: 'role id and secret id give a token',
    ask: byAppRole,
    gives: { ...grant, ttlMs: 1_200_000 }
  },
  unwrap: {
    title: 'a wrapping token gives the secret id',
    ask: ({ client, token }) => client.unwrapSecretId(token),
    gives: /^[0-9a-f-]{36}$/
  },
  'jwt-login-ok': { title: 'an identity of Nomad gives a token', ask: byJwt, gives: grant },
  'jwt-login-default-role-ok': {
    title: 'without a role, the default one of the mount is meant',
    ask: byJwt,
    gives: grant
  },
  'token-lookup-self': {
    title: 'a token tells how long it lives',
    ask: async ({ client, token }) => (await client.lookUp(token)).ttlMs > 1_000_000,
    gives: true
  },
  'jwt-renew-self': {
    title: 'a token is renewed',
    ask: ({ client, token }) => client.renewToken(token),
    gives: { ttlMs: Number, renewable: true }
  },
  'token-revoke-self': {
    title: 'a token is revoked, which has no answer',
    ask: async ({ client, token }) => (await client.revokeToken(token), 'revoked'),
    gives: 'revoked'
  },
  'kv-read': {
    title: 'the newest version of a secret is read, with its number and age',
    ask: readIt,
    gives: { version: 2, createdMs: Number, data: { SESSION_KEY: String } }
  },
  'kv-read-version-1': {
    title: 'an older version is read',
    ask: readIt,
    gives: { version: 1, createdMs: Number, data: { SESSION_KEY: String } }
  }
}

const bad: Readonly<Record<string, Bad>> = {
  'approle-login-bad-secret': {
    title: 'a wrong secret id is told as that',
    ask: byAppRole,
    code: 'LOGIN_REFUSED',
    message: /secret/,
    hint: /VAULT_SECRET_ID_FILE/
  },
  'approle-login-bad-role': {
    title: 'a wrong role id is told as that',
    ask: byAppRole,
    code: 'LOGIN_REFUSED',
    message: /role|secret/i,
    hint: /VAULT_ROLE_ID/
  },
  'unwrap-twice': {
    title: 'a wrapping token that was used says that somebody may have stolen it',
    ask: ({ client, token }) => client.unwrapSecretId(token),
    code: 'LOGIN_REFUSED',
    hint: /somebody else/
  },
  'jwt-login-wrong-aud': {
    title: 'another audience',
    ask: byJwt,
    code: 'LOGIN_REFUSED',
    message: /aud/,
    hint: /audience/
  },
  'jwt-login-expired': { title: 'an identity that has expired', ask: byJwt, code: 'LOGIN_REFUSED', message: /exp/ },
  'jwt-login-bad-signature': {
    title: 'an identity of somebody else',
    ask: byJwt,
    code: 'LOGIN_REFUSED',
    message: /signature/
  },
  'jwt-login-no-role': {
    title: 'a role that is not there',
    ask: byJwt,
    code: 'LOGIN_REFUSED',
    message: /role/,
    hint: /VAULT_ROLE/
  },
  'jwt-login-bound-claim-mismatch': {
    title: 'the identity of another job',
    ask: byJwt,
    code: 'LOGIN_REFUSED',
    message: /nomad_job_id/,
    hint: /job/
  },
  'renew-nonrenewable': {
    title: 'a token that cannot be renewed is refused, not waited for',
    ask: ({ client, token }) => client.renewToken(token),
    code: 'ANSWER',
    message: /not renewable/
  },
  'kv-read-after-revoke': { title: 'a revoked token', ask: readIt, code: 'DENIED' },
  'kv-read-expired-token': { title: 'an expired token', ask: readIt, code: 'DENIED' },
  'kv-read-403-bad-token': { title: 'a token that never was', ask: readIt, code: 'DENIED' },
  'kv-read-403-other-path': {
    title: 'a path that the policy does not allow',
    ask: readIt,
    code: 'DENIED',
    message: /secret\/other/,
    hint: /policy/
  },
  'kv-read-404': { title: 'a path with nothing at it', ask: readIt, code: 'NOT_FOUND', message: /plimsoll\/nope/ },
  'kv-read-version-404': { title: 'a version that never was', ask: readIt, code: 'NOT_FOUND', message: /version 9/ },
  'kv-read-deleted': {
    title: 'a deleted version says when, and how to bring it back',
    ask: readIt,
    code: 'DELETED',
    message: /deleted at 20\d\d-/,
    hint: /undelete/
  },
  'kv-read-destroyed': { title: 'a destroyed version says so', ask: readIt, code: 'DELETED', message: /destroyed/ },
  'transit-key-read': {
    title: 'a key that cannot sign is told by its type',
    ask: ({ client, token, key }) => client.readTransitKey(token, key),
    code: 'ANSWER',
    message: /aes256-gcm96/,
    hint: /ed25519/
  },
  'sealed-kv-read': { title: 'a read while Vault is sealed', ask: readIt, code: 'SEALED', hint: /unseal/ },
  'sealed-login': { title: 'a login while Vault is sealed', ask: byAppRole, code: 'SEALED' }
}

const suite = (title: string, open: () => Promise<VaultWorld>, skip: string | false = false) =>
  t.test(title, { skip }, async (t) => {
    const world = await open()
    t.teardown(() => world.close())
    t.comment(world.name)
    for (const [name, { title: sentence, ask, gives }] of Object.entries(good)) {
      t.match(await ask(await world.stand(name)), gives, sentence)
    }
    for (const [name, { title: sentence, ask, code, message = /./, hint = /./ }] of Object.entries(bad)) {
      const stand = await world.stand(name)
      const error = await ask(stand).then(
        () => null,
        (thrown: unknown) => thrown
      )
      t.match(error, { code: `PLIMSOLL_VAULT_${code}`, message, hint }, sentence)
      t.ok(isCodedError(error) && error.cause === undefined, `${sentence}: nothing of the request hangs on the error`)
      const shown = JSON.stringify([error, String(error), (error as Error).stack])
      for (const secret of [stand.token, stand.secretId, stand.jwt].filter((value) => value.length > 4)) {
        t.notOk(shown.includes(secret), `${sentence}: no secret is shown`)
      }
    }
  })

void suite('what a real Vault was recorded to answer', replayedWorld)
void suite('the Vault that other tests pretend', pretendedWorld)
void suite('a real Vault or OpenBao', () => realWorld(t.testdir()), realVaultMissing() ?? false)

t.test('namespaces of a real OpenBao', { skip: realVaultMissing() ?? false }, async (t) => {
  const vault = await startRealVault(t.testdir())
  t.teardown(() => vault.close())
  if (!vault.hasNamespaces) return t.comment('this one has none')
  const team = { 'x-vault-namespace': 'team' }
  const root = (method: string, path: string, body: object, headers = {}) =>
    callVault(vault.address, vault.rootToken, method, path, body, headers)
  await root('POST', 'sys/namespaces/team', {})
  await root('POST', 'sys/mounts/secret', { type: 'kv', options: { version: '2' } }, team)
  await root('POST', 'secret/data/x', { data: { WHERE: 'team' } }, team)
  const read = async (namespace: string) => {
    const client = openClient(vault.address, systemClock, { namespace })
    t.teardown(() => client.close())
    return client.readSecret(vault.rootToken, { mount: 'secret', name: 'x' }, null)
  }
  t.match(await read('team'), { data: { WHERE: 'team' } })
  await t.rejects(read(''), { code: 'PLIMSOLL_VAULT_NOT_FOUND' })
  await t.rejects(read('nobody'), { code: 'PLIMSOLL_VAULT_NAMESPACE', hint: /VAULT_NAMESPACE/ })
  const stranger = openClient(vault.address, systemClock, { namespace: 'nobody' })
  t.teardown(() => stranger.close())
  const login = stranger.loginWithAppRole({ mount: 'approle', roleId: 'a', secretId: 'b' })
  await t.rejects(login, { code: 'PLIMSOLL_VAULT_NAMESPACE' })
})
