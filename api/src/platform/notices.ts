import fp from 'fastify-plugin'
import type { Cancel } from './clock.ts'

type Listener = () => void

/** Says that other instances have told something; what it was is read from the database. */
export class Notices {
  readonly #listeners = new Map<string, Set<Listener>>()
  /** Tells the other instances that there is something of a kind. Whom it does not reach looks by itself after a while. */
  announce: (kind: string) => void = () => {}

  /**
   * Calls `listener` when something of a kind was told, and whenever it may have been told unheard.
   *
   * @returns ends the subscription
   */
  on(kind: string, listener: Listener): Cancel {
    const listeners = this.#listeners.get(kind) ?? new Set()
    this.#listeners.set(kind, listeners.add(listener))
    return () => void listeners.delete(listener)
  }

  tell(kind: string): void {
    for (const listener of this.#listeners.get(kind) ?? []) listener()
  }

  /** Nothing was heard for a while: everybody looks. */
  tellAll(): void {
    for (const kind of this.#listeners.keys()) this.tell(kind)
  }
}

declare module 'fastify' {
  interface FastifyInstance {
    notices: Notices
  }
}

export const noticesPlugin = fp(async (app) => void app.decorate('notices', new Notices()), { name: 'notices' })
