import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { TLSSocket } from 'node:tls'
import type { AddressGuard } from '../../platform/guard/address-guard.ts'
import type { ProbeSignal } from '../../plan/model.ts'

/** A body is read up to this size and then left: an endless one ends the same way. */
const maxBodyBytes = 262_144

/** What came back, after the last redirect. */
export interface Answer {
  readonly status: number
  readonly body: string
  /** Null without TLS. */
  readonly certificateExpiresMs: number | null
}

/** A redirect that was not followed, in words. */
export class RedirectRefused extends Error {
  readonly tooMany: boolean

  constructor(text: string, tooMany: boolean) {
    super(text)
    this.tooMany = tooMany
  }
}

/** Headers that are for the first host alone. */
const privateHeaders: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization'])

type Sending = Pick<ProbeSignal, 'url' | 'method' | 'body' | 'maxRedirects' | 'family' | 'tls'> & {
  readonly headers: Readonly<Record<string, string>>
  /** Lower-case names of headers that hold secrets: they stay with the first origin. */
  readonly secretNames: ReadonlySet<string>
  readonly guard: AddressGuard
}

/**
 * One request with its redirects, each on a connection of its own: what is measured includes
 * resolving, connecting and TLS, as a new visitor meets them, and no dead connection is shared.
 *
 * @throws AddressForbidden; whatever Node's network code reports; RedirectRefused; the signal's reason when aborted
 */
export async function exchange(sending: Sending, signal: AbortSignal): Promise<Answer> {
  let url = new URL(sending.url)
  let { method, body, headers } = sending
  for (let redirects = 0; ; redirects++) {
    const { message, certificateExpiresMs } = await send(url, { ...sending, method, body, headers }, signal)
    const status = message.statusCode ?? 0
    const location = message.headers.location
    if (sending.maxRedirects === 0 || !isRedirect(status) || location === undefined) {
      return { status, body: await read(message), certificateExpiresMs }
    }
    message.destroy()
    if (redirects === sending.maxRedirects) throw new RedirectRefused(`more than ${redirects} redirects`, true)
    const next = targetOf(location, url)
    if (next.origin !== url.origin) headers = withoutPrivate(headers, sending.secretNames)
    if (status === 303 || (method === 'POST' && (status === 301 || status === 302))) {
      method = method === 'HEAD' ? 'HEAD' : 'GET'
      body = null
    }
    url = next
  }
}

const isRedirect = (status: number): boolean => [301, 302, 303, 307, 308].includes(status)

const targetOf = (location: string, from: URL): URL => {
  if (!URL.canParse(location, from.href)) throw new RedirectRefused('the redirect leads to no URL', false)
  const next = new URL(location, from)
  if (next.protocol !== 'http:' && next.protocol !== 'https:') {
    throw new RedirectRefused(`the redirect leads to ${next.protocol}, which is not HTTP`, false)
  }
  return next
}

const withoutPrivate = (
  headers: Readonly<Record<string, string>>,
  secretNames: ReadonlySet<string>
): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).filter(
      ([name]) => !privateHeaders.has(name.toLowerCase()) && !secretNames.has(name.toLowerCase())
    )
  )

interface Received {
  readonly message: IncomingMessage
  readonly certificateExpiresMs: number | null
}

function send(url: URL, sending: Sending, signal: AbortSignal): Promise<Received> {
  const { method, body, headers, family, tls, guard } = sending
  guard.refuseHost(url)
  const options: RequestOptions & { rejectUnauthorized: boolean } = {
    method,
    headers: { 'user-agent': 'plimsoll-probe', ...headers, connection: 'close' },
    agent: false,
    lookup: guard.lookup,
    signal,
    rejectUnauthorized: tls.verify,
    ...(family !== 'any' && { family })
  }
  return new Promise((resolve, reject) => {
    const request = url.protocol === 'https:' ? httpsRequest(url, options) : httpRequest(url, options)
    request.once('error', reject)
    request.once('response', (message) => {
      message.once('error', reject)
      resolve({ message, certificateExpiresMs: expiryOf(message) })
    })
    request.end(body ?? undefined)
  })
}

const expiryOf = ({ socket }: IncomingMessage): number | null => {
  if (!(socket instanceof TLSSocket)) return null
  const expiresMs = Date.parse(socket.getPeerCertificate().valid_to)
  return Number.isNaN(expiresMs) ? null : expiresMs
}

async function read(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of message as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    sizeBytes += chunk.length
    if (sizeBytes >= maxBodyBytes) break // leaving the loop destroys the message
  }
  return Buffer.concat(chunks).toString('utf8')
}
