import type { LiveLoad, StartLoad } from '@plimsoll/api/contract'
import { call } from '#lib/api/client.ts'
import { faultOf, type Fault } from '#lib/api/fault.ts'
import { live } from '#lib/live/live.svelte.ts'

/** Load of one service that is being sent, or was last: started, followed and stopped from the page. */
export class Sending {
  readonly #service: () => string
  /** What the stream, or an answer, told last; null: nothing since this page knows. */
  now: LiveLoad | null = $state.raw(null)
  fault: Fault | null = $state.raw(null)
  busy = $state(false)
  /** It was asked to end and has not yet. */
  stopping = $state(false)
  readonly running = $derived(this.now !== null && (this.now.state === 'starting' || this.now.state === 'running'))

  constructor(service: () => string, onended: () => void) {
    this.#service = service
    // The stream tells each second where a sending stands, and when it is over.
    $effect(() =>
      live.on('load', (news) => {
        if (news.service !== service()) return
        this.now = news
        if (news.state === 'ended' || news.state === 'failed') onended()
      })
    )
    $effect(() => {
      if (!this.running) this.stopping = false
    })
  }

  /** Takes what a reading of the API says, unless the stream was faster and told of the end. */
  read(active: LiveLoad | null): void {
    if (active === null || active.id !== this.now?.id || this.running) this.now = active
  }

  readonly start = (body: StartLoad): Promise<void> =>
    this.#attempt(async () => {
      const params = { service: this.#service() }
      const begun = await call('POST /api/v1/services/{service}/runs', { params, body })
      // The stream may have told more already, even the end.
      if (this.now?.id !== begun.id) this.now = begun
    })

  readonly stop = (): Promise<void> =>
    this.#attempt(async () => {
      await call('DELETE /api/v1/services/{service}/runs/active', { params: { service: this.#service() } })
      this.stopping = true
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
