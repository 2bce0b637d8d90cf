import type { CanaryAction, Release } from '@plimsoll/api/contract'
import { call } from '#lib/api/client.ts'
import { faultOf, type Fault } from '#lib/api/fault.ts'

/** A decision by hand: which one, why, and what the API said to it. */
export class Deciding {
  readonly #id: () => string
  readonly #ondone: (release: Release) => void
  /** What is being asked about; null: nothing. */
  asked: CanaryAction | null = $state(null)
  reason = $state('')
  busy = $state(false)
  fault: Fault | null = $state.raw(null)
  done: string | null = $state(null)

  constructor(id: () => string, ondone: (release: Release) => void) {
    this.#id = id
    this.#ondone = ondone
  }

  readonly ask = (action: CanaryAction): void => {
    this.asked = action
    this.reason = ''
    this.fault = null
    this.done = null
  }

  readonly leave = (): void => {
    this.asked = null
  }

  readonly confirm = async (): Promise<void> => {
    const action = this.asked
    if (action === null || this.busy) return
    this.busy = true
    this.fault = null
    try {
      const body = { action, reason: this.reason.trim() }
      this.#ondone(await call('POST /api/v1/releases/{id}/actions', { params: { id: this.#id() }, body }))
      this.asked = null
      this.done = WORDS[action]
    } catch (error) {
      this.fault = faultOf(error)
    }
    this.busy = false
  }
}

const WORDS: Readonly<Record<CanaryAction, string>> = {
  promote: 'Its promotion was asked for; what then happens stands below.',
  fail: 'It was asked to be stopped; what then happens stands below.',
  hold: 'It is held: Plimsoll does nothing to it until you do.'
}
