import { randomUUID } from 'node:crypto'
import type { FastifyBaseLogger } from 'fastify'
import type { Verdict } from '../../contract/gate.ts'
import type { CanaryAction } from '../../contract/releases.ts'
import type { ResolvedService } from '../../plan/model.ts'
import { isCodedError, messageOf } from '../../platform/errors.ts'
import { Acting, type ActingOptions } from './acting.ts'
import { Analyses, type AnalysesOptions } from './analyses.ts'
import type { Analysis } from './analysis.ts'
import { InTurn } from './in-turn.ts'
import { ReleaseKeeper, type KeeperOptions } from './keeper.ts'
import { NomadReading } from './nomad-reading.ts'
import { NomadWatches } from './nomad-watches.ts'
import { endedStates, type ActionRecord, type ReleaseRecord } from './record.ts'
import type { ReleaseStore } from './store.ts'

export type ReleasesOptions = KeeperOptions &
  Omit<AnalysesOptions, 'keeper'> &
  Omit<ActingOptions, 'keeper' | 'analyses' | 'log'> & { readonly log: Pick<FastifyBaseLogger, 'info' | 'warn'> }

export interface Announcement {
  readonly service: ResolvedService
  readonly version: string
  readonly environment: string
  /** To compare with; null: nothing is compared. */
  readonly baseline: string | null
  readonly analyse: boolean
  readonly text: string | null
  readonly by: string
  readonly source?: 'deploy' | 'api' | undefined
  /** What the deployment changes, line by line. */
  readonly planDiff?: readonly string[] | undefined
}

const tickMs = 1_000

/** Each job is read this often, whatever its events say; and this soon after it could not be read. */
const rereadMs = 60_000
const readAgainMs = 2_000

type Task = (release: ReleaseRecord, service: ResolvedService) => Promise<void>

/** Most canaries that are judged at a time. */
const mostCanaries = 500

/** Releases of every service: seen in Nomad or announced, their canaries judged, and acted upon by the leader. */
export class Releases {
  readonly store: ReleaseStore
  readonly #options: ReleasesOptions
  readonly #keeper: ReleaseKeeper
  readonly #analyses: Analyses
  readonly #reading: NomadReading
  readonly #acting: Acting
  readonly #watches: NomadWatches
  /** One thing at a time for each service. */
  readonly #inTurn = new InTurn()
  /** When a service is read again, by its name; by the clock that never steps. */
  readonly #rereadAtMs = new Map<string, number>()
  #services: readonly ResolvedService[] = []
  #ends: (() => void)[] = []
  #ticking = false

  constructor(options: ReleasesOptions) {
    this.#options = options
    this.store = options.store
    this.#keeper = new ReleaseKeeper(options)
    this.#analyses = new Analyses({ ...options, keeper: this.#keeper })
    this.#reading = new NomadReading({ ...options, keeper: this.#keeper, analyses: this.#analyses })
    this.#acting = new Acting({ ...options, keeper: this.#keeper, analyses: this.#analyses })
    this.#watches = new NomadWatches({ ...options, onChange: (service) => void this.sync(service) })
  }

  /** Begins to watch and to judge, as long as this instance leads. */
  start(): void {
    const { clock, lease } = this.#options
    const lead = (): void => {
      if (!lease.isLeader) this.#analyses.forget()
      this.#watches.take(lease.isLeader ? this.#services : [])
    }
    this.#ends = [lease.onChange(lead), clock.every(tickMs, () => void this.tick())]
    lead()
  }

