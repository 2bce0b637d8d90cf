import * as client from 'openid-client'
import type { Clock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import { providerUnavailable } from './errors.ts'

export interface ProviderOptions {
  readonly issuer: string
  readonly clientId: string
  /** As it is now; empty: a public client. */
  readonly clientSecret: () => string
  readonly scopes: string
  /** Where the provider sends browsers back to. */
  readonly redirectUri: string
  readonly clock: Clock
}

/** What the browser keeps while its person is with the provider. */
export interface SignInUnderWay {
  readonly state: string
  readonly nonce: string
  readonly verifier: string
}

/** What the provider vouches for. */
export type Claims = Readonly<Record<string, unknown>> & { readonly sub: string }

/** What the provider says of itself is asked for again after this, ms. */
const freshMs = 3_600_000
const timeoutS = 5

interface Known {
  readonly config: client.Configuration
  readonly readMs: number
  readonly secret: string
}

/** An identity provider that speaks OpenID Connect: the code flow with PKCE, state and nonce. */
export class Provider {
  readonly #options: ProviderOptions
  #known: Known | null = null
  #reading: Promise<Known> | null = null

  constructor(options: ProviderOptions) {
    this.#options = options
  }

  /** Where to send a browser, and what it has to keep. @throws PLIMSOLL_PROVIDER_UNAVAILABLE */
  async begin(): Promise<{ url: URL; underWay: SignInUnderWay }> {
    const config = await this.#config()
    const underWay = {
      state: client.randomState(),
      nonce: client.randomNonce(),
      verifier: client.randomPKCECodeVerifier()
    }
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: this.#options.redirectUri,
      scope: this.#options.scopes,
      state: underWay.state,
      nonce: underWay.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(underWay.verifier),
      code_challenge_method: 'S256'
    })
    return { url, underWay }
  }

  /**
   * What the provider says of the person who came back.
   *
   * @param query - of the address the browser was sent back to
   * @throws PLIMSOLL_PROVIDER_UNAVAILABLE; whatever openid-client finds wrong
   */
  async finish(query: string, { state, nonce, verifier }: SignInUnderWay): Promise<Claims> {
    const config = await this.#config()
    const tokens = await client.authorizationCodeGrant(config, new URL(`${this.#options.redirectUri}${query}`), {
      expectedState: state,
      expectedNonce: nonce,
      pkceCodeVerifier: verifier,
      idTokenExpected: true
    })
    return tokens.claims()! // there is one: it was expected
  }

  /** Where a browser ends its session with the provider; null: it offers nothing of the kind, or is away. */
  async endUrl(): Promise<string | null> {
    try {
      const config = await this.#config()
      return config.serverMetadata().end_session_endpoint ? client.buildEndSessionUrl(config).href : null
    } catch {
      return null // who leaves must be able to, whatever the provider does
    }
  }

  async #config(): Promise<client.Configuration> {
    const { clock, clientSecret } = this.#options
    const known = this.#known
    if (known && clock.monotonicMs() - known.readMs < freshMs && known.secret === clientSecret()) return known.config
    this.#reading ??= this.#read().finally(() => (this.#reading = null))
    return (this.#known = await this.#reading).config
  }

  async #read(): Promise<Known> {
    const { issuer, clientId, clientSecret, clock } = this.#options
    const secret = clientSecret()
    try {
      const url = new URL(issuer)
      const config = await client.discovery(url, clientId, undefined, authentication(secret), {
        timeout: timeoutS,
        execute: [
          // the signature of the ID token is checked though it came over TLS from the provider itself
          client.enableNonRepudiationChecks,
          ...(url.protocol === 'http:' ? [client.allowInsecureRequests] : []) // settings allow it on this machine alone
        ]
      })
      return { config, readMs: clock.monotonicMs(), secret }
    } catch (error) {
      throw providerUnavailable(`${new URL(issuer).host}: ${reasonOf(error)}`, { cause: error })
    }
  }
}

const authentication = (secret: string): client.ClientAuth =>
  secret === '' ? client.None() : client.ClientSecretBasic(secret)

const reasonOf = (error: unknown): string => {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return messageOf(cause)
}
