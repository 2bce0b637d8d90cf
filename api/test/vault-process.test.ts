import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import nodeVault from 'node-vault'
import pg from 'pg'
import t, { type Test } from 'tap'
import { systemClock } from '../src/platform/clock.ts'
import { openDatabase } from '../src/platform/database/open.ts'
import { postgresMissing, startPostgres } from './support/postgres.ts'
import { startServer } from './support/server.ts'
import { PretendVault } from './support/vault-server.ts'
import { openClient } from './support/vault-worlds.ts'

t.setTimeout(120_000)

const secrets = {
  API_TOKEN: 'api-token-1-known-to-nobody',
  CLASS_KEY: 'class-key-1-known-to-nobody',
  WEBHOOK_SECRET: 'webhook-secret-1-known-to-nobody',
  WEBHOOK_URLS: 'http://127.0.0.1:9/hooks/known-to-nobody',
  PLAN_SECRET_CHAT: 'plan-secret-1-known-to-nobody'
}
const nextToken = 'api-token-2-known-to-nobody'
const secretPath = 'default/plimsoll-api'

const certificate = (dir: string, name: string): { key: Buffer; cert: Buffer; file: string } => {
  const [key, file] = [join(dir, `${name}.key`), join(dir, `${name}.pem`)]
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1']
  execFileSync('openssl', [...args, '-keyout', key, '-out', file, ...subject], { stdio: 'ignore' })
  return { key: readFileSync(key), cert: readFileSync(file), file }
}

/** A Vault over TLS with an AppRole, and the settings of a server that uses it. */
const bench = async (t: Pick<Test, 'teardown' | 'testdir'>) => {
  const dir = t.testdir()
  const tls = certificate(dir, 'vault')
  const vault = new PretendVault({ clock: systemClock, tls, tokenTtlS: 3_600 })
  const address = await vault.listen()
  t.teardown(() => vault.close())
  vault.logins.set('approle/', { type: 'approle' })
  vault.configured.set('sys/policies/acl/plimsoll', {
    policy: `path "secret/data/${secretPath}" { capabilities = ["read"] }\npath "transit/keys/verdicts" { capabilities = ["read"] }`
  })
  vault.put(secretPath, secrets)
  const ask = async (method: string, path: string, json?: object) => {
    const root = nodeVault({ endpoint: address, token: vault.rootToken, requestOptions: { ca: tls.cert } })
    return (await root.request({ method, path: `/${path}`, ...(json && { json }) })) as { data: Record<string, string> }
  }
  const { data: role } = await ask('GET', 'auth/approle/role/plimsoll/role-id')
  const { data: made } = await ask('POST', 'auth/approle/role/plimsoll/secret-id', {})
  await ask('POST', 'transit/keys/verdicts', { type: 'ed25519' })
  const secretIdFile = join(dir, 'secret-id')
  writeFileSync(secretIdFile, String(made['secret_id']))
  const settings = {
    DATA_DIR: join(dir, 'data'),
    PLAN_FILE: join(dir, 'plan.yaml'),
    WEB_ROOT: join(dir, 'web'),
    PRESSURE_EVENT_LOOP_DELAY_MS: '0',
    LOG_LEVEL: 'trace',
    DEBUG: '*',
    LOOPBACK_OPEN: 'false',
    VAULT_ADDR: address,
    VAULT_CACERT: tls.file,
    VAULT_SKIP_VERIFY: 'true',
    VAULT_ROLE_ID: String(role['role_id']),
    VAULT_SECRET_ID_FILE: secretIdFile,
    VAULT_KV_PATH: secretPath,
    VAULT_TRANSIT_KEY: 'verdicts',
    VAULT_REFRESH_S: '1'
  }
  return { dir, vault, settings }
}

/** Everything that must not be shown anywhere. */
const hidden = (vault: PretendVault): string[] => [
  ...Object.values(secrets),
  nextToken,
  vault.rootToken,
  ...vault.givenOut
]

const within = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
  for (let tries = 0; tries < 300; tries++) {
    if (await holds()) return
    await delay(50)
  }
  throw new Error(`it never came about: ${what}`)
}

t.test('a server lives on secrets of Vault, through a rotation and a sealing, and shows none of them', async (t) => {
  const { vault, settings } = await bench(t)
  const server = startServer(settings)
  t.teardown(() => void server.child.kill('SIGKILL'))
  const origin = await server.origin
  const seen: string[] = []
  const ask = async (path: string, token?: string): Promise<{ status: number; text: string }> => {
    const response = await fetch(`${origin}${path}`, token ? { headers: { authorization: `Bearer ${token}` } } : {})
    const text = await response.text()
    seen.push(text)
    return { status: response.status, text }
  }
  const isAllowed = async (token: string): Promise<boolean> => (await ask('/api/v1/system', token)).status === 200

  t.ok(await isAllowed(secrets.API_TOKEN))
  t.notOk(await isAllowed('a-token-of-somebody-else'))

  vault.put(secretPath, { ...secrets, API_TOKEN: nextToken })
  await within('the new token', () => isAllowed(nextToken))
  t.ok(await isAllowed(secrets.API_TOKEN), 'the one before still does')
  vault.destroy(secretPath, 1)
  await within('the end of the one before', async () => !(await isAllowed(secrets.API_TOKEN)))

  vault.mood = 'sealed'
  await within('a reason', async () => (await ask('/readyz')).status === 429)
  t.match((await ask('/readyz')).text, /"vault_sealed".*stays in use/)
  t.ok(await isAllowed(nextToken), 'it goes on with what it has')
  t.match((await ask('/metrics', nextToken)).text, /plimsoll_vault_up 0[\s\S]*plimsoll_vault_secret_version 2/)
  vault.mood = 'well'
  await within('all well again', async () => (await ask('/readyz')).status === 200)

  server.child.kill('SIGTERM')
  t.equal(await server.ended, 0)
  t.ok(vault.requests.includes('POST auth/token/revoke-self'), 'the token ends with the process')
  const everything = [server.output(), ...seen].join('\n')
  t.match(server.output(), /logged in to vault/)
  for (const secret of hidden(vault)) t.notOk(everything.includes(secret), 'a secret is nowhere to be seen')
})

