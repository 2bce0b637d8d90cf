import { randomUUID } from 'node:crypto'
import type { FastifyBaseLogger } from 'fastify'
import type { Verdict as GateVerdict } from '../../contract/gate.ts'
import type { CanaryAction, ReleaseState } from '../../contract/releases.ts'
import type { ResolvedService } from '../../plan/model.ts'
import type { Clock } from '../../platform/clock.ts'
import { messageOf, isCodedError } from '../../platform/errors.ts'
import type { Leadership } from '../../platform/lease.ts'
import type { Nomad } from '../../platform/nomad/client.ts'
import { isError, nomadNotFound } from '../../platform/nomad/errors.ts'
import type { Deployment } from '../../platform/nomad/model.ts'
import { Analysis, gapMs } from './analysis.ts'
import { carryOut } from './actor.ts'
import type { ArmsSource } from './arms.ts'
import { InTurn } from './in-turn.ts'
import { policyOf } from './policy-of.rules.ts'
import { endedStates, type ActionRecord, type Happening, type ReleaseRecord } from './record.ts'
import { goesBack, nameOfVersion, releaseOf } from './release-of.rules.ts'
import type { Verdict } from './rules/judge.rules.ts'
import type { ReleaseStore } from './store.ts'
import { NomadWatch } from './watch.job.ts'
import { sentenceOf } from './words.rules.ts'

export interface ReleasesOptions {
  readonly store: ReleaseStore
  readonly clock: Clock
  readonly lease: Leadership
  readonly recent: ArmsSource
  readonly log: Pick<FastifyBaseLogger, 'info' | 'warn'>
  /** A client for a namespace. */
  readonly nomadOf: (namespace: string) => Nomad
  /** Whether a page about the service is open. */
  readonly isPaged: (service: string) => Promise<boolean>
  /** Tells somebody outside Nomad; true: they took it. */
  readonly tellWebhook: (service: ResolvedService, release: ReleaseRecord, action: ActionRecord) => Promise<boolean>
  /** How long after a second its counts are there, ms. */
  readonly settleMs: number
  /** After every change of a release. */
  readonly onChange: (release: ReleaseRecord) => void
  /** After something was done unasked. */
  readonly onActed: (release: ReleaseRecord, action: ActionRecord) => Promise<void>
}

const tickMs = 1_000
/** Seconds are kept this long; see `Recent`. */
const keptMs = 840_000
/** The latest deployments of a job that are looked at. */
const deploymentsRead = 5

/** Releases of every service: seen in Nomad or announced, their canaries judged, and acted upon by the leader. */
export class Releases {
  readonly store: ReleaseStore
  readonly #options: ReleasesOptions
  readonly #inTurn = new InTurn()
  readonly #analyses = new Map<string, Analysis>()
  #services: readonly ResolvedService[] = []
  #watches: NomadWatch[] = []
  #stopTicking: () => void = () => {}
  #stopLeading: () => void = () => {}
  readonly #trouble = new Map<string, string>()
  #ticking = false
  #started = false

  constructor(options: ReleasesOptions) {
    this.#options = options
    this.store = options.store
  }

  /** Begins to watch and to judge, as long as this instance leads. */
  start(): void {
    const { clock, lease } = this.#options
    this.#started = true
    this.#stopLeading = lease.onChange(() => this.#rewatch())
    this.#rewatch()
    this.#stopTicking = clock.every(tickMs, () => void this.tick())
  }

  /** Takes the services of a plan. */
  take(services: readonly ResolvedService[]): void {
    this.#services = services.filter(({ release }) => release !== null)
    this.#rewatch()
  }

  async close(): Promise<void> {
    this.#stopTicking()
    this.#stopLeading()
    const watches = this.#watches
    this.#watches = []
    await Promise.all(watches.map((watch) => watch.close()))
    await this.#inTurn.settled()
  }

  /** What keeps it from watching Nomad, by namespace. */
  get trouble(): ReadonlyMap<string, string> {
    return this.#trouble
  }

