import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'

/** What was once asked of a real Vault, and its answer. */
export interface Recording {
  readonly name: string
  readonly request: {
    readonly method: string
    readonly url: string
    readonly headers: Readonly<Record<string, string>>
    readonly body: Readonly<Record<string, string>> | null
  }
  readonly response: {
    readonly status: number
    readonly headers: Readonly<Record<string, string>>
    readonly body: unknown
  }
}

const dir = join(import.meta.dirname, '../fixtures/vault')

/** Recorded with Vault 1.8; see the names of the files. */
export const recordings: ReadonlyMap<string, Recording> = new Map(
  readdirSync(dir)
    .map((file) => JSON.parse(readFileSync(join(dir, file), 'utf8')) as Recording)
    .map((recording) => [recording.name, recording])
)

export interface Replay {
  readonly address: string
  /** The one exchange that is answered from now on. */
  play(recording: Recording): void
  close(): Promise<void>
}

/** Answers exactly the request that was recorded, as it was answered then; any other is a 418 with what differs. */
export async function startReplay(): Promise<Replay> {
  let expected: Recording | null = null
  const serve = async (request: IncomingMessage, reply: ServerResponse): Promise<void> => {
    const body = await bodyOf(request)
    const difference = expected ? differenceOf(request, body, expected) : 'nothing is played'
    if (difference !== null || !expected) {
      reply.writeHead(418, { 'content-type': 'application/json' })
      reply.end(JSON.stringify({ errors: [`not what was recorded: ${difference}`] }))
      return
    }
    const { status, body: answer } = expected.response
    reply.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    reply.end(answer === '' ? undefined : JSON.stringify(answer))
  }
  const server = createServer((request, reply) => void serve(request, reply))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    play: (recording) => {
      expected = recording
    },
    close: () => new Promise((resolve) => server.close(() => resolve()))
  }
}

const bodyOf = async (request: IncomingMessage): Promise<unknown> => {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text === '' ? null : JSON.parse(text)
}

const differenceOf = (request: IncomingMessage, body: unknown, { request: wanted }: Recording): string | null => {
  if (request.method !== wanted.method) return `method ${request.method}`
  if (request.url !== wanted.url) return `path ${request.url}`
  if (request.headers['x-vault-token'] !== wanted.headers['X-Vault-Token']) return 'the token'
  return isDeepStrictEqual(body, wanted.body) ? null : 'the body'
}
