// Asks the instance beside it whether it lives: node api/src/health.ts. For images, which hold no curl and no shell.
const { PORT = '3000', HOST = '127.0.0.1' } = process.env
const host = HOST === '0.0.0.0' || HOST === '::' ? '127.0.0.1' : HOST
const url = `http://${host.includes(':') ? `[${host}]` : host}:${PORT}/healthz`

const lives = await fetch(url, { signal: AbortSignal.timeout(2_500) }).then(
  ({ ok }) => ok,
  () => false
)
process.exitCode = lives ? 0 : 1
