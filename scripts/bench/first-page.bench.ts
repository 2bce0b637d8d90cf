/// <reference lib="dom" />
// What a browser needs before the overview answers, and how long a month of minutes takes to be drawn.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { chromium, type Browser, type Page } from '@playwright/test'
import type { TrafficSeries } from '../../api/src/contract/services.ts'
import { median, report } from './measurement.ts'

const rounds = 7
const points = 43_200 // a month of minutes
const stepMs = 60_000
const root = join(import.meta.dirname, '../..')

interface Server {
  readonly origin: string
  stop(): Promise<void>
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

async function startPlimsoll(): Promise<Server> {
  const port = await freePort()
  const dataDir = await mkdtemp(join(tmpdir(), 'plimsoll-bench-'))
  const env = {
    ...process.env,
    HOST: '127.0.0.1',
    PORT: String(port),
    DATA_DIR: dataDir,
    PLAN_FILE: 'plan.yaml',
    LOG_LEVEL: 'error'
  }
  const child = spawn('node', ['api/src/main.ts'], { cwd: root, env, stdio: 'ignore' })
  const origin = `http://127.0.0.1:${port}`
  while (
    !(await fetch(`${origin}/healthz`).then(
      (reply) => reply.ok,
      () => false
    ))
  ) {
    if (child.exitCode !== null) throw new Error(`Plimsoll ended with ${child.exitCode}`)
    await wait(50)
  }
  return {
    origin,
    async stop() {
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      await exited
      await rm(dataDir, { recursive: true, force: true })
    }
  }
}

const openPage = async (browser: Browser): Promise<Page> => {
  const context = await browser.newContext({ viewport: { width: 1_280, height: 900 } })
  return context.newPage()
}

/** Script bytes over the wire, and ms from the start of loading until the first service stands on the page. */
async function firstPage(browser: Browser, origin: string): Promise<{ scriptBytes: number; interactiveMs: number }> {
  const page = await openPage(browser)
  await page.addInitScript(() => {
    // The page is made in the browser: what stands on it answers.
    const seen = new MutationObserver(() => {
      if (!document.querySelector('article h2 a')) return
      seen.disconnect()
      requestAnimationFrame(() => setTimeout(() => performance.mark('bench:services')))
    })
    seen.observe(document, { childList: true, subtree: true })
  })
  await page.goto(origin)
  await page.waitForFunction(() => performance.getEntriesByName('bench:services').length > 0)
  const found = await page.evaluate(() => {
    const loaded = performance.getEntriesByType('resource') as PerformanceResourceTiming[]
    const scripts = loaded.filter(({ name }) => new URL(name).pathname.endsWith('.js'))
    return {
      scriptBytes: scripts.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0),
      interactiveMs: performance.getEntriesByName('bench:services')[0]?.startTime ?? NaN
    }
  })
  await page.context().close()
  return found
}

/** A month in minutes, as the API would answer. */
const month = (): TrafficSeries => {
  const toMs = Math.ceil(Date.now() / stepMs) * stepMs
  const column = <T>(value: (slot: number) => T): T[] => Array.from({ length: points }, (_, slot) => value(slot))
  const wave = (slot: number): number => 1 + 0.5 * Math.sin(slot / 229) + 0.2 * Math.sin(slot * 2.39)
  const zero = column(() => 0)
  return {
    fromAt: new Date(toMs - points * stepMs).toISOString(),
    toAt: new Date(toMs).toISOString(),
    stepMs,
    total: column((slot) => Math.round(1_000 * wave(slot))),
    status1xx: zero,
    status2xx: zero,
    status3xx: zero,
    status4xx: zero,
    status5xx: column((slot) => (slot % 17 === 0 ? 3 : 0)),
    aborted: zero,
    p50Ms: column((slot) => 40 * wave(slot)),
    p95Ms: column((slot) => 110 * wave(slot + 9)),
    p99Ms: column((slot) => 210 * wave(slot + 40)),
    whole: { total: points * 1_000, status5xx: 7_623, aborted: 0, p50Ms: 40, p95Ms: 110, p99Ms: 210, maxMs: 900 }
  }
}

/** Ms from handing the data over until the frame that shows it is done: for the last of the three charts, and for all. */
async function paint(browser: Browser, origin: string, body: string): Promise<{ oneMs: number; allMs: number }> {
  const page = await openPage(browser)
  await page.route('**/traffic?*', (route) => route.fulfill({ contentType: 'application/json', body }))
  await page.addInitScript(() => {
    const frames: { startMs: number; endMs: number }[] = []
    Object.assign(globalThis, { frames })
    const measure: (name: string, options?: string | PerformanceMeasureOptions) => PerformanceMeasure =
      performance.measure.bind(performance)
    performance.measure = (name: string, options?: string | PerformanceMeasureOptions) => {
      const entry = measure(name, options)
      const { startTime: startMs, detail } = entry
      if (detail > 43_000)
        requestAnimationFrame(() => setTimeout(() => frames.push({ startMs, endMs: performance.now() })))
      return entry
    }
  })
  await page.goto(`${origin}/services/plimsoll?range=30d`)
  await page.waitForFunction(() => (globalThis as unknown as { frames: unknown[] }).frames.length >= 3)
  const frames = await page.evaluate(
    () => (globalThis as unknown as { frames: { startMs: number; endMs: number }[] }).frames
  )
  await page.context().close()
  const last = frames.at(2)
  const first = frames.at(0)
  if (!first || !last) throw new Error('the charts were not drawn')
  return { oneMs: last.endMs - last.startMs, allMs: last.endMs - first.startMs }
}

const executablePath = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
  (path) => path && existsSync(path)
)
const browser = await chromium.launch({
  ...(executablePath && { executablePath }),
  args: ['--no-sandbox', '--disable-gpu']
})
const server = await startPlimsoll()
try {
  await firstPage(browser, server.origin) // the server's own first time
  const pages: Awaited<ReturnType<typeof firstPage>>[] = []
  const paints: Awaited<ReturnType<typeof paint>>[] = []
  const body = JSON.stringify(month())
  for (let round = 0; round < rounds; round++) {
    pages.push(await firstPage(browser, server.origin))
    paints.push(await paint(browser, server.origin, body))
  }
  const spread = (values: readonly number[]): string =>
    `median of ${rounds}, nothing cached; ${Math.round(Math.min(...values))} to ${Math.round(Math.max(...values))}`
  const interactive = pages.map(({ interactiveMs }) => interactiveMs)
  const one = paints.map(({ oneMs }) => oneMs)
  const all = paints.map(({ allMs }) => allMs)
  report({
    what: 'first page, script over the wire (brotli)',
    value: median(pages.map(({ scriptBytes }) => scriptBytes)) / 1_000,
    unit: 'kB',
    target: { atMost: 100 }
  })
  report({
    what: 'first page, services shown and usable',
    value: median(interactive),
    unit: 'ms',
    target: { atMost: 1_000 },
    note: spread(interactive)
  })
  report({
    what: 'a chart of 43,200 points and three lines, until painted',
    value: median(one),
    unit: 'ms',
    target: { atMost: 75 },
    note: spread(one)
  })
  report({
    what: 'three such charts at once, five lines, until painted',
    value: median(all),
    unit: 'ms',
    note: spread(all)
  })
} finally {
  await server.stop()
  await browser.close()
}
