import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Problem } from '../../contract/index.ts'
import {
  badRequest,
  bodyTooLarge,
  type CodedError,
  type Fault,
  internalError,
  isCodedError,
  malformedBody,
  messageOf,
  storeUnavailable,
  unsupportedMediaType,
  validationFailed
} from '../errors.ts'
import { explainStoreError } from '../database/faults.ts'

export const problemType = 'application/problem+json; charset=utf-8'

/** More faults than these help nobody. */
const maxFaults = 20

/** The body of a refusal, RFC 9457. */
export const toProblem = (error: CodedError, requestId: string, instance?: string): Problem => ({
  type: `urn:plimsoll:problem:${error.code.replace('PLIMSOLL_', '').toLowerCase()}`,
  title: error.title,
  status: error.statusCode ?? 500,
  code: error.code,
  detail: error.message,
  ...(error.hint !== undefined && { hint: error.hint }),
  ...(instance !== undefined && { instance }),
  requestId,
  ...(error.errors && { errors: error.errors.slice(0, maxFaults) })
})

/** Sends a refusal. The query is left out of `instance`: it may hold what is nobody's business. */
export function sendProblem(request: FastifyRequest, reply: FastifyReply, error: CodedError): FastifyReply {
  const status = error.statusCode ?? 500
  if (error.headers) void reply.headers(error.headers)
  return reply
    .code(status)
    .type(problemType)
    .send(JSON.stringify(toProblem(error, request.id, request.url.split('?', 1)[0])))
}

interface SchemaFault {
  instancePath: string
  keyword: string
  message?: string
  params: Record<string, unknown>
}

interface ThrownByFramework extends Error {
  code?: string
  statusCode?: number
  validation?: SchemaFault[]
  validationContext?: string
}

/** Anything thrown, as a refusal that can be shown: what is not understood becomes a 500 without its inner life. */
export function toCodedError(thrown: unknown): CodedError {
  if (isCodedError(thrown)) return thrown
  const error = thrown as ThrownByFramework | null | undefined
  if (Array.isArray(error?.validation)) return invalid(error.validation, error.validationContext ?? 'request')
  const known = typeof error?.code === 'string' ? byFrameworkCode[error.code] : undefined
  if (known) return known(error as ThrownByFramework)
  const fault = explainStoreError(thrown)
  if (fault) return storeUnavailable(fault.text, { hint: fault.hint, headers: { 'retry-after': '5' }, cause: thrown })
  const status = error?.statusCode
  if (status !== undefined && status >= 400 && status < 500) {
    return Object.assign(badRequest(messageOf(thrown)), { statusCode: status })
  }
  return internalError(
    'Something went wrong on our side; nothing was changed by this request unless it says so elsewhere',
    {
      cause: thrown
    }
  )
}

const byFrameworkCode: Record<string, (error: ThrownByFramework) => CodedError> = {
  FST_ERR_CTP_BODY_TOO_LARGE: () => bodyTooLarge('The body is larger than this route takes'),
  FST_ERR_CTP_EMPTY_JSON_BODY: () => malformedBody('The body is empty but says it is JSON'),
  FST_ERR_CTP_INVALID_JSON_BODY: () => malformedBody('The body is not JSON'),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () => malformedBody('The body is not as long as Content-Length says'),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () => unsupportedMediaType('This route does not take that media type'),
  FST_ERR_BAD_URL: () => badRequest('The path is not a valid URL path', { hint: 'percent-encode what is not ASCII' }),
  FST_ERR_MAX_PARAM_LENGTH: () => Object.assign(badRequest('A part of the path is too long'), { statusCode: 414 }),
  ECONNRESET: () => malformedBody('The connection ended before the body did')
}

const invalid = (faults: readonly SchemaFault[], context: string): CodedError => {
  const errors = faults.map((fault) => toFault(fault, context))
  const first = errors[0]
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
  return validationFailed(first ? `${first.path}: ${first.text}${more}` : 'The request does not fit the contract', {
    errors
  })
}

/** In a body the JSON pointer of what is wrong; elsewhere the name of the parameter. */
const toFault = ({ instancePath, keyword, message, params }: SchemaFault, context: string): Fault => {
  const missing = params['missingProperty'] ?? params['additionalProperty']
  const pointer =
    typeof missing === 'string'
      ? `${instancePath}/${missing.replaceAll('~', '~0').replaceAll('/', '~1')}`
      : instancePath
  const path = context === 'body' ? pointer || '/' : `${words[context] ?? context} ${pointer.slice(1)}`.trim()
  return { path, text: texts[keyword] ?? message ?? 'is not allowed', ...expected(keyword, params) }
}

const words: Record<string, string> = { querystring: 'query', params: 'path', headers: 'header' }

const texts: Record<string, string> = {
  required: 'is missing',
  additionalProperties: 'is not known here'
}

const expected = (keyword: string, params: Record<string, unknown>): { expected?: string } => {
  if (keyword === 'enum') return { expected: (params['allowedValues'] as unknown[]).join(', ') }
  if (keyword === 'const') return { expected: String(params['allowedValue']) }
  if (keyword === 'pattern') return { expected: String(params['pattern']) }
  return {}
}
