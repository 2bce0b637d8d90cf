import t from 'tap'
import { ManualClock } from '../src/platform/clock.ts'
import { overlapMs, rotateEveryMs } from '../src/platform/access/session.rules.ts'
import { pathOf } from '../src/platform/access/sign-in-routes.ts'
import { buildTestApp, type TestApp } from './support/app.ts'
import {
  clientId,
  clientSecret,
  startOidcProvider,
  type Misbehaviour,
  type OidcProvider
} from './support/oidc-provider.ts'

const publicUrl = 'http://localhost:3000'
const stranger = '203.0.113.7'

const provider = await startOidcProvider()
t.teardown(() => provider.close())
t.beforeEach(() => {
  provider.misbehave = {}
  provider.person = { sub: 'alice', email: 'alice@example.com', groups: ['sre'] }
})

const settings = {
  PUBLIC_URL: publicUrl,
  OIDC_ISSUER: provider.issuer,
  OIDC_CLIENT_ID: clientId,
  OIDC_CLIENT_SECRET: clientSecret,
  OIDC_ROLES: 'admin: groups=sre; deployer/shop: groups=shop; viewer: email_verified=true',
  RATE_LIMIT_WRITES: '0',
  PRESSURE_EVENT_LOOP_DELAY_MS: '0' // the clock jumps
}

const start = async (
  t: { teardown(fn: () => Promise<void>): void },
  more: Record<string, string> = {}
): Promise<TestApp & { clock: ManualClock }> => {
  const clock = new ManualClock(Date.now())
  const test = await buildTestApp({ clock, settings: { ...settings, ...more } })
  t.teardown(() => test.close())
  return { ...test, clock }
}

/** A browser of somebody else's machine, as far as cookies go. */
class Browser {
  readonly cookies = new Map<string, string>()
  readonly #test: TestApp

  constructor(test: TestApp) {
    this.#test = test
  }

  async send(method: 'GET' | 'POST' | 'PUT', url: string, headers: Record<string, string> = {}) {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await this.#test.app.inject({
      method,
      url,
      remoteAddress: stranger,
      headers: { host: 'localhost:3000', ...(cookie && { cookie }), ...headers },
      ...(url === '/api/v1/tokens' && method === 'POST' && { payload: { name: 'x', role: 'viewer' } })
    })
    for (const { name, value, maxAge } of response.cookies as { name: string; value: string; maxAge?: number }[]) {
      if (maxAge === 0) this.cookies.delete(name)
      else this.cookies.set(name, value)
    }
    return response
  }

  /** Through the provider and back; gives where the browser ends up. */
  async signIn(returnTo = '/'): Promise<string> {
    const away = await this.send('GET', `/api/v1/sign-in?returnTo=${encodeURIComponent(returnTo)}`)
    const back = await comeBack(String(away.headers.location))
    return this.callback(back)
  }

  async callback(back: URL): Promise<string> {
    const response = await this.send('GET', back.pathname + back.search)
    return String(response.headers.location)
  }

  async me() {
    return (await this.send('GET', '/api/v1/me')).json() as {
      kind: string
      role: string
      csrfToken: string
      name: string
    }
  }
}

/** What the provider sends the browser back to. */
const comeBack = async (url: string): Promise<URL> => {
  const response = await fetch(url, { redirect: 'manual' })
  return new URL(response.headers.get('location')!)
}

const entries = async ({ app }: TestApp) =>
  ((await app.inject('/api/v1/audit')).json() as { entries: { action: string; outcome: string; detail: object }[] })
    .entries

t.test('a person signs in, is who the provider says, and signs out', async (t) => {
  const test = await start(t)
  const browser = new Browser(test)
  t.match(await browser.me(), { kind: 'anyone', role: null, signInPath: '/api/v1/sign-in' })
  t.equal(await browser.signIn('/services/shop?range=1h#top'), `${publicUrl}/services/shop?range=1h#top`)
  t.match(await browser.me(), {
    kind: 'person',
    id: 'person:alice',
    name: 'alice@example.com',
    role: 'admin',
    services: null
  })
  t.equal((await browser.send('GET', '/api/v1/tokens')).statusCode, 200)
  const { csrfToken } = await browser.me()
  const out = await browser.send('POST', '/api/v1/sign-out', { origin: publicUrl, 'x-plimsoll-csrf': csrfToken })
  t.equal(out.json().providerUrl, `${provider.issuer}/end?client_id=${clientId}`)
  t.match(await browser.me(), { kind: 'anyone' })
  t.equal(browser.cookies.size, 0)
  t.match(await entries(test), [
    { action: 'sign_out', caller: { id: 'person:alice' } },
    { action: 'sign_in', outcome: 'done', caller: { id: 'person:alice', role: 'admin' }, address: stranger }
  ])
})

