import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { bodyTooLarge, codedError, malformedBody, requestTimeout, unsupportedMediaType } from '../errors.ts'

const bodyTooDeep = codedError({
  code: 'PLIMSOLL_BODY_TOO_DEEP',
  status: 400,
  title: 'The body is nested too deeply',
  hint: 'send a flatter document'
})

/** Deeper documents are only ever sent to exhaust a stack. */
const maxDepth = 64

const json = 'application/json'

/** Reads bodies: JSON where the route wants JSON, the raw stream where it says what it consumes, 415 for the rest. */
export const bodiesPlugin = fp(
  async (app) => {
    const limitBytes = app.settings.BODY_LIMIT_BYTES
    app.removeAllContentTypeParsers()
    // no parseAs: whether the body is read here or by the handler is up to the route
    app.addContentTypeParser('*', async (request: FastifyRequest) => {
      const mediaType = mediaTypeOf(request)
      const consumes = request.routeOptions.schema?.consumes
      const allowed = consumes ?? [json]
      if (!request.is404 && !allowed.includes(mediaType)) {
        throw unsupportedMediaType(`This route does not take ${mediaType || 'a body without Content-Type'}`, {
          hint: `send Content-Type: ${allowed.join(' or ')}`,
          headers: { accept: allowed.join(', ') }
        })
      }
      return consumes || request.is404 ? request.raw : parseJson(await readText(request, limitBytes))
    })
  },
  { name: 'bodies', dependencies: ['ground'] }
)

const mediaTypeOf = (request: FastifyRequest): string =>
  (request.headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase()

/**
 * The whole body as text, for routes that consume something else than JSON.
 *
 * @param limitBytes - a longer body is refused, and no more than this is ever held
 * @throws PLIMSOLL_BODY_TOO_LARGE, PLIMSOLL_REQUEST_TIMEOUT, PLIMSOLL_MALFORMED_BODY when it is not UTF-8 or ends early
 */
export async function readText(request: FastifyRequest, limitBytes: number): Promise<string> {
  const { clock, settings } = request.server
  const { promise: late, reject } = Promise.withResolvers<never>()
  const cancel = clock.after(settings.BODY_TIMEOUT_MS, () => {
    const detail = `The body was not complete within ${settings.BODY_TIMEOUT_MS} ms`
    reject(requestTimeout(detail, { headers: { connection: 'close' } }))
  })
  try {
    return await Promise.race([readAll(request, limitBytes), late])
  } finally {
    cancel()
  }
}

async function readAll(request: FastifyRequest, limitBytes: number): Promise<string> {
  const tooLarge = `The body is larger than ${limitBytes} bytes`
  if (Number(request.headers['content-length']) > limitBytes) throw bodyTooLarge(tooLarge)
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of request.raw as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > limitBytes) throw bodyTooLarge(tooLarge)
      chunks.push(chunk)
    }
  } catch (error) {
    if (length > limitBytes) throw error
    throw malformedBody('The connection ended before the body did', { cause: error })
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks, length))
  } catch (error) {
    throw malformedBody('The body is not UTF-8', { cause: error })
  }
}

/**
 * JSON from outside: no deeper than 64, and without the keys that reach an object's prototype.
 *
 * @throws PLIMSOLL_MALFORMED_BODY, PLIMSOLL_BODY_TOO_DEEP
 */
export function parseJson(text: string): unknown {
  if (text.trim() === '') throw malformedBody('The body is empty but says it is JSON')
  if (depthOf(text) > maxDepth) throw bodyTooDeep(`The body is nested deeper than ${maxDepth}`)
  try {
    return JSON.parse(text, refusePrototype)
  } catch (error) {
    throw malformedBody(`The body is not JSON: ${error instanceof Error ? error.message : 'unreadable'}`)
  }
}

function refusePrototype(this: unknown, key: string, value: unknown): unknown {
  if (key === '__proto__') throw new SyntaxError('the key __proto__ is not allowed')
  if (key === 'constructor' && typeof value === 'object' && value !== null && 'prototype' in value) {
    throw new SyntaxError('the key constructor.prototype is not allowed')
  }
  return value
}

/** Deepest nesting of brackets outside of strings; works on text, so that no stack is needed. */
const depthOf = (text: string): number => {
  let depth = 0
  let deepest = 0
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i)
    if (quoted) {
      if (char === 0x5c)
        i++ // a backslash escapes what follows
      else if (char === 0x22) quoted = false
    } else if (char === 0x22) quoted = true
    else if (char === 0x7b || char === 0x5b) deepest = Math.max(deepest, ++depth)
    else if (char === 0x7d || char === 0x5d) depth--
  }
  return deepest
}
