/** A session gets a new secret after this, ms: one that was stolen is worth little. */
export const rotateEveryMs = 900_000

/** Requests that were under way while the secret changed may still show the old one, ms. */
export const overlapMs = 60_000

/** The last use is written at most this often, ms. */
export const useEveryMs = 60_000

/** What is known of a session's secrets and times; times are Unix ms. */
export interface SessionTimes {
  readonly rotatedMs: number
  /** When the newest secret was first used; null: the browser may not have it. */
  readonly confirmedMs: number | null
  readonly usedMs: number
  readonly expiresMs: number
}

export type SessionState =
  | { readonly kind: 'ended'; readonly why: 'expired' | 'idle' | 'reused' }
  /** `confirm`: the newest secret is used for the first time. */
  | { readonly kind: 'valid'; readonly rotate: boolean; readonly confirm: boolean; readonly note: boolean }

/**
 * What to do with a session when one of its secrets is shown.
 *
 * The secret before the newest works until the newest has been used and a minute longer; shown
 * later than that, somebody has a copy of it, and the session ends.
 *
 * @param times - as stored
 * @param shown - which secret was shown
 * @param idleMs - a session unused for so long has ended
 */
export function stateOf(
  { rotatedMs, confirmedMs, usedMs, expiresMs }: SessionTimes,
  shown: 'newest' | 'previous',
  { nowMs, idleMs }: { nowMs: number; idleMs: number }
): SessionState {
  if (nowMs >= expiresMs) return { kind: 'ended', why: 'expired' }
  if (nowMs - usedMs >= idleMs) return { kind: 'ended', why: 'idle' }
  const note = nowMs - usedMs >= useEveryMs
  if (shown === 'newest') {
    return { kind: 'valid', rotate: nowMs - rotatedMs >= rotateEveryMs, confirm: confirmedMs === null, note }
  }
  if (confirmedMs !== null && nowMs - confirmedMs >= overlapMs) return { kind: 'ended', why: 'reused' }
  // the browser never got the newest one: after the overlap it is given another
  return { kind: 'valid', rotate: confirmedMs === null && nowMs - rotatedMs >= overlapMs, confirm: false, note }
}
