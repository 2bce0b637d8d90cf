import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { ManualClock } from '../src/platform/clock.ts'
import { readEnvironment } from '../src/platform/settings.ts'
import { isSignedBy } from '../src/platform/signing/public-key.rules.ts'
import { usesVault } from '../src/platform/vault/uses-vault.rules.ts'
import { openVault, type Vault } from '../src/platform/vault/vault.ts'
import { buildTestApp } from './support/app.ts'
import { PretendVault, type PretendVaultOptions } from './support/vault-server.ts'
import { callVault, signedJwt } from './support/vault-real.ts'

t.setTimeout(60_000)

const first = 'first-token-of-sixteen-and-more'
const second = 'second-token-of-sixteen-and-more'
const classKey = 'class-key-of-sixteen-and-more'

interface World {
  readonly clock: ManualClock
  readonly vault: PretendVault
  readonly address: string
  /** What was logged, as text. */
  readonly log: () => string
  /** As the process starts: settings of the environment, then Vault. */
  readonly start: (settings?: Readonly<Record<string, string>>) => Promise<Vault>
  /** Moves the clock and lets what falls due happen. */
  readonly pass: (ms: number) => Promise<void>
}

type Owner = Pick<Test, 'teardown' | 'testdir'>

const secretPath = 'default/plimsoll-api'

const aWorld = async (t: Owner, options: Omit<PretendVaultOptions, 'clock'> = {}): Promise<World> => {
  const clock = new ManualClock()
  const vault = new PretendVault({ clock, ...options })
  const address = await vault.listen()
  t.teardown(() => vault.close())
  let text = ''
  const sink = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk)
      done()
    }
  })
  const log = pino({ level: 'trace' }, sink)
  return {
    clock,
    vault,
    address,
    log: () => text,
    async start(settings = {}) {
      const environment = readEnvironment(
        { VAULT_ADDR: address, VAULT_TOKEN: vault.rootToken, VAULT_KV_PATH: secretPath, ...settings },
        null
      )
      const opened = await openVault(await environment.bare(), {
        clock,
        random: () => 0,
        log,
        resolve: environment.settings
      })
      t.teardown(() => opened.close())
      return opened
    },
    async pass(ms) {
      clock.advance(ms)
      await delay(20)
    }
  }
}

/** Waits for what happens after a request over the network. */
const until = async (holds: () => boolean): Promise<void> => {
  for (let tries = 0; tries < 400; tries++) {
    if (holds()) return
    await delay(5)
  }
  throw new Error(`it never came about: ${holds.toString()}`)
}

/** Waits for the end of a task that waits for the clock. */
const hurry = async <Result>(clock: ManualClock, task: Promise<Result>, stepMs = 100): Promise<Result> => {
  const hurrying = new AbortController()
  const noted = task.finally(() => hurrying.abort())
  noted.catch(() => {})
  while (!hurrying.signal.aborted) {
    clock.advance(stepMs)
    await delay(1)
  }
  return noted
}

const approle = async ({ vault, address }: World, dir: string): Promise<Record<string, string>> => {
  await callVault(address, vault.rootToken, 'POST', 'sys/auth/approle', { type: 'approle' })
  await callVault(address, vault.rootToken, 'PUT', 'sys/policies/acl/plimsoll', {
    policy:
      'path "secret/data/default/*" { capabilities = ["read"] }\npath "database/creds/plimsoll" { capabilities = ["read"] }\npath "sys/leases/renew" { capabilities = ["update"] }'
  })
  const role = await callVault(address, vault.rootToken, 'GET', 'auth/approle/role/plimsoll/role-id')
  const made = await callVault(address, vault.rootToken, 'POST', 'auth/approle/role/plimsoll/secret-id', {})
  const file = join(dir, 'secret-id')
  writeFileSync(file, `${String(made.data?.['secret_id'])}\n`)
  writeFileSync(join(dir, 'wrapped'), `${made.wrap_info?.token ?? ''}\n`)
  return { VAULT_TOKEN: '', VAULT_ROLE_ID: String(role.data?.['role_id']), VAULT_SECRET_ID_FILE: file }
}

