// What load generators are measured against: a server that costs almost nothing, or one that stands still for a
// second in every five. Started by the benches with IPC: sends { origin } once it listens.
// Usage: node scripts/bench/load-target.ts fast|frozen
import { createServer, type AddressInfo } from 'node:net'

const reply = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok')
const end = '\r\n\r\n'

/** Requests without bodies are counted by their ends; nothing else is read of them. */
const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => {}) // whoever measures closes as it likes
  socket.on('data', (chunk) => {
    for (let at = chunk.indexOf(end); at >= 0; at = chunk.indexOf(end, at + end.length)) socket.write(reply)
  })
})

if (process.argv[2] === 'frozen') {
  const still = new Int32Array(new SharedArrayBuffer(4))
  setInterval(() => Atomics.wait(still, 0, 0, 1_000), 5_000)
}

process.on('disconnect', () => process.exit(0))
server.listen(0, '127.0.0.1', () =>
  process.send?.({ origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
)
