// Importing access logs on the real store, beside and instead of following them.
import { appendFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { ManualClock } from '../src/platform/clock.ts'
import { openDatabase } from '../src/platform/database/open.ts'
import { importLog, type ImportOptions, type ImportReport } from '../src/signals/caddy-log/import.ts'
import type { CommitTarget } from '../src/signals/caddy-log/checkpoint.ts'
import { FileTailer } from '../src/signals/caddy-log/tailer.job.ts'
import { createSliceStore } from '../src/signals/store.ts'
import { accessLines, aLoggedService, countedIn, everyRequest } from './support/access-log.ts'

const nowMs = Date.UTC(2026, 10, 22, 12)
const dayMs = 86_400_000
const pastMs = nowMs - 20 * dayMs

type Input = Buffer | string | AsyncIterable<Uint8Array>

const open = async (t: Pick<Test, 'teardown'>) => {
  const dir = mkdtempSync(join(tmpdir(), 'plimsoll-import-'))
  const clock = new ManualClock(nowMs)
  const database = await openDatabase(':memory:', { nowMs })
  const store = createSliceStore({ db: database.db, clock })
  const tailers: FileTailer[] = []
  t.teardown(async () => {
    for (const tailer of tailers) await tailer.close()
    await store.settled()
    await database.close()
    rmSync(dir, { recursive: true, force: true })
  })
  const load = (content: Input, change: Partial<ImportOptions> & { piece?: number } = {}): Promise<ImportReport> => {
    const isBytes = typeof content === 'string' || Buffer.isBuffer(content)
    return importLog(isBytes ? piecesOf(Buffer.from(content), change.piece ?? 60_000) : content, {
      service: aLoggedService(),
      classKeys: [],
      name: 'access.ndjson',
      writer: 'import@test',
      store,
      db: database.db,
      clock,
      ...change
    })
  }
  const follow = (file: string): FileTailer => {
    const tailer = new FileTailer({
      services: [aLoggedService()],
      classKeys: [],
      source: 'caddyLog:access',
      writer: 'caddyLog:access@test',
      file,
      startAt: 'beginning',
      store,
      db: database.db,
      clock,
      hints: false
    })
    tailers.push(tailer)
    return tailer
  }
  const settle = async (tailer: FileTailer): Promise<void> => {
    for (let n = 0; n < 3; n++) {
      clock.advance(1_000)
      await tailer.poll()
    }
  }
  return {
    dir,
    clock,
    store,
    load,
    follow,
    settle,
    stored: (service = 'shop') => countedIn(store, service, clock.nowMs())
  }
}

async function* piecesOf(bytes: Buffer, piece: number, fault?: { afterBytes: number }): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += piece) {
    if (fault && at >= fault.afterBytes) throw new Error('the sender went away')
    yield bytes.subarray(at, at + piece)
  }
}

t.test('a log is counted and reported', async (t) => {
  const { load, stored } = await open(t)
  const progress: number[] = []
  const text = `${accessLines(0, 500, pastMs)}no log line\n\n${accessLines(500, 503, nowMs + dayMs)}`
  const report = await load(text, { onProgress: (inputBytes) => progress.push(inputBytes) })
  t.same(report, {
    lines: 505,
    counted: 500,
    filtered: 0,
    alreadyCounted: 0,
    skipped: { not_json: 1, blank: 1, from_future: 3 },
    bytes: text.length,
    fromMs: pastMs,
    toMs: pastMs + 499
  })
  t.equal(await stored(), 500)
  t.equal(progress.at(-1), text.length)
})

t.test('the same log again counts nothing, plain or packed, whole or in part', async (t) => {
  const { load, stored } = await open(t)
  const text = accessLines(0, 1_000, pastMs)
  const part = text.slice(0, text.indexOf('\n', text.length / 2) + 1)
  t.match(await load(part), { counted: part.split('\n').length - 1 })
  t.match(await load(text), { lines: 1_000, counted: 1_000 - (part.split('\n').length - 1) })
  t.match(await load(gzipSync(text), { name: 'access.ndjson.gz' }), { lines: 1_000, counted: 0, alreadyCounted: 1_000 })
  t.match(await load(text), { counted: 0, alreadyCounted: 1_000, fromMs: null })
  t.equal(await stored(), 1_000)
})

