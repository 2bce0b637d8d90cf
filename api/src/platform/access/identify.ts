import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../clock.ts'
import { unauthenticated } from '../errors.ts'
import { anyone, bootstrap, local, localReader, type Caller } from './caller.ts'
import type { Cookies } from './cookies.ts'
import { bearerOf, originOf } from './facts.ts'
import { obstaclesOf } from './loopback.rules.ts'
import type { SessionInUse, SessionStore } from './session-store.ts'
import { isToken } from './token.rules.ts'
import type { TokenStore } from './token-store.ts'
import type { Workloads } from './workload.ts'

/** Who calls, and what stands against more. */
export interface Identity {
  readonly caller: Caller
  /** Why a caller without credentials may do no more; null for all others. */
  readonly obstacle: string | null
  /** A page of another site sent the call. */
  readonly foreignPage: boolean
  readonly session: SessionInUse | null
}

export interface IdentifyOptions {
  readonly clock: Clock
  readonly loopbackOpen: boolean
  /** Values of API_TOKEN that are accepted now: the present one, and for a while the one before. */
  readonly bootstrapTokens: () => readonly string[]
  readonly tokens: TokenStore
  /** Null: no identity of a workload is believed. */
  readonly workloads: Workloads | null
  /** Null: nobody signs in. */
  readonly people: { readonly sessions: SessionStore; readonly cookies: Cookies } | null
}

export type Identify = (request: FastifyRequest, reply: FastifyReply) => Identity | Promise<Identity>

/**
 * Finds out who calls: by what stands behind `Bearer`, else by the cookie of a session, else by
 * where the call comes from. Wrong credentials are an error, never another identity; only a session
 * that has ended is as none at all.
 */
export function identifier(options: IdentifyOptions): Identify {
  const { loopbackOpen, people } = options
  return (request, reply) => {
    const bearer = bearerOf(request.headers)
    if (bearer !== null) return byBearer(bearer, options)
    const secret = people?.cookies.session(request.headers.cookie) ?? null
    if (people === null || secret === null) return byOrigin(request, loopbackOpen)
    return people.sessions.use(secret).then((session) => {
      if (session === null) {
        void reply.header('set-cookie', people.cookies.clearSession())
        return byOrigin(request, loopbackOpen)
      }
      if (session.renewed !== null) {
        const maxAgeS = Math.ceil((session.expiresMs - options.clock.nowMs()) / 1_000)
        void reply.header('set-cookie', people.cookies.setSession(session.renewed, maxAgeS))
      }
      return { ...known(session.caller), session }
    })
  }
}

const byBearer = (
  bearer: string,
  { bootstrapTokens, tokens, workloads }: IdentifyOptions
): Identity | Promise<Identity> => {
  if (bootstrapTokens().some((expected) => sameText(bearer, expected))) return known(bootstrap)
  if (isToken(bearer)) return tokens.callerOf(bearer).then(accepted)
  if (workloads !== null && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(bearer)) return workloads.callerOf(bearer).then(accepted)
  throw refused('The token is wrong')
}

const accepted = (answer: Caller | { readonly refused: string }): Identity => {
  if ('refused' in answer) throw refused(answer.refused)
  return known(answer)
}

const known = (caller: Caller): Identity => ({ caller, obstacle: null, foreignPage: false, session: null })

const byOrigin = (request: FastifyRequest, loopbackOpen: boolean): Identity => {
  const { reading, writing, foreignPage } = obstaclesOf(originOf(request))
  const none = { foreignPage, session: null }
  if (reading !== null) return { ...none, caller: anyone, obstacle: reading }
  if (!loopbackOpen) return { ...none, caller: anyone, obstacle: 'LOOPBACK_OPEN is false' }
  return { ...none, caller: writing === null ? local : localReader, obstacle: writing }
}

const challenge = { 'www-authenticate': 'Bearer realm="plimsoll"' }

const refused = (detail: string): Error =>
  unauthenticated(detail, {
    hint: 'compare it with API_TOKEN of the server, or with plimsoll token list',
    headers: challenge
  })

/** For somebody who shows no credentials where some are needed. */
export const credentialsMissing = (obstacle: string | null, signInPath: string | null): Error =>
  unauthenticated(`This call needs a token: ${obstacle ?? 'nobody is signed in'}`, {
    hint: `send Authorization: Bearer <token>, one made with plimsoll token create or API_TOKEN of the server${signInPath ? '; or sign in on the page' : ''}`,
    headers: challenge
  })

/** Compares digests: equal length, equal time, whatever was sent. */
const sameText = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b))

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
