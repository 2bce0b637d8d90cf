// Following an access log on the real store: restarts, rotations and whatever else befalls a file.
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { ManualClock } from '../src/platform/clock.ts'
import { openDatabase } from '../src/platform/database/open.ts'
import type { CommitTarget } from '../src/signals/caddy-log/checkpoint.ts'
import { FileTailer, type FileTailerOptions } from '../src/signals/caddy-log/tailer.job.ts'
import { isRotated } from '../src/signals/caddy-log/siblings.ts'
import { createSliceStore } from '../src/signals/store.ts'
import { accessLine, accessLines, aLoggedService, countedIn } from './support/access-log.ts'

const startMs = Date.UTC(2026, 10, 22, 12)

const open = async (t: Pick<Test, 'teardown'>) => {
  const dir = mkdtempSync(join(tmpdir(), 'plimsoll-log-'))
  const file = join(dir, 'access.ndjson')
  const clock = new ManualClock(startMs)
  const database = await openDatabase(':memory:', { nowMs: startMs })
  const store = createSliceStore({ db: database.db, clock })
  const tailers: FileTailer[] = []
  t.teardown(async () => {
    for (const tailer of tailers) await tailer.close()
    await store.settled()
    await database.close()
    rmSync(dir, { recursive: true, force: true })
  })
  /** A process that begins to follow; the one before it, if any, was killed. */
  const follow = (change: Partial<FileTailerOptions> = {}): FileTailer => {
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
      hints: false, // they would wake a process that was killed
      ...change
    })
    tailers.push(tailer)
    return tailer
  }
  /** Lets time pass, so that everything is read and stored. */
  const settle = async (tailer: FileTailer, times = 3): Promise<void> => {
    for (let n = 0; n < times; n++) {
      clock.advance(1_000)
      await tailer.poll()
    }
  }
  const stored = (service = 'shop'): Promise<number> => countedIn(store, service, clock.nowMs())
  return { dir, file, clock, database, store, follow, settle, stored }
}

t.test('lines are counted once they are complete, and once', async (t) => {
  const { file, follow, settle, stored } = await open(t)
  writeFileSync(file, accessLines(0, 10, startMs))
  const tailer = follow()
  await settle(tailer)
  t.equal(await stored(), 10)
  const line = accessLine(10, startMs)
  appendFileSync(file, line.slice(0, 100))
  await settle(tailer)
  t.equal(await stored(), 10)
  t.equal(tailer.status('shop').counts.read, 10, 'half a line waits')
  appendFileSync(file, line.slice(100))
  await settle(tailer)
  t.equal(await stored(), 10, 'and a whole one waits for its end')
  appendFileSync(file, '\n')
  await settle(tailer)
  t.equal(await stored(), 11)
  t.match(tailer.status('shop'), {
    state: 'reading',
    delivery: 'exactly_once',
    silentBecause: null,
    lagMs: 0,
    behindBytes: 0,
    lastEventMs: startMs + 9,
    lastError: null,
    counts: { read: 11, counted: 11, filtered: 0, skipped: {} }
  })
})

t.test('after a restart it goes on where the counts end', async (t) => {
  const { file, follow, settle, stored } = await open(t)
  writeFileSync(file, accessLines(0, 10, startMs))
  await settle(follow())
  appendFileSync(file, accessLines(10, 15, startMs))
  const killed = follow()
  await killed.poll() // read, perhaps not stored
  appendFileSync(file, accessLines(15, 20, startMs))
  await settle(follow())
  t.equal(await stored(), 20)
})

t.test('what was read is stored at the end', async (t) => {
  const { file, clock, follow, stored } = await open(t)
  writeFileSync(file, '')
  const tailer = follow()
  clock.advance(1_000)
  await tailer.poll()
  appendFileSync(file, accessLines(0, 5, startMs))
  await tailer.poll()
  t.equal(await stored(), 0, 'not yet time to store it')
  await tailer.close()
  t.equal(await stored(), 5)
})

