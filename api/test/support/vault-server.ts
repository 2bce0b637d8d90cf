import { createPublicKey, randomUUID, verify } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Clock } from '../../src/platform/clock.ts'
import { good, PretendKv, PretendTransit, refuse, textOf, type Answer, type Body } from './vault-engines.ts'

interface Token {
  readonly policies: readonly string[]
  readonly ttlS: number
  readonly renewable: boolean
  /** Monotonic ms after which no renewal goes; null: none. */
  readonly latestMs: number | null
  expiresMs: number
}

const denied = refuse(403, '1 error occurred:\n\t* permission denied\n\n')

export interface PretendVaultOptions {
  readonly clock: Clock
  /** Life of tokens of a login, s. */
  readonly tokenTtlS?: number
  /** How old a token of a login can get by renewals, s; null: any age. */
  readonly tokenMaxTtlS?: number | null
  readonly databaseTtlS?: number
  /** Default: plain HTTP. */
  readonly tls?: { readonly key: Buffer; readonly cert: Buffer } | null
}

/**
 * A Vault for tests, over HTTP, with the little of its behaviour that Plimsoll uses. The conformance
 * suite holds it to what the real one was recorded to do. Unlike the real one it can be told to be
 * standby, silent or busy.
 */
export class PretendVault {
  readonly rootToken = 'hvs.ROOT0000000000000000000000'
  /** Every request: method, path. */
  readonly requests: string[] = []
  /** Users of the database in force, newest last; `password` is what they log in with. */
  readonly databaseUsers: { username: string; password: string }[] = []
  /** Every token, secret id and password that was given out. */
  readonly givenOut: string[] = []
  /** What every request meets: `silent` never answers. */
  mood: 'well' | 'sealed' | 'standby' | 'silent' | 'busy' = 'well'
  #clock: Clock
  #options: Required<Omit<PretendVaultOptions, 'clock' | 'tls'>>
  #isTls: boolean
  #server: Server
  #tokens = new Map<string, Token>()
  #wrapped = new Map<string, Body>()
  #leases = new Map<string, string>()
  readonly #kv: PretendKv
  readonly #transit = new PretendTransit()
  #secretIds = new Set<string>()
  /** Policies, roles and settings of engines, as they were written. */
  readonly configured = new Map<string, Body>()
  readonly mounts = new Map<string, Body>([['secret/', { type: 'kv', options: { version: '2' } }]])
  readonly logins = new Map<string, Body>([['token/', { type: 'token' }]])
  readonly #roleId = randomUUID()

