import type { IncomingMessage } from 'node:http'
import type {
  AskGate,
  CanaryAction,
  CreateOverride,
  LiveRelease,
  Me,
  Override,
  Release,
  Role,
  Verdict
} from '@plimsoll/api/contract'
import type { Reply } from '@plimsoll/api/contract/client.ts'
import { aVerdict, backtestOf, pastOverride } from './gate.ts'
import { Refusal } from './refusal.ts'
import { aRelease, releaseBrief, releaseScenes, type ReleaseScene } from './releases.ts'
import type { ServiceScene } from './scene.ts'

const DAY = 86_400_000

export interface Asked {
  readonly parts: readonly string[]
  readonly url: URL
  readonly request: IncomingMessage
  readonly nowMs: number
  readonly body: <T>() => Promise<T>
}

interface Options {
  readonly scenes: readonly ServiceScene[]
  /** Refuses writing to who may not. */
  readonly guard: (request: IncomingMessage) => void
  readonly tell: (news: LiveRelease) => void
  readonly role: Role | null
}

const typed = <T>(reply: T): T => reply

/** The fixture's part of the API for releases, verdicts and overrides; it remembers what is done to it. */
export class ReleaseAnswers {
  readonly #options: Options
  readonly #startedMs = Date.now()
  readonly #changed = new Map<string, Partial<ReleaseScene>>()
  readonly #overrides: Override[]
  readonly #kept: Verdict[] = []

  constructor(options: Options) {
    this.#options = options
    this.#overrides = [pastOverride('shop-api', this.#startedMs)]
  }

  /** As whom this page is used. */
  me(token: string | undefined): Me {
    const role = token === 'Bearer secret' ? 'admin' : this.#options.role
    return {
      kind: role === null ? 'anyone' : token ? 'token' : 'local',
      id: 'fixture',
      name: role === null ? 'anyone' : 'anna',
      role,
      services: null,
      text: 'made up',
      csrfToken: null,
      expiresAt: null,
      signInPath: null
    }
  }

