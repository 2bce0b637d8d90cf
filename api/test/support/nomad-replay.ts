import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One exchange with a real Nomad, as it was recorded. */
export interface Exchange {
  readonly name: string
  readonly method: string
  readonly url: string
  readonly token: string | null
  readonly body: Readonly<Record<string, unknown>> | null
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly reply: unknown
}

const fixtures = new URL('../fixtures/nomad/', import.meta.url)

/** Recorded exchanges or events: one JSON document a line. */
export const recorded = <T = Exchange>(name: string): T[] =>
  readFileSync(new URL(`${name}.ndjson`, fixtures), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T)

/** Parsing, validating and planning change nothing. */
const changes = (url: string): boolean => !/\/(parse|plan|validate)\b/.test(url)

const pathOf = (url: string): string => url.split('?')[0]!

/** What identifies an exchange: two registrations differ by the index they insist on. */
const fits = (
  exchange: Exchange,
  asked: { method: string; path: string; body: Exchange['body']; token: string | null }
) =>
  exchange.method === asked.method &&
  pathOf(exchange.url) === asked.path &&
  exchange.token === asked.token &&
  ['JobModifyIndex', 'Pause', 'JobVersion'].every(
    (key) => exchange.body?.[key] === undefined || exchange.body[key] === asked.body?.[key]
  )

/**
 * A server that answers as a recorded Nomad did. Time goes forward with what is asked: a read gets
 * the next recorded answer up to the next recorded change, or the last one again; a change moves
 * beyond itself. A blocking query waits, as at Nomad, while there is nothing newer than its index.
 */
export async function replayNomad(exchanges: readonly Exchange[]) {
  let at = -1
  const asked: string[] = []
  const isChange = ({ method, url }: Exchange): boolean => method !== 'GET' && changes(url)

  const findRead = (want: Parameters<typeof fits>[1], beyond: number): Exchange | null => {
    for (let i = at + 1; i < exchanges.length && !(isChange(exchanges[i]!) && exchanges[i]!.status < 300); i++) {
      if (fits(exchanges[i]!, want) && newer(exchanges[i]!, beyond)) {
        at = i
        return exchanges[i]!
      }
    }
    return exchanges.slice(0, at + 1).findLast((exchange) => fits(exchange, want) && newer(exchange, beyond)) ?? null
  }
  const newer = ({ headers }: Exchange, index: number): boolean =>
    Number(headers['x-nomad-index'] ?? 0) > index || index === 0

  const findChange = (want: Parameters<typeof fits>[1]): Exchange | null => {
    const i = exchanges.findIndex((exchange, i) => i > at && fits(exchange, want))
    if (i >= 0) at = i
    return exchanges[i] ?? null
  }

  const server = createServer((request, reply) => {
    let text = ''
    request.on('data', (chunk: Buffer) => (text += chunk.toString()))
    request.on('end', () => {
      const url = new URL(request.url!, 'http://nomad')
      const body = text === '' ? null : (JSON.parse(text) as Exchange['body'])
      const token = (request.headers['x-nomad-token'] as string | undefined) ?? null
      const want = { method: request.method!, path: url.pathname, body, token }
      asked.push(`${request.method} ${request.url}`)
      const index = Number(url.searchParams.get('index') ?? 0)
      const found = request.method === 'GET' || !changes(url.pathname) ? findRead(want, index) : findChange(want)
      if (found) {
        const json = !String(found.headers['content-type']).startsWith('text/') && typeof found.reply !== 'string'
        reply.writeHead(found.status, found.headers)
        reply.end(json || found.name === 'status-leader' ? JSON.stringify(found.reply) : String(found.reply))
      } else if (index === 0) reply.writeHead(599, { 'content-type': 'text/plain' }).end('not recorded')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Requests in order: `GET /v1/job/x?index=7`. */
    asked,
    close: () => {
      server.closeAllConnections()
      server.close()
    }
  }
}
