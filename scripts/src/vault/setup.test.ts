import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { generateKeyPairSync } from 'node:crypto'
import { parse } from '@cdktf/hcl2json'
import pg from 'pg'
import t, { type Test } from 'tap'
import { ManualClock } from '../../../api/src/platform/clock.ts'
import { postgresMissing, startPostgres } from '../../../api/test/support/postgres.ts'
import { PretendVault } from '../../../api/test/support/vault-server.ts'
import { callVault, realVaultMissing, signedJwt, startRealVault } from '../../../api/test/support/vault-real.ts'
import { openVaultClient } from '../../../api/src/platform/vault/node-vault-client.ts'
import { systemClock } from '../../../api/src/platform/clock.ts'
import { commands } from '../commands.ts'
import { run } from '../run.ts'
import { differingKeys } from './difference.rules.ts'
import { wishesOf } from './wishes.rules.ts'

t.setTimeout(60_000)

const policyDir = join(import.meta.dirname, '../../../vault/policies')
const policies = Object.fromEntries(
  readdirSync(policyDir).map((file) => [file.replace('.hcl', ''), readFileSync(join(policyDir, file), 'utf8')])
)

interface Result {
  readonly exit: number
  readonly out: string
  readonly err: string
}

const setup = async (
  vault: { address: string; rootToken: string },
  options: string,
  env: Record<string, string> = {}
): Promise<Result> => {
  const written = { out: '', err: '' }
  const exit = await run(['vault', 'setup', ...options.split(' ').filter(Boolean)], commands, {
    env: { VAULT_ADDR: vault.address, VAULT_TOKEN: vault.rootToken, ...env },
    stdout: { write: (text: string) => (written.out += text) },
    stderr: { write: (text: string) => (written.err += text) },
    signal: new AbortController().signal
  })
  return { exit, ...written }
}

const pretended = async (t: Pick<Test, 'teardown'>) => {
  const vault = new PretendVault({ clock: new ManualClock() })
  const address = await vault.listen()
  t.teardown(() => vault.close())
  return Object.assign(vault, { address })
}

const everything = '--nomad-address http://127.0.0.1:4646 --approle --database db.example:5432/plimsoll'
const admin = { PGUSER: 'admin', PGPASSWORD: 'the-password-of-the-admin' }

t.test('it shows what it would do, does it when told to, and has nothing to do the second time', async (t) => {
  const vault = await pretended(t)
  const shown = await setup(vault, everything, admin)
  t.equal(shown.exit, 3)
  t.match(shown.out, /\+ .*role plimsoll for the job plimsoll-api .*missing/)
  t.match(shown.out, /run it again with --apply/)
  t.notOk(
    vault.requests.some((request) => /^(POST|PUT)/.test(request)),
    'nothing was written'
  )

  const made = await setup(vault, `${everything} --apply`, admin)
  t.equal(made.exit, 0, made.err)
  const again = await setup(vault, everything, admin)
  t.equal(again.exit, 0)
  t.match(again.out, /Everything is there/)
  t.notMatch([shown, made, again].map(({ out, err }) => out + err).join(''), /the-password-of-the-admin/)
})

t.test('the first secret is random, whole, and never touched again', async (t) => {
  const vault = await pretended(t)
  await setup(vault, '--apply')
  const read = () => callVault(vault.address, vault.rootToken, 'GET', 'secret/data/default/plimsoll-api/settings')
  const { data } = (await read()).data as { data: Record<string, string> }
  t.strictSame(Object.keys(data), ['API_TOKEN', 'CLASS_KEY', 'WEBHOOK_SECRET'])
  t.ok(new Set(Object.values(data)).size === 3 && Object.values(data).every((value) => value.length === 43))
  vault.put('default/plimsoll-api/settings', { API_TOKEN: 'somebody has changed it' })
  await setup(vault, '--apply')
  t.match((await read()).data, { data: { API_TOKEN: 'somebody has changed it' } })
})

t.test('what somebody has changed is named and put back', async (t) => {
  const vault = await pretended(t)
  await setup(vault, `${everything} --apply`, admin)
  vault.configured.set('auth/jwt-nomad/role/plimsoll', {
    ...vault.configured.get('auth/jwt-nomad/role/plimsoll'),
    bound_claims: { nomad_namespace: 'default' },
    token_policies: ['plimsoll-api', 'root']
  })
  const shown = await setup(vault, everything, admin)
  t.equal(shown.exit, 3)
  t.match(shown.out, /~ .*role plimsoll .*different +bound_claims, token_policies/)
  await setup(vault, `${everything} --apply`, admin)
  t.equal((await setup(vault, everything, admin)).exit, 0)
})

