import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createHash } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import type { LiveEvents, LiveLoad, Role, StartLoad, System } from '@plimsoll/api/contract'
import type { Reply, RouteKey } from '@plimsoll/api/contract/client.ts'
import { aSending, briefOf, lineBrief, linesOf, lineStatus, pageOf, runsOf, targetOf } from './load.ts'
import { ReleaseAnswers } from './release-answers.ts'
import { Refusal } from './refusal.ts'
import { milestones, planChanges, planFaults, planStatus, risks, YAML } from './plan.ts'
import { SCENES, type ServiceScene } from './scene.ts'
import { axisOf, heatmap, history, routeGroups, slotOf, trafficSeries } from './series.ts'
import { alerts, detail, marks, objective, summary } from './services.ts'

/**
 * A server that answers the whole contract with made-up data, for states a real one is hard to bring into:
 * overspent, broken, silent, refused. Its replies are typed by the contract: drift does not compile.
 * Only tests and `vite dev` use it.
 */
export interface FixtureServer {
  readonly origin: string
  /** Cuts every live connection; with `refuse` new ones are refused until called with false. */
  readonly cutLive: (refuse?: boolean) => void
  readonly send: <N extends keyof LiveEvents>(name: N, data: LiveEvents[N]) => void
  readonly close: () => Promise<void>
}

export interface FixtureOptions {
  readonly port?: number
  readonly scenes?: readonly ServiceScene[]
  /** The last plan file was refused. */
  readonly refused?: boolean
  /** Writing needs a token. */
  readonly guarded?: boolean
  /** What the page's user may do; null: nothing. */
  readonly role?: Role | null
}

interface Context {
  readonly url: URL
  readonly parts: readonly string[]
  readonly nowMs: number
  readonly request: IncomingMessage
}

const typed = <K extends RouteKey>(_route: K, reply: Reply<K>): Reply<K> => reply

