import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import { join } from 'node:path'
import { pino } from 'pino'
import t from 'tap'
import { ManualClock } from '../src/platform/clock.ts'
import { openDatabase } from '../src/platform/database/open.ts'
import type { CodedError } from '../src/platform/errors.ts'
import { createLogger } from '../src/platform/logger.ts'
import { Notifier } from '../src/platform/notify.ts'
import { describeSetting, loadSettings, settingNames } from '../src/platform/settings.ts'
import { receiverName, signature } from '../src/platform/webhook.ts'

// --- settings ---

t.test('without any setting the server is safe: this machine alone, data below the working directory', async (t) => {
  const settings = await loadSettings({}, null)
  t.match(settings, {
    HOST: '127.0.0.1',
    PORT: 3000,
    DATA_DIR: join(process.cwd(), 'data'),
    LOOPBACK_OPEN: true,
    API_TOKEN: ''
  })
  t.equal(settings.DATABASE_URL, `sqlite:${join(process.cwd(), 'data/plimsoll.sqlite')}`)
  t.equal((await loadSettings({ PORT: '' }, null)).PORT, 3000, 'an empty variable is one that is not set')
})

const rejection = async (promise: Promise<unknown>): Promise<CodedError> => {
  try {
    await promise
  } catch (error) {
    return error as CodedError
  }
  throw new Error('it was accepted')
}

t.test('a bad value is named with what was allowed, all of them at once, and no secret is shown', async (t) => {
  const bad = {
    PORT: '70000',
    LOG_LEVEL: 'loud',
    LOOPBACK_OPEN: 'maybe',
    TRUST_PROXY: 'true',
    API_TOKEN: 'hunter2',
    DATABASE_URL: 'mysql://hunter2@db',
    FLUSH_INTERVAL_MS: '1.5'
  }
  const error = await rejection(loadSettings(bad, null))
  t.equal(error.code, 'PLIMSOLL_SETTINGS_INVALID')
  t.strictSame(error.errors?.map(({ path }) => path).toSorted(), Object.keys(bad).toSorted())
  t.match(error.message, /PORT="70000": allowed is a whole number of TCP port from 0 to 65535/)
  t.match(error.message, /LOG_LEVEL="loud": allowed is fatal, error/)
  t.notMatch(JSON.stringify(error), /hunter2/)
})

t.test('what only looks right is refused too', async (t) => {
  const wrong = [
    { WEBHOOK_URLS: 'http://[oops' },
    { TRUST_PROXY: '10.0.0.0/99' },
    { TRUST_PROXY: '1.2.3' },
    { LOOPBACK_OPEN: 'false' }
  ]
  for (const settings of wrong) {
    const error = await rejection(loadSettings(settings, null))
    t.match(error, { code: 'PLIMSOLL_SETTINGS_INVALID', errors: [{ path: Object.keys(settings)[0]! }] })
  }
  await loadSettings({ LOOPBACK_OPEN: 'false', API_TOKEN: 'correct-horse-battery', TRUST_PROXY: '::1,fd00::/8' }, null)
})

t.test('a .env file is read; the environment wins over it', async (t) => {
  const dir = t.testdir({ '.env': '# comment\nPORT=4000\nHOST="0.0.0.0"\nLOG_LEVEL=\n' })
  const settings = await loadSettings({ PORT: '5000' }, join(dir, '.env'))
  t.match(settings, { PORT: 5000, HOST: '0.0.0.0', LOG_LEVEL: 'info' })
  await t.rejects(loadSettings({}, join(t.testdir({ '.env': 'PORT=x' }), '.env')), { message: /PORT="x"/ })
})

t.test('lists are split and paths made absolute', async (t) => {
  const settings = await loadSettings(
    { WEBHOOK_URLS: 'https://a.example/x http://b.example/y', TRUST_PROXY: '127.0.0.1, 10.0.0.0/8', DATA_DIR: 'here' },
    null
  )
  t.strictSame(settings.webhookUrls, ['https://a.example/x', 'http://b.example/y'])
  t.strictSame(settings.trustedProxies, ['127.0.0.1', '10.0.0.0/8'])
  t.equal(settings.BACKUP_DIR, join(process.cwd(), 'here/backups'))
})

t.test('every setting says what it means and what it takes', async (t) => {
  for (const name of settingNames) {
    const { description, allowed } = describeSetting(name)
    t.match(description, /\w+ \w+/, name)
    t.match(allowed, /\w/, name)
  }
})

// --- logs ---

