import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { ManualClock } from '../src/platform/clock.ts'
import { openDatabase } from '../src/platform/database/open.ts'
import { Notifier } from '../src/platform/notify.ts'
import { parsePlan } from '../src/plan/parse.rules.ts'
import { receiversOf } from '../src/slo/alerting/receivers.rules.ts'

interface Heard {
  readonly path: string
  readonly authorization: string | undefined
  readonly signed: boolean
  readonly body: string
}

const listen = async (t: Test) => {
  const heard: Heard[] = []
  const server = createServer((request, reply) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      const { authorization } = request.headers
      heard.push({ path: request.url!, authorization, signed: 'x-plimsoll-signature' in request.headers, body })
      reply.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, heard }
}

const planWith = (receivers: string): string => `
plan: plimsoll/v1
services:
  - { name: shop, signals: [ { push: {} } ] }
  - { name: blog, signals: [ { push: {} } ] }
receivers:
${receivers}`

t.test('the receivers of a plan are told what they asked for, and nothing else', async (t) => {
  const { url, heard } = await listen(t)
  const { plan, faults } = parsePlan(
    planWith(`
  - { name: pager, severities: [page], webhook: { url: '${url}/pager', secretHeaders: { Authorization: PLAN_SECRET_A }, signingSecret: PLAN_SECRET_S } }
  - { name: shop-chat, services: [shop], sendResolved: false, webhook: { urlSecret: PLAN_SECRET_U } }
  - { name: unset, webhook: { urlSecret: PLAN_SECRET_GONE } }`)
  )
  t.same(
    faults.filter(({ severity }) => severity === 'error'),
    []
  )
  const clock = new ManualClock()
  const database = await openDatabase(':memory:')
  const notifier = new Notifier({
    db: database.db,
    clock,
    log: pino({ level: 'silent' }),
    urls: [],
    secret: '',
    timeoutMs: 1_000
  })
  t.teardown(async () => {
    await notifier.close()
    await database.close()
  })
  const secrets = { PLAN_SECRET_A: 'Bearer a', PLAN_SECRET_S: 'a-secret-to-sign-with', PLAN_SECRET_U: `${url}/chat` }
  notifier.use(receiversOf(plan!.receivers, secrets))

  const say = (id: string, labels: Record<string, string>) =>
    notifier.enqueue({ id, dedupKey: id, body: { id }, labels })
  await say('a', { service: 'shop', severity: 'page', event: 'opened' })
  await say('b', { service: 'shop', severity: 'ticket', event: 'opened' })
  await say('c', { service: 'blog', severity: 'page', event: 'opened' })
  await say('d', { service: 'shop', severity: 'page', event: 'resolved' })
  await notifier.deliverDue()

  const told = (path: string) =>
    heard
      .filter((one) => one.path === path)
      .map(({ body }) => (JSON.parse(body) as { id: string }).id)
      .toSorted()
  t.same(told('/pager'), ['a', 'c', 'd'])
  t.same(told('/chat'), ['a', 'b'])
  t.match(
    heard.find(({ path }) => path === '/pager'),
    { authorization: 'Bearer a', signed: true }
  )
  t.match(
    heard.find(({ path }) => path === '/chat'),
    { authorization: undefined, signed: false }
  )
  const status = (await notifier.statusOf(['a'])).get('a')
  t.match(
    status?.find(({ receiver }) => receiver === 'unset'),
    { state: 'pending', lastError: 'the secret that holds its URL is not set' },
    'a secret that is not set is said, and waited for'
  )
})
