import { randomUUID } from 'node:crypto'
import type { AskGate, CreateOverride, ExternalEvidence, Override, Verdict } from '../../contract/gate.ts'
import { isSignedBy } from '../../platform/signing/public-key.rules.ts'
import { signingUnavailable } from '../../platform/signing/errors.ts'
import type { Signer } from '../../platform/signing/signer.ts'
import type { GatePolicy, ResolvedService } from '../../plan/model.ts'
import type { OutcomePort } from './backtest.ts'
import { sha256Of } from './canonical-json.rules.ts'
import { collectFacts, type InFlightPort, type Sources } from './collect.ts'
import { envelopeOf, payloadOf, payloadType, preAuthentication } from './envelope.rules.ts'
import { overrideInvalid } from './errors.ts'
import { judgeGate, policyFor } from './judge.rules.ts'
import type { GateStore, KeptVerdict } from './store.ts'

export interface GateOptions {
  readonly rooms: Sources['rooms'] & { readonly signer: Signer }
  readonly store: GateStore
}

/** An override holds for at most this long; it is for a night, not for a quarter. */
const longestOverrideMs = 7 * 86_400_000

/** May it ship? Asks every rule now, signs the answer and keeps it. */
export class Gate {
  readonly store: GateStore
  readonly #rooms: GateOptions['rooms']
  readonly #listeners = new Set<(verdict: Verdict) => void | Promise<void>>()
  #inFlight: InFlightPort = () => Promise.reject(new Error('nobody watches releases'))
  #outcome: OutcomePort = () => Promise.resolve(null)

  constructor({ rooms, store }: GateOptions) {
    this.#rooms = rooms
    this.store = store
  }

  /** Who knows which releases are under way, and how the others ended, calls this at start. */
  provideReleases(ports: { readonly inFlight: InFlightPort; readonly outcome: OutcomePort }): void {
    this.#inFlight = ports.inFlight
    this.#outcome = ports.outcome
  }

  /** What became of a version; null: not known. */
  outcome(...asked: Parameters<OutcomePort>): ReturnType<OutcomePort> {
    return this.#outcome(...asked)
  }

  /** Called with every verdict that is kept, before the caller has it. */
  onVerdict(listener: (verdict: Verdict) => void | Promise<void>): void {
    this.#listeners.add(listener)
  }

  /**
   * A verdict on one version. A dry run is neither kept nor signed.
   *
   * @throws PLIMSOLL_SIGNING_UNAVAILABLE
   */
  async ask(service: ResolvedService, asked: AskGate, askedBy: string): Promise<Verdict> {
    const { version, environment, dryRun = false } = asked
    const policy = policyFor(service.gate, environment)
    const facts = await collectFacts(
      { rooms: this.#rooms, store: this.store, inFlight: this.#inFlight },
      { service, version, environment },
      policy
    )
    const overrides = await this.store.overridesFor(service.name, environment, version, facts.atMs)
    const draft: Verdict = {
      id: randomUUID(),
      service: service.name,
      version,
      environment,
      dryRun,
      at: new Date(facts.atMs).toISOString(),
      ...judgeGate(facts, policy, overrides),
      askedBy,
      policySha256: sha256Of(policy),
      evidenceSha256: sha256Of(facts),
      keyId: null
    }
    if (dryRun) return draft
    const { verdict, ...proof } = await this.#sign(draft)
    await this.store.keep({ verdict, facts, ...proof })
    for (const listener of this.#listeners) await listener(verdict)
    return verdict
  }

  /** The key may be replaced between its name and the signature: then once more, with the new one. */
  async #sign(draft: Verdict): Promise<Omit<KeptVerdict, 'facts'>> {
    const { signer } = this.#rooms
    for (let attempt = 0; attempt < 3; attempt++) {
      const verdict = { ...draft, keyId: signer.keyId }
      const publicKeyPem = await signer.publicKeyPem()
      const payload = payloadOf(verdict)
      const bytes = preAuthentication(payloadType, payload)
      const signature = await signer.sign(bytes)
      if (isSignedBy(publicKeyPem, bytes, signature)) {
        return { verdict, publicKeyPem, envelope: envelopeOf(payload, verdict.keyId, signature) }
      }
    }
    throw signingUnavailable('what the key signs does not fit its public key')
  }

  /**
   * Somebody takes the blame for named rules.
   *
   * @throws PLIMSOLL_OVERRIDE_INVALID
   */
  async override({ name: service }: ResolvedService, asked: CreateOverride, by: string): Promise<Override> {
    const nowMs = this.#rooms.clock.nowMs()
    const untilMs = Date.parse(asked.until)
    if (untilMs <= nowMs) throw overrideInvalid('it ends before it begins', { hint: 'give `until` a time to come' })
    if (untilMs - nowMs > longestOverrideMs) {
      throw overrideInvalid('an override of more than 7 days is a policy', {
        hint: 'change `gate:` in the plan, where it is reviewed, or end it sooner'
      })
    }
    const override: Override = {
      id: randomUUID(),
      service,
      environment: asked.environment,
      version: asked.version ?? null,
      rules: asked.rules,
      reason: asked.reason,
      by,
      createdAt: new Date(nowMs).toISOString(),
      until: new Date(untilMs).toISOString(),
      revokedAt: null,
      revokedBy: null,
      usedBy: []
    }
    await this.store.addOverride(override)
    return override
  }

  /** What the plan asks of evidence of this kind and name, in any environment. */
  requirementOf({ gate }: ResolvedService, { kind, name }: Pick<ExternalEvidence, 'kind' | 'name'>) {
    const policies: readonly GatePolicy[] = [gate, ...Object.values(gate.environments)]
    return policies.flatMap(({ evidence }) => evidence).find((each) => each.kind === kind && each.name === name)
  }
}
