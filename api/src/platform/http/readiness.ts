import fp from 'fastify-plugin'
import type { Readiness, Reason } from '../../contract/index.ts'

declare module 'fastify' {
  interface FastifyInstance {
    readiness: ReadinessChecks
  }
}

type Check = () => Reason | null

/** What keeps this instance from serving. Rooms add theirs; each is asked on every `/readyz` and must be cheap. */
export class ReadinessChecks {
  #checks = new Map<string, { check: Check; status: 'busy' | 'not_ready' }>()

  /**
   * @param name - of the check; a second one of the same name replaces the first
   * @param check - gives the reason, or null while all is well
   * @param status - `busy` keeps traffic (Consul: warning), `not_ready` loses it (Consul: critical)
   */
  add(name: string, check: Check, status: 'busy' | 'not_ready' = 'not_ready'): void {
    this.#checks.set(name, { check, status })
  }

  get now(): Omit<Readiness, 'leads'> {
    const failing = [...this.#checks.values()]
      .map(({ check, status }) => ({ status, reason: check() }))
      .filter((result): result is { status: 'busy' | 'not_ready'; reason: Reason } => result.reason !== null)
    const status = failing.some((result) => result.status === 'not_ready')
      ? 'not_ready'
      : failing.length > 0
        ? 'busy'
        : 'ready'
    return { status, reasons: failing.map(({ reason }) => reason) }
  }
}

export const readinessPlugin = fp(
  async (app) => {
    app.decorate('readiness', new ReadinessChecks())
  },
  { name: 'readiness' }
)
