import { requestsInvalid } from '../errors.ts'
import type { PlannedRequest } from '../sender/plan.ts'

/** What is always sent by every request, unless the request says otherwise. */
type Headers = Readonly<Record<string, string>>

const mostRequests = 1_000
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** Headers that belong to the connection or say whose traffic it is: a mix does not set them. */
const reserved = /^(connection|content-length|host|keep-alive|transfer-encoding|upgrade|x-plimsoll-class)$/i

/**
 * Reads a mix of requests: a JSON array of `"GET /path"` or of objects with `path`, and if wanted
 * `method`, `weight`, `headers` and `body` (text, or any JSON, then sent as such).
 *
 * @throws PLIMSOLL_REQUESTS_INVALID with the place and what was expected there
 */
export const readRequests = (text: string): PlannedRequest[] => {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (cause) {
    throw requestsInvalid(`they are no JSON: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
  if (!Array.isArray(document) || document.length === 0 || document.length > mostRequests) {
    throw requestsInvalid(`they have to be an array of 1 to ${mostRequests} requests`)
  }
  return document.map((entry: unknown, i) =>
    typeof entry === 'string' ? fromLine(entry, i) : checkedRequest(entry, i)
  )
}

/** One GET of what a URL names. */
export const oneGet = (url: URL): PlannedRequest => aRequest({ path: `${url.pathname}${url.search}` })

const aRequest = (given: Partial<PlannedRequest>): PlannedRequest => ({
  method: 'GET',
  path: '/',
  weight: 1,
  headers: {},
  body: null,
  ...given
})

const wrong = (i: number, expected: string): Error => requestsInvalid(`request ${i + 1}: ${expected}`)

const fromLine = (line: string, i: number): PlannedRequest => {
  const [method = '', path = '', ...rest] = line.trim().split(/\s+/)
  if (rest.length > 0) throw wrong(i, `"${line}" is not METHOD /path`)
  return aRequest({ method: methodOf(method, i), path: pathOf(path, i) })
}

const known = new Set(['method', 'path', 'weight', 'headers', 'body'])

/**
 * One request of a mix, as it can be sent.
 *
 * @param i - its place, for the error
 * @throws PLIMSOLL_REQUESTS_INVALID
 */
export const checkedRequest = (entry: unknown, i: number): PlannedRequest => {
  if (typeof entry !== 'object' || entry === null) throw wrong(i, 'it has to be "METHOD /path" or an object')
  const { method = 'GET', path, weight = 1, headers = {}, body = null, ...rest } = entry as Record<string, unknown>
  const strange = Object.keys(rest)[0]
  if (strange !== undefined) throw wrong(i, `"${strange}" is not known; ${[...known].join(', ')} are`)
  if (typeof weight !== 'number' || !(weight > 0 && weight < 1e9)) throw wrong(i, 'weight is a number above 0')
  const { text, type } = bodyOf(body)
  return aRequest({
    method: methodOf(method, i),
    path: pathOf(path, i),
    weight,
    headers: { ...(type !== null && { 'content-type': type }), ...headersOf(headers, i) },
    body: text
  })
}

const methodOf = (method: unknown, i: number): string => {
  if (typeof method !== 'string' || !token.test(method) || /^(connect|trace)$/i.test(method)) {
    throw wrong(i, 'method is GET, POST or another that a load test can send')
  }
  return method.toUpperCase()
}

const pathOf = (path: unknown, i: number): string => {
  // what is no visible ASCII has to be encoded: RFC 9112, section 3.2
  if (typeof path !== 'string' || !/^\/[\u0021-\u007e]*$/.test(path)) {
    throw wrong(i, 'path begins with / and is percent-encoded')
  }
  return path
}

const headersOf = (headers: unknown, i: number): Headers => {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) {
    throw wrong(i, 'headers is an object of names and texts')
  }
  for (const [name, value] of Object.entries(headers)) {
    if (!token.test(name) || typeof value !== 'string' || /[\r\n\0]/.test(value)) {
      throw wrong(i, `the header "${name}" cannot be sent`)
    }
    if (reserved.test(name)) throw wrong(i, `the header "${name}" is set by the sender`)
  }
  return headers as Headers
}

const bodyOf = (body: unknown): { text: string | null; type: string | null } => {
  if (body === null) return { text: null, type: null }
  return typeof body === 'string'
    ? { text: body, type: null }
    : { text: JSON.stringify(body), type: 'application/json' }
}
