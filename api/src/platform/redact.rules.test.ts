import t from 'tap'
import { withoutSecrets } from './redact.rules.ts'

const secret = 'hunter2'

const cases: { name: string; value: object }[] = [
  { name: 'a header', value: { headers: { Authorization: secret, 'set-cookie': [secret], accept: 'all' } } },
  {
    name: 'a setting',
    value: { settings: { API_TOKEN: secret, CLASS_KEY: secret, WEBHOOK_URLS: secret, DATABASE_URL: secret, PORT: 1 } }
  },
  { name: 'a setting as the program has it', value: { webhookUrls: [secret] } },
  { name: 'a secret of the plan', value: { planSecrets: { x: secret }, env: { PLAN_SECRET_CHAT: secret } } },
  { name: 'a secret in a list', value: { users: [{ name: 'a', password: secret }] } },
  {
    name: 'a client error',
    value: {
      err: Object.assign(new Error('refused'), { config: { headers: secret }, request: secret, response: secret })
    }
  },
  { name: 'a token of Vault', value: { request: { headers: { 'X-Vault-Token': secret } } } },
  {
    name: 'what lies deeper than anything of ours',
    value: { a: { b: { c: { d: { e: { f: { g: { h: secret } } } } } } } }
  }
]

/** Everything an object holds, errors included. */
const textOf = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    inner instanceof Error ? { ...inner, message: inner.message, stack: inner.stack } : inner
  )

for (const { name, value } of cases) {
  t.test(`${name} is hidden, and the original is as it was`, async (t) => {
    const clean = withoutSecrets(value)
    t.notMatch(textOf(clean), secret)
    t.match(textOf(clean), '[hidden]')
    t.match(textOf(value), secret)
  })
}

t.test('an error keeps its kind, message and stack', async (t) => {
  const error = Object.assign(new RangeError('too far'), { request: secret, code: 'E1' })
  const { err } = withoutSecrets({ err: error })
  t.ok(err instanceof RangeError)
  t.equal(err.message, 'too far')
  t.equal(err.stack, error.stack)
  t.equal(err.code, 'E1')
})

t.test('what holds no secret is passed on as it is', async (t) => {
  const line = { method: 'GET', path: '/', status: 200, nested: { tokens: 3, list: [1, null, undefined, 'x'] } }
  t.equal(withoutSecrets(line), line)
  t.equal(withoutSecrets('text'), 'text')
  t.equal(withoutSecrets(null), null)
})

t.test('what points at itself ends somewhere', async (t) => {
  const loop: Record<string, unknown> = { name: 'a' }
  loop['self'] = loop
  t.ok(withoutSecrets(loop))
})
