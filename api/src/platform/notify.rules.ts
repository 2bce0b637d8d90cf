/** First wait after a failure, ms. */
const firstDelayMs = 1_000

/** Longest wait, ms: a receiver that was down for hours is told within this after its return. */
const maxDelayMs = 600_000

/** A message that could not be delivered for this long is given up, ms: a day. */
export const giveUpAfterMs = 86_400_000

/** Replies that say the message itself is refused: sending it again would change nothing. */
const refusals: ReadonlySet<number> = new Set([400, 410, 413, 422])

export interface Attempt {
  /** HTTP status; null when there was no reply. */
  readonly status: number | null
  readonly error: string | null
  /** From `Retry-After`, ms; null without it. */
  readonly retryAfterMs: number | null
}

export type Next =
  | { readonly state: 'delivered' }
  | { readonly state: 'failed'; readonly error: string }
  | { readonly state: 'pending'; readonly error: string; readonly delayMs: number }

/**
 * What becomes of a message after an attempt. Delivered by any 2xx. Given up when the receiver
 * refuses the message itself or a day has passed; otherwise tried again after 1, 2, 4 … s up to
 * 10 min, each time between half of that and all of it, so that many senders do not return at once.
 *
 * @param attempts - attempts made, this one included, 1 or more
 * @param ageMs - since the message was made, ms
 * @param random - 0 to 1, exclusive
 */
export function afterAttempt(attempt: Attempt, attempts: number, ageMs: number, random: number): Next {
  const { status, retryAfterMs } = attempt
  if (status !== null && status >= 200 && status < 300) return { state: 'delivered' }
  const error = attempt.error ?? `HTTP ${status}`
  if (status !== null && refusals.has(status))
    return { state: 'failed', error: `${error}: the receiver refuses this message` }
  const fullMs = Math.min(maxDelayMs, firstDelayMs * 2 ** Math.min(attempts - 1, 30))
  const delayMs = Math.max(Math.round(fullMs * (0.5 + random / 2)), Math.min(retryAfterMs ?? 0, maxDelayMs))
  if (ageMs + delayMs > giveUpAfterMs) return { state: 'failed', error: `${error}: given up after a day` }
  return { state: 'pending', error, delayMs }
}

/** `Retry-After` as seconds or as a date, in ms from now; null when absent or unreadable. */
export function parseRetryAfter(value: string | null, nowMs: number): number | null {
  if (value === null) return null
  if (/^\d+$/.test(value.trim())) return Number(value) * 1_000
  const atMs = Date.parse(value)
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs)
}