  /** Takes the services of a plan. */
  take(services: readonly ResolvedService[]): void {
    this.#services = services.filter(({ release }) => release !== null)
    const isStarted = this.#ends.length > 0
    if (isStarted && this.#options.lease.isLeader) this.#watches.take(this.#services)
  }

  async close(): Promise<void> {
    for (const end of this.#ends) end()
    this.#ends = []
    await this.#watches.close()
    await this.#inTurn.settled()
  }

  /** What keeps it from watching Nomad, by namespace. */
  get trouble(): ReadonlyMap<string, string> {
    return this.#watches.trouble
  }

  /** The analysis of a release as far as it is judged; null: it has none. */
  analysisOf(release: ReleaseRecord): Promise<Analysis | null> {
    return this.#analyses.of(release)
  }

  /** A release that somebody tells of. The same one again changes nothing. */
  announce(asked: Announcement): Promise<ReleaseRecord> {
    return this.#inTurn.run(asked.service.name, async () => this.#addPlan(await this.#announce(asked), asked))
  }

  /** What a deploy says beyond the announcement: that it is one, and what it changes. The first plan stays. */
  async #addPlan(release: ReleaseRecord, { source, planDiff = [], by }: Announcement): Promise<ReleaseRecord> {
    const told = source === 'deploy' && release.source === 'api' ? { ...release, source } : release
    if (told === release && planDiff.length === 0) return release
    const text = planDiff.join('\n')
    const said = { key: 'plan', atMs: this.#options.clock.nowMs(), kind: 'plan_diff', text, by } as const
    await this.#keeper.note(told, planDiff.length === 0 ? [] : [said])
    return told
  }

  async #announce(asked: Announcement): Promise<ReleaseRecord> {
    const { service, version, environment, baseline, analyse, by } = asked
    const known = await this.store.ofVersion(service.name, environment, version)
    if (known && !endedStates.has(known.state)) return known
    const nowMs = this.#options.clock.nowMs()
    const release: ReleaseRecord = {
      id: randomUUID(),
      service: service.name,
      environment,
      version,
      previousVersion: baseline,
      source: 'api',
      state: analyse ? 'canary' : 'announced',
      text: asked.text ?? `announced by ${by}`,
      startedMs: nowMs,
      endedMs: null,
      nomad: null,
      analysis: analyse && baseline !== null ? this.#analyses.begin(service, baseline) : null,
      verdict: null,
      held: false
    }
    await this.#keeper.note(release, [{ key: 'announced', atMs: nowMs, kind: 'announced', text: release.text, by }])
    return release
  }

  /** Puts a verdict of the gate on the timeline of its release; one that is new is announced by it. */
  async takeVerdict(verdict: Verdict): Promise<void> {
    const { id, state, text, at, mayShip, askedBy, version, environment } = verdict
    const service = this.#services.find(({ name }) => name === verdict.service)
    if (!service) return
    await this.#inTurn.run(service.name, async () => {
      const asked = { service, version, environment, baseline: null, analyse: false, by: askedBy }
      const known = await this.store.ofVersion(service.name, environment, version)
      const serves = known?.state === 'promoted' ? known : null
      const release = serves ?? (await this.#announce({ ...asked, text: `the gate was asked by ${askedBy}` }))
      await this.#keeper.note({ ...release, verdict: { id, state, text, at, mayShip } }, [
        { key: `verdict-${id}`, atMs: Date.parse(at), kind: 'gate', text: `${state}: ${text}`, by: askedBy }
      ])
    })
  }

  /** Does what a person asks; the outcome is in the actions of the release. */
  act(releaseId: string, order: { action: CanaryAction; reason: string; by: string }): Promise<void> {
    return this.#withRelease(releaseId, (release, service) => this.#acting.order(release, service, order))
  }

  /** One round of the leader: what is settled is judged, what was intended is carried out. */
  async tick(): Promise<void> {
    if (!this.#options.lease.isLeader || this.#ticking) return
    this.#ticking = true
    try {
      const canaries = await this.store.list({ state: 'canary', limit: mostCanaries })
      const judged = canaries.filter(({ analysis }) => analysis !== null)
      await Promise.all(judged.map(({ id }) => this.#each(id, [(...known) => this.#judge(...known)])))
      const unsettled = Map.groupBy(await this.store.unsettled(), ({ releaseId }) => releaseId)
      await Promise.all([...unsettled].map(([id, actions]) => this.#each(id, actions.map(this.#carryOut))))
    } catch (error) {
      this.#options.log.warn({ reason: messageOf(error) }, 'releases wait for the store')
    } finally {
      this.#ticking = false
    }
    this.#reread()
  }

  /** Somebody may have decided otherwise while the turn was waited for. */
  readonly #carryOut =
    (action: ActionRecord): Task =>
    async (release, service) => {
      if (await this.store.isIntended(action.id)) await this.#acting.carryOut(release, service, action)
    }

  /** Tasks about one release, one after the other. What goes wrong there keeps no other release waiting. */
  async #each(id: string, tasks: readonly Task[]): Promise<void> {
    try {
      for (const task of tasks) await this.#withRelease(id, task)
    } catch (error) {
      this.#analyses.rebuild(id)
      this.#options.log.warn({ release: id, reason: messageOf(error) }, 'a release waits')
    }
  }

  /** Reads jobs again that could not be read, and each now and then: an event may have been missed. */
  #reread(): void {
    const nowMs = this.#options.clock.monotonicMs()
    for (const service of this.#services) {
      const atMs = this.#rereadAtMs.get(service.name) ?? nowMs + rereadMs
      const isDue = atMs <= nowMs
      this.#rereadAtMs.set(service.name, isDue ? nowMs + rereadMs : atMs)
      if (isDue) void this.sync(service)
    }
  }

  async #judge(release: ReleaseRecord, service: ResolvedService): Promise<void> {
    if (release.state !== 'canary') return // it ended, or went on, since the list was read
    const decided = await this.#analyses.judge(release)
    if (decided) await this.#acting.decide(release, service, decided)
  }

  /** Reads what Nomad says of the job of a service. Never throws: it is read again soon. */
  sync(service: ResolvedService): Promise<void> {
    return this.#inTurn.run(service.name, async () => {
      if (!service.release?.nomad || !this.#options.lease.isLeader) return
      try {
        await this.#reading.read(service)
      } catch (error) {
        const reason = messageOf(error)
        this.#rereadAtMs.set(service.name, this.#options.clock.monotonicMs() + readAgainMs)
        if (isCodedError(error)) this.#options.log.warn({ service: service.name, reason }, 'a job could not be read')
        else this.#options.log.warn({ service: service.name, err: error }, 'a release could not be kept')
      }
    })
  }

  async #withRelease(id: string, task: Task): Promise<void> {
    const found = await this.store.get(id)
    const service = this.#services.find(({ name }) => name === found?.service)
    if (!service) return
    await this.#inTurn.run(service.name, async () => {
      const release = await this.store.get(id)
      if (release) await task(release, service)
    })
  }
}
