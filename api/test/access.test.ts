import t from 'tap'
import { allRoutes, type Access, type Role, type RouteDescriptor, type Routes } from '../src/contract/index.ts'
import { covers } from '../src/platform/access/decide.rules.ts'
import type { ManualClock } from '../src/platform/clock.ts'
import { buildTestApp, type TestApp, type TestAppOptions } from './support/app.ts'

const start = async (
  t: { teardown(fn: () => Promise<void>): void },
  options: TestAppOptions = {}
): Promise<TestApp> => {
  const settings = { PRESSURE_EVENT_LOOP_DELAY_MS: '0', ...options.settings } // the clock jumps
  const test = await buildTestApp({ ...options, settings })
  t.teardown(() => test.close())
  return test
}

const plan = `plan: plimsoll/v1
services:
  - { name: shop, signals: [{ push: {} }] }
  - { name: cart, signals: [{ push: {} }] }
`

const stranger = '203.0.113.7'

type NewToken = { name?: string; role: string; services?: string[]; expiresAt?: string }

/** Makes a token as the machine itself. */
const tokenFor = async ({ app }: TestApp, wanted: NewToken): Promise<{ secret: string; id: string }> => {
  const reply = await app.inject({ method: 'POST', url: '/api/v1/tokens', payload: { name: 'a test', ...wanted } })
  if (reply.statusCode !== 201) throw new Error(reply.body)
  const { secret, token } = reply.json() as { secret: string; token: { id: string } }
  return { secret, id: token.id }
}