t.test('lines are JSON for programs and readable for people', async (t) => {
  const settings = await loadSettings({ LOG_LEVEL: 'silent' }, null)
  for (const isTerminal of [true, false]) {
    const { logger, flush } = createLogger(settings, isTerminal)
    logger.info('never shown')
    flush()
    t.equal(logger.level, 'silent')
  }
})

// --- notifications ---

interface Received {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

interface FakeReceiver {
  readonly url: string
  readonly received: Received[]
  /** Status of the next replies; the last one stays. */
  statuses: number[]
  hang: boolean
}

const aReceiver = async (t: { teardown(fn: () => void): void }): Promise<FakeReceiver> => {
  const receiver: FakeReceiver = { url: '', received: [], statuses: [200], hang: false }
  const server: Server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      receiver.received.push({ headers: request.headers, body })
      if (receiver.hang) return
      const status = receiver.statuses.length > 1 ? receiver.statuses.shift()! : receiver.statuses[0]!
      response.writeHead(status, status === 429 ? { 'retry-after': '60' } : {}).end('ok')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return Object.assign(receiver, {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}/hooks/secret-path`
  })
}

const log = pino({ level: 'silent' })

const aNotifier = async (
  t: { teardown(fn: () => unknown): void },
  urls: string[],
  options: { secret?: string; file?: string } = {}
) => {
  const clock = new ManualClock()
  const database = await openDatabase(options.file ?? ':memory:')
  const notifier = new Notifier({
    db: database.db,
    clock,
    log,
    urls,
    secret: options.secret ?? '',
    timeoutMs: 1_000,
    random: () => 0.999
  })
  t.teardown(async () => {
    await notifier.close()
    await database.close()
  })
  return { notifier, clock, database }
}

const opened = { id: 'alert-1-open', dedupKey: 'alert-1', body: { state: 'open' } }
const resolved = { id: 'alert-1-resolved', dedupKey: 'alert-1', body: { state: 'resolved' } }

t.test('a message reaches every receiver once, signed, with a key to fold repeats by', async (t) => {
  const [a, b] = [await aReceiver(t), await aReceiver(t)]
  const secret = 'a-secret-of-the-receiver'
  const { notifier } = await aNotifier(t, [a.url, b.url], { secret })
  await notifier.enqueue(opened)
  await notifier.enqueue(opened)
  await notifier.deliverDue()
  await notifier.deliverDue()
  for (const { received } of [a, b]) {
    t.equal(received.length, 1)
    const { headers, body } = received[0]!
    t.same(JSON.parse(body), { state: 'open' })
    t.match(headers, {
      'content-type': 'application/json',
      'x-plimsoll-dedup-key': 'alert-1',
      'idempotency-key': /^alert-1-open@/
    })
    t.equal(headers['x-plimsoll-signature'], signature(secret, String(headers['x-plimsoll-timestamp']), body))
  }
  const status = (await notifier.statusOf(['alert-1', 'other'])).get('alert-1')
  t.same(
    status?.map(({ state }) => state),
    ['delivered', 'delivered']
  )
  t.notMatch(JSON.stringify(status), /secret-path/, 'the address of a webhook is not shown')
})

t.test('a receiver that fails is tried again later and later, and the other one is not held up', async (t) => {
  const [bad, good] = [await aReceiver(t), await aReceiver(t)]
  bad.statuses = [500, 503, 200]
  const { notifier, clock } = await aNotifier(t, [bad.url, good.url])
  await notifier.enqueue(opened)
  await notifier.deliverDue()
  t.equal(good.received.length, 1)
  t.match(
    (await notifier.statusOf(['alert-1'])).get('alert-1')?.find(({ receiver }) => receiver === receiverName(bad.url)),
    {
      state: 'pending',
      attempts: 1,
      lastError: 'HTTP 500'
    }
  )
  await notifier.deliverDue()
  t.equal(bad.received.length, 1, 'not before its time')
  clock.advance(1_000)
  await notifier.deliverDue()
  clock.advance(1_000)
  await notifier.deliverDue()
  t.equal(bad.received.length, 2, 'the second wait is longer')
  clock.advance(1_000)
  await notifier.deliverDue()
  t.equal(bad.received.length, 3)
  t.equal(good.received.length, 1)
  t.match((await notifier.statusOf(['alert-1'])).get('alert-1'), [{ state: 'delivered' }, { state: 'delivered' }])
})

t.test('the end never arrives before the beginning', async (t) => {
  const receiver = await aReceiver(t)
  receiver.statuses = [500, 200]
  const { notifier, clock } = await aNotifier(t, [receiver.url])
  await notifier.enqueue(opened)
  clock.advance(10)
  await notifier.enqueue(resolved)
  await notifier.deliverDue()
  t.equal(receiver.received.length, 1)
  clock.advance(5_000)
  await notifier.deliverDue()
  await notifier.deliverDue()
  t.strictSame(
    receiver.received.map(({ body }) => (JSON.parse(body) as { state: string }).state),
    ['open', 'open', 'resolved']
  )
})

t.test('what was not delivered survives a restart', async (t) => {
  const receiver = await aReceiver(t)
  const file = join(t.testdir(), 'store.sqlite')
  const first = await aNotifier(t, [receiver.url], { file })
  await first.notifier.enqueue(opened)
  await first.notifier.close()
  await first.database.close()
  const second = await aNotifier(t, [receiver.url], { file })
  await second.notifier.deliverDue()
  t.equal(receiver.received.length, 1)
})

t.test('a message belongs to the transaction of its cause', async (t) => {
  const receiver = await aReceiver(t)
  const { notifier, database } = await aNotifier(t, [receiver.url])
  const failed = database.db.transaction().execute(async (transaction) => {
    await notifier.enqueue(opened, transaction)
    throw new Error('no alert after all')
  })
  await t.rejects(failed)
  await notifier.deliverDue()
  t.equal(receiver.received.length, 0)
})

t.test('a receiver that never answers is left after the timeout', async (t) => {
  const receiver = await aReceiver(t)
  receiver.hang = true
  const { notifier, clock } = await aNotifier(t, [receiver.url])
  await notifier.enqueue(opened)
  const round = notifier.deliverDue()
  while (receiver.received.length === 0) await new Promise<void>((resolve) => setImmediate(resolve))
  clock.advance(1_000)
  await round
  t.match((await notifier.statusOf(['alert-1'])).get('alert-1'), [
    { state: 'pending', lastError: /no reply within 1000 ms/ }
  ])
})

t.test('closing does not wait for a receiver, and its message is sent after the restart', async (t) => {
  const receiver = await aReceiver(t)
  receiver.hang = true
  const { notifier, clock, database } = await aNotifier(t, [receiver.url])
  await notifier.enqueue(opened)
  clock.advance(1_000)
  while (receiver.received.length === 0) await new Promise<void>((resolve) => setImmediate(resolve))
  await notifier.close()
  const row = await database.db.selectFrom('deliveries').selectAll().executeTakeFirstOrThrow()
  t.equal(row.state, 'pending')
})

t.test('two instances do not send one message twice', async (t) => {
  const receiver = await aReceiver(t)
  const { notifier, clock, database } = await aNotifier(t, [receiver.url])
  const other = new Notifier({ db: database.db, clock, log, urls: [receiver.url], secret: '', timeoutMs: 1_000 })
  t.teardown(() => other.close())
  await notifier.enqueue(opened)
  await Promise.all([notifier.deliverDue(), other.deliverDue()])
  t.equal(receiver.received.length, 1)
})

t.test('nobody at the address, a refusal for good and a receiver that was removed', async (t) => {
  const refusing = await aReceiver(t)
  refusing.statuses = [422]
  const { notifier, clock, database } = await aNotifier(t, ['http://127.0.0.1:1/hook', refusing.url])
  await notifier.enqueue(opened)
  await notifier.deliverDue()
  const states = (await notifier.statusOf(['alert-1'])).get('alert-1')
  t.match(
    states?.find(({ receiver }) => receiver.startsWith('127.0.0.1:1#')),
    { state: 'pending', lastError: /ECONNREFUSED|bad port/ }
  )
  t.match(
    states?.find(({ receiver }) => receiver === receiverName(refusing.url)),
    { state: 'failed', attempts: 1, lastError: /refuses/ }
  )
  await notifier.close()
  const later = new Notifier({ db: database.db, clock, log, urls: [], secret: '', timeoutMs: 1_000 })
  t.teardown(() => later.close())
  clock.advance(60_000)
  await later.deliverDue()
  t.match(
    (await later.statusOf(['alert-1'])).get('alert-1')?.map(({ state }) => state),
    ['failed', 'failed']
  )
})

t.test('without receivers nothing is kept', async (t) => {
  const { notifier, database } = await aNotifier(t, [])
  await notifier.enqueue(opened)
  t.same(await database.db.selectFrom('deliveries').selectAll().execute(), [])
})
