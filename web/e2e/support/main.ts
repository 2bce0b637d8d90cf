/** The fixture server by itself: `node web/e2e/support/main.ts 8095`, then `PLIMSOLL_API=http://127.0.0.1:8095 npm run dev -w web`. */
import { startFixtureServer } from './server.ts'

const server = await startFixtureServer({
  port: Number(process.argv[2] ?? 8095),
  refused: process.argv.includes('--refused'),
  ...(process.argv.includes('--empty') && { scenes: [] })
})
process.stdout.write(`${server.origin}\n`)
