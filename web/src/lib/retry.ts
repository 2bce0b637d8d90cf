const FIRST_RETRY_MS = 1_000
const LONGEST_RETRY_MS = 30_000

/**
 * How long to wait before the next attempt: 1 s doubled up to 30 s, spread over its upper half so that
 * a crowd of browsers does not come back in one moment.
 *
 * @param attempt - failed attempts so far, 1 or more
 * @param random - in [0, 1)
 */
export const retryDelayMs = (attempt: number, random: number): number => {
  const longest = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(16, attempt - 1))
  return Math.round(longest * (0.5 + random / 2))
}