  #releases(nowMs: number): Release[] {
    return releaseScenes(this.#startedMs)
      .filter(({ service }) => this.#options.scenes.some(({ name }) => name === service))
      .map((scene) =>
        aRelease(
          { ...scene, ...this.#changed.get(scene.id), startedAgoMs: scene.startedAgoMs + nowMs - this.#startedMs },
          nowMs
        )
      )
  }

  async releases({ parts, url, request, nowMs, body }: Asked): Promise<unknown> {
    const [, id, section] = parts
    const all = this.#releases(nowMs)
    if (!id) {
      const { searchParams: query } = url
      const found = all
        .filter(({ service }) => !query.has('service') || query.get('service') === service)
        .filter(({ environment }) => !query.has('environment') || query.get('environment') === environment)
        .filter(({ endedAt }) => query.get('open') !== 'true' || endedAt === null)
        .toSorted((a, b) => b.startedAt.localeCompare(a.startedAt))
      const from = Number(query.get('cursor') ?? 0)
      const to = from + Number(query.get('limit') ?? 50)
      return typed<Reply<'GET /api/v1/releases'>>({
        releases: found.slice(from, to).map(releaseBrief),
        nextCursor: to < found.length ? String(to) : null
      })
    }
    const release = all.find((each) => each.id === id)
    if (!release) throw new Refusal(404, 'PLIMSOLL_NOT_FOUND', 'Not found', `There is no release “${id}”.`)
    if (section !== 'actions') return typed<Reply<'GET /api/v1/releases/{id}'>>(release)
    this.#options.guard(request)
    const asked = await body<{ action: CanaryAction; reason: string }>()
    if (release.service === 'checkout')
      throw new Refusal(
        503,
        'PLIMSOLL_NOT_THE_LEADER',
        'Another instance acts',
        'This instance only watches.',
        'One instance acts on releases at a time: try again, the balancer may ask it next.'
      )
    return this.#act(release, asked, nowMs)
  }

  #act(release: Release, { action, reason }: { action: CanaryAction; reason: string }, nowMs: number): Release {
    const at = new Date(nowMs).toISOString()
    const state = action === 'promote' ? 'promoted' : action === 'fail' ? 'reverted' : release.state
    this.#changed.set(release.id, {
      state,
      ...(action !== 'hold' && { tookMs: nowMs - Date.parse(release.startedAt) }),
      actions: [
        ...release.actions,
        { action, by: 'anna', reason, intendedAt: at, state: 'done', settledAt: at, text: 'Nomad shows it as asked' }
      ]
    })
    const { id, service, version, environment } = release
    this.#options.tell({ id, service, version, environment, state })
    return this.#releases(nowMs).find((each) => each.id === id)!
  }

  /** What the gate said: of the releases, and what was asked here. */
  #verdicts(service: string | null, nowMs: number): Verdict[] {
    const known = [
      { id: 'v-pass', service: 'shop-api', version: '2026.11.4', state: 'pass', atMs: nowMs - 8 * 60_000 },
      { id: 'v-warn', service: 'shop-api', version: '2026.11.3', state: 'warn', atMs: nowMs - 2 * DAY },
      { id: 'v-none', service: 'shop-api', version: '2026.11.2', state: 'could_not_measure', atMs: nowMs - 5 * DAY }
    ] as const
    return [
      ...this.#kept,
      ...known.map((given) => aVerdict(given)),
      aVerdict({ id: 'v-fail', service: 'shop-api', version: '2026.11.2', state: 'fail', atMs: nowMs - 6 * DAY })
    ].filter((verdict) => service === null || verdict.service === service)
  }

  verdict({ parts, nowMs }: Asked): unknown {
    const [, id, section] = parts
    const found = this.#verdicts(null, nowMs).find((each) => each.id === id)
    if (!found)
      throw new Refusal(
        404,
        'PLIMSOLL_NOT_FOUND',
        'Not found',
        `There is no verdict “${id}”.`,
        'Dry runs are not kept.'
      )
    if (section !== 'envelope') return typed<Reply<'GET /api/v1/verdicts/{id}'>>(found)
    return typed<Reply<'GET /api/v1/verdicts/{id}/envelope'>>({
      payloadType: 'application/vnd.in-toto+json',
      payload: Buffer.from(JSON.stringify(found)).toString('base64'),
      signatures: [{ keyid: 'ed25519-7f3a9c41', sig: 'bm90IGEgc2lnbmF0dXJl' }]
    })
  }

  /** Whatever stands below `/services/{service}/` of the gate's. */
  async gate(scene: ServiceScene, { parts, request, nowMs, body }: Asked): Promise<unknown> {
    const [, service = '', section, item] = parts
    if (section === 'verdicts')
      return typed<Reply<'GET /api/v1/services/{service}/verdicts'>>({
        verdicts: this.#verdicts(service, nowMs),
        nextCursor: null
      })
    if (section === 'overrides') return this.#overridesOf(service, item, request, nowMs, body)
    if (item === 'backtest') {
      const {
        environment,
        from = '',
        to = '',
        policy
      } = await body<{ environment: string; from?: string; to?: string; policy?: Record<string, unknown> }>()
      const unknown = Object.keys(policy ?? {}).find((key) => !POLICY_KEYS.has(key))
      if (unknown !== undefined)
        throw new Refusal(
          400,
          'PLIMSOLL_POLICY_INVALID',
          'The policy has errors',
          `there is no key “${unknown}” here`,
          undefined,
          [{ path: `/policy/${unknown}`, text: `there is no key “${unknown}” here`, expected: 'minimumBudget' }]
        )
      return typed<Reply<'POST /api/v1/services/{service}/gate/backtest'>>(
        backtestOf(service, environment, { from, to }, policy !== undefined)
      )
    }
    this.#options.guard(request)
    const { version, environment, dryRun = false } = await body<AskGate>()
    const inForce = this.#overrides.filter(
      (each) =>
        each.service === service &&
        each.environment === environment &&
        each.revokedAt === null &&
        Date.parse(each.until) > nowMs
    )
    const verdict = aVerdict(
      {
        id: `v-${this.#kept.length + 10}`,
        service,
        version,
        environment,
        state: scene.state,
        atMs: nowMs,
        dryRun,
        askedBy: 'anna'
      },
      inForce
    )
    if (!dryRun) this.#kept.unshift(verdict)
    return typed<Reply<'POST /api/v1/services/{service}/gate'>>(verdict)
  }

  async #overridesOf(
    service: string,
    id: string | undefined,
    request: IncomingMessage,
    nowMs: number,
    body: Asked['body']
  ): Promise<unknown> {
    const at = new Date(nowMs).toISOString()
    if (request.method === 'POST') {
      this.#options.guard(request)
      const { version = null, ...given } = await body<CreateOverride>()
      const made: Override = {
        id: `ovr-${this.#overrides.length}`,
        service,
        ...given,
        version,
        by: 'anna',
        createdAt: at,
        revokedAt: null,
        revokedBy: null,
        usedBy: []
      }
      this.#overrides.unshift(made)
      return typed<Reply<'POST /api/v1/services/{service}/overrides'>>(made)
    }
    const found = this.#overrides.find((each) => each.id === id)
    if (request.method === 'DELETE' && found) {
      this.#options.guard(request)
      const ended = { ...found, revokedAt: at, revokedBy: 'anna' }
      this.#overrides.splice(this.#overrides.indexOf(found), 1, ended)
      return typed<Reply<'DELETE /api/v1/services/{service}/overrides/{id}'>>(ended)
    }
    return typed<Reply<'GET /api/v1/services/{service}/overrides'>>({
      overrides: this.#overrides.filter((each) => each.service === service),
      nextCursor: null
    })
  }
}

const POLICY_KEYS: ReadonlySet<string> = new Set([
  'minimumBudget',
  'loadLineDrop',
  'requireRun',
  'runMaxAge',
  'rules',
  'unmeasured'
])
