import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import fp from 'fastify-plugin'

/**
 * Ends connections that never sent a request when the server closes. Browsers open some in advance;
 * Node takes them for busy and would wait for them until its headers timeout.
 */
export const freshConnectionsPlugin = fp(
  async (app) => {
    const fresh = new Set<Socket>()
    app.server.on('connection', (socket: Socket) => {
      fresh.add(socket)
      socket.once('close', () => fresh.delete(socket))
    })
    app.server.on('request', ({ socket }: IncomingMessage) => fresh.delete(socket))
    app.addHook('preClose', () => fresh.forEach((socket) => socket.destroy()))
  },
  { name: 'fresh-connections' }
)