const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` })

t.test('a token is shown once, kept as a hash, and does what its role says until it is revoked', async (t) => {
  const test = await start(t)
  const { app, database, clock } = test
  const { secret, id } = await tokenFor(test, { role: 'viewer' })
  t.match(secret, /^plm_[\w-]{43}$/)
  const stored = JSON.stringify(await database.db.selectFrom('api_tokens').selectAll().execute())
  t.notMatch(stored, secret)
  t.notMatch((await app.inject('/api/v1/tokens')).body, secret)

  const read = () => app.inject({ url: '/api/v1/system', remoteAddress: stranger, headers: bearer(secret) })
  t.equal((await read()).statusCode, 200)
  const write = await app.inject({
    method: 'PUT',
    url: '/api/v1/plan',
    remoteAddress: stranger,
    headers: bearer(secret)
  })
  t.match(write.json(), { status: 403, code: 'PLIMSOLL_ROLE_TOO_LOW', detail: /viewer.*operator/ })

  const revoked = await app.inject({ method: 'DELETE', url: `/api/v1/tokens/${id}` })
  t.match(revoked.json(), { id, state: 'revoked', revokedAt: new Date(clock.nowMs()).toISOString() })
  t.match((await read()).json(), { status: 401, detail: /revoked/ })
  t.equal((await app.inject({ method: 'DELETE', url: '/api/v1/tokens/tok_00000000' })).statusCode, 404)
})

t.test('a token ends when it says, and one that has ended from the start is not made', async (t) => {
  const test = await start(t)
  const { app } = test
  const clock = test.clock as ManualClock
  const expiresAt = new Date(clock.nowMs() + 60_000).toISOString()
  const { secret } = await tokenFor(test, { role: 'viewer', expiresAt })
  const read = () => app.inject({ url: '/api/v1/system', remoteAddress: stranger, headers: bearer(secret) })
  clock.advance(59_999)
  t.equal((await read()).statusCode, 200)
  clock.advance(1)
  t.match((await read()).json(), { status: 401, detail: /expired/ })
  const late = await app.inject({
    method: 'POST',
    url: '/api/v1/tokens',
    payload: { name: 'late', role: 'viewer', expiresAt }
  })
  t.match(late.json(), { status: 400, code: 'PLIMSOLL_BAD_REQUEST' })
})

t.test('the last use is noted at most once a minute', async (t) => {
  const test = await start(t)
  const { app, database } = test
  const clock = test.clock as ManualClock
  const { secret } = await tokenFor(test, { role: 'viewer' })
  const use = () => app.inject({ url: '/api/v1/system', remoteAddress: stranger, headers: bearer(secret) })
  const usedMs = async () => (await database.db.selectFrom('api_tokens').select('used_ms').executeTakeFirst())?.used_ms
  t.equal(await usedMs(), null)
  const firstMs = clock.nowMs()
  await use()
  t.equal(await usedMs(), firstMs)
  clock.advance(59_000)
  await use()
  t.equal(await usedMs(), firstMs)
  clock.advance(1_000)
  await use()
  t.equal(await usedMs(), firstMs + 60_000)
})

t.test('a token revoked by another instance stops working within two seconds', async (t) => {
  const test = await start(t)
  const { app, database } = test
  const clock = test.clock as ManualClock
  const { secret } = await tokenFor(test, { role: 'viewer' })
  const use = async () =>
    (await app.inject({ url: '/api/v1/system', remoteAddress: stranger, headers: bearer(secret) })).statusCode
  t.equal(await use(), 200)
  await database.db.updateTable('api_tokens').set({ revoked_ms: clock.nowMs() }).execute()
  clock.advance(2_000)
  t.equal(await use(), 401)
})

t.test('a token held to a service does nothing to another, nor to all of them', async (t) => {
  const test = await start(t, { plan })
  const { app } = test
  const { secret } = await tokenFor(test, { role: 'admin', services: ['shop'] })
  const call = async (method: 'GET' | 'PUT' | 'POST', url: string) =>
    (await app.inject({ method, url, remoteAddress: stranger, headers: bearer(secret) })).json() as { code?: string }
  t.equal((await call('GET', '/api/v1/services/shop')).code, undefined)
  t.equal((await call('GET', '/api/v1/services')).code, undefined, 'the overview is for all who may read')
  for (const [method, url] of [
    ['GET', '/api/v1/services/cart'],
    ['GET', '/api/v1/services/SHOP'],
    ['GET', '/api/v1/alerts?service=cart'],
    ['POST', '/api/v1/services/cart/imports'],
    ['PUT', '/api/v1/plan'],
    ['GET', '/api/v1/tokens'],
    ['POST', '/api/v1/tokens'],
    ['GET', '/api/v1/audit']
  ] as const) {
    t.equal((await call(method, url)).code, 'PLIMSOLL_SERVICE_NOT_IN_SCOPE', `${method} ${url}`)
  }
})

t.test('wrong tokens are refused alike, from this machine too, and say nothing of others', async (t) => {
  const test = await start(t, { settings: { API_TOKEN: 'correct-horse-battery' } })
  const { app } = test
  await tokenFor(test, { role: 'viewer' })
  for (const wrong of ['wrong', `plm_${'A'.repeat(43)}`, 'a.b.c', 'correct-horse-batter']) {
    const response = await app.inject({ url: '/api/v1/system', headers: bearer(wrong) })
    t.match(response.json(), { status: 401, code: 'PLIMSOLL_UNAUTHENTICATED', detail: 'The token is wrong' }, wrong)
    t.match(response.headers['www-authenticate'], /^Bearer/)
  }
})

t.test('everybody may ask who he is', async (t) => {
  const test = await start(t, { settings: { API_TOKEN: 'correct-horse-battery' } })
  const { app } = test
  const { secret, id } = await tokenFor(test, { role: 'deployer', services: ['shop'], name: 'ci of shop' })
  const me = async (options: { remoteAddress?: string; headers?: Record<string, string> }) =>
    (await app.inject({ url: '/api/v1/me', ...options })).json() as object
  t.match(await me({}), {
    kind: 'local',
    role: 'admin',
    text: /without credentials/,
    csrfToken: null,
    signInPath: null
  })
  t.match(await me({ headers: { 'x-forwarded-for': '127.0.0.1' } }), { kind: 'local', role: 'viewer', text: /proxy/ })
  t.match(await me({ remoteAddress: stranger }), { kind: 'anyone', role: null, text: /another machine/ })
  t.match(await me({ remoteAddress: stranger, headers: bearer('correct-horse-battery') }), {
    kind: 'bootstrap',
    role: 'admin',
    services: null
  })
  t.match(await me({ remoteAddress: stranger, headers: bearer(secret) }), {
    kind: 'token',
    id: `token:${id}`,
    name: 'ci of shop',
    role: 'deployer',
    services: ['shop']
  })
})

// --- every route, every role ---

const roles = ['viewer', 'deployer', 'operator', 'admin'] as const
const callers: {
  name: string
  role: Role | null
  secret: (made: Map<string, string>) => string | null
  address: string
}[] = [
  { name: 'a stranger', role: null, secret: () => null, address: stranger },
  { name: 'this machine', role: 'admin', secret: () => null, address: '127.0.0.1' },
  { name: 'API_TOKEN', role: 'admin', secret: () => 'correct-horse-battery', address: stranger },
  ...roles.map((role) => ({
    name: `a token of role ${role}`,
    role,
    secret: (made: Map<string, string>) => made.get(role)!,
    address: stranger
  }))
]

/** What came of a call, as far as it concerns access. */
const outcomeOf = ({ statusCode, body }: { statusCode: number; body: string }): string => {
  if (statusCode === 401) return 'unauthenticated'
  if (/PLIMSOLL_(ROLE_TOO_LOW|SERVICE_NOT_IN_SCOPE|ACCESS_DENIED|FORGED_REQUEST)/.test(body)) return 'refused'
  return 'admitted'
}

t.test('every route admits the roles it declares and those above, and nobody else', async (t) => {
  const test = await start(t, {
    plan,
    settings: { API_TOKEN: 'correct-horse-battery', RATE_LIMIT_WRITES: '0' },
    // access alone is asked: what a handler would do is not
    prepare: (app) =>
      void app.addHook('preValidation', async (request, reply) => {
        if (request.routeConfig.route !== 'POST /api/v1/tokens') return reply.code(200).send({})
      })
  })
  const { app } = test
  const made = new Map<string, string>()
  for (const role of roles) made.set(role, (await tokenFor(test, { role })).secret)
  const scoped = new Map<string, string>()
  for (const role of roles) scoped.set(role, (await tokenFor(test, { role, services: ['shop'] })).secret)

  for (const [key, descriptor] of Object.entries(allRoutes as Routes)) {
    for (const caller of callers) {
      const reply = await ask(test, key, { address: caller.address, secret: caller.secret(made) })
      const expected = covers(caller.role, descriptor.access)
        ? 'admitted'
        : caller.role === null
          ? 'unauthenticated'
          : 'refused'
      t.equal(outcomeOf(reply), expected, `${caller.name}: ${key}`)
    }
    for (const role of roles) {
      for (const service of ['shop', 'cart']) {
        const reply = await ask(test, key, { address: stranger, secret: scoped.get(role)!, service })
        const expected =
          covers(role, descriptor.access) && scopeAllows(key, descriptor, service) ? 'admitted' : 'refused'
        t.equal(outcomeOf(reply), expected, `${role} of shop, about ${service}: ${key}`)
      }
    }
  }
  t.ok(app.routeTable.undeclared.length === 0)
})

const scopeAllows = (key: string, { access, services }: RouteDescriptor, service: string): boolean => {
  if (access === 'public' || services !== undefined) return true
  return key.includes('{service}') ? service === 'shop' : (access satisfies Access) === 'viewer'
}

interface Asking {
  readonly address: string
  readonly secret: string | null
  readonly service?: string
}

const ask = ({ app }: TestApp, key: string, { address, secret, service = 'shop' }: Asking) => {
  const [method, path] = key.split(' ') as ['GET', string]
  return app.inject({
    method,
    url: path.replace('{service}', service).replaceAll(/\{\w+\}/g, 'x'),
    remoteAddress: address,
    headers: { host: 'localhost', ...(secret !== null && bearer(secret)) }
  })
}