t.test('it can begin at the end: what stands there is not counted, not even after a kill', async (t) => {
  const { file, follow, settle, stored } = await open(t)
  writeFileSync(file, `${accessLines(0, 10, startMs)}${accessLine(10, startMs).slice(0, 50)}`)
  await follow({ startAt: 'end' }).poll()
  appendFileSync(file, `${accessLine(10, startMs).slice(50)}\n${accessLines(11, 14, startMs)}`)
  await settle(follow({ startAt: 'end' }))
  t.equal(await stored(), 4, 'the line that was half written then was finished later')
})

t.test('a file that appears late is read from its beginning, and so is its folder', async (t) => {
  const { dir, follow, settle, stored } = await open(t)
  const file = join(dir, 'later', 'access.ndjson')
  const tailer = follow({ file, startAt: 'end' })
  await settle(tailer)
  t.match(tailer.status('shop'), {
    state: 'waiting_for_file',
    lastError: { code: 'log_missing' },
    silentBecause: 'idle'
  })
  mkdirSync(join(dir, 'later'))
  await settle(tailer)
  writeFileSync(file, accessLines(0, 3, startMs))
  await settle(tailer)
  t.equal(await stored(), 3)
  t.equal(tailer.status('shop').state, 'reading')
})

t.test('lines written and rotated before the first of them was counted are found after a kill', async (t) => {
  const { file, follow, settle, stored } = await open(t)
  await follow({ startAt: 'end' }).poll()
  writeFileSync(file, accessLines(0, 3, startMs + 1_000))
  renameSync(file, `${file}.1`)
  writeFileSync(file, accessLines(3, 5, startMs + 2_000))
  await settle(follow({ startAt: 'end' }))
  t.equal(await stored(), 5)
})

t.test('a renamed file is read to its end before the new one', async (t) => {
  const { file, follow, settle, stored } = await open(t)
  writeFileSync(file, accessLines(0, 10, startMs))
  const tailer = follow()
  await settle(tailer)
  appendFileSync(file, accessLines(10, 12, startMs))
  renameSync(file, `${file}.1`)
  await settle(tailer)
  t.equal(tailer.status('shop').state, 'waiting_for_file')
  appendFileSync(`${file}.1`, accessLines(12, 14, startMs))
  writeFileSync(file, accessLines(100, 105, startMs + 60_000))
  await tailer.poll()
  appendFileSync(`${file}.1`, `${accessLines(14, 15, startMs)}{"half`)
  await settle(tailer)
  t.equal(await stored(), 20)
  t.match(tailer.status('shop').counts, { read: 21, counted: 20, skipped: { cut_off: 1 } })
  appendFileSync(file, accessLines(105, 106, startMs + 60_000))
  await settle(tailer)
  t.equal(await stored(), 21)
})

t.test('several rotations between two looks lose nothing', async (t) => {
  const { dir, file, follow, settle, stored } = await open(t)
  writeFileSync(file, accessLines(0, 10, startMs))
  const tailer = follow()
  await settle(tailer)
  for (let n = 1; n <= 4; n++) {
    appendFileSync(file, accessLines(n * 100 + 10, n * 100 + 15, startMs + n * 1_000 + 500))
    const rotated = join(dir, `access-2026-11-22T12-00-0${n}.000.ndjson`)
    renameSync(file, rotated)
    if (n === 2) {
      writeFileSync(`${rotated}.gz`, gzipSync(readFileSync(rotated)))
      unlinkSync(rotated)
    }
    if (n === 3) writeFileSync(`${rotated}.gz`, gzipSync(readFileSync(rotated)).subarray(0, 50)) // still being packed
    writeFileSync(file, accessLines(n * 100, n * 100 + 10, startMs + n * 1_000))
  }
  writeFileSync(join(dir, 'access-admin.ndjson'), accessLines(900, 950, startMs + 10_000)) // another log
  await settle(tailer)
  t.equal(await stored(), 70)
  t.equal(tailer.status('shop').behindBytes, 0)
})

