import { messageOf } from '../errors.ts'
import { signingUnavailable } from '../signing/errors.ts'
import { publicKeyFromRaw, publicKeyOf } from '../signing/public-key.rules.ts'
import type { PublicKey, Signer } from '../signing/signer.ts'
import type { Engine } from './client.ts'
import type { VaultSession } from './session.ts'

/** Signs with a key that never leaves Vault. A rotated key is used from the next refresh on. */
export class TransitSigner implements Signer {
  readonly #session: VaultSession
  readonly #key: Engine
  #version = 0
  #keys: readonly PublicKey[] = []

  constructor(session: VaultSession, key: Engine) {
    this.#session = session
    this.#key = key
  }

  /** Reads the public keys; once before anything else. */
  async refresh(): Promise<void> {
    const { latestVersion, publicKeys } = await this.#session.call((client, token) =>
      client.readTransitKey(token, this.#key)
    )
    const inOrder = [...publicKeys].toSorted(([one], [other]) => one - other)
    this.#keys = inOrder.map(([, raw]) => publicKeyOf(publicKeyFromRaw(raw)))
    this.#version = latestVersion
  }

  get keyId(): string {
    return this.#present.keyId
  }

  async sign(bytes: Uint8Array): Promise<Uint8Array> {
    const version = this.#version // that of keyId, whatever Vault would use by now
    try {
      return await this.#session.call((client, token) => client.sign(token, this.#key, version, bytes))
    } catch (error) {
      throw signingUnavailable(messageOf(error), { cause: error })
    }
  }

  async publicKeyPem(): Promise<string> {
    return this.#present.pem
  }

  async publicKeys(): Promise<readonly PublicKey[]> {
    return this.#keys
  }

  get #present(): PublicKey {
    const present = this.#keys.at(-1)
    if (!present) throw signingUnavailable('the public key was not read yet')
    return present
  }
}
