import type { FastifyBaseLogger } from 'fastify'
import { sleep, type Clock } from '../clock.ts'
import { isCodedError } from '../errors.ts'
import { isPassing } from './errors.ts'
import { retryDelayMs } from './renewal.rules.ts'

export interface PatienceOptions {
  readonly clock: Clock
  readonly random: () => number
  readonly log: FastifyBaseLogger
  /** How long everything together may take, ms. */
  readonly waitMs: number
}

/** Does a task until it succeeds; gives up at once when waiting cannot help. */
export type Patiently = <Result>(task: () => Promise<Result>) => Promise<Result>

/** At the start: while Vault is sealed, standby or away, tries again until the time is over. */
export function patience({ clock, random, log, waitMs }: PatienceOptions): Patiently {
  const endMs = clock.monotonicMs() + waitMs
  return async (task) => {
    for (let failures = 1; ; failures++) {
      try {
        return await task()
      } catch (error) {
        const delayMs = Math.min(retryDelayMs(failures, random()), endMs - clock.monotonicMs())
        if (!isPassing(error) || !isCodedError(error) || delayMs <= 0) throw error
        log.warn(
          { code: error.code, reason: error.message, next: error.hint, retryInMs: Math.round(delayMs) },
          'vault cannot be used yet'
        )
        await sleep(clock, delayMs)
      }
    }
  }
}