t.test('a secret of Vault wins over the environment; what is no secret setting is left out and named', async (t) => {
  const world = await aWorld(t)
  world.vault.put(secretPath, {
    API_TOKEN: first,
    PLAN_SECRET_CHAT: 'https://chat.example/x',
    PORT: '1',
    NONSENSE: 'a'
  })
  const { secrets, status } = await world.start({ API_TOKEN: second, PORT: '4000', LOOPBACK_OPEN: 'false' })
  t.match(secrets.settings, {
    API_TOKEN: first,
    PORT: 4000,
    planSecrets: { PLAN_SECRET_CHAT: 'https://chat.example/x' }
  })
  t.strictSame(secrets.accepted('API_TOKEN'), [first])
  t.strictSame(secrets.accepted('CLASS_KEY'), [])
  t.match(status, { fault: null, secretVersion: 1, tokenLeftMs: Number.POSITIVE_INFINITY })
  t.match(world.log(), /"ignored":\["PORT","NONSENSE"\]/)
})

t.test('an address of Vault alone changes nothing', async (t) => {
  const settings = await readEnvironment({ VAULT_ADDR: 'https://vault.example:8200', VAULT_TOKEN: 'x' }, null).bare()
  t.notOk(usesVault(settings))
})

t.test('nothing starts half configured', async (t) => {
  const cases = [
    { name: 'no address', settings: { VAULT_ADDR: '' }, code: 'SETTINGS', message: /VAULT_ADDR/ },
    { name: 'no login', settings: { VAULT_TOKEN: '' }, code: 'SETTINGS', hint: /VAULT_ROLE_ID/ },
    { name: 'half a login', settings: { VAULT_AUTH: 'approle' }, code: 'SETTINGS', message: /VAULT_ROLE_ID/ },
    { name: 'no file', settings: { VAULT_JWT_FILE: '/nowhere/jwt' }, code: 'FILE', message: /\/nowhere\/jwt: ENOENT/ },
    { name: 'no CA', settings: { VAULT_CACERT: '/nowhere/ca.pem' }, code: 'FILE', message: /VAULT_CACERT/ },
    {
      name: 'a token Vault does not know',
      settings: { VAULT_TOKEN: 'hvs.nobody-knows-this-token' },
      code: 'TOKEN_REFUSED'
    },
    { name: 'nothing at the path', settings: { VAULT_KV_PATH: 'elsewhere' }, code: 'NOT_FOUND', message: /elsewhere/ },
    {
      name: 'a setting that must come',
      settings: { VAULT_REQUIRE: 'API_TOKEN, WEBHOOK_SECRET' },
      code: 'CONTENT',
      message: /lacks WEBHOOK_SECRET/
    },
    {
      name: 'a value that is no text',
      settings: { VAULT_KV_PATH: 'number' },
      code: 'CONTENT',
      message: /CLASS_KEY is no text/
    },
    { name: 'no such key', settings: { VAULT_TRANSIT_KEY: 'nope' }, code: 'NOT_FOUND' },
    {
      name: 'a database that is a file',
      settings: { VAULT_DATABASE_ROLE: 'plimsoll' },
      code: 'SETTINGS',
      hint: /postgres:/
    }
  ]
  const world = await aWorld(t)
  world.vault.put(secretPath, { API_TOKEN: first })
  world.vault.put('number', { CLASS_KEY: 5 })
  world.vault.configured.set('database/roles/plimsoll', {})
  for (const { name, settings, code, message = /./, hint = /./ } of cases) {
    await t.rejects(world.start(settings), { code: `PLIMSOLL_VAULT_${code}`, message, hint }, name)
  }
  world.vault.put(secretPath, { API_TOKEN: 'short', CLASS_KEY: classKey })
  const error = await world.start().then(
    () => null,
    (thrown: Error) => thrown
  )
  t.match(error, { code: 'PLIMSOLL_SETTINGS_INVALID', message: /API_TOKEN=\(hidden\)/ })
  world.vault.put(secretPath, { CLASS_KEY: classKey })
  await t.rejects(world.start({ LOOPBACK_OPEN: 'false' }), {
    code: 'PLIMSOLL_SETTINGS_INVALID',
    message: /LOOPBACK_OPEN/
  })
})

