import { errors, jwtVerify } from 'jose'
import type { Clock } from '../clock.ts'
import { isCodedError, messageOf } from '../errors.ts'
import type { Caller } from './caller.ts'
import { RemoteKeys } from './jwks.ts'
import { roleOf, type RoleRule } from './role-map.rules.ts'
import { hashOf } from './token.rules.ts'

/** Signatures with a private key alone: with a shared one, whoever checks could also sign. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']

/** Clocks of two machines differ, s. */
const skewS = 30

/** An identity that was checked is not checked again for this long, ms. */
const believedMs = 30_000
const maxRemembered = 1_000

export interface WorkloadOptions {
  readonly jwksUrl: string
  /** Empty: not looked at. */
  readonly issuer: string
  readonly audience: string
  readonly rules: readonly RoleRule[]
  readonly clock: Clock
}

type Answer = Caller | { readonly refused: string }

/** Callers who show a JWT that Nomad (or whoever holds the keys) has signed for them. */
export class Workloads {
  readonly #options: WorkloadOptions
  readonly #keys: RemoteKeys
  #remembered = new Map<string, { readonly caller: Caller; readonly untilMs: number }>()

  constructor(options: WorkloadOptions) {
    this.#options = options
    this.#keys = new RemoteKeys(options.jwksUrl, options.clock)
  }

  /** Who an identity stands for, or why it stands for nobody. @throws PLIMSOLL_KEYS_UNAVAILABLE */
  async callerOf(jwt: string): Promise<Answer> {
    const nowMs = this.#options.clock.nowMs()
    const key = hashOf(jwt)
    const known = this.#remembered.get(key)
    if (known && nowMs < known.untilMs) return known.caller
    const answer = await this.#check(jwt, nowMs)
    if ('refused' in answer) return answer
    if (this.#remembered.size >= maxRemembered) this.#remembered.clear()
    this.#remembered.set(key, answer)
    return answer.caller
  }

  async #check(
    jwt: string,
    nowMs: number
  ): Promise<{ readonly caller: Caller; readonly untilMs: number } | { readonly refused: string }> {
    const { audience, issuer, rules } = this.#options
    try {
      const { payload } = await jwtVerify(jwt, this.#keys.get, {
        algorithms,
        audience,
        ...(issuer && { issuer }),
        currentDate: new Date(nowMs),
        clockTolerance: skewS,
        requiredClaims: ['exp', 'sub']
      })
      const given = roleOf(rules, payload)
      if (!given) return { refused: `No rule of WORKLOAD_ROLES fits the workload ${payload.sub}` }
      const caller: Caller = { kind: 'workload', id: `workload:${payload.sub}`, name: nameOf(payload), ...given }
      return { caller, untilMs: Math.min(nowMs + believedMs, (payload.exp ?? 0) * 1_000 + skewS * 1_000) }
    } catch (error) {
      if (isCodedError(error)) throw error
      if (error instanceof errors.JOSEError)
        return { refused: `The identity of the workload is not valid: ${reasonOf(error)}` }
      return { refused: `The identity of the workload cannot be read: ${messageOf(error)}` }
    }
  }
}

const reasonOf = (error: errors.JOSEError): string => {
  if (error instanceof errors.JWTExpired) return 'it has expired'
  if (error instanceof errors.JWTClaimValidationFailed) return `its claim ${error.claim} is not as expected`
  if (error instanceof errors.JWKSNoMatchingKey) return 'no key of the provider fits its signature'
  return error.code
}

/** `default/ship-shop`: what people call a job of Nomad. */
const nameOf = (claims: Readonly<Record<string, unknown>>): string => {
  const { nomad_namespace: namespace, nomad_job_id: job, sub } = claims
  return typeof namespace === 'string' && typeof job === 'string' ? `${namespace}/${job}` : String(sub)
}