  /** The analysis of a release as far as it is judged; null: it has none. */
  async analysisOf(release: ReleaseRecord): Promise<Analysis | null> {
    const { analysis } = release
    if (analysis === null) return null
    const kept = this.#analyses.get(release.id)
    if (kept && this.#options.lease.isLeader) return kept
    const arms = { service: release.service, canary: release.version, baseline: analysis.baseline }
    const made = new Analysis(analysis, arms, await this.store.batches(release.id))
    if (this.#options.lease.isLeader && !endedStates.has(release.state)) this.#analyses.set(release.id, made)
    return made
  }

  /** A release that somebody tells of. The same one again changes nothing. */
  announce(asked: {
    readonly service: ResolvedService
    readonly version: string
    readonly environment: string
    readonly baseline: string | null
    readonly analyse: boolean
    readonly text: string | null
    readonly by: string
  }): Promise<ReleaseRecord> {
    const { service, version, environment } = asked
    return this.#inTurn.run(service.name, async () => {
      const known = await this.store.ofVersion(service.name, environment, version)
      if (known && !endedStates.has(known.state)) return known
      const nowMs = this.#options.clock.nowMs()
      const release: ReleaseRecord = {
        id: randomUUID(),
        service: service.name,
        environment,
        version,
        previousVersion: asked.baseline,
        source: 'api',
        state: asked.analyse ? 'canary' : 'announced',
        text: asked.text ?? `announced by ${asked.by}`,
        startedMs: nowMs,
        endedMs: null,
        nomad: null,
        analysis: asked.analyse && asked.baseline !== null ? this.#begin(service, asked.baseline, nowMs) : null,
        verdict: null,
        held: false
      }
      const said = { key: 'announced', atMs: nowMs, kind: 'announced' as const, text: release.text, by: asked.by }
      await this.#save(release, [said])
      return release
    })
  }

