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
import { unaskedBy, type ActionRecord, type ReleaseRecord } from './record.ts'
import { standingOf } from './standing.rules.ts'

export interface ActingOptions {
  readonly keeper: ReleaseKeeper
  readonly analyses: Analyses
  readonly clock: Clock
  readonly lease: Leadership
  readonly log: Pick<FastifyBaseLogger, 'info'>
  /** A client for a namespace. */
  readonly nomadOf: (namespace: string) => Nomad
  /** Tells somebody outside Nomad. */
  readonly tellWebhook: (service: ResolvedService, release: ReleaseRecord, action: ActionRecord) => Promise<Told>
  /** After something was done unasked. */
  readonly onActed: (release: ReleaseRecord, action: ActionRecord) => Promise<void>
}

/** What came of telling a webhook. `refused`: it will never take it. */
export interface Told {
  readonly kind: 'taken' | 'not_yet' | 'refused'
  readonly text: string
}

/** Pauses before a webhook is told again, from the first to the longest; they double. */
const pauseFromMs = 1_000
const pauseToMs = 60_000

type Intended = Pick<ActionRecord, 'id' | 'action' | 'by' | 'reason'>

/** Turns verdicts and people's words into what is done: intended in the store first, then carried out, then settled. */
export class Acting {
  readonly #options: ActingOptions
  /** Webhooks to be told again, by action. */
  readonly #pauses = new Map<string, { readonly untilMs: number; readonly lastMs: number }>()

  constructor(options: ActingOptions) {
    this.#options = options
  }

  /**
   * What an analysis that is decided leads to: an action, or a word to a person. Done again after a
   * restart it changes nothing: words have keys, actions have ids.
   */
  async decide(release: ReleaseRecord, service: ResolvedService, analysis: Analysis): Promise<void> {
    const { keeper, clock } = this.#options
    const { act, undecided } = service.release!
    const waiting = (await keeper.store.actions(release.id)).filter(({ state }) => state === 'intended')
    if (waiting.some(({ by }) => by !== unaskedBy)) return // a person was faster: theirs comes first
    const nowMs = clock.nowMs()
    const { state, text } = standingOf(analysis)
    const decided = { ...release, text }
    await keeper.save(decided, [{ key: 'decided', atMs: nowMs, kind: 'analysis', text }], release)
    const action = state === 'could_not_measure' ? null : actionOf(analysis.judge, undecided)
    if (action !== null && !release.held) await this.#decideTo(action, { release: decided, service, act })
    this.#options.analyses.close(release.id, text)
  }

  async #decideTo(
    action: 'promote' | 'fail',
    { release, service, act }: { release: ReleaseRecord; service: ResolvedService; act: boolean }
  ): Promise<void> {
    const { keeper, clock, lease } = this.#options
    const id = `${release.id}/${action}`
    const intended = this.#intention(release, { id, action, by: unaskedBy, reason: release.text })
    if (act) {
      if (await lease.act((transaction) => keeper.store.intend(intended, transaction))) {
        await this.carryOut(release, service, intended)
      }
      return
    }
    const observed: ActionRecord = {
      ...intended,
      state: 'observed_only',
      settledMs: clock.nowMs(),
      text: `would ${action}: the plan does not say act: true`
    }
    if (!(await lease.act((transaction) => keeper.store.intend(observed, transaction)))) return
    const said = {
      key: `action-${observed.id}`,
      atMs: observed.intendedMs,
      kind: 'action' as const,
      text: observed.text,
      by: unaskedBy
    }
    await keeper.save(release, [said], release)
  }

  /**
   * Takes what a person asks, instead of what is intended still. Any instance writes it down; the leader
   * carries it out, at once or in its next round.
   */
  async order(
    release: ReleaseRecord,
    service: ResolvedService,
    { action, by, reason }: { action: CanaryAction; by: string; reason: string }
  ): Promise<void> {
    const { keeper, clock } = this.#options
    const id = `${release.id}/${action}/${clock.nowMs()}`
    const intended = this.#intention(release, { id, action, by, reason })
    await keeper.store.transaction(async (transaction) => {
      const otherwise = { text: `${by} decided: ${action}`, atMs: intended.intendedMs }
      await keeper.store.giveUp(release.id, otherwise, transaction)
      await keeper.store.intend(intended, transaction)
    })
    await this.carryOut(release, service, intended)
  }

  /** Carries out an intention until its effect is seen; called again until then. A person's hold keeps Plimsoll from deciding. */
  async carryOut(found: ReleaseRecord, service: ResolvedService, action: ActionRecord): Promise<void> {
    const { keeper, clock, lease, log, onActed } = this.#options
    if (!lease.isLeader) return
    const release = action.by === unaskedBy ? found : { ...found, held: action.action === 'hold' }
    await keeper.save(release, [], found)
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
    if (action.by === unaskedBy) await onActed(release, { ...action, ...outcome, settledMs })
    if (release.nomad === null && outcome.state === 'done') await this.#endOutside(release, action.action)
  }

  async #outcomeOf(release: ReleaseRecord, service: ResolvedService, action: ActionRecord): Promise<Settled> {
    const { lease, nomadOf } = this.#options
    const { nomad } = release
    if (nomad !== null && nomad.deployment !== null) {
      return carryOut(action, nomad.deployment, { nomad: nomadOf(nomad.namespace), mayAct: () => lease.isLeader })
    }
    if (!service.release?.webhook) {
      return { state: 'done', text: 'noted: the plan names neither a job of Nomad nor a webhook' }
    }
    return this.#tell(service, release, action)
  }

  /** Tells the webhook, unless it is too early to tell it again. */
  async #tell(service: ResolvedService, release: ReleaseRecord, action: ActionRecord): Promise<Settled> {
    const { clock, tellWebhook } = this.#options
    const pause = this.#pauses.get(action.id)
    if (pause && clock.monotonicMs() < pause.untilMs) return null
    const { kind, text } = await tellWebhook(service, release, action)
    if (kind !== 'not_yet') {
      this.#pauses.delete(action.id)
      return { state: kind === 'taken' ? 'done' : 'failed', text }
    }
    const lastMs = Math.min(pause ? pause.lastMs * 2 : pauseFromMs, pauseToMs)
    this.#pauses.set(action.id, { untilMs: clock.monotonicMs() + lastMs, lastMs })
    return null
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