t.test('what was rotated and packed while nobody looked is read on from where it was left', async (t) => {
  const { dir, file, follow, settle, stored } = await open(t)
  writeFileSync(file, accessLines(0, 1_000, startMs))
  await settle(follow())
  appendFileSync(file, accessLines(1_000, 1_500, startMs))
  writeFileSync(join(dir, 'access-2026-11-22T12-00-01.000.ndjson.gz'), gzipSync(readFileSync(file)))
  unlinkSync(file)
  writeFileSync(join(dir, 'access-2026-11-22T12-00-09.000-size.ndjson'), accessLines(2_000, 2_100, startMs + 5_000))
  writeFileSync(file, accessLines(3_000, 3_010, startMs + 9_000))
  const tailer = follow()
  await settle(tailer)
  t.equal(await stored(), 1_610)
  appendFileSync(file, accessLines(3_010, 3_020, startMs + 9_000))
  await settle(follow())
  t.equal(await stored(), 1_620)
})

t.test('a former file that is gone is said to be, and the rest is read', async (t) => {
  const { dir, file, follow, settle, stored } = await open(t)
  writeFileSync(file, accessLines(0, 10, startMs))
  await settle(follow())
  unlinkSync(file)
  writeFileSync(join(dir, 'access.ndjson.2'), accessLines(20, 25, startMs - 60_000)) // older: not ours to count
  writeFileSync(join(dir, 'access.ndjson.1'), accessLines(30, 35, startMs + 5_000))
  writeFileSync(file, accessLines(40, 45, startMs + 9_000))
  const tailer = follow()
  await settle(tailer)
  t.match(tailer.status('shop').lastError, { code: 'log_rotated_away', hint: /roll_keep/ })
  t.equal(await stored(), 20)
})

t.test('a copied and truncated file is read on in its copy, then anew', async (t) => {
  const { file, follow, settle, stored } = await open(t)
  const rotate = (): void => {
    copyFileSync(file, `${file}.1`)
    truncateSync(file)
  }
  writeFileSync(file, accessLines(0, 10, startMs))
  const tailer = follow()
  await settle(tailer)
  appendFileSync(file, accessLines(10, 15, startMs))
  rotate()
  await settle(tailer)
  t.equal(await stored(), 15)
  appendFileSync(file, accessLines(20, 60, startMs + 1_000)) // longer than it was before
  await settle(tailer)
  t.equal(await stored(), 55)
  appendFileSync(file, accessLines(60, 65, startMs + 1_000))
  rotate()
  appendFileSync(file, accessLines(70, 170, startMs + 2_000))
  await settle(tailer)
  t.equal(await stored(), 160, 'also when it has grown past the old place between two looks')
  appendFileSync(file, accessLines(170, 175, startMs + 2_000))
  rotate()
  appendFileSync(file, accessLines(200, 201, startMs + 3_000))
  await settle(follow())
  t.equal(await stored(), 166, 'and after a restart')
})

t.test('a file that is emptied is read from its beginning', async (t) => {
  const { file, follow, settle, stored } = await open(t)
  writeFileSync(file, accessLines(0, 10, startMs))
  const tailer = follow()
  await settle(tailer)
  truncateSync(file)
  await settle(tailer)
  appendFileSync(file, accessLines(10, 12, startMs))
  await settle(tailer)
  t.equal(await stored(), 12)
})

t.test('a symbolic link that turns to another file is followed there', async (t) => {
  const { dir, file, follow, settle, stored } = await open(t)
  for (const [i, name] of ['a', 'b'].entries()) {
    mkdirSync(join(dir, name))
    writeFileSync(join(dir, name, 'log.ndjson'), accessLines(i * 10, i * 10 + 3, startMs + i * 1_000))
  }
  symlinkSync(join(dir, 'a', 'log.ndjson'), file)
  const tailer = follow()
  await settle(tailer)
  t.equal(await stored(), 3)
  appendFileSync(join(dir, 'a', 'log.ndjson'), accessLines(5, 6, startMs))
  symlinkSync(join(dir, 'b', 'log.ndjson'), `${file}.new`)
  renameSync(`${file}.new`, file)
  await settle(tailer)
  t.equal(await stored(), 7)
})

t.test('what cannot be read is said to be broken, and heals by itself', async (t) => {
  const { file, follow, settle, stored } = await open(t)
  mkdirSync(file)
  const errors: string[] = []
  const tailer = follow({ onError: ({ code }) => errors.push(code) })
  await settle(tailer)
  t.match(tailer.status('shop'), { state: 'broken', silentBecause: 'broken', lastError: { code: 'log_not_a_file' } })
  t.same(errors, ['log_not_a_file'], 'told once')
  rmSync(file, { recursive: true })
  writeFileSync(file, accessLines(0, 2, startMs))
  await settle(tailer)
  t.equal(await stored(), 2)
  t.equal(tailer.status('shop').state, 'reading')
})