t.test('gzip is told by its first bytes, and may come in members and in small pieces', async (t) => {
  const { load, stored } = await open(t)
  const members = [0, 1, 2].map((n) => gzipSync(accessLines(n * 100, n * 100 + 100, pastMs)))
  t.match(await load(Buffer.concat(members), { piece: 1 }), { lines: 300, counted: 300 })
  t.equal(await stored(), 300)
})

t.test('a damaged archive counts what can be unpacked, and says so', async (t) => {
  const { load, stored } = await open(t)
  const packed = gzipSync(accessLines(0, 5_000, pastMs), { level: 1 })
  await t.rejects(load(packed.subarray(0, packed.length >> 1), { piece: 1_000 }), { code: 'PLIMSOLL_LOG_DAMAGED' })
  const counted = await stored()
  t.ok(counted > 1_000 && counted < 5_000, String(counted))
  t.match(await load(packed), { lines: 5_000, counted: 5_000 - counted })
  t.equal(await stored(), 5_000)
})

t.test('an interrupted import goes on exactly where it ended', async (t) => {
  const { load, stored } = await open(t)
  const text = accessLines(0, 2_000, pastMs)
  let counted = 0
  for (const afterBytes of [1, 10_000, 200_000, 50_000, 300_000]) {
    await t.rejects(load(piecesOf(Buffer.from(text), 7_777, { afterBytes })), { message: 'the sender went away' })
    t.ok((await stored()) >= counted, 'what was read is kept')
    counted = await stored()
  }
  t.ok(counted > 500, String(counted))
  t.match(await load(text), { lines: 2_000, counted: 2_000 - counted, alreadyCounted: counted })
  t.equal(await stored(), 2_000)
})

t.test('a store that fails in between loses nothing that an import again does not bring', async (t) => {
  const { load, store, stored } = await open(t)
  let commits = 0
  const shaky: CommitTarget = {
    readCursor: (source) => store.readCursor(source),
    async commit(batch) {
      commits++
      if (commits === 2) throw new Error('disk full')
      const outcome = await store.commit(batch)
      if (commits === 4) throw new Error('connection lost')
      return outcome
    }
  }
  // a minute's slice for nearly each line, so that they are stored several times on the way
  const text = Array.from({ length: 30_000 }, (_, n) => accessLines(n, n + 1, pastMs + n * 50_000)).join('')
  await t.rejects(load(text, { store: shaky }), { message: 'disk full' })
  await t.rejects(load(text, { store: shaky }), { message: 'connection lost' })
  t.match(await load(text, { store: shaky }), { lines: 30_000 })
  t.equal(await stored(), 30_000)
})

t.test('only what the service wants is counted, and each service has its own', async (t) => {
  const { load, stored } = await open(t)
  const text = accessLines(0, 10, pastMs)
  const filters = [{ ...everyRequest, paths: ['/n/1'] }]
  t.match(await load(text, { service: aLoggedService({ filters }) }), { counted: 1, filtered: 9 })
  t.match(await load(text, { service: aLoggedService({ service: 'other' }) }), { counted: 10 })
  t.same([await stored(), await stored('other')], [1, 10])
})

t.test('what is older than is kept is skipped, with the reason', async (t) => {
  const { load } = await open(t)
  const oldestKeptMs = (): number => nowMs - 10 * dayMs
  t.match(await load(accessLines(0, 3, pastMs), { oldestKeptMs }), { counted: 0, skipped: { too_old: 3 } })
})

