import type { FastifyBaseLogger } from 'fastify'
import type { ResolvedService } from '../../plan/model.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Nomad } from '../../platform/nomad/client.ts'
import { NomadWatch } from './watch.job.ts'

export interface NomadWatchesOptions {
  readonly log: Pick<FastifyBaseLogger, 'info' | 'warn'>
  readonly clock: Clock
  /** A client for a namespace. */
  readonly nomadOf: (namespace: string) => Nomad
  /** Called often, and for services whose job did not change, too. */
  readonly onChange: (service: ResolvedService) => void
}

/** One watch for each namespace that the plan names. */
export class NomadWatches {
  readonly #options: NomadWatchesOptions
  readonly #trouble = new Map<string, string>()
  #watches: NomadWatch[] = []
  #closing: Promise<unknown> = Promise.resolve()

  constructor(options: NomadWatchesOptions) {
    this.#options = options
  }

  /** What keeps it from watching, by namespace. */
  get trouble(): ReadonlyMap<string, string> {
    return this.#trouble
  }

  /** Watches the jobs of these services, and no others. */
  take(services: readonly ResolvedService[]): void {
    this.#end()
    const named = services.flatMap((service) => (service.release?.nomad ? [{ service, ...service.release.nomad }] : []))
    const byNamespace = Map.groupBy(named, ({ namespace }) => namespace)
    this.#watches = [...byNamespace].map(([namespace, watched]) => this.#watch(namespace, watched))
  }

  async close(): Promise<void> {
    this.#end()
    await this.#closing
  }

  #end(): void {
    const ending = this.#watches.map((watch) => watch.close())
    this.#closing = Promise.all([this.#closing, ...ending])
    this.#watches = []
    this.#trouble.clear()
  }

  #watch(namespace: string, watched: readonly { service: ResolvedService; job: string }[]): NomadWatch {
    const { nomadOf, clock, log, onChange } = this.#options
    return new NomadWatch({
      nomad: nomadOf(namespace),
      clock,
      jobs: new Set(watched.map(({ job }) => job)),
      onChange: (changed) => {
        for (const { service, job } of watched) if (job === changed) onChange(service)
      },
      onTrouble: (error) => {
        const isKnown = this.#trouble.has(namespace)
        if (error === null) {
          if (this.#trouble.delete(namespace)) log.info({ namespace }, 'releases are watched again')
          return
        }
        this.#trouble.set(namespace, error)
        if (!isKnown) log.warn({ namespace, reason: error }, 'releases are not watched')
      }
    })
  }
}