t.test('what keeps a server from its secrets is told in words, and nothing else was opened', async (t) => {
  const { dir, vault, settings } = await bench(t)
  const stranger = certificate(dir, 'stranger')
  const cases = [
    { with: { VAULT_CACERT: stranger.file }, says: /not trusted[\s\S]*VAULT_CACERT[\s\S]*PLIMSOLL_VAULT_CERTIFICATE/ },
    {
      with: { VAULT_ROLE_ID: 'nobody' },
      says: /refuses the login[\s\S]*→ compare VAULT_ROLE_ID[\s\S]*PLIMSOLL_VAULT_LOGIN_REFUSED/
    },
    { with: { VAULT_REQUIRE: 'OIDC_CLIENT_SECRET' }, says: /lacks OIDC_CLIENT_SECRET[\s\S]*PLIMSOLL_VAULT_CONTENT/ }
  ]
  const ended = await Promise.all(
    cases.map(async ({ with: extra, says }) => {
      const server = startServer({ ...settings, VAULT_BOOT_WAIT_S: '0', ...extra })
      return { code: await server.ended, output: server.output(), says }
    })
  )
  for (const { code, output, says } of ended) {
    t.equal(code, 1)
    t.match(output, says)
    t.notMatch(output, /at .*\.ts:\d/, 'no stack for what is no bug')
    for (const secret of hidden(vault)) t.notOk(output.includes(secret), 'a secret is nowhere to be seen')
  }
  t.notOk(existsSync(settings.DATA_DIR), 'not even a directory was made')
  for (const { address, code } of [
    { address: settings.VAULT_ADDR, code: 'PLIMSOLL_VAULT_CERTIFICATE' }, // by the CAs of the system
    { address: settings.VAULT_ADDR.replace('https', 'http'), code: 'PLIMSOLL_VAULT_UNREACHABLE' }
  ]) {
    const client = openClient(address)
    t.teardown(() => client.close())
    await t.rejects(client.lookUp(vault.rootToken), { code }, address)
  }
})

t.test(
  'the login to PostgreSQL changes under load, and no statement is lost',
  { skip: postgresMissing() ?? false },
  async (t) => {
    const cluster = await startPostgres()
    t.teardown(() => cluster.stop())
    const url = await cluster.createDatabase()
    const admin = new pg.Client(url)
    await admin.connect()
    t.teardown(() => admin.end())
    for (const user of ['one', 'two'])
      await admin.query(`create role ${user} login in role plimsoll; alter role ${user} set role plimsoll`)
    const as = (user: string): string => url.replace('plimsoll@', `${user}@`)
    const database = await openDatabase(as('one'))
    t.teardown(() => database.close())
    const whoAmI = async (): Promise<string> => {
      const { rows } = await sql<{
        name: string
        slept: string
      }>`select session_user as name, pg_sleep(0.02) as slept`.execute(database.db)
      return rows[0]?.name ?? ''
    }

    const told: string[] = []
    database.line?.open({
      clock: systemClock,
      onNotice: () => {},
      onConnected: () => told.push('connected'),
      onError: (reason) => told.push(reason)
    })
    const onLine = async (): Promise<string> => {
      const [row] = (await database.line?.query<{ name: string }>('select session_user as name', [], 5_000)) ?? []
      return row?.name ?? ''
    }
    t.equal(await onLine(), 'one')

    // three times as many at once as there are connections: most wait for one when the login changes
    const under = Promise.all(Array.from({ length: 30 }, () => whoAmI()))
    await delay(10)
    const onLineMeanwhile = onLine()
    await database.rotate(as('two'))
    t.match(await onLineMeanwhile, /one|two/, 'what was asked on the line beside the pool is answered too')
    t.equal(await onLine(), 'two')
    t.strictSame(told, ['connected', 'connected'], 'without a gap')
    const after = await Promise.all(Array.from({ length: 30 }, () => whoAmI()))
    t.ok((await under).every((name) => name === 'one' || name === 'two'))
    t.ok(after.every((name) => name === 'two'))

    // a login that somebody takes away is known as such: Vault is asked for another
    await admin.query('alter role two nologin')
    await admin.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'two'")
    await within('a reason', async () => {
      await whoAmI().catch(() => {})
      return database.watch.fault?.code === 'refused'
    })
    await admin.query('alter role two login')

    await t.rejects(database.rotate(as('nobody')), /does not exist/)
    t.equal(await whoAmI(), 'two', 'a login that does not work changes nothing')
    await within('the end of the connections before', async () => {
      const { rows } = await admin.query<{ n: string }>(
        "select count(*) as n from pg_stat_activity where usename = 'one'"
      )
      return Number(rows[0]?.n) === 0
    })
  }
)
