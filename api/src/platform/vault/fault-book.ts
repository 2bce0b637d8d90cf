import type { FastifyBaseLogger } from 'fastify'
import { isCodedError, messageOf } from '../errors.ts'

/** Why what came from Vault may be out of date. */
export interface VaultFault {
  /** lower_snake_case */
  readonly code: string
  readonly text: string
  readonly next: string
}

/** What does not work now, by what it is about. */
export class FaultBook {
  readonly #faults = new Map<string, VaultFault>()
  readonly #log: FastifyBaseLogger

  constructor(log: FastifyBaseLogger) {
    this.#log = log
  }

  get first(): VaultFault | null {
    const [fault = null] = this.#faults.values()
    return fault
  }

  /** To be told of an error, or of null when it is over; logged when it begins, becomes another, and ends. */
  of(about: string) {
    return (error: unknown): void => {
      const before = this.#faults.get(about)
      if (error === null) {
        if (this.#faults.delete(about)) this.#log.info({ about }, 'vault works again')
        return
      }
      const fault = faultOf(error)
      this.#faults.set(about, fault)
      if (before?.code !== fault.code) this.#log.warn({ about, ...fault }, 'vault cannot be used now')
    }
  }
}

const faultOf = (error: unknown): VaultFault => ({
  code: isCodedError(error) ? error.code.replace('PLIMSOLL_', '').toLowerCase() : 'vault_failed',
  text: `${messageOf(error)}; what was read before stays in use`,
  next: (isCodedError(error) && error.hint) || 'see the log'
})
