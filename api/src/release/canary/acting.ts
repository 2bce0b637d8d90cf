import type { FastifyBaseLogger } from 'fastify'
import type { CanaryAction } from '../../contract/releases.ts'
import type { ResolvedService } from '../../plan/model.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Leadership } from '../../platform/lease.ts'
import type { Nomad } from '../../platform/nomad/client.ts'
import { carryOut, type Settled } from './actor.ts'
import type { Analyses } from './analyses.ts'
import type { Analysis } from './analysis.ts'
import { actionOf } from './decision.rules.ts'
import type { ReleaseKeeper } from './keeper.ts'
import type { ActionRecord, ReleaseRecord } from './record.ts'
import { standingOf } from './standing.rules.ts'

export interface ActingOptions {
  readonly keeper: ReleaseKeeper
  readonly analyses: Analyses
  readonly clock: Clock
  readonly lease: Leadership
  readonly log: Pick<FastifyBaseLogger, 'info'>
  /** A client for a namespace. */
  readonly nomadOf: (namespace: string) => Nomad
  /** Tells somebody outside Nomad; true: they took it. */
  readonly tellWebhook: (service: ResolvedService, release: ReleaseRecord, action: ActionRecord) => Promise<boolean>
  /** After something was done unasked. */
  readonly onActed: (release: ReleaseRecord, action: ActionRecord) => Promise<void>
}

type Intended = Pick<ActionRecord, 'id' | 'action' | 'by' | 'reason'>

/** Turns verdicts and people's words into what is done: intended in the store first, then carried out, then settled. */
export class Acting {
  readonly #options: ActingOptions

  constructor(options: ActingOptions) {
    this.#options = options
  }

  /** What an analysis that is decided leads to: an action, or a word to a person. */
  async decide(release: ReleaseRecord, service: ResolvedService, analysis: Analysis): Promise<void> {
    const { keeper, clock, lease } = this.#options
    const { act, undecided } = service.release!
    const nowMs = clock.nowMs()
    const { state, text } = standingOf(analysis)
    const decided = { ...release, text }
    await keeper.save(decided, [{ key: 'decided', atMs: nowMs, kind: 'analysis', text }], release)
    const action = state === 'could_not_measure' ? null : actionOf(analysis.judge, undecided)
    if (action === null || release.held) return
    const intended = this.#intention(release, { id: `${release.id}/${action}`, action, by: 'plimsoll', reason: text })
    if (act) {
      if (await lease.act((transaction) => keeper.store.intend(intended, transaction))) {
        await this.carryOut(decided, service, intended)
      }
      return
    }
    const observed: ActionRecord = {
      ...intended,
      state: 'observed_only',
      settledMs: nowMs,
      text: `would ${action}: the plan does not say act: true`
    }
    if (!(await lease.act((transaction) => keeper.store.intend(observed, transaction)))) return
    const said = {
      key: `action-${observed.id}`,
      atMs: nowMs,
      kind: 'action' as const,
      text: observed.text,
      by: 'plimsoll'
    }
    await keeper.save(decided, [said], decided)
  }

  /** Does what a person asks; a hold also keeps Plimsoll from deciding. */
  async order(
    release: ReleaseRecord,
    service: ResolvedService,
    { action, by, reason }: { action: CanaryAction; by: string; reason: string }
  ): Promise<void> {
    const { keeper, clock, lease } = this.#options
    const id = `${release.id}/${action}/${clock.nowMs()}`
    const intended = this.#intention(release, { id, action, by, reason })
    const ordered = { ...release, held: action === 'hold' }
    await lease.act(async (transaction) => {
      await keeper.store.intend(intended, transaction)
      await keeper.store.save(ordered, transaction)
    })
    await this.carryOut(ordered, service, intended)
  }

  /** Carries out an intention until its effect is seen; called again until then. */
  async carryOut(release: ReleaseRecord, service: ResolvedService, action: ActionRecord): Promise<void> {
    const { keeper, clock, lease, log, onActed } = this.#options
    if (!lease.isLeader) return
    const outcome = await this.#outcomeOf(release, service, action)
    if (outcome === null) return
    const settledMs = clock.nowMs()
    const text = `${action.action}: ${outcome.text} (${action.reason})`
    await lease.act(async (transaction) => {
      await keeper.store.settle(action.id, { ...outcome, settledMs }, transaction)
    })
    await keeper.save(
      release,
      [{ key: `action-${action.id}`, atMs: settledMs, kind: 'action', text, by: action.by }],
      release
    )
    const { service: name, version } = release
    log.info({ service: name, version, action: action.action, state: outcome.state }, 'release acted on')
    if (action.by === 'plimsoll') await onActed(release, { ...action, ...outcome, settledMs })
    if (release.nomad === null && outcome.state === 'done') await this.#endOutside(release, action.action)
  }

  async #outcomeOf(release: ReleaseRecord, service: ResolvedService, action: ActionRecord): Promise<Settled> {
    const { lease, nomadOf, tellWebhook } = this.#options
    const { nomad } = release
    if (nomad !== null && nomad.deployment !== null) {
      return carryOut(action, nomad.deployment, { nomad: nomadOf(nomad.namespace), mayAct: () => lease.isLeader })
    }
    if (!service.release?.webhook) {
      return { state: 'done', text: 'noted: the plan names neither a job of Nomad nor a webhook' }
    }
    return (await tellWebhook(service, release, action)) ? { state: 'done', text: 'the webhook took it' } : null
  }

  /** Nobody will tell that a release outside Nomad has ended: the decision is its end. */
  async #endOutside(release: ReleaseRecord, action: CanaryAction): Promise<void> {
    if (action === 'hold') return
    const { keeper, analyses, clock } = this.#options
    const state = action === 'promote' ? 'promoted' : 'failed'
    const nowMs = clock.nowMs()
    const end = { key: 'end', atMs: nowMs, kind: state, text: release.text } as const
    await keeper.save({ ...release, state, endedMs: nowMs }, [end])
    analyses.forget(release.id)
  }

  #intention(release: ReleaseRecord, intended: Intended): ActionRecord {
    const { clock, lease } = this.#options
    return {
      ...intended,
      releaseId: release.id,
      fencing: lease.fencing,
      intendedMs: clock.nowMs(),
      state: 'intended',
      settledMs: null,
      text: ''
    }
  }
}