t.test('a log that was followed counts only what the follower has not read', async (t) => {
  const { dir, load, follow, settle, stored } = await open(t)
  const file = join(dir, 'access.ndjson')
  writeFileSync(file, accessLines(0, 100, nowMs))
  const tailer = follow(file)
  await settle(tailer)
  t.match(await load(readFileSync(file)), { counted: 0, alreadyCounted: 100 })
  await tailer.close()
  appendFileSync(file, accessLines(100, 150, nowMs))
  renameSync(file, `${file}.1`)
  t.match(await load(gzipSync(readFileSync(`${file}.1`))), { counted: 50, alreadyCounted: 100 })
  t.equal(await stored(), 150)
  writeFileSync(file, accessLines(200, 210, nowMs + 1_000))
  await settle(follow(file))
  t.equal(await stored(), 160, 'and the follower does not count what was imported')
})

t.test('a log that was imported first is followed from where the import ended', async (t) => {
  const { dir, load, follow, settle, stored } = await open(t)
  const file = join(dir, 'access.ndjson')
  writeFileSync(file, accessLines(0, 100, nowMs))
  t.match(await load(readFileSync(file)), { counted: 100 })
  appendFileSync(file, accessLines(100, 120, nowMs))
  const tailer = follow(file)
  await settle(tailer)
  t.equal(await stored(), 120)
  t.match(tailer.status('shop').counts, { read: 120, counted: 20, filtered: 0 })
})

t.test('an import of the very log that is being followed counts each line once, whoever is faster', async (t) => {
  const { dir, clock, load, follow, settle, stored } = await open(t)
  const file = join(dir, 'access.ndjson')
  writeFileSync(file, accessLines(0, 500, nowMs))
  const tailer = follow(file)
  await settle(tailer)
  appendFileSync(file, accessLines(500, 1_000, nowMs))
  await tailer.poll() // read, not yet stored
  t.match(await load(readFileSync(file)), { counted: 500, alreadyCounted: 500 })
  appendFileSync(file, accessLines(1_000, 1_010, nowMs))
  await settle(tailer)
  t.equal(await stored(), 1_010)
  t.match(tailer.status('shop').counts, { read: 1_010, counted: 510, filtered: 0 })

  // the follower stores while the import is in the middle of the same bytes
  appendFileSync(file, accessLines(1_010, 1_500, nowMs))
  const bytes = readFileSync(file)
  const meanwhile = async function* (): AsyncGenerator<Buffer> {
    yield bytes.subarray(0, bytes.length - 40_000)
    clock.advance(1_000)
    await tailer.poll()
    yield bytes.subarray(bytes.length - 40_000)
  }
  t.match(await load(meanwhile()), { lines: 1_500, counted: 0, alreadyCounted: 1_500 })
  t.equal(await stored(), 1_500)
})

t.test('imports of any parts in any order count each line once', async (t) => {
  const text = accessLines(0, 60, pastMs)
  const ends = [...text.matchAll(/\n/g)].map(({ index }) => index + 1)
  const cut = fc.record({ upTo: fc.nat(59), packed: fc.boolean(), piece: fc.integer({ min: 50, max: 5_000 }) })
  await fc.assert(
    fc.asyncProperty(fc.array(cut, { minLength: 1, maxLength: 6 }), async (cuts) => {
      const cleanups: (() => unknown)[] = []
      const { load, stored } = await open({ teardown: (fn) => void cleanups.push(fn as () => unknown) })
      for (const { upTo, packed, piece } of cuts) {
        const part = text.slice(0, ends[upTo])
        await load(packed ? gzipSync(part) : part, { piece })
      }
      const counted = await stored()
      for (const cleanup of cleanups) await cleanup()
      return counted === Math.max(...cuts.map(({ upTo }) => upTo + 1))
    }),
    { numRuns: 30 }
  )
  t.pass()
})

t.test('nothing, a single half line, and a line without end', async (t) => {
  const { load } = await open(t)
  t.match(await load(''), { lines: 0, counted: 0 })
  t.match(await load(accessLines(0, 1, pastMs).slice(0, 100)), { lines: 1, skipped: { cut_off: 1 } })
  t.match(await load(accessLines(7, 8, pastMs).trimEnd()), { lines: 1, counted: 1 })
  t.match(await load(accessLines(7, 9, pastMs)), { lines: 2, counted: 1, alreadyCounted: 1 })
})