  /** Puts a verdict of the gate on the timeline of its release; the release is announced by it when it is new. */
  async takeVerdict(verdict: GateVerdict): Promise<void> {
    const service = this.#services.find(({ name }) => name === verdict.service)
    if (!service) return
    await this.announce({
      service,
      version: verdict.version,
      environment: verdict.environment,
      baseline: null,
      analyse: false,
      text: `the gate was asked by ${verdict.askedBy}`,
      by: verdict.askedBy
    })
    await this.#inTurn.run(service.name, async () => {
      const release = await this.store.ofVersion(service.name, verdict.environment, verdict.version)
      if (!release) return
      const { id, state, text, at, mayShip, askedBy } = verdict
      const said: Happening = {
        key: `verdict-${id}`,
        atMs: Date.parse(at),
        kind: 'gate',
        text: `${state}: ${text}`,
        by: askedBy
      }
      await this.#save({ ...release, verdict: { id, state, text, at, mayShip } }, [said])
    })
  }

  /** Does what a person asks; the outcome is in the actions of the release. */
  act(releaseId: string, { action, reason, by }: { action: CanaryAction; reason: string; by: string }): Promise<void> {
    return this.#withRelease(releaseId, async (release, service) => {
      const { clock, lease } = this.#options
      const nowMs = clock.nowMs()
      const intended = this.#intention(release, { action, by, reason, id: `${release.id}/${action}/${nowMs}` })
      await lease.act(async (transaction) => {
        await this.store.intend(intended, transaction)
        await this.store.save({ ...release, held: action === 'hold' }, transaction)
      })
      await this.#carryOut(service, { ...release, held: action === 'hold' }, intended)
    })
  }

  /** One round of the leader: what is settled is judged, what was intended is carried out. */
  async tick(): Promise<void> {
    if (!this.#options.lease.isLeader || this.#ticking) return
    this.#ticking = true
    try {
      const open = await this.store.list({ open: true, limit: 500 })
      await Promise.all(
        open
          .filter(({ analysis }) => analysis !== null)
          .map(({ id }) => this.#withRelease(id, (...all) => this.#judge(...all)))
      )
      for (const action of await this.store.unsettled()) {
        await this.#withRelease(action.releaseId, (release, service) => this.#carryOut(service, release, action))
      }
    } catch (error) {
      this.#options.log.warn({ reason: messageOf(error) }, 'releases wait for the store')
    } finally {
      this.#ticking = false
    }
  }

  /** Reads what Nomad says of the job of a service. */
  sync(service: ResolvedService): Promise<void> {
    return this.#inTurn.run(service.name, async () => {
      const job = service.release?.nomad
      if (!job || !this.#options.lease.isLeader) return
      const nomad = this.#options.nomadOf(job.namespace)
      try {
        const deployments = await nomad.jobDeployments(job.job)
        const versions = await nomad.jobVersions(job.job)
        for (const deployment of deployments.slice(0, deploymentsRead).toReversed()) {
          const known = await this.store.byDeployment(deployment.id)
          if (known && endedStates.has(known.state)) continue
          const allocations = await nomad.deploymentAllocations(deployment.id)
          const facts = { deployment, allocations, versions, nowMs: this.#options.clock.nowMs() }
          const seen = releaseOf(facts)
          if (seen) await this.#merge(service, deployment, known, seen)
          else await this.#markReverted(service, deployment, versions)
        }
      } catch (error) {
        if (isError(error, nomadNotFound)) return // not handed in yet, or purged
        if (!isCodedError(error)) throw error
        this.#options.log.warn({ service: service.name, reason: error.message }, 'a job could not be read')
      }
    })
  }

  async #merge(
    service: ResolvedService,
    deployment: Deployment,
    known: ReleaseRecord | null,
    seen: NonNullable<ReturnType<typeof releaseOf>>
  ): Promise<void> {
    const { environment } = service.release!
    const nowMs = this.#options.clock.nowMs()
    const announced = known ?? (await this.#announced(service.name, environment, seen.version))
    const begins = seen.state === 'canary' && seen.previousVersion !== null && !announced?.analysis
    const release: ReleaseRecord = {
      id: announced?.id ?? `nomad-${deployment.id}`,
      service: service.name,
      environment,
      version: seen.version,
      previousVersion: seen.previousVersion,
      source: announced?.source ?? 'nomad',
      state: seen.state,
      text: seen.text,
      startedMs: announced?.startedMs ?? seen.startedMs,
      endedMs: seen.ended ? nowMs : null,
      nomad: {
        job: deployment.job,
        namespace: deployment.namespace,
        jobVersion: deployment.jobVersion,
        deployment: deployment.id
      },
      analysis: begins ? this.#begin(service, seen.previousVersion, nowMs, deployment) : (announced?.analysis ?? null),
      verdict: announced?.verdict ?? null,
      held: announced?.held ?? false
    }
    const began: Happening[] = begins
      ? [{ key: 'analysis', atMs: nowMs, kind: 'analysis', text: `compared with ${seen.previousVersion} from now on` }]
      : []
    await this.#save(release, [...seen.happenings, ...began], announced)
    if (seen.ended) this.#analyses.delete(release.id)
  }

  /** A release that was announced and not yet seen in Nomad. */
  async #announced(service: string, environment: string, version: string): Promise<ReleaseRecord | null> {
    const known = await this.store.ofVersion(service, environment, version)
    return known && known.nomad === null && !endedStates.has(known.state) ? known : null
  }

  /** A deployment that goes back has ended well: what it went back from is reverted. */
  async #markReverted(
    service: ResolvedService,
    deployment: Deployment,
    versions: Parameters<typeof goesBack>[1]
  ): Promise<void> {
    const version = versions.find((each) => each.version === deployment.jobVersion)
    if (deployment.status !== 'successful' || !version || !goesBack(version, versions)) return
    const { environment } = service.release!
    const [left] = (await this.store.list({ service: service.name, environment, limit: 10 })).filter(
      ({ nomad, state }) =>
        (nomad?.jobVersion ?? Infinity) < deployment.jobVersion && (state === 'failed' || state === 'promoted')
    )
    if (!left || left.nomad?.jobVersion !== deployment.jobVersion - 1) return
    const text = `back to ${nameOfVersion(version)}: ${deployment.description}`
    const said: Happening = { key: 'reverted', atMs: this.#options.clock.nowMs(), kind: 'reverted', text }
    await this.#save({ ...left, state: 'reverted', text }, [said], left)
  }

  #begin(
    { release, objectives }: ResolvedService,
    baseline: string,
    nowMs: number,
    deployment: Deployment | null = null
  ): ReleaseRecord['analysis'] {
    const groups = deployment?.groups ?? []
    return {
      startedMs: nowMs,
      warmUpMs: release!.warmUpMs,
      baseline,
      policy: policyOf(release!, objectives, 2),
      allocations: {
        canary: deployment ? groups.reduce((sum, { canaries }) => sum + canaries.length, 0) : null,
        baseline: deployment ? groups.reduce((sum, { wanted }) => sum + wanted, 0) : null
      }
    }
  }

  async #judge(release: ReleaseRecord, service: ResolvedService): Promise<void> {
    if (endedStates.has(release.state) || release.state === 'promoting') return
    const { clock, recent, settleMs, isPaged, lease } = this.#options
    const analysis = await this.analysisOf(release)
    if (!analysis || analysis.judge.decided) return
    const settledMs = Math.floor((clock.nowMs() - settleMs) / 1_000) * 1_000
    const skippedMs = analysis.skipTo(settledMs - keptMs)
    const said: Happening[] =
      skippedMs > gapMs
        ? [
            {
              key: `gap-${settledMs}`,
              atMs: settledMs,
              kind: 'note',
              text: `${Math.round(skippedMs / 1_000)} s were not watched`
            }
          ]
        : []
    for (
      let next = analysis.next(recent, settledMs);
      next && !analysis.judge.decided;
      next = analysis.next(recent, settledMs)
    ) {
      const batch = { ...next.batch, paged: await isPaged(release.service) }
      const { sequence } = next
      await lease.act((transaction) => this.store.addBatch(release.id, sequence, batch, transaction))
      analysis.add(batch, next.tailsToMs)
    }
    if (said.length > 0) await this.#save(release, said, release)
    if (analysis.judge.decided) await this.#decide(release, service, analysis)
  }

  /** What a verdict leads to: an action, or a word to a person. */
  async #decide(release: ReleaseRecord, service: ResolvedService, { judge, record }: Analysis): Promise<void> {
    const { act, undecided } = service.release!
    const nowMs = this.#options.clock.nowMs()
    const sentence = sentenceOf(judge, record.policy)
    const said: Happening = { key: 'decided', atMs: nowMs, kind: 'analysis', text: sentence }
    const action = actionOf(judge.verdict, undecided, mostEvidence(judge.curve))
    await this.#save({ ...release, text: sentence }, [said], release)
    if (action === null || release.held) return
    const intended = this.#intention(release, {
      action,
      by: 'plimsoll',
      reason: sentence,
      id: `${release.id}/${action}`
    })
    const observed: ActionRecord = act
      ? intended
      : {
          ...intended,
          state: 'observed_only',
          settledMs: nowMs,
          text: `would ${action}: the plan does not say act: true`
        }
    const isNew = await this.#options.lease.act((transaction) => this.store.intend(observed, transaction))
    if (isNew && act) await this.#carryOut(service, release, intended)
    else if (isNew)
      await this.#save(
        release,
        [{ key: `action-${observed.id}`, atMs: nowMs, kind: 'action', text: observed.text, by: 'plimsoll' }],
        release
      )
  }

  #intention(
    release: ReleaseRecord,
    { id, action, by, reason }: Pick<ActionRecord, 'id' | 'action' | 'by' | 'reason'>
  ): ActionRecord {
    const { clock, lease } = this.#options
    return {
      id,
      releaseId: release.id,
      action,
      by,
      reason,
      fencing: lease.fencing,
      intendedMs: clock.nowMs(),
      state: 'intended',
      settledMs: null,
      text: ''
    }
  }

  async #carryOut(service: ResolvedService, release: ReleaseRecord, action: ActionRecord): Promise<void> {
    const { clock, lease, nomadOf, log, onActed } = this.#options
    if (!lease.isLeader) return
    const { nomad } = release
    const outcome =
      nomad !== null && nomad.deployment !== null
        ? await carryOut(action, nomad.deployment, { nomad: nomadOf(nomad.namespace), mayAct: () => lease.isLeader })
        : await this.#tellOutside(service, release, action)
    if (outcome === null) return
    const settledMs = clock.nowMs()
    const said: Happening = {
      key: `action-${action.id}`,
      atMs: settledMs,
      kind: 'action',
      text: `${action.action}: ${outcome.text} (${action.reason})`,
      by: action.by
    }
    await lease.act(async (transaction) => {
      await this.store.settle(action.id, { ...outcome, settledMs }, transaction)
      await this.store.tell(release.id, [said], transaction)
    })
    log.info(
      { service: release.service, version: release.version, action: action.action, state: outcome.state },
      'release acted on'
    )
    if (action.by === 'plimsoll') await onActed(release, { ...action, ...outcome, settledMs })
    this.#options.onChange(release)
  }

  /** Without Nomad, whoever runs the service is told; what then happens shows in the log. */
  async #tellOutside(
    service: ResolvedService,
    release: ReleaseRecord,
    action: ActionRecord
  ): Promise<Pick<ActionRecord, 'state' | 'text'> | null> {
    if (!service.release?.webhook) {
      if (action.action !== 'hold') await this.#endOutside(release, action.action)
      return { state: 'done', text: 'noted: neither Nomad nor a webhook is named in the plan' }
    }
    const taken = await this.#options.tellWebhook(service, release, action)
    if (!taken) return null
    if (action.action !== 'hold') await this.#endOutside(release, action.action)
    return { state: 'done', text: 'the webhook took it' }
  }

  async #endOutside(release: ReleaseRecord, action: 'promote' | 'fail'): Promise<void> {
    const state: ReleaseState = action === 'promote' ? 'promoted' : 'failed'
    const nowMs = this.#options.clock.nowMs()
    await this.#save({ ...release, state, endedMs: nowMs }, [
      { key: 'end', atMs: nowMs, kind: state, text: release.text }
    ])
    this.#analyses.delete(release.id)
  }

  /** Writes a release when it changed, and tells. */
  async #save(release: ReleaseRecord, said: readonly Happening[], before: ReleaseRecord | null = null): Promise<void> {
    const isSame = before !== null && JSON.stringify(before) === JSON.stringify(release)
    const isNews = await this.#options.lease.act(async (transaction) => {
      if (!isSame) await this.store.save(release, transaction)
      return this.store.tell(release.id, said, transaction)
    })
    if (!isSame || isNews) this.#options.onChange(release)
  }

  async #withRelease(
    id: string,
    task: (release: ReleaseRecord, service: ResolvedService) => Promise<void>
  ): Promise<void> {
    const found = await this.store.get(id)
    const service = this.#services.find(({ name }) => name === found?.service)
    if (!found || !service) return
    await this.#inTurn.run(service.name, async () => {
      const release = await this.store.get(id)
      if (release) await task(release, service)
    })
  }

  /** Watches the jobs of the plan while this instance leads, and no others. */
  #rewatch(): void {
    const { lease, clock, nomadOf, log } = this.#options
    for (const watch of this.#watches) void watch.close()
    this.#watches = []
    this.#trouble.clear()
    if (!lease.isLeader) this.#analyses.clear()
    if (!lease.isLeader || !this.#started) return
    const byNamespace = Map.groupBy(
      this.#services.flatMap((service) => (service.release?.nomad ? [{ service, ...service.release.nomad }] : [])),
      ({ namespace }) => namespace
    )
    this.#watches = [...byNamespace].map(
      ([namespace, watched]) =>
        new NomadWatch({
          nomad: nomadOf(namespace),
          clock,
          jobs: new Set(watched.map(({ job }) => job)),
          onChange: (job) => {
            for (const each of watched) {
              if (each.job !== job) continue
              this.sync(each.service).catch((error: unknown) =>
                log.warn({ service: each.service.name, reason: messageOf(error) }, 'a release could not be kept')
              )
            }
          },
          onTrouble: (error) => {
            if (error === null) this.#trouble.delete(namespace)
            else this.#trouble.set(namespace, error)
          }
        })
    )
  }
}

/** Evidence against that was ever reached. */
const mostEvidence = (curve: Analysis['judge']['curve']): number =>
  Math.max(0, ...curve.map(({ failLogE }) => failLogE))

/** At most this much evidence against, as an e-value, for a canary that time promotes. */
const cleanLogE = Math.log(5)

const actionOf = (
  verdict: Verdict,
  undecided: 'hold' | 'promote' | 'fail',
  mostFailLogE: number
): 'promote' | 'fail' | null => {
  if (verdict.state === 'pass') return 'promote'
  if (verdict.state === 'fail') return 'fail'
  if (verdict.state !== 'not_enough_evidence' || undecided === 'hold') return null
  return undecided === 'promote' && mostFailLogE >= cleanLogE ? null : undecided
}