t.test('silence is told apart from a fault', async (t) => {
  const { file, clock, follow, settle } = await open(t)
  writeFileSync(file, accessLines(0, 2, startMs))
  const tailer = follow()
  await settle(tailer)
  clock.advance(61_000)
  await tailer.poll()
  t.match(tailer.status('shop'), { state: 'idle', silentBecause: 'idle', lagMs: 0, lastError: null })
  t.throws(() => tailer.status('other'), RangeError)
})

t.test('a store that refuses, or whose answer is lost, costs and doubles nothing', async (t) => {
  const { file, clock, store, follow, settle, stored } = await open(t)
  let fails: 'before' | 'after' | null = null
  const shaky: CommitTarget = {
    readCursor: (source) => store.readCursor(source),
    async commit(batch) {
      if (fails === 'before') throw new Error('disk full')
      const outcome = await store.commit(batch)
      if (fails === 'after') throw new Error('connection lost')
      return outcome
    }
  }
  writeFileSync(file, accessLines(0, 10, startMs))
  const tailer = follow({ store: shaky })
  await settle(tailer)
  for (const way of ['before', 'after', 'before'] as const) {
    fails = way
    appendFileSync(file, accessLines(10, 20, startMs))
    await settle(tailer)
    t.match(tailer.status('shop'), {
      state: 'broken',
      lastError: { text: way === 'before' ? 'disk full' : 'connection lost' }
    })
    appendFileSync(file, accessLines(20, 25, startMs))
    await settle(tailer)
    fails = null
    await settle(tailer)
    t.equal(tailer.status('shop').state, 'reading')
  }
  t.equal(await stored(), 55)
  t.equal(tailer.status('shop').counts.counted, 55)
  clock.advance(0)
})

t.test('of two processes that read one log, one gives way', async (t) => {
  const { file, follow, settle, stored } = await open(t)
  writeFileSync(file, accessLines(0, 10, startMs))
  const first = follow()
  await settle(first)
  appendFileSync(file, accessLines(10, 20, startMs))
  await settle(follow())
  appendFileSync(file, accessLines(20, 30, startMs))
  await settle(first)
  t.match(first.status('shop'), { state: 'broken', lastError: { code: 'superseded', hint: /one process/ } })
  t.equal(await stored(), 20, 'what the other has not read yet is left to it')
})

t.test('services share a file, and one that is added later gets its beginning too', async (t) => {
  const { file, follow, settle, stored } = await open(t)
  const lines = Array.from({ length: 30 }, (_, n) => `${accessLine(n, startMs, { host: `${'abc'[n % 3]}.example` })}\n`)
  const of = (host: string) =>
    aLoggedService({
      service: host,
      filters: [{ hosts: [`${host}.example`], paths: [], methods: [], exclude: { paths: [], methods: [] } }]
    })
  writeFileSync(file, lines.slice(0, 15).join(''))
  const first = follow({ services: [of('a'), of('b')] })
  await settle(first)
  t.match(first.status('a').counts, { read: 15, counted: 5, filtered: 10 })
  await first.close()
  appendFileSync(file, lines.slice(15).join(''))
  await settle(follow({ services: [of('a'), of('b'), of('c')] }))
  t.same([await stored('a'), await stored('b'), await stored('c')], [10, 10, 10])
})

t.test('junk, long lines and a foreign format are counted as skipped and cost nothing else', async (t) => {
  const { file, follow, settle, stored } = await open(t)
  const long = accessLine(1, startMs, { pad: 5_000_000 })
  const junk = [
    Buffer.alloc(300_000, 0), // the line after it is lost with it: they are one line
    Buffer.from('\n127.0.0.1 - - [22/Nov/2026:12:00:00 +0000] "GET / HTTP/1.1" 200 7\r\n\r\n\n'),
    Buffer.from([0xff, 0xfe, 0x0a]),
    Buffer.from(`${long}\n`),
    Buffer.from(`${'y'.repeat(9_000_000)}\n`)
  ]
  writeFileSync(file, '')
  for (const [i, bytes] of junk.entries())
    appendFileSync(file, Buffer.concat([bytes, Buffer.from(accessLines(i, i + 1, startMs))]))
  const tailer = follow()
  await settle(tailer)
  t.equal(await stored(), 5)
  t.match(tailer.status('shop').counts, {
    counted: 5,
    skipped: { not_json: 2, blank: 3, invalid_utf8: 1, too_long: 1 }
  })
})

