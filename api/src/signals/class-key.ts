import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Cancel } from '../platform/clock.ts'
import type { Secrets } from '../platform/secrets.ts'
import type { Settings } from '../platform/settings.ts'

/**
 * The secret that signs `X-Plimsoll-Class`: the setting, or else a random one that is made once and
 * kept in DATA_DIR/class.key, readable by this user alone.
 */
export function classKeyOf({ CLASS_KEY, DATA_DIR }: Pick<Settings, 'CLASS_KEY' | 'DATA_DIR'>): string {
  if (CLASS_KEY !== '') return CLASS_KEY
  const path = join(DATA_DIR, 'class.key')
  try {
    const known = readFileSync(path, 'utf8').trim()
    if (known.length >= 16) return known
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const made = randomBytes(32).toString('base64url')
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${made}\n`, { mode: 0o600 })
  return made
}

export interface ClassKeys {
  /** The first one signs, all are accepted. Always the same list: who holds it sees a rotation. */
  readonly accepted: readonly string[]
  readonly stop: Cancel
}

/** The class keys, through their rotations. */
export function followClassKeys(secrets: Secrets): ClassKeys {
  const now = (): string[] => [...new Set([classKeyOf(secrets.settings), ...secrets.accepted('CLASS_KEY')])]
  const accepted = now()
  const stop = secrets.onChange(({ changed }) => {
    if (changed.has('CLASS_KEY')) accepted.splice(0, accepted.length, ...now())
  })
  return { accepted, stop }
}
