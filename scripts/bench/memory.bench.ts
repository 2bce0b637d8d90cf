// Memory of a real server that watches 100 services with 30 days of history: at rest and after people have looked.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import { openDatabase } from '../../api/src/platform/database/open.ts'
import { Histogram } from '../../api/src/signals/histogram.ts'
import { report } from './measurement.ts'

const services = Number(process.env['BENCH_SERVICES'] ?? 100)
const days = Number(process.env['BENCH_DAYS'] ?? 30)
const hourMs = 3_600_000
const nowMs = Date.now()
const nowHourMs = Math.floor(nowMs / hourMs) * hourMs
const fromMs = nowHourMs - days * 24 * hourMs

/** Widths of slices and how long each is kept, ms. */
const widths = [
  [10_000, 12 * hourMs],
  [60_000, days * 24 * hourMs],
  [hourMs, days * 24 * hourMs]
] as const

const dir = mkdtempSync(join(tmpdir(), 'plimsoll-bench-'))
const storePath = join(dir, 'plimsoll.sqlite')
const planPath = join(dir, 'plan.yaml')

/** V8 gives memory back when little happens, and needs a while to notice. */
const restMs = 30_000

/** How Node is set here is how it is measured. */
const nodeSettings = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => name === 'NODE_OPTIONS' || name === 'NODE_COMPILE_CACHE')
)

/** Requests of one minute: mostly quick, two slower than promised, now and then a failure. */
const latency = new Histogram()
for (let i = 0; i < 60; i++) latency.record(i < 58 ? 20_000 + 1_000 * i : 250_000)
const blob = latency.encode()

async function fill(): Promise<void> {
  const store = await openDatabase(storePath)
  await store.close()
  const db = new DatabaseSync(storePath)
  db.exec('pragma synchronous = off')
  const addStream = db.prepare(
    `insert into streams (service, release, traffic_class, route, scope, origin, first_ms, last_ms)
     values (?, '', 'user', '/api/*', '', 'requests', ?, ?)`
  )
  const addSlice = db.prepare(`insert into slices values (?, ?, ?, 'bench', ?, 0, ?, 0, 0, ?, 0, 0, ?, ?)`)
  for (let i = 0; i < services; i++) {
    db.exec('begin')
    const id = addStream.run(nameOf(i), fromMs, nowMs).lastInsertRowid
    for (const [widthMs, keptMs] of widths) {
      const total = Math.round(widthMs / 1_000)
      for (let startMs = Math.max(fromMs, nowHourMs - keptMs); startMs + widthMs <= nowMs; startMs += widthMs) {
        const failed = (startMs / widthMs) % 500 === 0 ? 1 : 0
        const slow = `{"200":${Math.round(total / 30) + failed}}`
        addSlice.run(widthMs, id, startMs, total, total - failed, failed, slow, blob)
      }
    }
    db.exec('commit')
  }
  db.close()
}

const nameOf = (i: number): string => `service-${String(i).padStart(3, '0')}`

const plan = [
  'plan: plimsoll/v1',
  'services:',
  ...Array.from(
    { length: services },
    (_, i) =>
      `  - { name: ${nameOf(i)}, signals: [{ push: {} }], promise: { availability: 99.9%, p95: 200ms, errors: 0.1%, window: 30d } }`
  )
].join('\n')

/** Resident memory of a process now and at most, MB. */
const memoryOf = (pid: number): { residentMb: number; peakMb: number } => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const field = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1_024
  return { residentMb: field('VmRSS'), peakMb: field('VmHWM') }
}

interface Summary {
  readonly remainingRatio: number | null
}

async function untilJudged(origin: string): Promise<void> {
  for (let i = 0; i < 240; i++) {
    const response = await fetch(`${origin}/api/v1/services`)
    const { services: judged = [] } = (await response.json()) as { services?: Summary[] }
    if (judged.length >= services && judged.every(({ remainingRatio }) => remainingRatio !== null)) return
    await wait(500)
  }
  throw new Error('the history was not judged within two minutes')
}

/** What people do who look at the last 30 days of ten services. */
async function look(origin: string): Promise<void> {
  const range = `from=${new Date(fromMs).toISOString()}&to=${new Date(nowMs).toISOString()}`
  for (let i = 0; i < Math.min(10, services); i++) {
    const service = `${origin}/api/v1/services/${nameOf(i)}`
    for (const path of ['', `/traffic?${range}`, `/heatmap?${range}`, '/objectives?explain=true', `/marks?${range}`]) {
      const response = await fetch(service + path)
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
      await response.arrayBuffer()
    }
  }
}

try {
  writeFileSync(planPath, plan)
  await fill()
  const server = spawn(process.execPath, ['api/src/main.ts'], {
    env: {
      PATH: process.env['PATH'],
      PORT: '0',
      DATA_DIR: dir,
      PLAN_FILE: planPath,
      LOG_LEVEL: 'fatal',
      ...nodeSettings
    },
    stdio: ['ignore', 'inherit', 'pipe']
  })
  const closed = once(server, 'close')
  try {
    let said = ''
    for await (const chunk of server.stderr) {
      said += String(chunk)
      if (/runs at http:\/\/\S+/.test(said)) break
    }
    const origin = /runs at (http:\/\/\S+)/.exec(said)?.[1]
    if (!origin || server.pid === undefined) throw new Error(`the server did not start: ${said}`)
    await untilJudged(origin)
    await wait(restMs)
    const judged = memoryOf(server.pid)
    await look(origin)
    await wait(restMs)
    const looked = memoryOf(server.pid)
    const how = `${services} services, 3 objectives each, ${days} days at one request per second; one process, store on disk`
    report({
      what: 'memory, all judged, at rest',
      value: judged.residentMb,
      unit: 'MB resident',
      target: { atMost: 200 },
      note: how
    })
    report({
      what: 'memory, at rest after reading 30 days of ten services',
      value: looked.residentMb,
      unit: 'MB resident',
      target: { atMost: 200 },
      note: `at most ${Math.round(looked.peakMb)} MB at any time`
    })
  } finally {
    server.kill('SIGTERM')
    await closed
  }
} finally {
  rmSync(dir, { recursive: true, force: true })
}
