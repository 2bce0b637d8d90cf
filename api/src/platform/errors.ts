import createError, { type FastifyError } from '@fastify/error'
import type { Problem } from '../contract/index.ts'

/** One fault inside a request: where, what, and what would have been right. */
export type Fault = NonNullable<Problem['errors']>[number]

export interface ErrorSpec {
  /** Stable; programs act on it. */
  readonly code: `PLIMSOLL_${string}`
  readonly status: number
  /** The kind of problem in a few words, the same every time. */
  readonly title: string
  /** What would have worked; a throw may give a better one. */
  readonly hint?: string
}

export interface ErrorDetails {
  readonly hint?: string
  readonly errors?: readonly Fault[]
  /** Reply headers that belong to the refusal, e.g. `retry-after`. */
  readonly headers?: Readonly<Record<string, string>>
  readonly cause?: unknown
}

/** An error with a stable code, made to be shown: its message is for people and holds no secret. */
export interface CodedError extends FastifyError {
  readonly title: string
  readonly hint?: string
  readonly errors?: readonly Fault[]
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * A kind of refusal. Calling it makes the error: `throw notFound('there is no service "x"')`.
 *
 * @param spec - code, HTTP status, title and default hint
 * @returns a function of the sentence to show and of details that belong to this one case
 */
export function codedError(spec: ErrorSpec) {
  const Kind = createError(spec.code, '%s', spec.status)
  const make = (detail: string, { cause, hint = spec.hint, ...details }: ErrorDetails = {}): CodedError =>
    Object.assign(new Kind(detail, { cause }), { title: spec.title, ...(hint !== undefined && { hint }), ...details })
  return Object.assign(make, { spec })
}

export const isCodedError = (error: unknown): error is CodedError =>
  error instanceof Error && 'title' in error && 'code' in error && String(error.code).startsWith('PLIMSOLL_')

/** The text of anything thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

// What a request can be refused for. Rooms define their own beside the code that throws them.

export const notFound = codedError({ code: 'PLIMSOLL_NOT_FOUND', status: 404, title: 'Not found' })

export const methodNotAllowed = codedError({
  code: 'PLIMSOLL_METHOD_NOT_ALLOWED',
  status: 405,
  title: 'Method not allowed'
})

export const notAcceptable = codedError({ code: 'PLIMSOLL_NOT_ACCEPTABLE', status: 406, title: 'Not acceptable' })

export const badRequest = codedError({ code: 'PLIMSOLL_BAD_REQUEST', status: 400, title: 'Bad request' })

export const validationFailed = codedError({
  code: 'PLIMSOLL_VALIDATION_FAILED',
  status: 400,
  title: 'The request does not fit the contract',
  hint: 'see /docs or /openapi.json'
})

export const malformedBody = codedError({
  code: 'PLIMSOLL_MALFORMED_BODY',
  status: 400,
  title: 'The body could not be read',
  hint: 'send one complete JSON document in UTF-8'
})

export const bodyTooLarge = codedError({
  code: 'PLIMSOLL_BODY_TOO_LARGE',
  status: 413,
  title: 'The body is too large',
  hint: 'send less at a time, or raise BODY_LIMIT_BYTES'
})

export const requestTimeout = codedError({
  code: 'PLIMSOLL_REQUEST_TIMEOUT',
  status: 408,
  title: 'The request did not arrive in time'
})

export const unsupportedMediaType = codedError({
  code: 'PLIMSOLL_UNSUPPORTED_MEDIA_TYPE',
  status: 415,
  title: 'Media type not supported'
})

export const preconditionFailed = codedError({
  code: 'PLIMSOLL_PRECONDITION_FAILED',
  status: 412,
  title: 'Somebody else was faster',
  hint: 'read it again, look at what changed, and repeat with the new ETag'
})

export const accessDenied = codedError({ code: 'PLIMSOLL_ACCESS_DENIED', status: 403, title: 'Access denied' })

export const unauthenticated = codedError({
  code: 'PLIMSOLL_UNAUTHENTICATED',
  status: 401,
  title: 'Who are you?',
  hint: 'send Authorization: Bearer <API_TOKEN>'
})

export const rateLimited = codedError({
  code: 'PLIMSOLL_RATE_LIMITED',
  status: 429,
  title: 'Too many requests',
  hint: 'wait as Retry-After says'
})

export const overloaded = codedError({
  code: 'PLIMSOLL_OVERLOADED',
  status: 503,
  title: 'Shed to keep the rest fast',
  hint: 'wait as Retry-After says, with jitter'
})

export const storeUnavailable = codedError({
  code: 'PLIMSOLL_STORE_UNAVAILABLE',
  status: 503,
  title: 'The store cannot be used now'
})

export const internalError = codedError({
  code: 'PLIMSOLL_INTERNAL_ERROR',
  status: 500,
  title: 'Plimsoll failed',
  hint: 'look for the request id in the log of the server'
})
