import type { CreateOverride, Override } from '@plimsoll/api/contract'
import { call } from '#lib/api/client.ts'
import { faultOf, type Fault } from '#lib/api/fault.ts'

/** Overrides of one service, made and ended from the page. */
export class Overriding {
  readonly #service: () => string
  readonly #onchanged: () => void
  open = $state(false)
  /** The one that is about to be ended. */
  ending: Override | null = $state.raw(null)
  busy = $state(false)
  fault: Fault | null = $state.raw(null)

  constructor(service: () => string, onchanged: () => void) {
    this.#service = service
    this.#onchanged = onchanged
  }

  readonly begin = (): void => {
    this.fault = null
    this.open = true
  }
  readonly end = (override: Override): void => {
    this.fault = null
    this.ending = override
  }
  readonly leave = (): void => {
    this.open = false
    this.ending = null
  }

  readonly create = (body: CreateOverride): Promise<void> =>
    this.#attempt(async () => {
      await call('POST /api/v1/services/{service}/overrides', { params: { service: this.#service() }, body })
    })

  readonly revoke = (): Promise<void> =>
    this.#attempt(async () => {
      const id = this.ending?.id ?? ''
      await call('DELETE /api/v1/services/{service}/overrides/{id}', { params: { service: this.#service(), id } })
    })

  async #attempt(work: () => Promise<void>): Promise<void> {
    if (this.busy) return
    this.busy = true
    this.fault = null
    try {
      await work()
      this.leave()
      this.#onchanged()
    } catch (error) {
      this.fault = faultOf(error)
    }
    this.busy = false
  }
}
