import type { Cancel, Clock } from '../clock.ts'
import { isPassing } from './errors.ts'
import { isEnding, renewalDelayMs, retryDelayMs, type Life } from './renewal.rules.ts'

export interface KeeperOptions {
  readonly clock: Clock
  readonly random: () => number
  /** Makes what is kept live longer. */
  readonly renew: () => Promise<Life>
  /** Puts something new in its place. */
  readonly replace: () => Promise<Life>
  /** Told of every failure, and null when all is well again. */
  readonly onFault: (error: unknown) => void
}

/** However short a life: no more than one request a second. */
const shortestDelayMs = 1_000

/**
 * Keeps something alive that Vault lends for a while: renews it at two thirds of its life, and puts
 * a new one in its place when renewing comes to an end or is refused. While Vault does not answer it
 * tries again, less and less often, and never gives up.
 */
export class Keeper {
  readonly #options: KeeperOptions
  #initialMs = 0
  #expiresMs = Number.POSITIVE_INFINITY
  #failures = 0
  #cancel: Cancel = () => {}
  #replacing: Promise<void> | null = null
  /** What it hangs on has changed: renewing it is not enough any more. */
  #isOutdated = false
  #stopped = false

  constructor(options: KeeperOptions) {
    this.#options = options
  }

  /** What is left of it, ms; infinite for what lives for ever, 0 when it has ended. */
  get leftMs(): number {
    return Math.max(0, this.#expiresMs - this.#options.clock.monotonicMs())
  }

  /** Begins with something new. */
  keep(life: Life): void {
    this.#isOutdated = false
    this.#initialMs = life.ttlMs
    this.#goOn(life)
  }

  /** Puts something new in its place now; called twice at once, it is done once. */
  replaceNow(): Promise<void> {
    this.#isOutdated = true
    this.#cancel()
    this.#replacing ??= this.#replace().finally(() => {
      this.#replacing = null
    })
    return this.#replacing
  }

  /** Tries at once what has failed and waits: Vault was seen to answer again. */
  async tryNow(): Promise<void> {
    if (this.#failures === 0) return
    this.#cancel()
    await (this.#isOutdated || this.leftMs === 0 ? this.replaceNow() : this.#renew())
  }

  stop(): void {
    this.#stopped = true
    this.#cancel()
  }

  #goOn(life: Life): void {
    const { clock, random, onFault } = this.#options
    this.#failures = 0
    this.#expiresMs = life.ttlMs === 0 ? Number.POSITIVE_INFINITY : clock.monotonicMs() + life.ttlMs
    onFault(null)
    if (life.ttlMs === 0) return
    const renewable = life.renewable && !isEnding(life.ttlMs, this.#initialMs)
    this.#after(renewalDelayMs(life.ttlMs, random()), renewable)
  }

  #after(delayMs: number, renewing: boolean): void {
    this.#cancel()
    if (this.#stopped) return
    const task = renewing ? () => this.#renew() : () => this.replaceNow()
    this.#cancel = this.#options.clock.after(Math.max(shortestDelayMs, delayMs), () => void task().catch(() => {})) // told by onFault
  }

  async #renew(): Promise<void> {
    try {
      const life = await this.#options.renew()
      if (!this.#isOutdated) this.#goOn(life)
    } catch (error) {
      // refused, or too late: renewing will not help any more
      if (this.#isOutdated || !isPassing(error) || this.leftMs === 0) return this.replaceNow()
      this.#failed(error, true)
    }
  }

  async #replace(): Promise<void> {
    try {
      this.keep(await this.#options.replace())
    } catch (error) {
      this.#failed(error, false)
      throw error
    }
  }

  #failed(error: unknown, renewing: boolean): void {
    this.#failures++
    this.#options.onFault(error)
    this.#after(retryDelayMs(this.#failures, this.#options.random()), renewing)
  }
}
