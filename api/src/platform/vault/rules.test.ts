import t from 'tap'
import { acceptedValues, changedNames } from './accepted.rules.ts'
import { isSameDatabase, withUser } from './database-url.rules.ts'
import { clean, faultOfAnswer, faultOfFailure } from './faults.rules.ts'
import { isEnding, renewalDelayMs, retryDelayMs } from './renewal.rules.ts'

t.test('a renewal falls between 60 and 67 percent of a life', async (t) => {
  t.equal(renewalDelayMs(900_000, 0), 600_000)
  t.equal(Math.round(renewalDelayMs(900_000, 0.999_999)), 540_000)
})

t.test('tries grow from half a second to half a minute, by chance down to half of that', async (t) => {
  t.strictSame(
    [1, 2, 3, 7, 8, 100].map((failures) => retryDelayMs(failures, 0)),
    [500, 1_000, 2_000, 30_000, 30_000, 30_000]
  )
  t.equal(retryDelayMs(1, 0.5), 375)
})

t.test('renewing ends when it gives less than half of what there was at first', async (t) => {
  t.notOk(isEnding(1_200, 1_200))
  t.notOk(isEnding(600, 1_200))
  t.ok(isEnding(599, 1_200))
})

const held = {
  version: 3,
  values: { API_TOKEN: 'three' },
  replaced: [
    { version: 2, values: { API_TOKEN: 'two' }, untilMs: 2_000 },
    { version: 1, values: { API_TOKEN: 'one', CLASS_KEY: 'old' }, untilMs: 1_000 }
  ],
  ignored: []
}

t.test('what is accepted: the newest first, each until its end, nothing twice, nothing empty', async (t) => {
  t.strictSame(acceptedValues('three', 'API_TOKEN', held, 0), ['three', 'two', 'one'])
  t.strictSame(acceptedValues('three', 'API_TOKEN', held, 1_000), ['three', 'two'])
  t.strictSame(acceptedValues('two', 'API_TOKEN', held, 1_500), ['two'])
  t.strictSame(acceptedValues('', 'WEBHOOK_SECRET', held, 0), [])
  t.strictSame(
    acceptedValues('', 'CLASS_KEY', held, 0),
    ['old'],
    'a secret that was taken away is accepted for a while'
  )
})

t.test('a change is one of the value or of what is accepted beside it', async (t) => {
  const at = (nowMs: number, settings: Record<string, string> = { API_TOKEN: 'three' }) => ({ held, settings, nowMs })
  t.strictSame([...changedNames(at(0), at(500))], [])
  t.strictSame([...changedNames(at(0), at(1_500))], ['API_TOKEN', 'CLASS_KEY'])
  t.strictSame([...changedNames(at(5_000), at(5_000, { API_TOKEN: 'three', PORT: '1' }))], ['PORT'])
})

t.test('a user goes into the address of a database, whatever is in its password', async (t) => {
  const url = withUser('postgres://old:pw@db.example:5432/plimsoll?sslmode=require', 'v-app', 'a/b@c:d?e')
  t.equal(url, 'postgres://v-app:a%2Fb%40c%3Ad%3Fe@db.example:5432/plimsoll?sslmode=require')
  t.equal(decodeURIComponent(new URL(url).password), 'a/b@c:d?e')
  t.ok(isSameDatabase('postgres://a:1@db.example/x', 'postgres://b:2@db.example/x?sslmode=require'))
  t.notOk(isSameDatabase('postgres://a:1@db.example/x', 'postgres://a:1@db.example/y'))
  t.notOk(isSameDatabase('sqlite:/a', 'sqlite:/b'))
})

const reading = { kind: 'use', doing: 'reading secret/x' } as const
const answers = [
  { status: 503, body: { errors: ['Vault is sealed'] }, code: 'SEALED' },
  { status: 429, body: undefined, code: 'STANDBY' },
  { status: 473, body: undefined, code: 'STANDBY' },
  { status: 307, body: undefined, code: 'STANDBY' },
  { status: 501, body: { initialized: false }, code: 'UNINITIALISED' },
  { status: 500, body: { errors: ['local node not active but active cluster node not found'] }, code: 'BUSY' },
  { status: 429, body: { errors: ['request path "x": rate limit quota exceeded'] }, code: 'BUSY' },
  { status: 412, body: { errors: ['required index state not present'] }, code: 'BUSY' },
  { status: 502, body: '<html>Bad Gateway</html>', code: 'BUSY' },
  { status: 404, body: { errors: ['namespace not found'] }, code: 'NAMESPACE' },
  { status: 400, body: 'Client sent an HTTP request to an HTTPS server.', code: 'UNREACHABLE' },
  { status: 404, body: { errors: ['no handler for route "kv/data/x". route entry not found.'] }, code: 'NOT_FOUND' },
  { status: 400, body: { errors: ['missing client token'] }, code: 'DENIED' },
  { status: 200, body: 'hello', code: 'ANSWER' }
] as const

const failures = [
  { code: 'ECONNREFUSED', is: 'UNREACHABLE' },
  { code: 'ENOTFOUND', is: 'UNREACHABLE' },
  { code: undefined, is: 'UNREACHABLE' },
  { code: 'TIMEOUT', is: 'SLOW' },
  { code: 'UND_ERR_CONNECT_TIMEOUT', is: 'SLOW' },
  { code: 'SELF_SIGNED_CERT_IN_CHAIN', is: 'CERTIFICATE' },
  { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', is: 'CERTIFICATE' },
  { code: 'ERR_TLS_CERT_ALTNAME_INVALID', is: 'CERTIFICATE' },
  { code: 'CERT_HAS_EXPIRED', is: 'CERTIFICATE' },
  { code: 'ERR_SSL_WRONG_VERSION_NUMBER', is: 'UNREACHABLE' },
  { code: 'HPE_INVALID_CONSTANT', is: 'ANSWER' }
] as const

t.test('every refusal has its name and a hint', async (t) => {
  for (const { status, body, code } of answers) {
    t.match(
      faultOfAnswer({ status, body }, reading),
      { code: `PLIMSOLL_VAULT_${code}`, hint: /\w/ },
      `${status} ${code}`
    )
  }
  for (const { code, is } of failures) {
    t.match(faultOfFailure(code, reading, 'https://vault'), { code: `PLIMSOLL_VAULT_${is}`, hint: /\w/ }, String(code))
  }
})

t.test('what Vault says is quoted in one short line, without secrets', async (t) => {
  t.equal(clean('1 error\n\t* denied', []), '1 error * denied')
  t.equal(clean('bad my-secret here', ['my-secret']), 'bad [hidden] here')
  t.equal(clean('token hvs.CAESIJ0123456789abcdefghij is bad', []), 'token [hidden] is bad')
  t.equal(clean('jwt eyJhbGciOi.eyJhdWQi.c2ln was bad', []), 'jwt [hidden] was bad')
  t.equal(clean('x'.repeat(1_000), []).length, 301)
})
