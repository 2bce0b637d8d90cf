import { createHash, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT, type CryptoKey, type JWTPayload } from 'jose'

export const clientId = 'plimsoll-test'
export const clientSecret = 'the secret of the client'

/** What the provider does differently, once per property that is set. */
export interface Misbehaviour {
  /** Claims of the ID token in place of the right ones; undefined leaves one out. */
  claims?: Record<string, unknown>
  /** Signs with a key that the provider does not publish, or not at all. */
  signing?: 'foreign' | 'none'
  /** Answers the browser with this error in place of a code. */
  error?: string
  /** State in place of the one that was sent. */
  state?: string
  /** Status of the token endpoint. */
  tokenStatus?: number
}

/** A little identity provider on a free port: discovery, authorize, token with PKCE, keys. */
export interface OidcProvider {
  readonly issuer: string
  /** Claims of whoever signs in next. */
  person: JWTPayload
  misbehave: Misbehaviour
  /** Requests of the token endpoint so far. */
  readonly exchanges: number
  /** A token that this provider signs, e.g. the identity of a workload. */
  sign(claims: JWTPayload, options?: { algorithm?: 'foreign' | 'none' | 'HS256' }): Promise<string>
  /** Signs with a new key from now on; the old one is no longer published. */
  rotateKeys(): Promise<void>
  /** How often the keys were read. */
  readonly keyReadings: number
  close(): Promise<void>
}

interface Pair {
  readonly kid: string
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
}

const newPair = async (): Promise<Pair> => {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  return { kid: randomUUID(), privateKey, publicKey }
}

export async function startOidcProvider(): Promise<OidcProvider> {
  let pair = await newPair()
  const foreign = await newPair()
  const grants = new Map<string, { nonce: string; challenge: string; redirectUri: string }>()
  let exchanges = 0
  let keyReadings = 0

  const signed = (claims: JWTPayload, by: Pair, kid = by.kid) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid, typ: 'JWT' }).sign(by.privateKey)

  const provider = {
    issuer: '',
    person: { sub: 'alice', name: 'Alice', groups: ['sre'] } as JWTPayload,
    misbehave: {} as Misbehaviour,
    get exchanges() {
      return exchanges
    },
    get keyReadings() {
      return keyReadings
    },
    sign: (claims: JWTPayload, { algorithm }: { algorithm?: 'foreign' | 'none' | 'HS256' } = {}) => {
      if (algorithm === 'none') return Promise.resolve(new UnsecuredJWT(claims).encode())
      if (algorithm === 'HS256') {
        return new SignJWT(claims)
          .setProtectedHeader({ alg: 'HS256', kid: pair.kid })
          .sign(new TextEncoder().encode('x'.repeat(32)))
      }
      return algorithm === 'foreign' ? signed(claims, foreign, pair.kid) : signed(claims, pair)
    },
    rotateKeys: async () => {
      pair = await newPair()
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
  }

  const json = (response: ServerResponse, status: number, body: object): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }

  const authorize = (url: URL, response: ServerResponse): void => {
    const { searchParams: query } = url
    const redirectUri = query.get('redirect_uri')!
    const back = new URL(redirectUri)
    back.searchParams.set('state', provider.misbehave.state ?? query.get('state')!)
    if (provider.misbehave.error) back.searchParams.set('error', provider.misbehave.error)
    else {
      const code = randomUUID()
      grants.set(code, { nonce: query.get('nonce')!, challenge: query.get('code_challenge')!, redirectUri })
      back.searchParams.set('code', code)
    }
    response.writeHead(302, { location: back.href }).end()
  }

  const token = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    exchanges++
    const form = new URLSearchParams((await request.toArray()).join(''))
    const grant = grants.get(form.get('code') ?? '')
    grants.delete(form.get('code') ?? '')
    const proof = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    const [, shown = ''] = (request.headers.authorization ?? '').split(' ')
    const [id, secret] = atob(shown)
      .split(':')
      .map((part) => decodeURIComponent(part.replaceAll('+', '%20')))
    if (provider.misbehave.tokenStatus) return json(response, provider.misbehave.tokenStatus, { error: 'server_error' })
    if (id !== clientId || secret !== clientSecret) return json(response, 401, { error: 'invalid_client' })
    if (!grant || grant.challenge !== proof || grant.redirectUri !== form.get('redirect_uri')) {
      return json(response, 400, { error: 'invalid_grant' })
    }
    const nowS = Math.floor(Date.now() / 1_000)
    const claims = {
      ...provider.person,
      iss: provider.issuer,
      aud: clientId,
      iat: nowS,
      exp: nowS + 300,
      nonce: grant.nonce,
      ...provider.misbehave.claims
    }
    const { signing } = provider.misbehave
    const id_token = await provider.sign(claims, signing ? { algorithm: signing } : {})
    json(response, 200, { access_token: 'unused', token_type: 'Bearer', expires_in: 300, id_token })
  }

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', provider.issuer)
    if (url.pathname === '/.well-known/openid-configuration') {
      return json(response, 200, {
        issuer: provider.issuer,
        authorization_endpoint: `${provider.issuer}/authorize`,
        token_endpoint: `${provider.issuer}/token`,
        jwks_uri: `${provider.issuer}/jwks`,
        end_session_endpoint: `${provider.issuer}/end`,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['ES256'],
        code_challenge_methods_supported: ['S256']
      })
    }
    if (url.pathname === '/authorize') return authorize(url, response)
    if (url.pathname === '/token') return void token(request, response)
    if (url.pathname === '/jwks') {
      keyReadings++
      return void exportJWK(pair.publicKey).then((key) =>
        json(response, 200, { keys: [{ ...key, kid: pair.kid, alg: 'ES256', use: 'sig' }] })
      )
    }
    response.writeHead(200, { 'content-type': 'text/plain' }).end('the end')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  provider.issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return provider
}
