import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { startServer } from './support/server.ts'

t.setTimeout(120_000) // a dozen processes, on a machine that may be busy

interface Dir {
  readonly root: string
  readonly settings: Readonly<Record<string, string>>
}

const aDir = (t: Pick<Test, 'testdir'>, files: Record<string, string> = {}): Dir => {
  const root = t.testdir(files)
  return {
    root,
    settings: {
      DATA_DIR: join(root, 'data'),
      PLAN_FILE: join(root, 'plan.yaml'),
      WEB_ROOT: join(root, 'web'),
      PRESSURE_EVENT_LOOP_DELAY_MS: '0' // the machine may be busy with other tests
    }
  }
}

const start = (t: { teardown(fn: () => void): void }, ...args: Parameters<typeof startServer>) => {
  const server = startServer(...args)
  t.teardown(() => void server.child.kill('SIGKILL'))
  return server
}

/** A request by hand, to stop in the middle of it. */
const openSocket = (origin: string): Promise<{ socket: Socket; reply: Promise<string> }> =>
  new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(origin).port), '127.0.0.1', () => resolve({ socket, reply }))
    const reply = new Promise<string>((done) => {
      let text = ''
      socket.on('data', (chunk) => (text += chunk.toString()))
      socket.on('close', () => done(text))
    })
    socket.on('error', reject)
  })

