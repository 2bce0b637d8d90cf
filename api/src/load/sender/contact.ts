import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import { Client } from 'undici'
import { strictGuard, type AddressGuard } from '../../platform/guard/address-guard.ts'
import * as refuse from '../errors.ts'
import { connecting, maxReplyBytes } from './connection.ts'
import { failureOf } from './failure.rules.ts'
import type { PlannedRequest, PlannedTarget } from './plan.ts'
import { isLoopbackAddress, isNamed } from './target.rules.ts'

export interface TargetChoice {
  /** Hosts that may be loaded beside this machine. */
  readonly allowed: readonly string[]
  readonly verifyTls: boolean
  /** What may be loaded at all; the strict one unless given. */
  readonly guard?: AddressGuard
}

/**
 * Looks up a target once and checks that it may be loaded: this machine always, another only when it
 * is named. All connections then go to the address found here.
 *
 * @throws PLIMSOLL_TARGET_INVALID, PLIMSOLL_TARGET_NOT_FOUND, PLIMSOLL_TARGET_NOT_ALLOWED
 */
export async function resolveTarget(text: string, choice: TargetChoice): Promise<PlannedTarget> {
  const { allowed, verifyTls, guard = strictGuard } = choice
  const url = URL.canParse(text) ? new URL(text) : null
  if (!url || !/^https?:$/.test(url.protocol) || url.hostname === '') {
    throw refuse.targetInvalid(`"${text}" is not an http or https URL`)
  }
  const found = await lookup(url.hostname.replace(/^\[|\]$/g, '')).catch((cause: unknown) => {
    throw refuse.targetNotFound(`no address for ${url.hostname}`, { cause })
  })
  refuseForbidden(guard, url, found)
  if (!isLoopbackAddress(found.address) && !isNamed(url, allowed)) {
    throw refuse.targetNotAllowed(`${url.hostname} (${found.address}) is not this machine`, {
      hint: `say --yes-i-may-load ${url.hostname} when it is yours to load`
    })
  }
  return { origin: url.origin, address: found.address, verifyTls }
}

/** The address is used as it was found: what the name says later does not matter. */
const refuseForbidden = (guard: AddressGuard, url: URL, { address, family }: LookupAddress): void => {
  try {
    guard.refuseHost(new URL(`http://${family === 6 ? `[${address}]` : address}`))
  } catch (cause) {
    throw refuse.targetNotAllowed(`${url.hostname} is ${address}, which is link-local`, {
      hint: 'load another address, or set ALLOW_LINK_LOCAL=true',
      cause
    })
  }
}

/** What a first request came to. */
export interface FirstReply {
  readonly status: number
  /** The server closes each connection after its reply. */
  readonly closes: boolean
}

/** One bad answer may be luck where some fail: this many are asked, at once. */
const tries = 3

/**
 * Sends each request of the mix once before any load, so that a target that cannot be measured is
 * told from one that is slow: within the timeout it is known which.
 *
 * @throws PLIMSOLL_TARGET_REFUSED, _TLS, _PROTOCOL, _SILENT, _ENDLESS, _REDIRECTS or _BROKEN
 */
export async function contact(
  target: PlannedTarget,
  requests: readonly PlannedRequest[],
  { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal | undefined }
): Promise<FirstReply[]> {
  const replies: FirstReply[] = []
  for (const request of requests) replies.push(await oneOf(target, request, timeoutMs, signal))
  return replies
}

const oneOf = async (
  target: PlannedTarget,
  request: PlannedRequest,
  timeoutMs: number,
  signal: AbortSignal | undefined
): Promise<FirstReply> => {
  const first = await ask(target, request, timeoutMs, signal).catch((error: unknown) => error as Error)
  if (!(first instanceof Error)) return first
  if (signal?.aborted) throw refuse.loadStopped('nothing was sent yet', { cause: first })
  if (failureOf(first) !== 'timeout') throw explain(first, target, request)
  // it hung: perhaps it does so to some only
  const others = Array.from({ length: tries - 1 }, () => ask(target, request, timeoutMs, signal))
  return Promise.any(others).catch(() => {
    if (signal?.aborted) throw refuse.loadStopped('nothing was sent yet', { cause: first })
    throw explain(first, target, request)
  })
}

const ask = async (
  target: PlannedTarget,
  { method, path, headers, body }: PlannedRequest,
  timeoutMs: number,
  signal: AbortSignal | undefined
): Promise<FirstReply> => {
  const client = new Client(target.origin, { connect: connecting(target, timeoutMs) })
  const limit = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])])
  try {
    const response = await client.request({
      method,
      path,
      headers,
      body,
      signal: limit
    })
    const { statusCode: status, headers: got } = response
    if (status >= 300 && status < 400 && status !== 304) {
      throw refuse.targetRedirects(
        `${target.origin}${path} answers ${status}, to ${first(got['location']) ?? 'nowhere'}`
      )
    }
    let bytes = 0
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > maxReplyBytes) throw endless(target, path)
    }
    // undici itself asks for the end of the connection after a HEAD
    return { status, closes: method !== 'HEAD' && /\bclose\b/i.test(first(got['connection']) ?? '') }
  } catch (error) {
    // a reply that trickles is cut by the limit, which says so in its own words only
    if (limit.aborted && !signal?.aborted) throw Object.assign(new Error('no complete reply'), { code: 'ETIMEDOUT' })
    throw error
  } finally {
    void client.destroy().catch(() => {}) // thrown away, however it ends
  }
}

const first = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value)

const endless = ({ origin }: PlannedTarget, path: string): Error =>
  refuse.targetEndless(`${origin}${path} sent more than ${maxReplyBytes / 1_024 / 1_024} MiB and went on`)

const explain = (cause: Error, { origin }: PlannedTarget, { path }: PlannedRequest): Error => {
  if ('code' in cause && String(cause.code).startsWith('PLIMSOLL_')) return cause
  const where = `${origin}${path}`
  const code = (cause as NodeJS.ErrnoException).code ?? cause.message
  // a server that offers nothing but HTTP/2 ends the handshake with this alert: RFC 7301, section 3.2
  if (/NO_APPLICATION_PROTOCOL/i.test(`${code} ${cause.message}`)) {
    return refuse.targetProtocol(`${origin} refuses HTTP/1.1`, { cause })
  }
  switch (failureOf(cause)) {
    case 'refused':
      return refuse.targetRefused(`nothing listens at ${origin}`, { cause })
    case 'dns':
      return refuse.targetNotFound(`no address for ${origin}`, { cause })
    case 'tls':
      return refuse.targetTls(`${origin}: ${cause.message} (${code})`, { cause })
    case 'protocol':
      return refuse.targetProtocol(`${where} answered with something else (${code})`, { cause })
    case 'timeout':
      return refuse.targetSilent(`${where} gave no complete reply in time`, { cause })
    case 'too_large':
    case 'sender':
    case 'reset':
    case 'other':
      return refuse.targetBroken(`${where}: ${cause.message} (${code})`, { cause })
  }
}
