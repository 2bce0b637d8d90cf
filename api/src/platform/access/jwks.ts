import { createLocalJWKSet, type JSONWebKeySet, type JWSHeaderParameters, type JWTVerifyGetKey } from 'jose'
import { request } from 'undici'
import type { Clock } from '../clock.ts'
import { codedError, isCodedError, messageOf } from '../errors.ts'

export const keysUnavailable = codedError({
  code: 'PLIMSOLL_KEYS_UNAVAILABLE',
  status: 503,
  title: 'The keys of the identity provider cannot be read',
  hint: 'check WORKLOAD_JWKS_URL from this machine; callers with a token are not affected'
})

/** Keys are read again after this, ms, so that one that was withdrawn is dropped. */
const freshMs = 600_000
/** Keys that cannot be read again are believed this long, ms: a provider may be away for a while. */
const staleMs = 3_600_000
/** A key that nobody knows leads to a reading at most this often, ms. */
const cooldownMs = 10_000
const timeoutMs = 5_000
const longestBytes = 262_144

type Keys = ReturnType<typeof createLocalJWKSet>

/** The public keys at an address, remembered; a new key is found as soon as something is signed with it. */
export class RemoteKeys {
  readonly #url: string
  readonly #clock: Clock
  #keys: Keys | null = null
  #readMs = Number.NEGATIVE_INFINITY
  #triedMs = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | null = null

  constructor(url: string, clock: Clock) {
    this.#url = url
    this.#clock = clock
  }

  /** For `jwtVerify`. @throws PLIMSOLL_KEYS_UNAVAILABLE, or jose's error when no key fits */
  readonly get: JWTVerifyGetKey = async (header, token) => {
    if (this.#age() > freshMs) await this.#readAgain()
    try {
      return await this.#find(header, token)
    } catch (error) {
      if (isCodedError(error) || this.#clock.monotonicMs() - this.#triedMs < cooldownMs) throw error
      await this.#readAgain()
      return this.#find(header, token)
    }
  }

  #find(header: JWSHeaderParameters, token: Parameters<Keys>[1]): ReturnType<Keys> {
    if (!this.#keys) throw keysUnavailable('They were never read')
    return this.#keys(header, token)
  }

  #age = (): number => this.#clock.monotonicMs() - this.#readMs

  /** One reading at a time; while it fails, the keys we have are good until they are stale. */
  async #readAgain(): Promise<void> {
    const waitedMs = this.#clock.monotonicMs() - this.#triedMs
    if (this.#reading === null && waitedMs < cooldownMs && this.#keys && this.#age() < staleMs) return
    this.#reading ??= this.#read().finally(() => (this.#reading = null))
    try {
      await this.#reading
    } catch (error) {
      if (this.#keys && this.#age() < staleMs) return
      this.#keys = null
      throw keysUnavailable(`${new URL(this.#url).host}: ${messageOf(error)}`, { cause: error })
    }
  }

  async #read(): Promise<void> {
    this.#triedMs = this.#clock.monotonicMs()
    const { statusCode, body } = await request(this.#url, { signal: AbortSignal.timeout(timeoutMs) })
    const chunks: Buffer[] = []
    let length = 0
    for await (const chunk of body as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > longestBytes) throw new Error(`more than ${longestBytes} bytes`)
      chunks.push(chunk)
    }
    if (statusCode !== 200) throw new Error(`it answers ${statusCode}`)
    this.#keys = createLocalJWKSet(JSON.parse(Buffer.concat(chunks).toString('utf8')) as JSONWebKeySet)
    this.#readMs = this.#clock.monotonicMs()
  }
}