t.test('a fresh start serves, says where and what it watches, and ends cleanly', async (t) => {
  const { root, settings } = aDir(t)
  const server = start(t, settings)
  const origin = await server.origin
  t.equal((await fetch(`${origin}/healthz`)).status, 200)
  t.equal((await fetch(`${origin}/readyz`)).status, 200)
  t.match(server.output(), /watches +plimsoll \(self\)/)
  t.match(server.output(), /store +sqlite .*plimsoll\.sqlite/)
  for (const line of server
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{')))
    t.match(JSON.parse(line), { level: Number, time: Number, msg: String })
  server.child.kill('SIGTERM')
  t.equal(await server.ended, 0)
  t.ok(existsSync(join(root, 'data/plimsoll.sqlite')))
  t.notOk(existsSync(join(root, 'data/plimsoll.sqlite-wal')), 'the write-ahead log is folded in')
})

t.test('Ctrl-C lets a request finish and closes open streams; what comes in meanwhile is served', async (t) => {
  const { settings } = aDir(t)
  const server = start(t, settings)
  const origin = await server.origin
  const live = await fetch(`${origin}/api/v1/live`)
  const body = 'plan: plimsoll/v1\nservices: []\n'
  const { socket, reply } = await openSocket(origin)
  socket.write(
    `POST /api/v1/plan/diff HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/yaml\r\nContent-Length: ${body.length}\r\nConnection: keep-alive\r\n\r\n${body.slice(0, 10)}`
  )
  await fetch(`${origin}/healthz`) // by now the half request has been read
  server.child.kill('SIGINT')
  t.match(await live.text(), /^retry:/, 'the stream ended in order')
  socket.write(body.slice(10))
  t.match(await reply, /^HTTP\/1\.1 200 [\s\S]*"changes"/)
  t.equal(await server.ended, 0)
})

t.test('a second Ctrl-C does not wait', async (t) => {
  const { settings } = aDir(t)
  const server = start(t, settings)
  const origin = await server.origin
  const { socket } = await openSocket(origin)
  socket.write(
    'POST /api/v1/plan/diff HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/yaml\r\nContent-Length: 10\r\n\r\n'
  )
  const live = await fetch(`${origin}/api/v1/live`)
  server.child.kill('SIGINT')
  await live.text() // the first one has arrived
  server.child.kill('SIGINT')
  t.equal(await server.ended, 1)
  socket.destroy()
})

t.test('a request that never ends is cut off after SHUTDOWN_TIMEOUT_MS', async (t) => {
  const { settings } = aDir(t)
  const server = start(t, { ...settings, SHUTDOWN_TIMEOUT_MS: '200' })
  const { socket } = await openSocket(await server.origin)
  socket.write(
    'POST /api/v1/plan/diff HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/yaml\r\nContent-Length: 10\r\n\r\n'
  )
  await fetch(`${await server.origin}/healthz`)
  server.child.kill('SIGTERM')
  t.equal(await server.ended, 1)
  socket.destroy()
})

t.test(
  'two servers on one store: the second refuses with the first one’s number; kill -9 leaves no lock',
  async (t) => {
    const { settings } = aDir(t)
    const first = start(t, settings)
    await first.origin
    const second = start(t, settings)
    t.equal(await second.ended, 1)
    t.match(
      second.output(),
      new RegExp(`could not start[\\s\\S]*process ${first.child.pid}[\\s\\S]*PLIMSOLL_ALREADY_RUNNING`)
    )
    t.notMatch(second.output(), /at .*\.ts:\d/, 'no stack for what is no bug')
    first.child.kill('SIGKILL')
    t.equal(await first.ended, 'SIGKILL')
    const third = start(t, settings)
    t.equal((await fetch(`${await third.origin}/readyz`)).status, 200)
  }
)

t.test('a port in use, a bad setting and an address of another machine are told in words', async (t) => {
  const { settings } = aDir(t)
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  t.teardown(() => void other.close())
  const { port } = other.address() as { port: number }
  const cases = [
    { with: { PORT: String(port) }, says: /127\.0\.0\.1:\d+ is in use[\s\S]*set PORT[\s\S]*PLIMSOLL_CANNOT_LISTEN/ },
    { with: { PORT: 'eighty' }, says: /PORT is "eighty"; allowed is a whole number of TCP port from 0 to 65535/ },
    { with: { HOST: '203.0.113.7' }, says: /not an address of this machine/ }
  ]
  for (const { with: extra, says } of cases) {
    const server = start(t, { ...settings, ...extra })
    t.equal(await server.ended, 1)
    t.match(server.output(), says)
    t.notMatch(server.output(), /at .*\.ts:\d/)
  }
})

t.test('a store of a newer version is refused and left as it is', async (t) => {
  const { root, settings } = aDir(t)
  const first = start(t, settings)
  await first.origin
  first.child.kill('SIGTERM')
  await first.ended
  const path = join(root, 'data/plimsoll.sqlite')
  const db = new DatabaseSync(path)
  db.exec("insert into schema_migrations values (9999, 'from the future', 0, 9999)")
  db.close()
  const before = readFileSync(path)
  const second = start(t, settings)
  t.equal(await second.ended, 1)
  t.match(second.output(), /schema 9999[\s\S]*restore a backup[\s\S]*PLIMSOLL_SCHEMA_NEWER/)
  t.ok(readFileSync(path).equals(before))
})

t.test('a broken plan file does not keep the server from starting', async (t) => {
  const { root, settings } = aDir(t, {
    'plan.yaml': 'plan: plimsoll/v1\nservices:\n  - name: shop\n    signals: [self]\n'
  })
  const first = start(t, settings)
  await first.origin
  t.match(first.output(), /watches +shop/)
  first.child.kill('SIGTERM')
  await first.ended
  writeFileSync(join(root, 'plan.yaml'), 'plan: plimsoll/v1\nservices: [[[')
  const second = start(t, settings)
  t.equal((await fetch(`${await second.origin}/healthz`)).status, 200)
  t.match(second.output(), /watches +shop[\s\S]*is refused, the plan before it stays/)
})

t.test('a data directory that cannot be one is named', async (t) => {
  const { root, settings } = aDir(t, { file: '' })
  const server = start(t, { ...settings, DATA_DIR: join(root, 'file') })
  t.equal(await server.ended, 1)
  t.match(server.output(), /\/file[\s\S]*DATA_DIR elsewhere[\s\S]*PLIMSOLL_DATA_DIR_UNUSABLE/)
})

t.test('an error that nobody caught is logged, everything is closed in order, and the exit code says so', async (t) => {
  const { root, settings } = aDir(t, {
    'crash.mjs': "process.on('SIGWINCH', () => { Promise.reject(new Error('nobody caught this')) })"
  })
  const server = start(t, settings, { nodeArgs: ['--import', pathToFileURL(join(root, 'crash.mjs')).href] })
  await server.origin
  server.child.kill('SIGWINCH')
  t.equal(await server.ended, 1)
  t.match(server.output(), /"level":60.*nobody caught this/)
  t.notOk(existsSync(join(root, 'data/plimsoll.sqlite-wal')), 'the store was closed')
})

t.test('the server starts from any directory and reads the .env of that one', async (t) => {
  const { root } = aDir(t, { '.env': 'LOG_LEVEL=warn\nDATA_DIR=below\nWEB_ROOT=./web\n' })
  const server = start(t, {}, { cwd: root })
  const origin = await server.origin
  t.ok(existsSync(join(root, 'below/plimsoll.sqlite')))
  t.notMatch(server.output(), /"level":30/)
  const response = await fetch(`${origin}/`, { headers: { accept: 'text/html' } })
  t.match(await response.text(), /make build/)
  server.child.kill('SIGTERM')
  t.equal(await server.ended, 0)
})