export const startFixtureServer = async ({
  port = 0,
  scenes = SCENES,
  refused = false,
  guarded = false,
  role = 'admin'
}: FixtureOptions = {}): Promise<FixtureServer> => {
  const streams = new Set<ServerResponse>()
  let refuseLive = false
  let revision = 12
  let yaml = YAML
  let eventId = 0
  const sendings = new Map<string, LiveLoad>()

  const sceneOf = (name: string | undefined): ServiceScene => {
    const scene = scenes.find((each) => each.name === name)
    if (!scene)
      throw new Refusal(
        404,
        'PLIMSOLL_NO_SUCH_SERVICE',
        'No such service',
        `There is no service “${name}”.`,
        'See /api/v1/services for those there are.'
      )
    return scene
  }

  const answer = async ({ url, parts, nowMs, request }: Context): Promise<unknown> => {
    const [area, name, section, item, leaf] = parts
    const asked = { parts, url, request, nowMs, body: async <T>() => JSON.parse(await text(request)) as T }
    if (area === 'me') return typed('GET /api/v1/me', releaseAnswers.me(request.headers.authorization))
    if (area === 'releases') return releaseAnswers.releases(asked)
    if (area === 'verdicts') return releaseAnswers.verdict(asked)
    if (area === 'system') return typed('GET /api/v1/system', system(nowMs))
    if (area === 'services' && !name)
      return typed('GET /api/v1/services', { services: scenes.map((scene) => summary(scene, nowMs)) })
    if (area === 'services') {
      const scene = sceneOf(name)
      const explain = url.searchParams.get('explain') === 'true'
      const axis = axisOf(url, nowMs)
      if (!section) return typed('GET /api/v1/services/{service}', detail(scene, nowMs))
      if (section === 'traffic')
        return typed('GET /api/v1/services/{service}/traffic', trafficSeries(scene, axis, nowMs))
      if (section === 'heatmap') return typed('GET /api/v1/services/{service}/heatmap', heatmap(scene, axis, nowMs))
      if (section === 'routes') return typed('GET /api/v1/services/{service}/routes', routeGroups(scene, axis, nowMs))
      if (section === 'marks')
        return typed(
          'GET /api/v1/services/{service}/marks',
          marks(scene, axis.fromMs, axis.fromMs + axis.points * axis.stepMs, nowMs)
        )
      if (section === 'objectives' && !item) {
        return typed('GET /api/v1/services/{service}/objectives', {
          objectives: scene.objectives.map((each) => objective(scene, each, nowMs, explain))
        })
      }
      if (['gate', 'verdicts', 'overrides'].includes(section)) return releaseAnswers.gate(scene, asked)
      if (['runs', 'load-line', 'load-lines'].includes(section)) return loadAnswer(scene, parts.slice(2), url, request)
      const own = scene.objectives.find((each) => each.name === item)
      if (section === 'objectives' && own && leaf === 'history')
        return typed('GET /api/v1/services/{service}/objectives/{objective}/history', history(scene, own, axis, nowMs))
      if (section === 'objectives' && own)
        return typed('GET /api/v1/services/{service}/objectives/{objective}', objective(scene, own, nowMs, explain))
    }
    if (area === 'runs') {
      const all = scenes.flatMap((scene) => runsOf(scene, nowMs).map((run) => briefOf(run, scene.name)))
      return typed('GET /api/v1/runs', pageOf(all, url))
    }
    if (area === 'alerts') {
      const known = alerts(nowMs).filter(({ service }) => scenes.some((scene) => scene.name === service))
      if (name) {
        const found = known.find(({ id }) => id === name)
        if (found) return typed('GET /api/v1/alerts/{id}', found)
        throw new Refusal(404, 'PLIMSOLL_NO_SUCH_ALERT', 'No such alert', `There is no alert “${name}”.`)
      }
      const state = url.searchParams.get('state')
      const service = url.searchParams.get('service')
      return typed('GET /api/v1/alerts', {
        alerts: known.filter((alert) => (!state || alert.state === state) && (!service || alert.service === service)),
        nextCursor: null
      })
    }
    if (area === 'plan') return planAnswer(name, section, request, nowMs)
    throw new Refusal(404, 'PLIMSOLL_NOT_FOUND', 'Not found', `There is nothing at ${url.pathname}.`)
  }

  const guard = (request: IncomingMessage): void => {
    if (guarded && request.headers.authorization !== 'Bearer secret') {
      throw new Refusal(
        401,
        'PLIMSOLL_TOKEN_NEEDED',
        'A token is needed',
        'Writing from this address needs a token.',
        'Send Authorization: Bearer with the API token.'
      )
    }
  }

  const releaseAnswers = new ReleaseAnswers({
    scenes,
    role,
    guard,
    tell: (news) => {
      for (const stream of streams) write(stream, 'release', news)
    }
  })

  const loadAnswer = async (
    scene: ServiceScene,
    [section, item]: readonly string[],
    url: URL,
    request: IncomingMessage
  ): Promise<unknown> => {
    const nowMs = Date.now()
    const { name } = scene
    const noneSuch = (): never => {
      throw new Refusal(404, 'PLIMSOLL_NOT_FOUND', 'Not found', `${name} has no ${section} “${item}”.`)
    }
    if (section === 'load-line')
      return typed(
        'GET /api/v1/services/{service}/load-line',
        lineStatus(scene, summary(scene, nowMs).traffic.ratePerS, nowMs)
      )
    if (section === 'load-lines' && !item)
      return typed('GET /api/v1/services/{service}/load-lines', { lines: linesOf(scene, nowMs).map(lineBrief) })
    if (section === 'load-lines')
      return typed(
        'GET /api/v1/services/{service}/load-lines/{id}',
        linesOf(scene, nowMs).find(({ id }) => id === item) ?? noneSuch()
      )
    if (request.method === 'POST') {
      guard(request)
      const order = JSON.parse(await text(request)) as StartLoad
      if (order.kind === 'run' && order.ratePerS > 300)
        throw new Refusal(
          400,
          'PLIMSOLL_LOAD_TOO_MUCH',
          'The plan does not allow so much load',
          `${order.ratePerS} requests per second are more than the 300 the plan allows.`,
          'Ask for less, or raise load.maxRate in the plan.'
        )
      sendings.set(name, aSending(name, order.kind))
      return typed('POST /api/v1/services/{service}/runs', sendings.get(name)!)
    }
    if (request.method === 'DELETE')
      return typed('DELETE /api/v1/services/{service}/runs/active', sendings.get(name) ?? noneSuch())
    if (item)
      return typed(
        'GET /api/v1/services/{service}/runs/{id}',
        runsOf(scene, nowMs).find(({ id }) => id === item) ?? noneSuch()
      )
    const briefs = runsOf(scene, nowMs).map((run) => briefOf(run, name))
    return typed('GET /api/v1/services/{service}/runs', {
      ...pageOf(briefs, url),
      active: sendings.get(name) ?? null,
      target: targetOf(scene)
    })
  }

  const planAnswer = async (
    name: string | undefined,
    id: string | undefined,
    request: IncomingMessage,
    nowMs: number
  ): Promise<unknown> => {
    if (request.method !== 'GET' && name !== 'diff') guard(request)
    if (name === 'risks') return typed('GET /api/v1/plan/risks', { risks: scenes.length > 0 ? risks : [] })
    if (name === 'milestones' && id) {
      const found = milestones(nowMs).find((milestone) => milestone.id === id)
      if (found)
        return typed('POST /api/v1/plan/milestones/{id}/checks', {
          ...found,
          checks: found.checks.map((each) => ({ ...each, checkedAt: new Date(nowMs).toISOString() }))
        })
    }
    if (name === 'milestones')
      return typed('GET /api/v1/plan/milestones', { milestones: scenes.length > 0 ? milestones(nowMs) : [] })
    if (name === 'export') return typed('GET /api/v1/plan/export', yaml)
    const body = request.method === 'GET' ? '' : await text(request)
    const faulty = body.includes('100%')
    const changes = body === yaml ? [] : planChanges
    if (name === 'diff')
      return typed('POST /api/v1/plan/diff', { changes: faulty ? [] : changes, faults: faulty ? planFaults : [] })
    if (request.method === 'PUT') {
      if (request.headers['if-match'] !== `"hash-${revision}"`)
        throw new Refusal(
          412,
          'PLIMSOLL_PLAN_CHANGED',
          'The plan has changed',
          'Somebody applied another plan since this one was read.',
          'Read it again and repeat the edit.'
        )
      if (faulty)
        throw new Refusal(
          422,
          'PLIMSOLL_PLAN_INVALID',
          'The plan has errors',
          'Nothing was changed.',
          undefined,
          planFaults.map(({ path, line, column, text }) => ({ path, line, column, text }))
        )
      revision++
      yaml = body
      for (const stream of streams) write(stream, 'plan', { revision })
      return typed('PUT /api/v1/plan', { status: planStatus(nowMs, revision, yaml, false), changes })
    }
    return typed('GET /api/v1/plan', planStatus(nowMs, revision, yaml, refused))
  }

  const reply = async (answered: Promise<unknown>, path: string, response: ServerResponse): Promise<void> => {
    try {
      const body = await answered
      const yamlBody = typeof body === 'string'
      response
        .writeHead(200, {
          'content-type': yamlBody ? 'application/yaml' : 'application/json',
          'cache-control': 'no-cache',
          ...(path === '/api/v1/plan' && { etag: `"hash-${revision}"` })
        })
        .end(yamlBody ? body : JSON.stringify(body))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      response
        .writeHead(error.problem.status, { 'content-type': 'application/problem+json' })
        .end(JSON.stringify(error.problem))
    }
  }

  const write = <N extends keyof LiveEvents>(stream: ServerResponse, name: N, data: LiveEvents[N]): void =>
    void stream.write(`id: ${++eventId}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`)

  const tick = setInterval(() => {
    const atMs = Math.floor(Date.now() / 1_000) * 1_000 - 1_000
    const services = Object.fromEntries(
      scenes
        .filter(({ ratePerS }) => ratePerS > 0.01)
        .map((scene) => {
          const { total, status5xx, medianMs } = slotOf(scene, atMs, 1_000, Date.now())
          return [
            scene.name,
            {
              seconds: [[atMs, total, status5xx, Math.round(total * 0.02)] as [number, number, number, number]],
              ratePerS: total,
              errorRatio: total > 0 ? status5xx / total : null,
              p95Ms: medianMs * 2.47
            }
          ]
        })
    )
    for (const stream of streams) write(stream, 'slices', { atMs, services })
  }, 1_000)

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://fixture')
    if (url.pathname === '/api/v1/live') {
      if (refuseLive) return void response.writeHead(503).end()
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' }).write(': hello\n\n')
      streams.add(response)
      response.on('close', () => streams.delete(response))
      return
    }
    if (!url.pathname.startsWith('/api/')) return void web(url.pathname, response)
    const parts = url.pathname.slice('/api/v1/'.length).split('/').map(decodeURIComponent)
    void reply(answer({ url, parts, nowMs: Date.now(), request }), url.pathname, response)
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))

  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cutLive: (refuse = false) => {
      refuseLive = refuse
      for (const stream of streams) stream.destroy()
    },
    send: (name, data) => {
      if (name === 'load') sendings.set((data as LiveLoad).service, data as LiveLoad)
      for (const stream of streams) write(stream, name, data)
    },
    close: () => {
      clearInterval(tick)
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    }
  }
}

