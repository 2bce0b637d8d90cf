import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import fp from 'fastify-plugin'

/** While closing, connections that have become idle are looked for this often, ms. */
const sweepMs = 100

/**
 * Lets the server close as soon as the last request is answered. Node alone would wait for
 * connections that browsers open in advance (it takes them for busy until their headers time out)
 * and for those that stay open after a request that was under way when the closing began.
 */
export const closingPlugin = fp(
  async (app) => {
    const { server, clock } = app
    const fresh = new Set<Socket>()
    let stop = (): void => {}

    server.on('connection', (socket: Socket) => {
      fresh.add(socket)
      socket.once('close', () => fresh.delete(socket))
    })
    server.on('request', ({ socket }: IncomingMessage) => fresh.delete(socket))
    app.addHook('preClose', () => {
      for (const socket of fresh) socket.destroy()
      stop = clock.every(sweepMs, () => server.closeIdleConnections())
    })
    app.addHook('onClose', () => stop())
  },
  { name: 'closing', dependencies: ['ground'] }
)
