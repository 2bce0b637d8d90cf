import { Agent, request, type Dispatcher } from 'undici'
import type { Clock } from '../../platform/clock.ts'
import { messageOf } from '../../platform/errors.ts'
import { AddressForbidden, strictGuard, type AddressGuard } from '../../platform/guard/address-guard.ts'
import { PatternTooSlow } from '../../platform/guard/bounded-pattern.ts'
import { bodyMatches, statusMatches, statusText } from '../match.rules.ts'
import type { HttpCheck } from '../model.ts'
import { outcome, type Outcome } from './outcome.ts'

const maxRedirects = 3
const maxBodyBytes = 65_536

export interface HttpTools {
  readonly clock: Clock
  /** What may be asked; the strict one unless given. */
  readonly guard?: AddressGuard
}

/**
 * Asks for the URL of a check and compares the answer. Redirects are followed within the same
 * origin only: what is asked is what the plan names. Never rejects.
 */
export async function runHttpCheck(check: HttpCheck, tools: HttpTools, stop: AbortSignal): Promise<Outcome> {
  const { clock, guard = strictGuard } = tools
  const timeout = new AbortController()
  const cancel = clock.after(check.timeoutMs, () => timeout.abort())
  const agent = new Agent({ connect: { lookup: guard.lookup }, pipelining: 0 })
  try {
    return judge(check, await ask(check, { agent, guard }, AbortSignal.any([timeout.signal, stop])))
  } catch (error) {
    if (timeout.signal.aborted)
      return outcome('fail', 'timeout', `no complete answer of ${check.url} within ${check.timeoutMs} ms`)
    return failure(check, error)
  } finally {
    cancel()
    await agent.destroy().catch(() => {})
  }
}

interface Answer {
  readonly status: number
  readonly body: string
}

async function ask(
  { url, method }: HttpCheck,
  { agent, guard }: { agent: Dispatcher; guard: AddressGuard },
  signal: AbortSignal
): Promise<Answer> {
  let target = new URL(url)
  for (let redirects = 0; ; redirects++) {
    guard.refuseHost(target)
    const { statusCode, headers, body } = await request(target.href, {
      method,
      dispatcher: agent,
      signal,
      headers: { 'user-agent': 'plimsoll' }
    })
    const location = [headers['location']].flat()[0]
    if (![301, 302, 303, 307, 308].includes(statusCode) || location === undefined) {
      return { status: statusCode, body: await read(body) }
    }
    body.on('error', () => {}).destroy() // nobody reads it
    const next = URL.parse(location, target.href)
    if (next?.origin !== target.origin) throw new RedirectRefused(`is redirected to ${next?.origin ?? 'no URL'}`)
    if (redirects === maxRedirects) throw new RedirectRefused(`is redirected more than ${maxRedirects} times`)
    target = next
  }
}

class RedirectRefused extends Error {}

async function read(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    length += chunk.length
    if (length >= maxBodyBytes) break
  }
  return Buffer.concat(chunks).subarray(0, maxBodyBytes).toString('utf8')
}

function judge({ url, expect }: HttpCheck, { status, body }: Answer): Outcome {
  if (!statusMatches(expect.status, status)) {
    return outcome('fail', 'unexpected_status', `${url} answers ${status}, not ${statusText(expect)}`)
  }
  if (!bodyMatches(expect.body, body)) {
    const wanted = expect.body?.kind === 'contains' ? `"${expect.body.text}"` : `what matches ${expect.body?.pattern}`
    return outcome('fail', 'unexpected_body', `${url} answers ${status}, but its body does not hold ${wanted}`)
  }
  return outcome('pass', 'as_expected', `${url} answers ${status}`)
}

function failure({ url }: HttpCheck, error: unknown): Outcome {
  if (error instanceof RedirectRefused)
    return outcome('fail', 'redirected', `${url} ${error.message}`, 'name the final URL in the plan')
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (cause instanceof AddressForbidden) return outcome('could_not_measure', 'address_forbidden', cause.message)
  if (cause instanceof PatternTooSlow) return outcome('could_not_measure', 'pattern_too_slow', cause.message)
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : messageOf(cause)
  return outcome('fail', 'no_answer', `${url} does not answer (${code})`)
}