t.test('what stands in the way is left as it is', async (t) => {
  const vault = await pretended(t)
  vault.mounts.set('transit/', { type: 'kv' })
  const refused = await setup(vault, '--apply')
  t.equal(refused.exit, 1)
  t.match(refused.out, /! .*engine transit .*refused +there is an engine of type kv/)
  t.notOk(vault.configured.size > 0, 'what comes after was not made')
  const old = await pretended(t)
  old.mounts.set('secret/', { type: 'kv', options: { version: '1' } })
  t.match(await setup(old, ''), { exit: 1, out: /version 1/ })
})

t.test('a wrong call is told in words', async (t) => {
  const vault = await pretended(t)
  const cases = [
    { options: '', env: { VAULT_ADDR: '' }, says: /VAULT_ADDR is not set/ },
    { options: '', env: { VAULT_TOKEN: '' }, says: /VAULT_TOKEN is not set/ },
    { options: '--database db.example/plimsoll', env: {}, says: /PGUSER or PGPASSWORD/ },
    { options: '--database postgres://db', env: admin, says: /is no address/ },
    { options: '--nomad-address nomad', env: {}, says: /is no address/ },
    { options: '--database db/x --database-owner a;b', env: admin, says: /no name of a role/ }
  ]
  for (const { options, env, says } of cases)
    t.match(await setup(vault, options, env), { exit: 64, err: says }, options)
  const denied = await setup({ address: vault.address, rootToken: 'hvs.of-nobody-at-all-0000000' }, '')
  t.match(denied, { exit: 2, err: /PLIMSOLL_VAULT_DENIED/ })
  t.notMatch(denied.err, /of-nobody/)
})

t.test('a job may log in with its own role alone, and its role opens what it needs and no more', async (t) => {
  const wishes = wishesOf(
    {
      kvMount: 'kv',
      nomadNamespace: 'shop',
      jwksUrl: 'https://nomad/jwks',
      jwksCa: null,
      approle: true,
      database: null
    },
    policies
  )
  const roles = wishes.filter(({ path }) => path.startsWith('auth/jwt-nomad/role/'))
  t.equal(roles.length, 4)
  for (const { body } of roles) {
    t.match(body, { bound_audiences: ['vault.io'], bound_claims: { nomad_namespace: 'shop', nomad_job_id: String } })
    const [policy] = body['token_policies'] as string[]
    t.ok(policies[policy ?? ''], `policy ${policy} is there`)
  }
  t.equal(new Set(roles.map(({ body }) => JSON.stringify(body['bound_claims']))).size, 4)

  for (const [name, text] of Object.entries(policies)) {
    const { path: paths } = (await parse(`${name}.hcl`, text)) as { path: Record<string, [{ capabilities: string[] }]> }
    for (const [path, [{ capabilities }]] of Object.entries(paths)) {
      t.strictSame(capabilities.length, 1, `${name}: one capability at ${path}`)
      t.ok(
        capabilities[0] === 'read' || /^(transit\/sign|sys\/leases\/renew|auth\/token\/(renew|revoke)-self)/.test(path),
        `${name}: nothing is written at ${path}`
      )
      t.ok(path !== '*' && !path.startsWith('sys/') === !path.startsWith('sys/leases/'), `${name}: ${path} is narrow`)
    }
    t.equal(
      Object.keys(paths).some((path) => path.startsWith('transit/')),
      name === 'plimsoll-api',
      `${name}: the API alone signs`
    )
  }
  const placed = wishes.find(({ what }) => what === 'policy plimsoll-api')?.body['policy']
  t.match(placed, /"kv\/data\/shop\/plimsoll-api\/\*"/)
})

t.test('lists are the same in any order, texts without the space around them', async (t) => {
  t.strictSame(differingKeys({ a: ['x', 'y'], b: 'text\n', c: 1, more: true }, { a: ['y', 'x'], b: 'text', c: 1 }), [])
  t.strictSame(differingKeys({ a: ['x'], c: 2 }, { a: ['x', 'y'], b: null, c: 1 }), ['a', 'b', 'c'])
})

