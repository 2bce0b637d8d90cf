/** How long something that Vault gave out lives. */
export interface Life {
  /** From now, ms; 0 means for ever (a root token). */
  readonly ttlMs: number
  readonly renewable: boolean
}

/** Shortest and longest pause between two tries while Vault does not answer, ms. */
const firstRetryMs = 500
const longestRetryMs = 30_000

/**
 * When to renew: at two thirds of its life, by chance up to a tenth of that earlier, so that
 * instances that started together do not come together.
 *
 * @param ttlMs - what is left of it, ms, above 0
 * @param random - in [0, 1)
 * @returns from now, ms
 */
export const renewalDelayMs = (ttlMs: number, random: number): number => ttlMs * (2 / 3) * (1 - random / 10)

/**
 * Whether renewing has come to its end: near its greatest age a lease is granted ever less than it
 * had at first, and something new must take its place while it still works.
 *
 * @param grantedMs - what the last renewal gave, ms
 * @param initialMs - what it had when it was new, ms
 */
export const isEnding = (grantedMs: number, initialMs: number): boolean => grantedMs < initialMs / 2

/**
 * The pause before the next try: doubles from half a second to half a minute; by chance down to half
 * of that.
 *
 * @param failures - tries that failed one after the other, 1 or more
 * @param random - in [0, 1)
 * @returns ms
 */
export const retryDelayMs = (failures: number, random: number): number =>
  Math.min(longestRetryMs, firstRetryMs * 2 ** (failures - 1)) * (1 - random / 2)
