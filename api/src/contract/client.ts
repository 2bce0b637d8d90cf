/**
 * The typed call, for the browser and the command line. Everything it knows of the contract is
 * types, which vanish: what is left is this file.
 */
import type { allRoutes } from './all-routes.ts'
import type { Problem } from './primitives.ts'
import type { BodyOf, ParamsOf, QueryOf, ReplyOf } from './route.ts'

export type AllRoutes = typeof allRoutes
export type RouteKey = keyof AllRoutes
export type Reply<K extends RouteKey> = ReplyOf<AllRoutes[K]>

/** A body sent as it is, for routes that consume another media type than JSON. */
export type RawBody = string | Uint8Array<ArrayBuffer> | Blob | ReadableStream<Uint8Array>

type Maybe<Name extends string, T> = T extends undefined
  ? { [N in Name]?: undefined }
  : object extends T
    ? { [N in Name]?: T }
    : { [N in Name]: T }

export type CallInput<K extends RouteKey> = Maybe<'params', ParamsOf<AllRoutes[K]>> &
  Maybe<'query', QueryOf<AllRoutes[K]>> & {
    body?: BodyOf<AllRoutes[K]> | RawBody
    headers?: Record<string, string>
    signal?: AbortSignal
  }

/** A reply that was not success. `problem` is null when the body was not problem details (a proxy's error page). */
export class ApiError extends Error {
  readonly status: number
  readonly problem: Problem | null

  constructor(status: number, problem: Problem | null, text: string) {
    super(problem ? `${problem.title}: ${problem.detail}` : text)
    this.name = 'ApiError'
    this.status = status
    this.problem = problem
  }
}

export interface ClientOptions {
  /** Origin of the API, without a trailing slash; empty in the browser. */
  readonly baseUrl: string
  readonly fetch?: typeof fetch
  readonly token?: string
}

/**
 * A function that calls any route of the contract: `call('GET /api/v1/services/{service}', { params })`.
 *
 * @throws ApiError when the reply is not a success
 * @throws TypeError when nothing answered (as `fetch` does)
 */
export function createClient({ baseUrl, token, fetch: send = fetch }: ClientOptions) {
  return async <K extends RouteKey>(key: K, input: CallInput<K> = {} as CallInput<K>): Promise<Reply<K>> => {
    const [method, path] = key.split(' ') as [string, string]
    const raw = isRaw(input.body)
    const response = await send(baseUrl + fill(path, input.params) + search(input.query), {
      method,
      headers: {
        accept: 'application/json, application/problem+json',
        ...(input.body !== undefined && !raw && { 'content-type': 'application/json' }),
        ...(token && { authorization: `Bearer ${token}` }),
        ...input.headers
      },
      ...(input.body !== undefined && { body: raw ? (input.body as RawBody) : JSON.stringify(input.body) }),
      ...(raw && { duplex: 'half' }),
      ...(input.signal && { signal: input.signal })
    })
    if (!response.ok) throw await failure(response)
    return (await read(response)) as Reply<K>
  }
}

export type Client = ReturnType<typeof createClient>

/** The path of a route with its parameters filled in and encoded. */
export const fill = (path: string, params: unknown): string =>
  path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(String((params as Record<string, unknown>)[name]))
  )

const search = (query: unknown): string => {
  const pairs = Object.entries((query ?? {}) as Record<string, unknown>)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]): [string, string] => [name, String(value)])
  return pairs.length > 0 ? `?${new URLSearchParams(pairs).toString()}` : ''
}

const isRaw = (body: unknown): boolean =>
  typeof body === 'string' || body instanceof Uint8Array || body instanceof ReadableStream || body instanceof Blob

const read = async (response: Response): Promise<unknown> => {
  if (response.status === 204) return undefined
  return isJson(response) ? response.json() : response.text()
}

const failure = async (response: Response): Promise<ApiError> => {
  const problem = isJson(response) ? ((await response.json().catch(() => null)) as Problem | null) : null
  return new ApiError(response.status, problem, `${response.status} ${response.statusText}`.trim())
}

const isJson = (response: Response): boolean => /[/+]json\b/.test(response.headers.get('content-type') ?? '')