const startedAt = new Date().toISOString()
const system = (nowMs: number): System => ({
  name: 'plimsoll',
  version: '0.1.0',
  instance: 'fixture',
  nowAt: new Date(nowMs).toISOString(),
  startedAt,
  database: { kind: 'sqlite', sizeBytes: 48_230_400, schema: '1' },
  access: { mode: 'open_on_loopback', text: 'Anyone on this machine may read and write.' },
  evaluator: { lastRunAt: new Date(nowMs - 700).toISOString(), objectives: 31 },
  lease: { leads: true, holder: 'fixture.1', token: 1, sinceAt: startedAt },
  instances: [{ holder: 'fixture.1', instance: 'fixture', version: '0.1.0', startedAt, state: 'here' }]
})

const text = async (request: IncomingMessage): Promise<string> => {
  const pieces: Uint8Array[] = []
  for await (const piece of request) pieces.push(piece as Uint8Array)
  return Buffer.concat(pieces).toString('utf8')
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.json': 'application/json'
}

/** The built web under the content security policy the API sends. */
const web = async (path: string, response: ServerResponse): Promise<void> => {
  const root = join(import.meta.dirname, '../../build')
  const file = await readFile(join(root, normalize(path))).catch(() => null)
  if (!file && path.startsWith('/_app/')) return void response.writeHead(404).end()
  const shell = await readFile(join(root, '200.html'))
  response.writeHead(200, {
    'content-type': TYPES[file ? extname(path) : '.html'] ?? 'application/octet-stream',
    'content-security-policy': policyFor(shell.toString('utf8')),
    'cache-control': file && path.includes('/immutable/') ? 'public, max-age=31536000, immutable' : 'no-cache'
  })
  response.end(file ?? shell)
}

const policyFor = (shell: string): string => {
  const inline = [...shell.matchAll(/<script(?![^>]*\bsrc=)[^>]*>([\s\S]*?)<\/script>/g)].map(
    ([, code]) =>
      `'sha256-${createHash('sha256')
        .update(code ?? '')
        .digest('base64')}'`
  )
  return [
    "default-src 'none'",
    "base-uri 'self'",
    "connect-src 'self'",
    "font-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "img-src 'self' data:",
    `script-src 'self' ${inline.join(' ')}`,
    "script-src-attr 'none'",
    "style-src 'self'",
    // SvelteKit's own announcer has the one style attribute of the page
    "style-src-attr 'unsafe-hashes' 'sha256-S8qMpvofolR8Mpjy4kQvEm7m1q8clzU4dfDH0AmvZjo='",
    "require-trusted-types-for 'script'",
    "trusted-types svelte-trusted-html 'allow-duplicates'"
  ].join('; ')
}
