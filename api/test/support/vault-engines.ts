import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import type { Clock } from '../../src/platform/clock.ts'

export type Body = Readonly<Record<string, unknown>>

export interface Answer {
  readonly status: number
  readonly body: unknown
}

export const refuse = (status: number, ...errors: string[]): Answer => ({ status, body: { errors } })
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

export const good = (data: Body): Answer => ({ status: 200, body: { data } })

interface KvCall {
  /** data, metadata, destroy, undelete */
  readonly kind: string
  readonly method: string
  readonly name: string
  readonly body: Body
  readonly version: string | null
}

interface Version {
  readonly data: Body
  readonly createdMs: number
  deletedMs: number | null
  destroyed: boolean
}

/** The KV engine, version 2, of the pretended Vault. */
export class PretendKv {
  readonly #clock: Clock
  readonly #versions = new Map<string, Version[]>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Puts a new version of a secret, as `vault kv put` does. */
  put(path: string, data: Body): void {
    const versions = this.#versions.get(path) ?? []
    versions.push({ data, createdMs: this.#clock.nowMs(), deletedMs: null, destroyed: false })
    this.#versions.set(path, versions)
  }

  /** Removes a secret with all its versions, as `vault kv metadata delete` does. */
  forget(path: string): void {
    this.#versions.delete(path)
  }

  destroy(path: string, version: number): void {
    const found = this.#versions.get(path)?.[version - 1]
    if (found) found.destroyed = true
  }

  answer({ kind, method, name, body, version: wanted }: KvCall): Answer {
    const versions = this.#versions.get(name) ?? []
    if (kind === 'destroy') {
      for (const version of body['versions'] as number[]) this.destroy(name, version)
      return { status: 204, body: undefined }
    }
    const newest = versions.at(-1)
    if (method === 'DELETE' && newest) newest.deletedMs = this.#clock.nowMs()
    if (method === 'DELETE') return { status: 204, body: undefined }
    if (method === 'POST' || method === 'PUT') {
      this.put(name, body['data'] as Body)
      return good({ version: versions.length })
    }
    const version = wanted === null ? versions.length : Number(wanted)
    const found = versions[version - 1]
    if (!found) return { status: 404, body: { errors: [] } }
    const gone = found.deletedMs !== null || found.destroyed
    const metadata = {
      version,
      created_time: new Date(found.createdMs).toISOString(),
      deletion_time: found.deletedMs === null ? '' : new Date(found.deletedMs).toISOString(),
      destroyed: found.destroyed
    }
    return { status: gone ? 404 : 200, body: { data: { data: gone ? null : found.data, metadata } } }
  }
}

interface TransitCall {
  /** keys, sign */
  readonly verb: string
  readonly method: string
  readonly path: string
  readonly name: string
  readonly body: Body
}

/** Its transit engine: keys that sign, and keys of another type. */
export class PretendTransit {
  readonly #keys = new Map<string, { type: string; pairs: { privateKey: KeyObject; publicKey: KeyObject }[] }>()

  answer({ verb, method, path, name, body }: TransitCall): Answer {
    const known = this.#keys.get(name)
    if (verb === 'sign') {
      const version = Number(body['key_version'])
      const pair = known?.pairs[version - 1]
      if (!pair) return refuse(400, 'signing key not found')
      const signature = sign(null, Buffer.from(String(body['input']), 'base64'), pair.privateKey).toString('base64')
      return good({ signature: `vault:v${version}:${signature}`, key_version: version })
    }
    if (method !== 'GET' && (!known || path.endsWith('/rotate'))) {
      const { type, pairs } = known ?? { type: textOf(body['type']) || 'aes256-gcm96', pairs: [] }
      pairs.push(generateKeyPairSync('ed25519'))
      this.#keys.set(name, { type, pairs })
    }
    const key = this.#keys.get(name)
    if (!key) return { status: 404, body: { errors: [] } }
    const keys = key.pairs.map(({ publicKey }, index) => {
      const raw = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64')
      return [index + 1, key.type === 'ed25519' ? { public_key: raw } : 1_795_381_896]
    })
    return good({ type: key.type, latest_version: key.pairs.length, keys: Object.fromEntries(keys) as Body })
  }
}
