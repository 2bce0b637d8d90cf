// One JSON route, bare or with everything of Plimsoll in front of it: what the ground costs. Started by the benches
// with IPC: sends { origin } once it listens, answers any message with { cpuUs } spent since the one before.
// Usage: node scripts/bench/json-server.ts bare|ours [WORK_US]
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fastify, { type FastifyInstance } from 'fastify'
import { buildApp } from '../../api/src/app.ts'
import { systemClock } from '../../api/src/platform/clock.ts'
import { openDatabase } from '../../api/src/platform/database/open.ts'
import { createLogger } from '../../api/src/platform/logger.ts'
import { loadSettings } from '../../api/src/platform/settings.ts'

const [mode = 'ours', work = '0'] = process.argv.slice(2)
const workUs = Number(work)

/** About the size of one service on the overview. */
const answer = {
  services: Array.from({ length: 4 }, (_, i) => ({
    name: `service-${i}`,
    state: 'pass',
    remainingRatio: 0.87,
    objectives: [
      { name: 'availability', state: 'pass', remainingRatio: 0.91, burnRate: 0.3 },
      { name: 'latency', state: 'pass', remainingRatio: 0.87, burnRate: 0.5 }
    ],
    traffic: { ratePerS: 41.5, errorRatio: 0.0004, p95Ms: 84, p95LimitMs: 200 }
  }))
}

const handler = async () => {
  if (workUs > 0) {
    const end = performance.now() + workUs / 1_000
    while (performance.now() < end);
  }
  return answer
}

const dir = mkdtempSync(join(tmpdir(), 'plimsoll-bench-'))
process.on('exit', () => rmSync(dir, { recursive: true, force: true }))

async function ours(): Promise<FastifyInstance> {
  // logs are written as in production, to wherever the bench sends them
  const settings = await loadSettings(
    {
      PORT: '0',
      DATA_DIR: dir,
      PLAN_FILE: join(dir, 'plan.yaml'),
      LOG_FORMAT: 'json',
      ...(process.env['LOG_LEVEL'] && { LOG_LEVEL: process.env['LOG_LEVEL'] })
    },
    null
  )
  const database = await openDatabase(settings.DATABASE_URL)
  const app = await buildApp({
    settings,
    clock: systemClock,
    database,
    instance: { id: 'bench', version: '0.0.0', startedMs: Date.now() },
    logger: createLogger(settings).logger,
    processMetrics: true
  })
  app.get('/api/v1/bench', { config: { access: 'viewer', priority: 'normal' } }, handler)
  return app
}

async function bare(): Promise<FastifyInstance> {
  const app = fastify()
  app.get('/api/v1/bench', handler)
  return app
}

const app = mode === 'bare' ? await bare() : await ours()
const origin = await app.listen({ host: '127.0.0.1', port: 0 })
let before = process.cpuUsage()
process.on('message', () => {
  const { user, system } = process.cpuUsage(before)
  before = process.cpuUsage()
  process.send?.({ cpuUs: user + system })
})
process.on('disconnect', () => process.exit(0))
process.send?.({ origin })
