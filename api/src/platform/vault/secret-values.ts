import { describeSetting, settingNames } from '../settings.ts'
import type { Engine, SecretVersion } from './client.ts'
import { vaultContent, vaultDeleted, vaultNotFound } from './errors.ts'
import { isCodedError } from '../errors.ts'
import type { VaultSession } from './session.ts'

export type Values = Readonly<Record<string, string>>

/** Values that a newer version replaced and that are accepted for a while yet. */
export interface ReplacedValues {
  readonly version: number
  readonly values: Values
  /** Unix time, ms. */
  readonly untilMs: number
}

export interface HeldSecret {
  readonly version: number
  /** By name of the setting. */
  readonly values: Values
  /** Newest first. */
  readonly replaced: readonly ReplacedValues[]
  /** Keys of the secret that are no settings which Vault may give. */
  readonly ignored: readonly string[]
}

export const noSecret: HeldSecret = { version: 0, values: {}, replaced: [], ignored: [] }

/** However often a secret is rotated within the overlap, no more versions are read back. */
const mostReplaced = 5

export interface ReadOptions {
  /** VAULT_OVERLAP_S, ms */
  readonly overlapMs: number
  readonly nowMs: number
  /** Names that must be there. */
  readonly required: readonly string[]
}

/**
 * Reads the newest version of the secret, and those before it that were replaced less than the
 * overlap ago, counted from when Vault got the newer one: every instance comes to the same end, also
 * after a restart. A version that was deleted or destroyed since is not accepted any more.
 */
export async function readHeldSecret(
  session: VaultSession,
  secret: Engine,
  { overlapMs, nowMs, required }: ReadOptions
): Promise<HeldSecret> {
  const read = (version: number | null) => session.call((client, token) => client.readSecret(token, secret, version))
  const newest = await read(null)
  const { values, ignored } = valuesOf(newest, secret)
  const missing = required.filter((name) => !values[name])
  if (missing.length > 0) {
    throw vaultContent(`${secret.mount}/${secret.name} version ${newest.version} lacks ${missing.join(', ')}`, {
      hint: `vault kv patch -mount=${secret.mount} ${secret.name} ${missing[0]}=… adds it; VAULT_REQUIRE names what must be there`
    })
  }
  const replaced: ReplacedValues[] = []
  let newer = newest
  while (newer.version > 1 && newer.createdMs + overlapMs > nowMs && replaced.length < mostReplaced) {
    const older = await read(newer.version - 1).catch(nullWhenGone)
    if (older === null) break
    replaced.push({
      version: older.version,
      values: valuesOf(older, secret).values,
      untilMs: newer.createdMs + overlapMs
    })
    newer = older
  }
  return { version: newest.version, values, replaced, ignored }
}

const nullWhenGone = (error: unknown): null => {
  if (isCodedError(error) && (error.code === vaultDeleted.spec.code || error.code === vaultNotFound.spec.code))
    return null
  throw error
}

/** Of the settings only secret ones: an address or a limit does not belong where nobody sees it change. */
const mayComeFromVault = (name: string): boolean =>
  name.startsWith('PLAN_SECRET_') || (settingNames.includes(name) && describeSetting(name).secret && !ofLogin.has(name))

/** What is needed to read the secret cannot lie in it. */
const ofLogin: ReadonlySet<string> = new Set(['VAULT_TOKEN'])

const valuesOf = (
  { data, version }: SecretVersion,
  { mount, name: path }: Engine
): { values: Values; ignored: string[] } => {
  const values: Record<string, string> = {}
  const ignored: string[] = []
  for (const [name, value] of Object.entries(data)) {
    if (!mayComeFromVault(name)) ignored.push(name)
    else if (typeof value === 'string') values[name] = value
    else {
      throw vaultContent(`${mount}/${path} version ${version}: ${name} is no text`, {
        hint: 'put it there as a string'
      })
    }
  }
  return { values, ignored }
}
