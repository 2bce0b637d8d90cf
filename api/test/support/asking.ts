import {
  Agent,
  request as plainRequest,
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders
} from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'

export interface Where {
  readonly host: string
  readonly port: number | string
  /** By TLS to the site `localhost`, whoever has signed its certificate. */
  readonly tls?: boolean
}

export interface Answer {
  readonly to: Where
  readonly path: string
  /** 0: no answer came. */
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  readonly body: string
}

export interface Wish {
  readonly method?: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string
  readonly agent?: Agent
}

const send = (to: Where, path: string, wish: Wish, hear: (response: IncomingMessage) => void): ClientRequest => {
  const { host, port, tls = false } = to
  const { method = 'GET', headers = {}, agent } = wish
  const options = {
    host,
    port,
    path,
    method,
    headers: tls ? { host: 'localhost', ...headers } : { ...headers },
    ...(agent && { agent })
  }
  return tls
    ? tlsRequest({ ...options, rejectUnauthorized: false, servername: 'localhost' }, hear)
    : plainRequest(options, hear)
}

/** One request, on a connection of its own unless an agent is given. Never rejects. */
export const ask = (to: Where, path: string, wish: Wish = {}): Promise<Answer> =>
  new Promise((resolve) => {
    const none = { to, path, status: 0, headers: {}, rawHeaders: [], body: '' }
    const sent = send(to, path, wish, (response) => {
      let body = ''
      const { statusCode: status = 0, headers, rawHeaders } = response
      response.on('data', (chunk: Buffer) => (body += chunk.toString()))
      response.on('end', () => resolve({ to, path, status, headers, rawHeaders, body }))
      response.on('error', () => resolve(none))
    })
    sent.on('error', () => resolve(none)).end(wish.body)
  })

/** The reply as it comes. */
export const open = (to: Where, path: string, headers: OutgoingHttpHeaders) =>
  new Promise<{ response: IncomingMessage; close(): void }>((resolve, reject) => {
    const sent = send(to, path, { headers }, (response) => {
      response.on('error', () => {}) // it is cut off in the end
      resolve({ response, close: () => sent.destroy() })
    })
    sent.on('error', reject).end()
  })

export interface DrivenRequest extends Omit<Wish, 'agent' | 'headers'> {
  /** Of each request anew. */
  readonly headers?: () => OutgoingHttpHeaders
  readonly to: Where
  readonly path: string
}

/** Sends each request over and over on four connections, with a breath between two, until it is stopped. */
export function drive(requests: readonly DrivenRequest[]) {
  const answers: Answer[] = []
  const plain = new Agent({ keepAlive: true })
  const tls = new TlsAgent({ keepAlive: true })
  const stopped = new AbortController()
  const workers = requests.flatMap(({ to, path, headers, ...wish }) =>
    Array.from({ length: 4 }, async () => {
      while (!stopped.signal.aborted) {
        answers.push(await ask(to, path, { ...wish, headers: headers?.() ?? {}, agent: to.tls ? tls : plain }))
        await delay(20)
      }
    })
  )
  return {
    /** Those that have come until now. */
    answers: answers as readonly Answer[],
    async stop(): Promise<readonly Answer[]> {
      stopped.abort()
      await Promise.all(workers)
      plain.destroy()
      tls.destroy()
      return answers
    }
  }
}