t.test('the cookie is out of reach of scripts and of other sites; with TLS it is bound to this host', async (t) => {
  const cookieOf = async (url: string) => {
    const test = await start(t, { PUBLIC_URL: url })
    const away = await test.app.inject({ url: '/api/v1/sign-in', remoteAddress: stranger })
    return String(away.headers['set-cookie'])
  }
  t.match(
    await cookieOf('https://plimsoll.example'),
    /^__Host-plimsoll-sign-in=.*; Path=\/; HttpOnly; Secure; SameSite=Lax$/
  )
  t.match(await cookieOf(publicUrl), /^plimsoll-sign-in=.*; Path=\/; HttpOnly; SameSite=Lax$/)
  const test = await start(t)
  const browser = new Browser(test)
  await browser.signIn()
  const stored = JSON.stringify(await test.database.db.selectFrom('sessions').selectAll().execute())
  t.notMatch(stored, browser.cookies.get('plimsoll-session')!, 'the store knows only its hash')
})

const lies: { name: string; misbehave: Misbehaviour; problem: string }[] = [
  { name: 'a nonce of another sign-in', misbehave: { claims: { nonce: 'other' } }, problem: 'failed' },
  { name: 'no nonce', misbehave: { claims: { nonce: undefined } }, problem: 'failed' },
  { name: 'a state of another sign-in', misbehave: { state: 'other' }, problem: 'failed' },
  { name: 'a token for another program', misbehave: { claims: { aud: 'other' } }, problem: 'failed' },
  {
    name: 'a token for two programs, given to the other',
    misbehave: { claims: { aud: [clientId, 'other'], azp: 'other' } },
    problem: 'failed'
  },
  { name: 'a token of another issuer', misbehave: { claims: { iss: 'https://evil.example' } }, problem: 'failed' },
  { name: 'an expired token', misbehave: { claims: { iat: 1_000, exp: 2_000 } }, problem: 'failed' },
  { name: 'a token signed by somebody else', misbehave: { signing: 'foreign' }, problem: 'failed' },
  { name: 'a token that nobody signed', misbehave: { signing: 'none' }, problem: 'failed' },
  { name: 'a token without a subject', misbehave: { claims: { sub: undefined } }, problem: 'failed' },
  { name: 'a person who changed his mind', misbehave: { error: 'access_denied' }, problem: 'cancelled' },
  { name: 'a provider that fails', misbehave: { tokenStatus: 500 }, problem: 'failed' },
  { name: 'a person nobody knows', misbehave: { claims: { groups: ['others'] } }, problem: 'not_allowed' }
]

t.test('nobody comes in by', async (t) => {
  const test = await start(t)
  for (const { name, misbehave, problem } of lies) {
    test.clock.advance(60_000) // refusals are written within bounds
    const browser = new Browser(test)
    provider.misbehave = misbehave
    t.equal(await browser.signIn(), `${publicUrl}/sign-in?problem=${problem}`, name)
    t.match(await browser.me(), { kind: 'anyone' }, name)
    t.match((await entries(test))[0], { action: 'sign_in', outcome: 'refused', detail: { problem, reason: /./ } }, name)
  }
})

t.test('a sign-in belongs to the browser that began it, and is over once it is used', async (t) => {
  const test = await start(t)
  const victim = new Browser(test)
  const attacker = new Browser(test)
  const away = await attacker.send('GET', '/api/v1/sign-in')
  const back = await comeBack(String(away.headers.location))
  t.match(await victim.callback(back), /problem=expired/, 'somebody else in his browser')
  t.equal(await attacker.callback(back), `${publicUrl}/`)
  t.match(await attacker.callback(back), /problem=expired/, 'the same once more')
  attacker.cookies.set('plimsoll-sign-in', Buffer.from('{"state":7}').toString('base64url'))
  t.match(await attacker.callback(back), /problem=expired/, 'a cookie that is not ours')
})

t.test('the way back never leads to another site', async (t) => {
  for (const path of [
    '//evil.example',
    '/\\evil.example',
    'https://evil.example',
    'javascript:alert(1)',
    '/\t/evil.example',
    undefined
  ]) {
    t.equal(pathOf(path, publicUrl), '/', String(path))
  }
  t.equal(pathOf('/services/shop?x=1#y', publicUrl), '/services/shop?x=1#y')
})

