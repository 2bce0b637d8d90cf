// A server whose behaviour is known, in its own process: so that the sender's time is not its own.
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exponential, gaussian, seededRandom } from '../../src/load/random.rules.ts'
import type { Behaviour, FromKnownServer } from './known-server.ts'

const behaviour = JSON.parse(process.argv[2]!) as Behaviour
const random = seededRandom(behaviour.seed ?? 1)
const tell = (message: FromKnownServer): void => void process.send!(message)
const claims = new Set<string>()
const truthMs: number[] = []
let served = 0

const answer = (response: ServerResponse, status = 200): void => void response.writeHead(status).end('ok')

const after = (delayMs: number, response: ServerResponse): void =>
  void setTimeout(() => answer(response), Math.max(0, delayMs))

/** When each worker is free again, milliseconds: first come, first served. */
const free = new Float64Array(behaviour.workers ?? 1)

function queued(response: ServerResponse): void {
  const now = performance.now()
  const worker = free.indexOf(Math.min(...free))
  const service =
    behaviour.kind === 'queue'
      ? behaviour.serviceMs * (0.5 + 0.5 * exponential(random) + 0.02 * Math.abs(gaussian(random)))
      : 0
  const endMs = Math.max(now, free[worker]!) + service
  free[worker] = endMs
  truthMs.push(endMs - now)
  after(endMs - now, response)
}

/** Requests of the last second, for a server that refuses what is above its rate. */
const recent: number[] = []

const server = createServer((request, response) => {
  served++
  claims.add(String(request.headers['x-plimsoll-class'] ?? 'none'))
  request.resume()
  switch (behaviour.kind) {
    case 'constant':
      return after(behaviour.delayMs, response)
    case 'freeze':
      return answer(response)
    case 'hang':
      // every n-th request is never answered
      return served % behaviour.everyNth === 0 ? undefined : answer(response)
    case 'queue':
      return queued(response)
    case 'refuse': {
      const now = performance.now()
      while (recent.length > 0 && recent[0]! < now - 1_000) recent.shift()
      if (recent.length >= behaviour.abovePerS) return answer(response, 503)
      recent.push(now)
      return answer(response)
    }
    case 'status':
      return answer(response, behaviour.status)
  }
})
server.keepAliveTimeout = 60_000

if (behaviour.kind === 'freeze') {
  const still = new Int32Array(new SharedArrayBuffer(4))
  setInterval(() => Atomics.wait(still, 0, 0, behaviour.frozenMs), behaviour.everyMs)
}

process.on('message', () => tell({ kind: 'seen', served, claims: [...claims], truthMs }))
process.on('disconnect', () => process.exit(0))
server.listen(0, '127.0.0.1', () => tell({ kind: 'listening', port: (server.address() as AddressInfo).port }))
