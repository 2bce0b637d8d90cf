import { readFileSync } from 'node:fs'
import { Agent, request, type Dispatcher } from 'undici'
import type { Clock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import type { NomadOptions } from './options.ts'
import { nomadFailed, nomadSlow, nomadUnreachable, refusals } from './errors.ts'
import { refusalKind, refusalText } from './refusal.rules.ts'

export interface Answer<T> {
  readonly body: T
  /** X-Nomad-Index: what a blocking query waits beyond; 0 when the answer has none. */
  readonly index: number
}

export interface Ask {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly body?: unknown
  /** Longest time without an answer, ms; 10 s when left out. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal | undefined
}

/** HTTP to one Nomad: token, TLS, namespace and region on every call, refusals as coded errors. */
export class NomadHttp {
  readonly #agent: Agent
  readonly #origin: string
  readonly #options: NomadOptions
  readonly #clock: Clock
  readonly where: string

  constructor(options: NomadOptions, clock: Clock) {
    const { address, tls } = options
    this.#options = options
    this.#clock = clock
    this.where = address
    const socketPath = address.startsWith('unix://') ? address.slice('unix://'.length) : null
    this.#origin = socketPath === null ? address.replace(/\/+$/, '') : 'http://nomad'
    this.#agent = new Agent({
      headersTimeout: 0, // the clock decides how long is too long
      bodyTimeout: 0,
      connect: {
        ...(socketPath !== null && { socketPath }),
        ...(tls?.caFile && { ca: readFileSync(tls.caFile) }),
        ...(tls?.certificateFile && { cert: readFileSync(tls.certificateFile) }),
        ...(tls?.keyFile && { key: readFileSync(tls.keyFile) }),
        ...(tls?.serverName && { servername: tls.serverName })
      }
    })
  }

  /** One exchange. Throws the coded error of whatever went wrong. */
  async ask<T>(path: string, ask: Ask = {}): Promise<Answer<T>> {
    const timeoutMs = ask.timeoutMs ?? 10_000
    const timeout = new AbortController()
    const cancel = this.#clock.after(timeoutMs, () => timeout.abort())
    const signal = ask.signal ? AbortSignal.any([ask.signal, timeout.signal]) : timeout.signal
    try {
      const { statusCode, headers, body } = await this.#send(path, { ...ask, signal })
      const text = await body.text()
      if (statusCode >= 300) throw this.#refusal(statusCode, text)
      return { body: this.#parse(text, path) as T, index: Number(headers['x-nomad-index'] ?? 0) || 0 }
    } catch (error) {
      if (timeout.signal.aborted && !ask.signal?.aborted) {
        throw nomadSlow(`Nomad at ${this.where} did not answer ${path} within ${timeoutMs} ms`, { cause: error })
      }
      throw this.#explained(error, ask.signal)
    } finally {
      cancel()
    }
  }

  /** The body of a successful answer as it comes; the caller ends it through `signal`. */
  async stream(path: string, ask: Ask & { signal: AbortSignal }): Promise<Dispatcher.ResponseData['body']> {
    try {
      const { statusCode, body } = await this.#send(path, ask)
      if (statusCode >= 300) throw this.#refusal(statusCode, await body.text())
      return body
    } catch (error) {
      throw this.#explained(error, ask.signal)
    }
  }

  close(): Promise<void> {
    return this.#agent.destroy()
  }

  async #send(path: string, { method = 'GET', query = {}, body, signal }: Ask): Promise<Dispatcher.ResponseData> {
    const { namespace, region, token } = this.#options
    const url = new URL(this.#origin + path)
    const given: Ask['query'] = { namespace, region, ...query }
    for (const [name, value] of Object.entries(given)) {
      if (value !== undefined && value !== '') url.searchParams.set(name, String(value))
    }
    const secret = typeof token === 'function' ? await token() : token
    return request(url, {
      dispatcher: this.#agent,
      method,
      signal: signal ?? null,
      headers: {
        'user-agent': 'plimsoll',
        ...(secret && { 'x-nomad-token': secret }),
        ...(body !== undefined && { 'content-type': 'application/json' })
      },
      body: body === undefined ? null : JSON.stringify(body)
    })
  }

  #refusal(status: number, text: string): Error {
    const said = refusalText(text)
    if (status === 400 && /HTTP request to an HTTPS server/i.test(text)) {
      return nomadUnreachable(`Nomad at ${this.where} speaks TLS`, { hint: 'write https:// in NOMAD_ADDR' })
    }
    return refusals[refusalKind(status, text)](`Nomad says: ${said || `HTTP ${status} without a word`}`)
  }

  #parse(text: string, path: string): unknown {
    try {
      return text === '' ? null : JSON.parse(text)
    } catch (cause) {
      throw nomadFailed(`what answers ${path} at ${this.where} is no JSON: is that Nomad?`, { cause })
    }
  }

  /** A failed connection as its coded error; anything coded already, and an abort by the caller, as it is. */
  #explained(error: unknown, signal: AbortSignal | undefined): unknown {
    if (signal?.aborted || (error instanceof Error && 'title' in error)) return error
    const code = (error as { code?: unknown }).code
    const reason = typeof code === 'string' ? code : messageOf(error)
    const hint = /CERT|SELF_SIGNED|ISSUER|SIGNATURE/.test(reason)
      ? 'set NOMAD_CACERT to the file of the authority that signed its certificate'
      : reason === 'EPROTO' || reason === 'ERR_SSL_WRONG_VERSION_NUMBER'
        ? 'it does not speak TLS: write http:// in NOMAD_ADDR, or switch its TLS on'
        : undefined
    return nomadUnreachable(`Nomad at ${this.where} cannot be reached: ${reason}`, {
      cause: error,
      ...(hint !== undefined && { hint })
    })
  }
}
