import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { badRequest, type CodedError, codedError, methodNotAllowed, notFound, requestTimeout } from '../errors.ts'
import { problemType, sendProblem, toCodedError, toProblem } from './problem.ts'

const headersTooLarge = codedError({
  code: 'PLIMSOLL_HEADERS_TOO_LARGE',
  status: 431,
  title: 'The request headers are too large',
  hint: 'send fewer or shorter headers (cookies of other programs on this host count too)'
})

const brokenHttp = codedError({ code: 'PLIMSOLL_BROKEN_HTTP', status: 400, title: 'This is not HTTP' })

/** Every refusal leaves here as problem details, whatever threw it. */
export const errorsPlugin = fp(
  async (app) => {
    app.setErrorHandler((thrown: FastifyError, request, reply) => answerError(thrown, request, reply))

    app.setNotFoundHandler((request, reply) => {
      request.routeConfig = noRoute // not that of the page, which looked first
      const path = request.url.split('?', 1)[0] ?? ''
      const methods = app.routeTable.methodsOf(path)
      if (methods.length === 0 || methods.includes(request.method)) {
        return sendProblem(request, reply, notFound(`There is nothing at ${path}`, { hint: 'see /docs' }))
      }
      const allow = methods.join(', ')
      return sendProblem(
        request,
        reply,
        methodNotAllowed(`${path} does not take ${request.method}`, { hint: `it takes ${allow}`, headers: { allow } })
      )
    })
  },
  { name: 'errors', dependencies: ['route-table'] }
)

const noRoute = { metricsName: 'none' }

/** A crash is logged with its cause and the request's id; a refusal is the caller's business. */
function answerError(thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const error = toCodedError(thrown)
  const status = error.statusCode ?? 500
  if (status >= 500) request.log.error({ err: error.cause ?? error, code: error.code }, 'request failed')
  return sendProblem(request, reply, error)
}

/** For what fails before a route is found: a URL that cannot be decoded. */
export function frameworkErrors(thrown: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  void answerError(thrown, request, reply)
}

/** Answers on the bare socket what Node could not parse as a request. */
export function clientErrorHandler(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return
  const refusal = refusalOf(error)
  const status = refusal.statusCode ?? 400
  const body = JSON.stringify(toProblem(refusal, 'none'))
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n` +
      `Content-Type: ${problemType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`
  )
}

const refusalOf = ({ code }: { code?: string }): CodedError => {
  if (code === 'HPE_HEADER_OVERFLOW') return headersTooLarge('The headers are larger than 16 KiB')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return requestTimeout('The request was not complete in time')
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') return badRequest('The chunk extensions are too long')
  return brokenHttp('What was sent could not be understood as an HTTP request')
}