t.test('names that rotation makes are known from those of other logs', async (t) => {
  const rotated = [
    'access-2026-11-22T21-10-56.632.log',
    'access-2026-11-22T21-10-56.632.log.gz',
    'access-2026-11-22T21-10-56.632-size.log',
    'access.log.1',
    'access.log.12.gz',
    'access.log-20261122',
    'access.log-20261122.gz',
    'access.log-20261122-1300',
    'access-20261122.log'
  ]
  const others = [
    'access.log',
    'access-admin.log',
    'access-2.log',
    'access.log.bak',
    'access.logs',
    'other.log.1',
    'access-2026.log'
  ]
  for (const name of rotated) t.ok(isRotated(name, 'access.log'), name)
  for (const name of others) t.notOk(isRotated(name, 'access.log'), name)
  t.ok(isRotated('access.1', 'access'), 'a log without extension')
})

// --- everything at once, in any order

type Step =
  | { readonly do: 'write'; readonly lines: number; readonly cut: number }
  | { readonly do: 'rotate' | 'pack' | 'truncate' | 'look' | 'wait' | 'kill' | 'stop' }

t.test('whatever happens in whatever order, the counts are the log', async (t) => {
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('write' as const),
        lines: fc.integer({ min: 1, max: 30 }),
        cut: fc.nat(300)
      })
    },
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constantFrom('rotate', 'pack', 'truncate', 'look', 'wait', 'wait', 'kill', 'stop')
      })
    }
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const cleanups: (() => unknown)[] = []
      const { dir, file, clock, follow, settle, stored } = await open({
        teardown: (fn) => void cleanups.push(fn as () => unknown)
      })
      let written = 0
      let rotations = 0
      let half = ''
      writeFileSync(file, '')
      let tailer = follow()
      await tailer.poll()
      const write = (lines: number, cut: number): void => {
        const atMs = clock.nowMs() + written
        const text = half + accessLines(written, written + lines, atMs)
        half = cut < 200 ? text.slice(text.length - cut) : ''
        appendFileSync(file, text.slice(0, text.length - half.length))
        written += lines
      }
      for (const now of steps) {
        clock.advance(1)
        if (now.do === 'write') write(now.lines, now.cut)
        if (now.do === 'look') await tailer.poll()
        if (now.do === 'wait') await settle(tailer, 1)
        if (now.do === 'kill') tailer = follow()
        if (now.do === 'stop') {
          await tailer.close()
          tailer = follow()
        }
        if (now.do === 'rotate' || now.do === 'truncate') {
          appendFileSync(file, half) // a writer finishes its line first
          half = ''
          const rotated = join(dir, `access-2026-11-22T12-00-00.${String(++rotations).padStart(3, '0')}.ndjson`)
          if (now.do === 'rotate') {
            renameSync(file, rotated)
            writeFileSync(file, '')
          } else {
            copyFileSync(file, rotated)
            truncateSync(file)
          }
        }
        if (now.do === 'pack') {
          const name = readdirSync(dir).find((name) => name.startsWith('access-') && !name.endsWith('.gz'))
          if (name) {
            writeFileSync(join(dir, `${name}.gz`), gzipSync(readFileSync(join(dir, name))))
            unlinkSync(join(dir, name))
          }
        }
      }
      appendFileSync(file, half)
      await settle(tailer, 6)
      const counted = await stored()
      const { state, lastError } = tailer.status('shop')
      for (const cleanup of cleanups) await cleanup()
      if (counted !== written) throw new Error(`${counted} counted of ${written} written; ${state} ${lastError?.text}`)
    }),
    { numRuns: 60 }
  )
  t.pass()
})
