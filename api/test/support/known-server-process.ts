// A server whose behaviour is known, in its own process: so that the sender's time is not its own.
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { seededRandom } from '../../src/load/random.rules.ts'
import { Queue } from './known-queue.ts'
import type { Behaviour, FromKnownServer } from './known-server.ts'

const behaviour = JSON.parse(process.argv[2]!) as Behaviour
const tell = (message: FromKnownServer): void => void process.send!(message)
const claims = new Set<string>()
const scheduledMs: number[] = []
const heldMs: number[] = []
const statuses: Record<number, number> = {}
let served = 0

const answer = (response: ServerResponse, status = 200): void => {
  statuses[status] = (statuses[status] ?? 0) + 1
  response.writeHead(status).end('ok')
}

/** Answers on schedule, and keeps how long that took: timers are good to the millisecond, on a busy machine to some. */
const after = (delayMs: number, response: ServerResponse): void => {
  const cameMs = performance.now()
  scheduledMs.push(delayMs)
  setTimeout(() => {
    heldMs.push(performance.now() - cameMs)
    answer(response)
  }, delayMs)
}

const queue = behaviour.kind === 'queue' ? new Queue(behaviour, seededRandom(behaviour.seed ?? 1)) : null

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
      return after(queue!.take(performance.now()), response)
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

process.on('message', () => tell({ kind: 'seen', served, statuses, claims: [...claims], scheduledMs, heldMs }))
process.on('disconnect', () => process.exit(0))
server.listen(0, '127.0.0.1', () => tell({ kind: 'listening', port: (server.address() as AddressInfo).port }))