t.test('a write by cookie must come from our page: origin and token both', async (t) => {
  const test = await start(t)
  const browser = new Browser(test)
  await browser.signIn()
  const { csrfToken } = await browser.me()
  const write = async (headers: Record<string, string>) =>
    (await browser.send('POST', '/api/v1/tokens', headers)).statusCode
  t.equal(await write({ origin: publicUrl, 'x-plimsoll-csrf': csrfToken }), 201)
  for (const headers of [
    {},
    { origin: publicUrl },
    { 'x-plimsoll-csrf': csrfToken },
    { origin: 'https://evil.example', 'x-plimsoll-csrf': csrfToken },
    { origin: 'null', 'x-plimsoll-csrf': csrfToken },
    { origin: `${publicUrl}.evil.example`, 'x-plimsoll-csrf': csrfToken },
    { origin: publicUrl, 'x-plimsoll-csrf': 'guess' }
  ]) {
    t.equal(await write(headers as Record<string, string>), 403, JSON.stringify(headers))
  }
  const other = new Browser(test)
  await other.signIn()
  t.equal(
    await write({ origin: publicUrl, 'x-plimsoll-csrf': (await other.me()).csrfToken }),
    403,
    'of another session'
  )
})

t.test('roles of a person hold for services too', async (t) => {
  const test = await start(t)
  const browser = new Browser(test)
  provider.person = { sub: 'bob', groups: ['shop'] }
  await browser.signIn()
  t.match(await browser.me(), { role: 'deployer', services: ['shop'], name: 'bob' })
  t.match((await browser.send('GET', '/api/v1/services/cart')).json(), { code: 'PLIMSOLL_SERVICE_NOT_IN_SCOPE' })
  t.match((await browser.send('GET', '/api/v1/tokens')).json(), { code: 'PLIMSOLL_ROLE_TOO_LOW' })
})

t.test('a session ends: by silence, by age, by an admin, by signing in anew', async (t) => {
  const test = await start(t)
  const { clock } = test
  const kinds = async (browser: Browser) => (await browser.me()).kind
  const idle = new Browser(test)
  await idle.signIn()
  clock.advance(3_599_000)
  t.equal(await kinds(idle), 'person')
  clock.advance(3_600_000)
  t.equal(await kinds(idle), 'anyone')
  t.equal(idle.cookies.size, 0, 'the cookie is taken back')

  const busy = new Browser(test)
  await busy.signIn()
  for (let i = 0; i < 23; i++) {
    clock.advance(1_800_000)
    t.equal(await kinds(busy), 'person')
  }
  clock.advance(1_800_000)
  t.equal(await kinds(busy), 'anyone', 'after twelve hours, whatever was done')

  const ended = new Browser(test)
  await ended.signIn()
  const { sessions } = (await test.app.inject('/api/v1/sessions')).json() as { sessions: { id: string }[] }
  t.equal(sessions.length, 1)
  t.equal((await test.app.inject({ method: 'DELETE', url: `/api/v1/sessions/${sessions[0]!.id}` })).statusCode, 200)
  t.equal(await kinds(ended), 'anyone')

  const again = new Browser(test)
  await again.signIn()
  const first = again.cookies.get('plimsoll-session')!
  await again.signIn()
  const thief = new Browser(test)
  thief.cookies.set('plimsoll-session', first)
  t.equal(await kinds(thief), 'anyone', 'the session before is over')
})

t.test('the secret of a session changes, and a copy of an old one ends it', async (t) => {
  const test = await start(t)
  const { clock } = test
  const browser = new Browser(test)
  await browser.signIn()
  const first = browser.cookies.get('plimsoll-session')!
  const withFirst = new Browser(test)
  withFirst.cookies.set('plimsoll-session', first)
  await browser.me()
  clock.advance(rotateEveryMs)
  const [one, two] = await Promise.all([browser.me(), browser.me()])
  t.equal(one.csrfToken, two.csrfToken, 'requests at once do not disturb each other')
  t.not(browser.cookies.get('plimsoll-session'), first)
  t.equal((await withFirst.me()).kind, 'person', 'one that was under way')
  await browser.me()
  clock.advance(overlapMs)
  t.equal((await withFirst.me()).kind, 'anyone')
  t.equal((await browser.me()).kind, 'anyone', 'nobody knows which of the two was the thief')
  t.match((await entries(test))[0], { action: 'session_reused', outcome: 'refused' })
})

t.test('a browser that never got its new secret goes on', async (t) => {
  const test = await start(t)
  const { clock } = test
  const browser = new Browser(test)
  await browser.signIn()
  await browser.me()
  const first = browser.cookies.get('plimsoll-session')!
  clock.advance(rotateEveryMs)
  await browser.me()
  browser.cookies.set('plimsoll-session', first) // the reply was lost
  clock.advance(overlapMs)
  t.equal((await browser.me()).kind, 'person')
  t.not(browser.cookies.get('plimsoll-session'), first)
  t.equal((await browser.me()).kind, 'person')
})

