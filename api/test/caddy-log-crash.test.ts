// Killed at any moment, again and again, while a log is written and rotated: the counts are the log.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdtempSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { randomFrom } from '../../scripts/bench/caddy-lines.ts'
import { systemClock } from '../src/platform/clock.ts'
import { openDatabase } from '../src/platform/database/open.ts'
import { createSliceStore } from '../src/signals/store.ts'
import { accessLine, countedIn } from './support/access-log.ts'

const kills = 30
t.setTimeout(180_000)

t.test(`killed ${kills} times while the log is written, nothing is off by one`, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'plimsoll-crash-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const file = join(dir, 'access.ndjson')
  const path = join(dir, 'plimsoll.db')
  const random = randomFrom(Date.now() & 0xffff)
  await (await openDatabase(`sqlite:${path}`)).close()
  writeFileSync(file, '')

  let written = 0
  let half = ''
  const write = (): void => {
    const lines = 1 + Math.floor(random() * 60)
    const text = half + Array.from({ length: lines }, () => `${accessLine(written++, Date.now())}\n`).join('')
    const cut = random() < 0.3 ? Math.floor(random() * 300) : 0
    half = text.slice(text.length - cut)
    appendFileSync(file, text.slice(0, text.length - cut))
  }
  const finishLine = (): void => {
    appendFileSync(file, half)
    half = ''
  }
  let rotations = 0
  let seen = false // what was rotated before anybody looked is nobody's to follow
  const rotate = (): void => {
    finishLine()
    const rotated = join(dir, `access-2026-11-22T12-00-00.${String(++rotations).padStart(3, '0')}.ndjson`)
    renameSync(file, rotated)
    writeFileSync(file, '')
    if (random() < 0.4) {
      writeFileSync(`${rotated}.gz`, gzipSync(readFileSync(rotated)))
      unlinkSync(rotated)
    }
  }
  const writer = setInterval(() => {
    write()
    if (seen && random() < 0.01) rotate()
  }, 4)
  t.teardown(() => clearInterval(writer))

  let running: ChildProcess | null = null
  t.teardown(() => running?.kill('SIGKILL'))
  const follow = async (): Promise<ChildProcess> => {
    const args = [join(import.meta.dirname, 'support/tailer-process.ts'), file, path]
    const child = (running = spawn(process.execPath, args, {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, NODE_COMPILE_CACHE: join(dir, 'cache') }
    }))
    await once(child.stdout, 'data')
    seen = true
    return child
  }
  for (let kill = 0; kill < kills; kill++) {
    const child = await follow()
    await delay(random() ** 2 * 150)
    child.kill('SIGKILL')
    await once(child, 'close')
  }
  clearInterval(writer)
  finishLine()

  const child = await follow()
  for (let still = 0; still < 3;) {
    child.stdin!.write('how far?\n')
    const [said] = (await once(child.stdout!, 'data')) as [Buffer]
    const { behindBytes, error } = JSON.parse(said.toString()) as { behindBytes: number | null; error?: string }
    t.equal(error, undefined)
    still = behindBytes === 0 ? still + 1 : 0
    await delay(60)
  }
  child.stdin!.write('end\n')
  await once(child, 'close')

  const database = await openDatabase(`sqlite:${path}`)
  const store = createSliceStore({ db: database.db, clock: systemClock })
  const counted = await countedIn(store, 'shop', Date.now())
  await database.close()
  t.comment(`${written} lines, ${rotations} rotations`)
  t.equal(counted, written)
  t.ok(written > 1_000, 'and there was something to count')
})
