/**
 * Access-log lines as Caddy 2 writes them (about 920 bytes with headers, key order of headers
 * random), the same ones for the same seed: traffic of a small shop on browsers, a phone app and
 * a few scripts, with errors, aborted requests and slow ones.
 */

export interface CaddyLinesOptions {
  /** Same seed, same lines. */
  readonly seed?: number
  /** Time of the first line, Unix ms. */
  readonly startMs?: number
  /** Average arrivals, requests per second. */
  readonly ratePerS?: number
  /** Values of the `X-Release` response header; none by default. */
  readonly releases?: readonly string[]
}

/** Uniform numbers in [0, 1), seeded (mulberry32). */
export const randomFrom = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const browsers = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Safari/605.1.15',
  'Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0',
  'ShopApp/7.3.1 (iPhone; iOS 19.0; Scale/3.00)',
  'python-requests/2.32.3'
]
const languages = ['en-GB,en;q=0.9', 'de-DE,de;q=0.9,en;q=0.7', 'fr-FR,fr;q=0.8,en-US;q=0.5,en;q=0.3', 'en']
const methods = ['GET', 'GET', 'GET', 'GET', 'GET', 'GET', 'POST', 'POST', 'PUT', 'HEAD']

/** Endless lines, without line ends. */
export function* caddyLines(options: CaddyLinesOptions = {}): Generator<string, never> {
  const random = randomFrom(options.seed ?? 1)
  const gapS = 1 / (options.ratePerS ?? 400)
  let tsS = (options.startMs ?? Date.UTC(2026, 8, 1)) / 1_000
  for (;;) {
    tsS += -Math.log(1 - random()) * gapS
    yield caddyLine(random, tsS, options.releases ?? [])
  }
}

const pick = <T>(random: () => number, items: readonly T[]): T => items[Math.floor(random() * items.length)]!

const shuffled = <T>(random: () => number, items: T[]): T[] => {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    const kept = items[last]!
    items[last] = items[other]!
    items[other] = kept
  }
  return items
}

const hex = (random: () => number, length: number): string =>
  Array.from({ length }, () => Math.floor(random() * 16).toString(16)).join('')

const ids = randomFrom(7)
const cartIds = Array.from(
  { length: 2_000 },
  () => `${hex(ids, 8)}-${hex(ids, 4)}-4${hex(ids, 3)}-a${hex(ids, 3)}-${hex(ids, 12)}`
)
const assets = Array.from({ length: 40 }, () => `/assets/app.${hex(ids, 8)}.js`)

const uriOf = (random: () => number): string => {
  const id = Math.floor(random() ** 2 * 20_000)
  const kind = random()
  if (kind < 0.3) return `/api/items?page=${1 + (id % 40)}&sort=price&currency=EUR`
  if (kind < 0.6) return `/api/items/${id}`
  if (kind < 0.7) return `/api/items/${id}/reviews?limit=20`
  if (kind < 0.8) return `/api/carts/${cartIds[Math.floor(random() ** 2 * cartIds.length)]}`
  if (kind < 0.85) return '/api/checkout/payment'
  if (kind < 0.95) return pick(random, assets)
  return `/search?q=${pick(random, ['caf%C3%A9', 'winter+coat', '%22exact%22', 'b%C3%BCcher'])}&from=home`
}

const statusOf = (random: () => number): number => {
  const dice = random()
  if (dice < 0.92) return 200
  if (dice < 0.95) return 304
  if (dice < 0.98) return 404
  if (dice < 0.99) return 401
  if (dice < 0.9915) return 0
  return dice < 0.996 ? 500 : 502
}

const caddyLine = (random: () => number, tsS: number, releases: readonly string[]): string => {
  const status = statusOf(random)
  const agent = pick(random, browsers)
  const uri = uriOf(random)
  const durationS = Math.round(Math.exp(-4.6 + 1.1 * normal(random)) * 1e9) / 1e9
  const size = Math.floor(random() ** 3 * 60_000)
  const ip = `203.0.113.${Math.floor(random() * 255)}`
  const requestHeaders = [
    ['User-Agent', agent],
    ['Accept', agent.startsWith('Mozilla') ? 'application/json, text/plain, */*' : '*/*'],
    ['Accept-Encoding', 'gzip, deflate, br']
  ]
  if (agent.startsWith('Mozilla')) {
    requestHeaders.push(['Accept-Language', pick(random, languages)], ['Cookie', 'REDACTED'])
  }
  if (agent.includes('Chrome')) requestHeaders.push(['Sec-Ch-Ua', '"Chromium";v="140", "Not=A?Brand";v="24"'])
  if (agent.startsWith('ShopApp')) requestHeaders.push(['Authorization', 'REDACTED'])
  const responseHeaders = [
    ['Server', 'Caddy'],
    ['Date', new Date(tsS * 1_000).toUTCString()],
    ['Content-Type', uri.startsWith('/api') ? 'application/json; charset=utf-8' : 'text/html; charset=utf-8'],
    ['Content-Length', String(size)],
    ['Cache-Control', 'private, max-age=0']
  ]
  if (status === 200) responseHeaders.push(['Etag', `"${hex(random, 16)}"`])
  if (releases.length > 0) responseHeaders.push(['X-Release', pick(random, releases)])
  const request =
    `"remote_ip":"${ip}","remote_port":"${1_024 + Math.floor(random() * 60_000)}","client_ip":"${ip}","proto":"HTTP/2.0",` +
    `"method":"${pick(random, methods)}","host":"shop.example","uri":${JSON.stringify(uri)},` +
    `"headers":${headers(random, requestHeaders)},` +
    '"tls":{"resumed":false,"version":772,"cipher_suite":4865,"proto":"h2","server_name":"shop.example"}'
  return (
    `{"level":"${status >= 500 ? 'error' : 'info'}","ts":${trimmed(tsS, 7)},"logger":"http.log.access.log0",` +
    `"msg":"handled request","request":{${request}},"bytes_read":0,"user_id":"","duration":${trimmed(durationS, 9)},"size":${size},` +
    `"status":${status},"resp_headers":${headers(random, responseHeaders)}}`
  )
}

/** Like Go's shortest form: never an exponent. */
const trimmed = (value: number, digits: number): string => value.toFixed(digits).replace(/\.?0+$/, '')

const headers = (random: () => number, pairs: string[][]): string =>
  `{${shuffled(random, pairs)
    .map(([name, value]) => `"${name}":[${JSON.stringify(value)}]`)
    .join(',')}}`

/** Standard normal (Box–Muller). */
const normal = (random: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