t.test(
  'the start waits for a Vault that cannot be used yet, but not for ever, and not for what waiting cannot mend',
  async (t) => {
    const world = await aWorld(t)
    world.vault.put(secretPath, { API_TOKEN: first })
    for (const [mood, code] of [
      ['sealed', 'SEALED'],
      ['standby', 'STANDBY'],
      ['busy', 'STANDBY'],
      ['silent', 'SLOW']
    ] as const) {
      world.vault.mood = mood
      const beganMs = world.clock.monotonicMs()
      await t.rejects(
        hurry(world.clock, world.start({ VAULT_BOOT_WAIT_S: '20', VAULT_TIMEOUT_MS: '1000' })),
        { code: `PLIMSOLL_VAULT_${code}` },
        mood
      )
      const tookMs = world.clock.monotonicMs() - beganMs
      t.ok(tookMs >= 19_000 && tookMs <= 24_000, `${mood}: ${tookMs} ms`)

      const waiting = world.start({ VAULT_BOOT_WAIT_S: '20', VAULT_TIMEOUT_MS: '1000' })
      const before = world.vault.requests.length
      await until(() => world.vault.requests.length > before)
      world.vault.mood = 'well'
      t.equal((await hurry(world.clock, waiting)).secrets.settings.API_TOKEN, first, `${mood}, then well`)
    }
    t.match(world.log(), /"code":"PLIMSOLL_VAULT_SEALED".*"next":"unseal it.*"retryInMs":500/)
    await t.rejects(world.start({ VAULT_ADDR: 'http://127.0.0.1:1', VAULT_BOOT_WAIT_S: '0' }), {
      code: 'PLIMSOLL_VAULT_UNREACHABLE',
      message: /ECONNREFUSED/
    })
  }
)

t.test(
  'a token is renewed at two thirds of its life, and replaced by a new login when that comes to its end',
  async (t) => {
    const world = await aWorld(t, { tokenTtlS: 1_200, tokenMaxTtlS: 3_000 })
    world.vault.put(secretPath, { API_TOKEN: first })
    await world.start({ ...(await approle(world, t.testdir())), VAULT_REFRESH_S: '86400' })
    const count = (request: string): number => world.vault.requests.filter((made) => made === request).length
    const renewals = () => count('POST auth/token/renew-self')
    const logins = () => count('POST auth/approle/login')
    await world.pass(799_000)
    t.equal(renewals(), 0)
    await world.pass(2_000)
    await until(() => renewals() === 1)
    await world.pass(801_000)
    await until(() => renewals() === 2)
    t.equal(logins(), 1)
    await world.pass(801_000) // 2,400 s old: it is granted 600 s, half of what it had; the rest of its life ends it
    await until(() => renewals() === 3)
    await world.pass(401_000)
    await until(() => logins() + renewals() >= 5)
    await world.pass(100_000)
    await until(() => logins() === 2)
    t.notMatch(world.log(), /cannot be used now/, 'without a gap')
  }
)

t.test('a token that was revoked is replaced when that is noticed', async (t) => {
  const world = await aWorld(t)
  world.vault.put(secretPath, { API_TOKEN: first })
  const { secrets, status } = await world.start(await approle(world, t.testdir()))
  world.vault.revokeAll()
  world.vault.put(secretPath, { API_TOKEN: second })
  await world.pass(60_000)
  await until(() => secrets.settings.API_TOKEN === second)
  t.equal(status.fault, null)
})

t.test('a path that is no longer allowed does not end in logins', async (t) => {
  const world = await aWorld(t)
  world.vault.put(secretPath, { API_TOKEN: first })
  const { secrets, status } = await world.start(await approle(world, t.testdir()))
  world.vault.configured.set('sys/policies/acl/plimsoll', { policy: '' })
  await world.pass(60_000)
  await until(() => status.fault !== null)
  t.match(status.fault, { code: 'vault_denied', text: /stays in use/, next: /policy/ })
  t.equal(secrets.settings.API_TOKEN, first)
  t.equal(world.vault.requests.filter((made) => made.endsWith('/login')).length, 1)
})

t.test(
  'while Vault is sealed or silent the secrets stay, the reason is told, and all is well afterwards by itself',
  async (t) => {
    const world = await aWorld(t)
    world.vault.put(secretPath, { API_TOKEN: first })
    const { secrets, status } = await world.start({ VAULT_TIMEOUT_MS: '1000' })
    world.vault.mood = 'sealed'
    await world.pass(60_000)
    await until(() => status.fault !== null)
    t.match(status.fault, { code: 'vault_sealed', text: /what was read before stays in use/, next: /unseal/ })
    t.equal(secrets.settings.API_TOKEN, first)
    world.vault.mood = 'silent'
    await world.pass(60_000)
    await world.pass(1_000)
    await until(() => status.fault?.code === 'vault_slow')
    world.vault.mood = 'well'
    world.vault.put(secretPath, { API_TOKEN: second })
    await world.pass(60_000)
    await until(() => status.fault === null)
    t.equal(secrets.settings.API_TOKEN, second)
  }
)

t.test(
  'a rotated secret is told and accepted beside the one before, for as long from its birth as was set',
  async (t) => {
    const world = await aWorld(t)
    world.vault.put(secretPath, { API_TOKEN: first, CLASS_KEY: classKey })
    await world.pass(3_600_000)
    const { secrets } = await world.start({ VAULT_OVERLAP_S: '900', VAULT_REFRESH_S: '60' })
    const told: string[][] = []
    secrets.onChange(({ changed }) => void told.push([...changed]))

    world.vault.put(secretPath, { API_TOKEN: second, CLASS_KEY: classKey })
    await world.pass(60_000)
    await until(() => told.length === 1)
    t.strictSame(told, [['API_TOKEN']])
    t.strictSame(secrets.accepted('API_TOKEN'), [second, first])
    t.strictSame(secrets.accepted('CLASS_KEY'), [classKey])

    const other = await world.start({ VAULT_OVERLAP_S: '900' })
    t.strictSame(other.secrets.accepted('API_TOKEN'), [second, first], 'an instance that starts now accepts the same')

    await world.pass(839_000)
    t.strictSame(secrets.accepted('API_TOKEN'), [second, first])
    await world.pass(2_000)
    t.strictSame(secrets.accepted('API_TOKEN'), [second])
    await world.pass(60_000)
    await until(() => told.length === 2)
    t.strictSame(told[1], ['API_TOKEN'], 'who keeps what is accepted hears of the end')
  }
)

t.test('an application works on with what was rotated: class keys, receivers and what a plan names', async (t) => {
  const world = await aWorld(t)
  const keys = ['class-key-one-of-sixteen', 'class-key-two-of-sixteen']
  world.vault.put(secretPath, { CLASS_KEY: keys[0], PLAN_SECRET_CHAT: 'http://127.0.0.1:9/one' })
  const { secrets } = await world.start({ VAULT_OVERLAP_S: '900' })
  const plan = 'plan: plimsoll/v1\nreceivers:\n  - name: chat\n    webhook: { urlSecret: PLAN_SECRET_CHAT }\n'
  const { app, close } = await buildTestApp({ clock: world.clock, secrets, plan })
  t.teardown(close)
  const held = app.signals.classKeys
  t.strictSame(held, [keys[0]])
  t.strictSame(app.notifier.receivers, ['chat'])

  world.vault.put(secretPath, { CLASS_KEY: keys[1], WEBHOOK_URLS: 'http://127.0.0.1:9/x http://127.0.0.1:9/y' })
  await world.pass(60_000)
  await until(() => app.notifier.receivers.length === 3)
  t.strictSame(held, [keys[1], keys[0]], 'the new key signs, both are accepted by whoever holds the list')
  t.strictSame(app.notifier.receivers.at(-1), 'chat', 'those of the plan stay')

  await world.pass(901_000)
  await until(() => held.length === 1)
  t.strictSame(held, [keys[1]])
})

t.test('destroying the version before ends the overlap at once', async (t) => {
  const world = await aWorld(t)
  world.vault.put(secretPath, { API_TOKEN: first })
  world.vault.put(secretPath, { API_TOKEN: second })
  const { secrets } = await world.start({ VAULT_OVERLAP_S: '86400' })
  t.strictSame(secrets.accepted('API_TOKEN'), [second, first])
  world.vault.destroy(secretPath, 1)
  await world.pass(60_000)
  await until(() => secrets.accepted('API_TOKEN').length === 1)
  t.strictSame(secrets.accepted('API_TOKEN'), [second])
})

t.test('a new version that cannot be used changes nothing and is told', async (t) => {
  const world = await aWorld(t)
  world.vault.put(secretPath, { API_TOKEN: first })
  const { secrets, status } = await world.start()
  world.vault.put(secretPath, { API_TOKEN: 'short' })
  await world.pass(60_000)
  await until(() => status.fault !== null)
  t.match(status.fault, { code: 'settings_invalid', text: /API_TOKEN=\(hidden\)/ })
  t.equal(secrets.settings.API_TOKEN, first)
  world.vault.put(secretPath, { API_TOKEN: second })
  await world.pass(60_000)
  await until(() => status.fault === null)
  t.strictSame(secrets.accepted('API_TOKEN'), [second, first], 'a value that was never in force is not accepted')
})

t.test('who cannot use a new secret is asked again until it can; the others have it meanwhile', async (t) => {
  const world = await aWorld(t)
  world.vault.put(secretPath, { API_TOKEN: first })
  const { secrets, status } = await world.start()
  const told: string[] = []
  let works = false
  secrets.onChange(() => {
    told.push('unwilling')
    if (!works) throw new Error('not yet')
  })
  secrets.onChange(() => void told.push('willing'))
  world.vault.put(secretPath, { API_TOKEN: second })
  await world.pass(60_000)
  await until(() => status.fault !== null)
  t.match(status.fault, { text: /not yet/ })
  works = true
  await world.pass(60_000)
  await until(() => status.fault === null)
  t.strictSame(told, ['unwilling', 'willing', 'unwilling'])
})

t.test('a user of the database is put into its address, renewed, and replaced before its end', async (t) => {
  const world = await aWorld(t, { tokenTtlS: 1_200, databaseTtlS: 600 })
  world.vault.configured.set('database/roles/plimsoll', {})
  const settings = {
    ...(await approle(world, t.testdir())),
    VAULT_KV_PATH: '',
    VAULT_DATABASE_ROLE: 'plimsoll',
    DATABASE_URL: 'postgres://db.example:5432/plimsoll?sslmode=verify-full'
  }
  const { secrets, status } = await world.start(settings)
  const [user] = world.vault.databaseUsers
  const url = (at: number): string => {
    const made = world.vault.databaseUsers[at]
    return `postgres://${made?.username}:${made?.password}@db.example:5432/plimsoll?sslmode=verify-full`
  }
  t.equal(secrets.settings.DATABASE_URL, url(0))
  t.notMatch(world.log(), user?.password)

  await world.pass(401_000)
  await until(() => world.vault.requests.includes('POST sys/leases/renew'))
  t.equal(world.vault.databaseUsers.length, 1)

  // with its token goes the user: a new login makes a new one
  const told: string[] = []
  let works = false
  secrets.onChange(({ changed }) => {
    if (changed.has('DATABASE_URL')) told.push(secrets.settings.DATABASE_URL)
    if (!works) throw new Error('the database does not know this user yet')
  })
  world.vault.revokeAll()
  await world.pass(401_000)
  await until(() => world.vault.databaseUsers.length >= 2 && status.fault !== null)
  t.equal(secrets.settings.DATABASE_URL, url(0), 'a user that does not work is not taken')
  works = true
  await world.pass(60_000)
  await until(() => status.fault === null)
  t.equal(secrets.settings.DATABASE_URL, url(world.vault.databaseUsers.length - 1))
  t.equal(told.at(-1), secrets.settings.DATABASE_URL)
  t.equal(status.isDatabaseUserGone, false)

  world.vault.mood = 'sealed'
  await world.pass(700_000)
  t.equal(status.isDatabaseUserGone, true)
})

t.test(
  'a user that somebody has revoked is replaced when the database refuses it, and not more often than that helps',
  async (t) => {
    const world = await aWorld(t)
    world.vault.configured.set('database/roles/plimsoll', {})
    const { secrets, status } = await world.start({
      VAULT_KV_PATH: '',
      VAULT_DATABASE_ROLE: 'plimsoll',
      DATABASE_URL: 'postgres://db.example/plimsoll'
    })
    const before = secrets.settings.DATABASE_URL
    status.loginRefused()
    status.loginRefused()
    await until(() => secrets.settings.DATABASE_URL !== before)
    status.loginRefused()
    await world.pass(20_000)
    t.equal(world.vault.databaseUsers.length, 2)
    await world.pass(11_000)
    status.loginRefused()
    await until(() => world.vault.databaseUsers.length === 3)
  }
)

t.test('a secret without its history, put anew under the number it had, is taken', async (t) => {
  const world = await aWorld(t)
  world.vault.put(secretPath, { API_TOKEN: first })
  const { secrets } = await world.start()
  world.vault.forget(secretPath)
  world.vault.put(secretPath, { API_TOKEN: second })
  await world.pass(60_000)
  await until(() => secrets.settings.API_TOKEN === second)
  t.strictSame(secrets.accepted('API_TOKEN'), [second], 'without the history there is no version before')
})

t.test('a new version and a new user of the database at once are both taken', async (t) => {
  const world = await aWorld(t)
  world.vault.configured.set('database/roles/plimsoll', {})
  world.vault.put(secretPath, { API_TOKEN: first })
  const { secrets, status } = await world.start({
    VAULT_DATABASE_ROLE: 'plimsoll',
    DATABASE_URL: 'postgres://db.example/plimsoll'
  })
  for (let round = 0; round < 5; round++) {
    world.vault.put(secretPath, { API_TOKEN: `${second}-${round}` })
    world.clock.advance(60_000)
    status.loginRefused()
    await until(
      () => world.vault.databaseUsers.length === round + 2 && secrets.settings.API_TOKEN === `${second}-${round}`
    )
    const user = world.vault.databaseUsers.at(-1)
    await until(() => secrets.settings.DATABASE_URL.includes(`${user?.username}:${user?.password}@`))
  }
  await world.pass(60_000)
  t.match(secrets.settings.DATABASE_URL, world.vault.databaseUsers.at(-1)?.username)
})

t.test('when Vault answers again, what was lent is put right at once', async (t) => {
  const world = await aWorld(t, { databaseTtlS: 600 })
  world.vault.configured.set('database/roles/plimsoll', {})
  const { status } = await world.start({
    VAULT_KV_PATH: '',
    VAULT_DATABASE_ROLE: 'plimsoll',
    VAULT_REFRESH_S: '5',
    DATABASE_URL: 'postgres://db.example/plimsoll'
  })
  world.vault.mood = 'sealed'
  for (let left = 700; left > 0; left -= 10) await world.pass(10_000)
  t.equal(status.isDatabaseUserGone, true)
  world.vault.mood = 'well'
  await world.pass(5_000)
  await until(() => !status.isDatabaseUserGone)
  t.equal(status.fault, null)
})

t.test('another database than at the start is not taken while running', async (t) => {
  const world = await aWorld(t)
  world.vault.put(secretPath, { DATABASE_URL: 'postgres://a:old@db.example/plimsoll' })
  const { secrets } = await world.start()
  world.vault.put(secretPath, { DATABASE_URL: 'postgres://a:new@db.example/plimsoll' })
  await world.pass(60_000)
  await until(() => secrets.settings.DATABASE_URL.includes(':new@'))
  world.vault.put(secretPath, { DATABASE_URL: 'postgres://a:new@elsewhere.example/plimsoll' })
  await world.pass(60_000)
  await until(() => /takes effect with a restart/.test(world.log()))
  t.equal(secrets.settings.DATABASE_URL, 'postgres://a:new@db.example/plimsoll')
})

t.test('a wrapped secret id is unwrapped once, used for every login, and missed by whoever comes second', async (t) => {
  const world = await aWorld(t)
  const dir = t.testdir()
  const settings = { ...(await approle(world, dir)), VAULT_SECRET_ID_WRAPPED: 'true' }
  world.vault.put(secretPath, { API_TOKEN: first })
  await t.rejects(world.start(settings), {
    code: 'PLIMSOLL_VAULT_LOGIN_REFUSED',
    message: /no wrapping token/,
    hint: /forged/
  })
  const wrapped = { ...settings, VAULT_SECRET_ID_FILE: join(dir, 'wrapped') }
  const { secrets } = await world.start(wrapped)
  world.vault.revokeAll()
  world.vault.put(secretPath, { API_TOKEN: second })
  await world.pass(60_000)
  await until(() => secrets.settings.API_TOKEN === second)
  await t.rejects(world.start(wrapped), { code: 'PLIMSOLL_VAULT_LOGIN_REFUSED', hint: /somebody else has/ })
})

t.test(
  'a token that Nomad writes is taken from its file, again when Nomad has written another, and never revoked',
  async (t) => {
    const world = await aWorld(t)
    world.vault.put(secretPath, { API_TOKEN: first })
    const dir = t.testdir()
    const write = (): void => writeFileSync(join(dir, 'vault_token'), world.vault.makeToken(1_200, true))
    write()
    const { secrets, status, close } = await world.start({ VAULT_TOKEN: '', NOMAD_SECRETS_DIR: dir })
    t.equal(secrets.settings.API_TOKEN, first)
    world.vault.revokeAll()
    write()
    world.vault.put(secretPath, { API_TOKEN: second })
    await world.pass(60_000)
    await until(() => secrets.settings.API_TOKEN === second)
    t.equal(status.fault, null)
    await close()
    t.notOk(world.vault.requests.includes('POST auth/token/revoke-self'))
  }
)

t.test('an identity of Nomad logs in, and its token is revoked at the end', async (t) => {
  const world = await aWorld(t)
  const { generateKeyPairSync } = await import('node:crypto')
  const keys = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  world.vault.put(secretPath, { API_TOKEN: first })
  world.vault.logins.set('jwt-nomad/', { type: 'jwt' })
  const pem = keys.publicKey.export({ type: 'spki', format: 'pem' })
  world.vault.configured.set('auth/jwt-nomad/config', {
    jwt_validation_pubkeys: [pem],
    default_role: 'nomad-workloads'
  })
  world.vault.configured.set('auth/jwt-nomad/role/nomad-workloads', {
    bound_audiences: ['vault.io'],
    token_policies: ['root']
  })
  const file = join(t.testdir(), 'nomad_vault.jwt')
  writeFileSync(file, signedJwt({ aud: 'vault.io' }, keys.privateKey))
  const { secrets, close } = await world.start({ VAULT_TOKEN: '', VAULT_JWT_FILE: file })
  t.equal(secrets.settings.API_TOKEN, first)
  await close()
  t.ok(world.vault.requests.includes('POST auth/token/revoke-self'))
})

t.test('statements are signed by a key that stays in Vault, and by the next one after it was rotated', async (t) => {
  const world = await aWorld(t)
  const { vault, address } = world
  await callVault(address, vault.rootToken, 'POST', 'transit/keys/verdicts', { type: 'ed25519' })
  const { signer, secrets } = await world.start({ VAULT_KV_PATH: '', VAULT_TRANSIT_KEY: 'verdicts', API_TOKEN: first })
  t.equal(secrets.settings.API_TOKEN, first, 'without a secret, the settings are those of the environment')
  if (!signer) throw new Error('there is no signer')
  const bytes = Buffer.from('a verdict')
  const before = { keyId: signer.keyId, pem: await signer.publicKeyPem(), signature: await signer.sign(bytes) }
  t.ok(isSignedBy(before.pem, bytes, before.signature))

  await callVault(address, vault.rootToken, 'POST', 'transit/keys/verdicts/rotate', {})
  t.ok(isSignedBy(before.pem, bytes, await signer.sign(bytes)), 'until it is noticed, key and name go together')
  await world.pass(60_000)
  await until(() => signer.keyId !== before.keyId)
  t.ok(isSignedBy(await signer.publicKeyPem(), bytes, await signer.sign(bytes)))
  t.match(await signer.publicKeys(), [{ keyId: before.keyId, pem: before.pem }, { keyId: signer.keyId }])

  vault.mood = 'sealed'
  await t.rejects(signer.sign(bytes), { code: 'PLIMSOLL_SIGNING_UNAVAILABLE', message: /sealed/ })
})
