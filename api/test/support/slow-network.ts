import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Test } from 'tap'

export interface Network {
  /** The address of the server behind it, through it. */
  readonly url: string
  /** How long every piece is on its way, ms, in each direction. */
  delayMs: number
  /** Nothing arrives any more, and nobody is told; what was sent meanwhile arrives when it is undone. */
  isCut: boolean
}

/** A network between a program and a server, slow and broken at will. */
export async function aNetwork(t: Test, url: string): Promise<Network> {
  const to = new URL(url)
  const sockets = new Set<Socket>()
  const network = { url: '', delayMs: 0, isCut: false }
  const carry = (from: Socket, target: Socket): void => {
    let last: Promise<void> = Promise.resolve()
    const later = (task: () => void): void => {
      last = last.then(() => arrival(network)).then(task) // in order, whatever the delay becomes
    }
    from.on('data', (chunk) => later(() => void target.write(chunk)))
    from.on('end', () => later(() => void target.end()))
    from.on('error', () => target.destroy())
    from.on('close', () => later(() => void target.destroy()))
  }
  const server = createServer((client) => {
    const behind = connect(Number(to.port), to.hostname)
    for (const socket of [client, behind]) {
      sockets.add(socket)
      socket.setNoDelay(true)
    }
    carry(client, behind)
    carry(behind, client)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  network.url = url.replace(to.host, `127.0.0.1:${(server.address() as AddressInfo).port}`)
  return network
}

const arrival = async (network: Pick<Network, 'delayMs' | 'isCut'>): Promise<void> => {
  if (network.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, network.delayMs))
  while (network.isCut) await new Promise((resolve) => setTimeout(resolve, 20))
}