t.test('without a provider nobody signs in, and a provider that is away says so', async (t) => {
  const none = await buildTestApp()
  t.teardown(() => none.close())
  t.match((await none.app.inject('/api/v1/sign-in')).json(), { status: 404, code: 'PLIMSOLL_SIGN_IN_IMPOSSIBLE' })
  const away = await start(t, { OIDC_ISSUER: 'http://127.0.0.1:1' })
  const response = await away.app.inject('/api/v1/sign-in')
  t.equal(response.headers.location, `${publicUrl}/sign-in?problem=unavailable`)
})

// --- workloads ---

const workload = (of: OidcProvider, more: Record<string, unknown> = {}) => {
  const nowS = Math.floor(Date.now() / 1_000)
  return {
    iss: of.issuer,
    aud: 'plimsoll',
    sub: 'global:default:ship-shop:ship:run:default',
    iat: nowS,
    nbf: nowS,
    exp: nowS + 3_600,
    nomad_namespace: 'default',
    nomad_job_id: 'ship-shop',
    ...more
  }
}

const forWorkloads = {
  WORKLOAD_JWKS_URL: `${provider.issuer}/jwks`,
  WORKLOAD_ISSUER: provider.issuer,
  WORKLOAD_ROLES: 'deployer/shop: nomad_job_id=ship-shop & nomad_namespace=default'
}

t.test('a workload of Nomad is known by its identity', async (t) => {
  const test = await start(t, forWorkloads)
  const me = async (jwt: string) =>
    (
      await test.app.inject({ url: '/api/v1/me', remoteAddress: stranger, headers: { authorization: `Bearer ${jwt}` } })
    ).json()
  t.match(await me(await provider.sign(workload(provider))), {
    kind: 'workload',
    name: 'default/ship-shop',
    role: 'deployer',
    services: ['shop']
  })
  const refused: [string, string, RegExp][] = [
    ['for another audience', await provider.sign(workload(provider, { aud: 'vault.io' })), /claim aud/],
    ['of another issuer', await provider.sign(workload(provider, { iss: 'https://evil.example' })), /claim iss/],
    ['expired', await provider.sign(workload(provider, { exp: Math.floor(Date.now() / 1_000) - 31 })), /expired/],
    [
      'not yet valid',
      await provider.sign(workload(provider, { nbf: Math.floor(Date.now() / 1_000) + 300 })),
      /claim nbf/
    ],
    ['without an end', await provider.sign(workload(provider, { exp: undefined })), /claim exp/],
    ['of another job', await provider.sign(workload(provider, { nomad_job_id: 'other' })), /WORKLOAD_ROLES/],
    ['signed by somebody else', await provider.sign(workload(provider), { algorithm: 'foreign' }), /ERR_JWS_SIGNATURE/],
    [
      'signed with a shared secret',
      await provider.sign(workload(provider), { algorithm: 'HS256' }),
      /ERR_JOSE_ALG_NOT_ALLOWED/
    ],
    [
      'signed by nobody',
      `${(await provider.sign(workload(provider), { algorithm: 'none' })).replace(/\.$/, '')}.x`,
      /not valid/
    ]
  ]
  for (const [name, jwt, detail] of refused) {
    t.match(await me(jwt), { status: 401, code: 'PLIMSOLL_UNAUTHENTICATED', detail }, name)
  }
})

t.test(
  'new keys are found, withdrawn ones are forgotten, and a provider that is away stops nobody known',
  async (t) => {
    const own = await startOidcProvider()
    const test = await start(t, { ...forWorkloads, WORKLOAD_ISSUER: '', WORKLOAD_JWKS_URL: `${own.issuer}/jwks` })
    const { clock } = test
    const status = async (jwt: string) =>
      (
        await test.app.inject({
          url: '/api/v1/services',
          remoteAddress: stranger,
          headers: { authorization: `Bearer ${jwt}` }
        })
      ).statusCode
    const identity = (n: number) =>
      own.sign(workload(own, { jti: String(n), exp: Math.floor(Date.now() / 1_000) + 86_400 }))
    const old = await identity(1)
    t.equal(await status(old), 200)
    await own.rotateKeys()
    clock.advance(10_000)
    t.equal(await status(await identity(2)), 200, 'signed with the new key')
    const readings = own.keyReadings
    for (let i = 0; i < 20; i++) t.equal(await status(await own.sign(workload(own), { algorithm: 'foreign' })), 401)
    t.equal(own.keyReadings, readings, 'forgeries do not make us ask again and again')
    clock.advance(600_001)
    t.equal(await status(old), 401, 'the old key is withdrawn')
    const known = await identity(3)
    const later = await identity(4)
    await own.close()
    clock.advance(600_001)
    t.equal(await status(known), 200, 'keys are believed for an hour')
    clock.advance(3_600_000)
    t.equal(await status(later), 503)
  }
)
