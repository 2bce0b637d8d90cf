import type { Clock } from '../../platform/clock.ts'
import { bodyMatches, statusMatches, statusText } from '../../plan/match.rules.ts'
import type { ProbeSignal } from '../../plan/model.ts'
import { strictGuard, type AddressGuard } from '../../platform/guard/address-guard.ts'
import { exchange, RedirectRefused, type Answer } from './exchange.ts'
import { findingOf, isOwnStall, type Finding } from './probe-fault.rules.ts'

export interface ProbeResult {
  /** When it was sent, Unix ms. */
  readonly atMs: number
  readonly finding: Finding
  /** Null when no answer came. */
  readonly status: number | null
  /** From sending to the end of the answer, or until it was given up, µs. */
  readonly durationUs: number
  readonly certificateExpiresMs: number | null
}

export interface ProbeTools {
  readonly clock: Clock
  /** The value of a named secret; undefined: there is none. */
  readonly secret: (name: string) => string | undefined
  /** What may be asked; the strict one unless given. */
  readonly guard?: AddressGuard
}

/** Our timers are looked at this often while a probe is out, ms. */
const heartbeatMs = 100

/** Sends one probe and says what it came to. Never rejects. */
export async function runProbe(signal: ProbeSignal, tools: ProbeTools, stop: AbortSignal): Promise<ProbeResult> {
  const { clock } = tools
  const atMs = clock.nowMs()
  const startedMs = clock.monotonicMs()
  const end = (finding: Finding, answer: Answer | null): ProbeResult => ({
    atMs,
    finding,
    status: answer?.status ?? null,
    durationUs: Math.round((clock.monotonicMs() - startedMs) * 1_000),
    certificateExpiresMs: answer?.certificateExpiresMs ?? null
  })

  const headers = headersOf(signal, tools.secret)
  if (typeof headers === 'string') {
    return end(
      {
        kind: 'not_run',
        code: 'secret_missing',
        text: `the secret ${headers} is not set`,
        hint: `set ${headers} in the environment of Plimsoll`
      },
      null
    )
  }
  const timeout = new AbortController()
  const stall = watchStalls(clock)
  const cancel = clock.after(signal.timeoutMs, () => timeout.abort())
  try {
    const { guard = strictGuard } = tools
    const sending = {
      ...signal,
      headers,
      guard,
      secretNames: new Set(Object.keys(signal.secretHeaders).map(lowerCase))
    }
    const answer = await exchange(sending, AbortSignal.any([timeout.signal, stop]))
    return end(judge(signal, answer), answer)
  } catch (error) {
    if (timeout.signal.aborted) return end(timedOut(signal.timeoutMs, stall.longestMs()), null)
    if (error instanceof RedirectRefused) return end(redirectFailure(error), null)
    return end(findingOf(error), null)
  } finally {
    cancel()
    stall.end()
  }
}

const lowerCase = (text: string): string => text.toLowerCase()

/** The headers to send, or the name of a secret that is missing. */
const headersOf = (signal: ProbeSignal, secret: ProbeTools['secret']): Record<string, string> | string => {
  const headers: Record<string, string> = { ...signal.headers }
  for (const [header, name] of Object.entries(signal.secretHeaders)) {
    const value = secret(name)
    if (value === undefined) return name
    headers[header] = value
  }
  return headers
}

const judge = ({ expect }: ProbeSignal, { status, body }: Answer): Finding => {
  if (!statusMatches(expect.status, status)) {
    const text = `answered ${status}, expected ${statusText(expect)}`
    return { kind: 'failed', code: 'unexpected_status', text, hint: 'look into the log of the service' }
  }
  if (!bodyMatches(expect.body, body)) {
    const hint = 'compare what the service answers with expect.body in the plan'
    return { kind: 'failed', code: 'unexpected_body', text: 'the body is not as expected', hint }
  }
  return { kind: 'ok' }
}

const timedOut = (timeoutMs: number, stalledMs: number): Finding =>
  isOwnStall(timeoutMs, stalledMs)
    ? {
        kind: 'not_run',
        code: 'stalled',
        text: `Plimsoll itself stood still for ${Math.round(stalledMs)} ms`,
        hint: 'give it more CPU; see the event-loop lag in /metrics'
      }
    : {
        kind: 'failed',
        code: 'timeout',
        text: `no complete answer within ${timeoutMs} ms`,
        hint: 'check that the service is up; raise timeout only if users wait that long too'
      }

const redirectFailure = (error: RedirectRefused): Finding => ({
  kind: 'failed',
  code: error.tooMany ? 'too_many_redirects' : 'redirect_refused',
  text: error.message,
  hint: 'probe the address it should lead to, or set redirects in the plan'
})

/** Measures the longest time in which this process ran no timers. */
const watchStalls = (clock: Clock): { longestMs: () => number; end: () => void } => {
  let lastMs = clock.monotonicMs()
  let longestMs = 0
  const look = (): number => {
    const nowMs = clock.monotonicMs()
    longestMs = Math.max(longestMs, nowMs - lastMs - heartbeatMs)
    lastMs = nowMs
    return longestMs
  }
  const end = clock.every(heartbeatMs, look)
  return { longestMs: look, end }
}
