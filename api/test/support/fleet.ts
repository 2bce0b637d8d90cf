import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { mkdirSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Alert, Objective, System } from '../../src/contract/index.ts'
import { openDatabase } from '../../src/platform/database/open.ts'
import { startServer, type ServerProcess } from './server.ts'

/** Looks again every few milliseconds until something is so; says what was waited for when it takes too long. */
export const until = async <T>(
  what: string,
  look: () => T | Promise<T>,
  withinMs = 25_000
): Promise<NonNullable<Awaited<T>>> => {
  const endMs = performance.now() + withinMs
  let failure: unknown = null
  while (performance.now() < endMs) {
    try {
      const found = await look()
      if (found) return found
      failure = null
    } catch (error) {
      failure = error
    }
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error(`not within ${withinMs} ms: ${what}`, { cause: failure })
}

/** Somebody who is told of alerts; keeps what was sent, and answers only while it is told to. */
export async function aReceiver(t: Test) {
  const messages: { key: string; event: string; service: string }[] = []
  const state = { answers: true }
  const hear = async (request: IncomingMessage, reply: ServerResponse): Promise<void> => {
    const { event, alert } = JSON.parse(await textOf(request)) as { event: string; alert: Alert }
    messages.push({ key: String(request.headers['idempotency-key']), event, service: alert.service })
    if (state.answers) reply.end()
  }
  const server = createServer((request, reply) => void hear(request, reply))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, messages, state }
}

const textOf = async (request: IncomingMessage): Promise<string> => {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}

export interface Instance {
  readonly name: string
  readonly origin: string
  readonly server: ServerProcess
  get<T>(path: string): Promise<T>
  /** Counts requests of a service, failed ones among them; resolves with the status of the reply. */
  push(service: string, count: number, failed?: number): Promise<number>
  leads(): Promise<boolean>
  /** Events of all requests that an objective counts. */
  total(service: string): Promise<number>
  signal(signal: NodeJS.Signals): void
}

export interface FleetOptions {
  readonly url: string
  readonly plan: string
  readonly settings?: Readonly<Record<string, string>>
}

/** Real servers on one database, each with a data directory of its own. */
export function aFleet(t: Test, { url, plan, settings = {} }: FleetOptions) {
  const root = t.testdir()
  const start = async (name: string, own: Readonly<Record<string, string>> = {}): Promise<Instance> => {
    const dir = join(root, name)
    mkdirSync(dir, { recursive: true })
    writeFileSync(join(dir, 'plan.yaml'), plan)
    const server = startServer({
      DATABASE_URL: url,
      DATA_DIR: join(dir, 'data'),
      PLAN_FILE: join(dir, 'plan.yaml'),
      WEB_ROOT: join(dir, 'web'),
      LOG_FORMAT: 'json',
      LEASE_DURATION_MS: '2000',
      PRESSURE_EVENT_LOOP_DELAY_MS: '0', // the machine may be busy with other tests
      ...settings,
      ...own
    })
    t.teardown(async () => {
      server.child.kill('SIGKILL')
      await server.ended
    })
    return anInstance(name, await server.origin, server)
  }
  return { start }
}

const anInstance = (name: string, origin: string, server: ServerProcess): Instance => {
  const get = async <T>(path: string): Promise<T> => {
    const reply = await fetch(`${origin}${path}`, { signal: AbortSignal.timeout(5_000) })
    if (!reply.ok && reply.status !== 429) throw new Error(`${path}: ${reply.status} ${await reply.text()}`)
    return (await reply.json()) as T
  }
  return {
    name,
    origin,
    server,
    get,
    async push(service, count, failed = 0) {
      const lines = [
        ...spread(count - failed).map((part) => ({ service, status: 200, durationMs: 12, ...part })),
        ...spread(failed).map((part) => ({ service, status: 500, durationMs: 12, ...part }))
      ]
      const reply = await fetch(`${origin}/api/v1/events`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body: lines.map((line) => JSON.stringify(line)).join('\n'),
        signal: AbortSignal.timeout(10_000)
      })
      await reply.arrayBuffer()
      return reply.status
    },
    leads: async () => (await get<System>('/api/v1/system')).lease.leads,
    async total(service) {
      const { objectives } = await get<{ objectives: Objective[] }>(`/api/v1/services/${service}/objectives`)
      return objectives[0]?.budget.total ?? 0
    },
    signal: (signal) => void server.child.kill(signal)
  }
}

/** So many events in ten parts over the last three minutes: what happens in one moment is no evidence of an incident. */
const spread = (count: number): { at: string; count: number }[] =>
  Array.from({ length: 10 }, (_, i) => ({
    at: new Date(Date.now() - i * 20_000).toISOString(),
    count: Math.floor(count / 10) + (i < count % 10 ? 1 : 0)
  })).filter((part) => part.count > 0)

/** What of alerts and messages is stored. */
export async function storedAlerts(url: string) {
  const database = await openDatabase(url)
  const { db } = database
  try {
    const alerts = await db.selectFrom('alerts').select(['service', 'kind', 'state']).orderBy('service').execute()
    const messages = await db.selectFrom('deliveries').select(['id', 'state']).orderBy('id').execute()
    return { alerts, messages }
  } finally {
    await database.close()
  }
}

/** Events of a live stream, read until the connection ends. */
export function readLive(t: Test, origin: string) {
  const stop = new AbortController()
  const events: { name: string; data: Record<string, unknown> }[] = []
  const reading = (async () => {
    const reply = await fetch(`${origin}/api/v1/live`, { signal: stop.signal })
    let text = ''
    for await (const chunk of reply.body!) {
      text += Buffer.from(chunk).toString()
      const frames = text.split('\n\n')
      text = frames.pop() ?? ''
      for (const frame of frames) {
        const name = /^event: (.*)$/m.exec(frame)?.[1]
        const data = /^data: (.*)$/m.exec(frame)?.[1]
        if (name && data) events.push({ name, data: JSON.parse(data) as Record<string, unknown> })
      }
    }
  })()
  reading.catch(() => {})
  t.teardown(() => stop.abort())
  return events
}
