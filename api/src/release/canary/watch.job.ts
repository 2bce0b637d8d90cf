import type { Clock } from '../../platform/clock.ts'
import { messageOf } from '../../platform/errors.ts'
import type { Nomad } from '../../platform/nomad/client.ts'
import { followEvents } from '../../platform/nomad/follow-events.ts'

export interface WatchOptions {
  readonly nomad: Nomad
  readonly clock: Clock
  /** Jobs of this namespace that the plan names. */
  readonly jobs: ReadonlySet<string>
  /** Reads a job again; called often, and for jobs that did not change, too. */
  readonly onChange: (job: string) => void
  readonly onTrouble: (error: string | null) => void
}

/**
 * Says which jobs of one namespace changed. The event stream is a hint that comes at once; after
 * every connection everything is read anew, and while there is no stream the deployments are watched
 * by blocking queries, so nothing is missed when events are.
 */
export class NomadWatch {
  readonly #options: WatchOptions
  readonly #stop = new AbortController()
  readonly #running: Promise<void>
  #fallback: AbortController | null = null

  constructor(options: WatchOptions) {
    this.#options = options
    this.#running = this.#follow()
  }

  async close(): Promise<void> {
    this.#stop.abort()
    this.#fallback?.abort()
    await this.#running
  }

  async #follow(): Promise<void> {
    const { nomad, clock, jobs, onChange, onTrouble } = this.#options
    const topics = { Deployment: ['*'], Job: ['*'] }
    for await (const followed of followEvents(nomad, clock, { topics, signal: this.#stop.signal })) {
      if (followed.kind === 'lost') {
        onTrouble(messageOf(followed.error))
        this.#fallBack()
        continue
      }
      if (followed.kind === 'connected') {
        this.#fallback?.abort()
        this.#fallback = null
        onTrouble(null)
        jobs.forEach(onChange)
        continue
      }
      const changed = followed.batch.events.map(({ payload }) => jobOf(payload))
      for (const job of new Set(changed)) if (job !== null && jobs.has(job)) onChange(job)
    }
  }

  /** Watches by blocking queries until the stream is back. */
  #fallBack(): void {
    if (this.#fallback) return
    const fallback = (this.#fallback = new AbortController())
    const { nomad, jobs, onChange, onTrouble } = this.#options
    const watch = async (): Promise<void> => {
      try {
        for await (const seen of nomad.watchDeployments(fallback.signal)) if (seen.index >= 0) jobs.forEach(onChange)
      } catch (error) {
        onTrouble(messageOf(error))
      }
      if (this.#fallback === fallback) this.#fallback = null
    }
    void watch()
  }
}

/** The job that an event is about. */
const jobOf = (payload: Readonly<Record<string, unknown>>): string | null => {
  const { Deployment, Job } = payload as { Deployment?: { JobID?: string }; Job?: { ID?: string } }
  return Deployment?.JobID ?? Job?.ID ?? null
}