t.test(
  'on a real Vault or OpenBao, and a job logs in with what was made',
  { skip: realVaultMissing() ?? false },
  async (t) => {
    const vault = await startRealVault(t.testdir())
    t.teardown(() => vault.close())
    const keys = generateKeyPairSync('rsa', { modulusLength: 2_048 })
    const jwks = createServer((_, reply) => {
      reply.setHeader('content-type', 'application/json')
      reply.end(JSON.stringify({ keys: [{ ...keys.publicKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' }] }))
    })
    await new Promise<void>((resolve) => jwks.listen(0, '127.0.0.1', resolve))
    t.teardown(() => void jwks.close())
    const options = `--approle --nomad-address http://127.0.0.1:${(jwks.address() as AddressInfo).port}`
    t.equal((await setup(vault, options)).exit, 3)
    const made = await setup(vault, `${options} --apply`)
    t.equal(made.exit, 0, made.err)
    t.equal((await setup(vault, options)).exit, 0, 'the second time there is nothing to do')

    const client = openVaultClient({
      address: vault.address,
      namespace: '',
      ca: null,
      timeoutMs: 5_000,
      clock: systemClock
    })
    t.teardown(() => client.close())
    const identity = (job: string): string =>
      signedJwt(
        { aud: 'vault.io', nomad_namespace: 'default', nomad_job_id: job, nomad_task: 'server' },
        keys.privateKey
      )
    const logIn = (role: string, job: string) => client.loginWithJwt({ mount: 'jwt-nomad', role, jwt: identity(job) })

    const { token } = await logIn('plimsoll', 'plimsoll-api')
    const settings = await client.readSecret(token, { mount: 'secret', name: 'default/plimsoll-api/settings' }, null)
    t.equal(settings.version, 1)
    const key = { mount: 'transit', name: 'plimsoll-verdicts' }
    t.equal((await client.sign(token, key, 1, Buffer.from('a verdict'))).length, 64)
    await t.rejects(client.readSecret(token, { mount: 'secret', name: 'default/perf/settings' }, null), {
      code: 'PLIMSOLL_VAULT_DENIED'
    })

    await t.rejects(logIn('plimsoll', 'perf'), { code: 'PLIMSOLL_VAULT_LOGIN_REFUSED' }, 'the role of another job')
    const migration = await logIn('plimsoll-migrate', 'migrate')
    await t.rejects(
      client.sign(migration.token, key, 1, Buffer.from('a verdict')),
      { code: 'PLIMSOLL_VAULT_DENIED' },
      'the migration cannot sign'
    )
  }
)

t.test(
  'users of a real PostgreSQL are made by a real Vault or OpenBao, and leave no trace',
  { skip: realVaultMissing() ?? postgresMissing() ?? false },
  async (t) => {
    const cluster = await startPostgres()
    t.teardown(() => cluster.stop())
    const url = new URL(await cluster.createDatabase())
    const connected = async (user: string, password = ''): Promise<pg.Client> => {
      const client = new pg.Client({
        host: url.hostname,
        port: Number(url.port),
        database: url.pathname.slice(1),
        user,
        password
      })
      client.on('error', () => {}) // a user that is removed is cut off
      await client.connect()
      t.teardown(() => client.end().catch(() => {}))
      return client
    }
    const owner = await connected('plimsoll')
    for (const statement of [
      'create role app nologin',
      "create role vault login createrole password 'the-password-of-vault'",
      'grant app to vault with admin option',
      'grant pg_signal_backend to vault',
      `alter database "${url.pathname.slice(1)}" owner to app`
    ]) {
      await owner.query(statement)
    }
    const vault = await startRealVault(t.testdir())
    t.teardown(() => vault.close())
    const options = `--approle --database ${url.host}${url.pathname}?sslmode=disable --database-owner app`
    const login = { PGUSER: 'vault', PGPASSWORD: 'the-password-of-vault' }
    t.equal((await setup(vault, `${options} --apply`, login)).exit, 0)
    t.equal((await setup(vault, options, login)).exit, 0, 'the second time there is nothing to do')

    const client = openVaultClient({
      address: vault.address,
      namespace: '',
      ca: null,
      timeoutMs: 5_000,
      clock: systemClock
    })
    t.teardown(() => client.close())
    const user = await client.makeDatabaseUser(vault.rootToken, { mount: 'database', name: 'plimsoll' })
    t.match(user, { ttlMs: 3_600_000, renewable: true })
    const session = await connected(user.username, user.password)
    await session.query('create table made (a integer)')
    const { rows } = await owner.query("select tableowner from pg_tables where tablename = 'made'")
    t.strictSame(rows, [{ tableowner: 'app' }], 'what it makes belongs to the owner')
    t.match(await client.renewLease(vault.rootToken, user.leaseId), { renewable: true })

    await callVault(vault.address, vault.rootToken, 'PUT', 'sys/leases/revoke', { lease_id: user.leaseId, sync: true })
    await t.rejects(session.query('select 1'), 'its connections are cut')
    const left = await owner.query('select rolname from pg_roles where rolname = $1', [user.username])
    t.strictSame(left.rows, [])
    t.equal((await owner.query('select count(*)::int as n from made')).rows[0]?.n, 0, 'its table is there')
  }
)
