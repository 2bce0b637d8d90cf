import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyRequest } from 'fastify'
import type { Origin } from './loopback.rules.ts'

/** Where a request says it comes from. */
export const originOf = ({ socket, headers }: FastifyRequest): Origin => ({
  remoteAddress: socket.remoteAddress,
  forwardedFor: forwardedFor(headers),
  host: headers.host,
  origin: headers.origin
})

/** Headers by which proxies say that they forward; a browser page may forge them, but gains nothing by it. */
const forwardingHeaders = ['forwarded', 'via', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip']

const forwardedFor = (headers: IncomingHttpHeaders): string[] | null => {
  const addresses = headers['x-forwarded-for']
  if (addresses !== undefined) return String(addresses).split(',')
  return forwardingHeaders.some((name) => headers[name] !== undefined) ? ['unknown'] : null
}

/** What stands behind `Bearer`; null: nothing of the kind was sent. */
export const bearerOf = ({ authorization }: IncomingHttpHeaders): string | null =>
  authorization === undefined ? null : (/^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? null)
