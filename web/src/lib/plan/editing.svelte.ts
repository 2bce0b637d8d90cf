import type { PlanChange, PlanFault, PlanStatus } from '@plimsoll/api/contract'
import { call, etagOfPlan } from '#lib/api/client.ts'
import { faultOf, type Fault } from '#lib/api/fault.ts'
import { faultyLines, isApplicable } from './draft.ts'

interface Draft {
  text: string
  /** What it was made from: the plan in force must still be that one when it is applied. */
  readonly hash: string
  readonly etag: string
}

interface Preview {
  readonly text: string
  readonly changes: readonly PlanChange[]
  readonly faults: readonly PlanFault[]
}

const headers = { 'content-type': 'application/yaml' }

/** An edit of the plan: a draft, what it would change, and its application. Nothing is applied that was not looked at. */
export class PlanEditing {
  readonly #status: () => PlanStatus
  readonly #onapplied: (status: PlanStatus) => void
  draft = $state<Draft | null>(null)
  #preview = $state.raw<Preview | null>(null)
  fault = $state.raw<Fault | null>(null)
  busy = $state(false)
  done = $state<string | null>(null)

  readonly text = $derived.by(() => this.draft?.text ?? this.#status().yaml)
  /** Another plan came into force since the edit began. */
  readonly overtaken = $derived.by(() => this.draft !== null && this.draft.hash !== this.#status().hash)
  /** What this very text would change; null until it was looked at. */
  readonly preview = $derived(this.#preview?.text === this.text ? this.#preview : null)
  readonly faults = $derived.by(() => this.preview?.faults ?? (this.draft === null ? this.#status().warnings : []))
  readonly lines = $derived(faultyLines(this.faults))
  readonly applicable = $derived(
    this.preview !== null && isApplicable(this.preview.faults) && this.preview.changes.length > 0
  )

  constructor(status: () => PlanStatus, onapplied: (status: PlanStatus) => void) {
    this.#status = status
    this.#onapplied = onapplied
  }

  begin(): void {
    const { yaml, hash } = this.#status()
    this.draft = { text: yaml, hash, etag: etagOfPlan() ?? `"${hash}"` }
    this.done = null
  }

  readonly discard = (): void => {
    this.draft = null
    this.#preview = null
    this.fault = null
  }

  readonly look = (): Promise<void> =>
    this.#attempt(async () => {
      const { text } = this
      const found = await call('POST /api/v1/plan/diff', { body: text, headers })
      this.#preview = { text, ...found }
    })

  readonly apply = (): Promise<void> =>
    this.#attempt(async () => {
      if (!this.draft) return
      const { text, etag } = this.draft
      const { status } = await call('PUT /api/v1/plan', {
        body: text,
        headers: { ...headers, 'if-match': etag, 'x-plan-source': 'ui' }
      })
      this.discard()
      this.done = `Revision ${status.revision} is in force.`
      this.#onapplied(status)
    })

  async #attempt(work: () => Promise<void>): Promise<void> {
    this.busy = true
    this.fault = null
    try {
      await work()
    } catch (error) {
      this.fault = faultOf(error)
    }
    this.busy = false
  }
}