  constructor({
    clock,
    tokenTtlS = 1_200,
    tokenMaxTtlS = null,
    databaseTtlS = 3_600,
    tls = null
  }: PretendVaultOptions) {
    this.#clock = clock
    this.#kv = new PretendKv(clock)
    this.#options = { tokenTtlS, tokenMaxTtlS, databaseTtlS }
    this.#tokens.set(this.rootToken, {
      policies: ['root'],
      ttlS: 0,
      renewable: false,
      latestMs: null,
      expiresMs: Number.POSITIVE_INFINITY
    })
    const serve = (request: IncomingMessage, reply: ServerResponse): void => void this.#serve(request, reply)
    this.#isTls = tls !== null
    this.#server = tls ? createTlsServer(tls, serve) : createServer(serve)
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `${this.#isTls ? 'https' : 'http'}://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  /** Puts a new version of a secret, as `vault kv put` does. */
  put(path: string, data: Body): void {
    this.#kv.put(path, data)
  }

  /** Removes a secret with all its versions, as `vault kv metadata delete` does. */
  forget(path: string): void {
    this.#kv.forget(path)
  }

  destroy(path: string, version: number): void {
    this.#kv.destroy(path, version)
  }

  /** Ends every token but root's. */
  revokeAll(): void {
    for (const token of this.#tokens.keys()) if (token !== this.rootToken) this.#tokens.delete(token)
  }

  makeToken(ttlS: number, renewable: boolean, policies: readonly string[] = ['root']): string {
    const nowMs = this.#clock.monotonicMs()
    const max = this.#options.tokenMaxTtlS
    const token = `hvs.${randomUUID().replaceAll('-', '')}`
    const latestMs = max === null ? null : nowMs + max * 1_000
    this.givenOut.push(token)
    this.#tokens.set(token, { policies, ttlS, renewable, latestMs, expiresMs: nowMs + ttlS * 1_000 })
    return token
  }

  async #serve(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    const answer = await this.#answer(request)
    if (answer === null) return
    reply.writeHead(answer.status, { 'content-type': 'application/json' })
    reply.end(answer.body === undefined ? undefined : JSON.stringify(answer.body))
  }

  async #answer(request: IncomingMessage): Promise<Answer | null> {
    let text = ''
    for await (const chunk of request) text += String(chunk)
    const url = new URL(request.url ?? '/', 'http://vault')
    const path = decodeURIComponent(url.pathname).replace(/^\/v1\//, '')
    const method = url.searchParams.has('list') ? 'LIST' : (request.method ?? 'GET')
    this.requests.push(`${method} ${path}`)
    const { mood } = this
    if (mood === 'silent') return null
    if (mood === 'standby') return { status: 429, body: undefined }
    if (mood === 'busy') return refuse(503, 'no active cluster nodes')
    const isUnseal = path === 'sys/unseal'
    if (mood === 'sealed' && !isUnseal) {
      return refuse(503, path.endsWith('/login') ? 'Vault is sealed' : 'error performing token check: Vault is sealed')
    }
    const body = text === '' ? {} : (JSON.parse(text) as Body)
    const open = this.#openRoute(path, body, request.headers['x-vault-token'])
    if (open) return open
    const id = String(request.headers['x-vault-token'] ?? '')
    const token = this.#tokens.get(id)
    if (!token || token.expiresMs <= this.#clock.monotonicMs()) return refuse(403, 'permission denied')
    return this.#route({ method, path, body, id, token, version: url.searchParams.get('version') })
  }

  /** What needs no token. */
  #openRoute(path: string, body: Body, wrapping: unknown): Answer | null {
    if (path === 'sys/unseal') {
      this.mood = 'well'
      return good({ sealed: false })
    }
    if (path === 'sys/health') return { status: 200, body: { initialized: true, sealed: false, standby: false } }
    if (path === 'sys/wrapping/unwrap') {
      const data = this.#wrapped.get(String(wrapping))
      this.#wrapped.delete(String(wrapping))
      return data ? good(data) : refuse(400, 'wrapping token is not valid or does not exist')
    }
    const login = /^auth\/(.+)\/login$/.exec(path)?.[1]
    if (login === undefined) return null
    const type = this.logins.get(`${login}/`)?.['type']
    if (type === 'approle') return this.#logInByAppRole(body)
    return type === 'jwt' ? this.#logInByJwt(login, body) : denied
  }

  #logInByAppRole({ role_id: roleId, secret_id: secretId }: Body): Answer {
    if (roleId !== this.#roleId) return refuse(400, 'invalid role ID')
    if (!this.#secretIds.has(String(secretId))) return refuse(400, 'invalid secret id')
    return this.#granted(['plimsoll'])
  }

  #logInByJwt(mount: string, { jwt, role: name }: Body): Answer {
    const config = this.configured.get(`auth/${mount}/config`) ?? {}
    const role = this.configured.get(`auth/${mount}/role/${String(name ?? config['default_role'])}`)
    if (!role) return refuse(400, `role "${String(name)}" could not be found`)
    const [head = '', payload = '', signature = ''] = String(jwt).split('.')
    const [pem = ''] = (config['jwt_validation_pubkeys'] ?? []) as string[]
    const isSigned = verify(
      'sha256',
      Buffer.from(`${head}.${payload}`),
      createPublicKey(pem),
      Buffer.from(signature, 'base64url')
    )
    if (!isSigned)
      return refuse(400, 'error validating token: error verifying token signature: failed to verify id token signature')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>
    if (Number(claims['exp']) * 1_000 < this.#clock.nowMs()) {
      return refuse(400, 'error validating token: invalid expiration time (exp) claim: token is expired')
    }
    if (!((role['bound_audiences'] ?? []) as unknown[]).includes(claims['aud'])) {
      return refuse(
        400,
        'error validating token: invalid audience (aud) claim: audience claim does not match any expected audience'
      )
    }
    for (const [claim, value] of Object.entries((role['bound_claims'] ?? {}) as Body)) {
      if (claims[claim] !== value) {
        return refuse(400, `error validating claims: claim "${claim}" does not match any associated bound claim values`)
      }
    }
    return this.#granted((role['token_policies'] ?? []) as string[])
  }

  #granted(policies: readonly string[]): Answer {
    const ttlS = this.#options.tokenTtlS
    const token = this.makeToken(ttlS, true, policies)
    return { status: 200, body: { auth: { client_token: token, lease_duration: ttlS, renewable: true, policies } } }
  }

  #route(call: Call): Answer {
    const { method, path, body, id, token } = call
    if (path === 'auth/token/lookup-self') {
      const leftS = token.ttlS === 0 ? 0 : Math.ceil((token.expiresMs - this.#clock.monotonicMs()) / 1_000)
      return good({ id, ttl: leftS, renewable: token.renewable, policies: token.policies })
    }
    if (path === 'auth/token/renew-self') return this.#renewToken(token)
    if (path === 'auth/token/revoke-self') {
      this.#tokens.delete(id)
      return { status: 204, body: undefined }
    }
    if (!this.#isAllowed(token, path, method)) return denied
    if (path === 'auth/token/create') {
      const made = this.makeToken(
        Number.parseInt(String(body['ttl']), 10),
        body['renewable'] !== false,
        body['policies'] as string[]
      )
      return { status: 200, body: { auth: { client_token: made } } }
    }
    if (path === 'sys/seal') {
      this.mood = 'sealed'
      return { status: 204, body: undefined }
    }
    if (path === 'sys/leases/renew') return this.#renewLease(body)
    return this.#ofEngines(call) ?? this.#configuration(call)
  }

  #renewToken(token: Token): Answer {
    if (!token.renewable) return refuse(400, 'lease is not renewable')
    const nowMs = this.#clock.monotonicMs()
    token.expiresMs = Math.min(nowMs + token.ttlS * 1_000, token.latestMs ?? Number.POSITIVE_INFINITY)
    const leftS = Math.floor((token.expiresMs - nowMs) / 1_000)
    return { status: 200, body: { auth: { lease_duration: leftS, renewable: true } } }
  }

  #renewLease({ lease_id: lease }: Body): Answer {
    if (!this.#leases.has(String(lease))) return refuse(400, 'lease not found')
    return { status: 200, body: { lease_id: lease, lease_duration: this.#options.databaseTtlS, renewable: true } }
  }

  #ofEngines({ method, path, body, version }: Call): Answer | null {
    const [, kind, name = ''] = /^secret\/(data|metadata|destroy|undelete)\/(.+)$/.exec(path) ?? []
    if (kind) return this.#kv.answer({ kind, method, name, body, version })
    if (path.startsWith('database/creds/')) return this.#databaseUser(path)
    if (path === 'auth/approle/role/plimsoll/role-id') return good({ role_id: this.#roleId })
    if (path === 'auth/approle/role/plimsoll/secret-id') {
      const secretId = randomUUID()
      this.#secretIds.add(secretId)
      this.givenOut.push(secretId)
      const wrapping = `hvs.${randomUUID().replaceAll('-', '')}`
      this.#wrapped.set(wrapping, { secret_id: secretId })
      return { status: 200, body: { data: { secret_id: secretId }, wrap_info: { token: wrapping } } }
    }
    const [, verb, key = ''] = /^transit\/(keys|sign)\/([^/]+)/.exec(path) ?? []
    return verb ? this.#transit.answer({ verb, method, path, name: key, body }) : null
  }

  #databaseUser(path: string): Answer {
    if (!this.configured.has(path.replace('/creds/', '/roles/'))) return refuse(400, `unknown role: ${path}`)
    const user = { username: `v-plimsoll-${this.databaseUsers.length + 1}`, password: `pw-${randomUUID()}` }
    this.databaseUsers.push(user)
    this.givenOut.push(user.password)
    const lease = `${path}/${randomUUID()}`
    this.#leases.set(lease, user.username)
    return {
      status: 200,
      body: { lease_id: lease, lease_duration: this.#options.databaseTtlS, renewable: true, data: user }
    }
  }

  /** Whatever is written is there to be read: policies, roles, mounts. */
  #configuration({ method, path, body }: Call): Answer {
    const [, table, name = ''] = /^sys\/(mounts|auth)(?:\/(.+))?$/.exec(path) ?? []
    const entries = table === 'mounts' ? this.mounts : table === 'auth' ? this.logins : null
    if (entries && method === 'GET')
      return good(
        Object.fromEntries(
          [...entries].map(([at, entry]) => [at, { accessor: `accessor_${at.slice(0, -1)}`, ...entry }])
        )
      )
    if (entries) {
      if (entries.has(`${name}/`)) return refuse(400, `path is already in use at ${name}/`)
      entries.set(`${name}/`, body)
      return { status: 204, body: undefined }
    }
    if (method !== 'GET') {
      this.configured.set(path, body)
      return { status: 204, body: undefined }
    }
    const found = this.configured.get(path)
    return found ? good(found) : { status: 404, body: { errors: [] } }
  }

  #isAllowed({ policies }: Token, path: string, method: string): boolean {
    if (policies.includes('root')) return true
    const wanted = method === 'GET' ? 'read' : 'update'
    return policies.some((name) => {
      const text = textOf(this.configured.get(`sys/policies/acl/${name}`)?.['policy'])
      return [...text.matchAll(/path\s+"([^"]+)"\s*\{\s*capabilities\s*=\s*\[([^\]]*)\]/g)].some(
        ([, pattern = '', capabilities = '']) => matches(pattern, path) && capabilities.includes(`"${wanted}"`)
      )
    })
  }
}

interface Call {
  readonly method: string
  readonly path: string
  readonly body: Body
  readonly id: string
  readonly token: Token
  readonly version: string | null
}

const matches = (pattern: string, path: string): boolean =>
  pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern
