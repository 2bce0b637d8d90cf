import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { classHeader, signClassClaim } from '../../signals/class-header.rules.ts'

/** How long a claim outlasts the run it was made for: clocks of two machines differ. */
const slackS = 60

export interface ClassKey {
  readonly key: string
  /** Nobody else knows a key made up here: Plimsoll will count the load as users'. */
  readonly shared: boolean
}

/**
 * The key that signs load requests: the one given, or that of the Plimsoll whose data directory this
 * is. Without either one is made up, so that no request goes out unmarked.
 */
export function findClassKey(env: Readonly<Record<string, string | undefined>>): ClassKey {
  const given = env['CLASS_KEY']
  if (given !== undefined && given !== '') return { key: given, shared: true }
  try {
    const key = readFileSync(join(env['DATA_DIR'] ?? 'data', 'class.key'), 'utf8').trim()
    if (key !== '') return { key, shared: true }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  return { key: randomBytes(32).toString('base64url'), shared: false }
}

/**
 * The header that marks every request of a run as load. It expires with the run, so it cannot be
 * used again later.
 *
 * @param forMs - how long the run may take from `nowMs` on
 */
export const loadClaim = (key: string, nowMs: number, forMs: number): Record<string, string> => ({
  [classHeader]: signClassClaim({ trafficClass: 'load', expiresS: Math.ceil((nowMs + forMs) / 1_000) + slackS }, key)
})
