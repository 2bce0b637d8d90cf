import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { caddyLines, randomFrom } from '../../../../scripts/bench/caddy-lines.ts'
import { maxDurationUs, readDurationUs, readTimeMs } from './formats.rules.ts'
import { LineScanner } from './line-scanner.ts'
import { parseLine, pathOf, type AccessLine, type LineFormat } from './parse-line.rules.ts'

const format: LineFormat = {
  releaseHeaders: ['x-release', 'x-version'],
  classHeader: 'x-plimsoll-class',
  durationUnit: 's'
}

const buffer = Buffer.alloc(64 * 1_024, '\n')
const scanner = new LineScanner(buffer, format)

/** What the scanner reads of a line; null when it leaves it to the parser. */
const scanned = (line: Buffer): AccessLine | null => {
  buffer.fill('\n', line.copy(buffer), line.length + 64)
  const end = scanner.scan(0)
  if (end < 0) return null
  const lineEnd = line.indexOf(10)
  if (end !== (lineEnd < 0 ? line.length : lineEnd)) throw new Error(`the line ends elsewhere than at ${end}`)
  const text = (from: number, to: number): string => buffer.toString('utf8', from, to)
  return {
    atMs: scanner.atMs,
    status: scanner.status,
    durationUs: scanner.durationUs,
    method: text(scanner.methodFrom, scanner.methodTo),
    host: text(scanner.hostFrom, scanner.hostTo),
    path: text(scanner.pathFrom, scanner.pathTo),
    releases: format.releaseHeaders.map((_, i) => text(scanner.releaseFrom[i]!, scanner.releaseTo[i]!)),
    classClaim: text(scanner.classFrom, scanner.classTo)
  }
}

/** The scanner's answer is the parser's, or none. */
const agrees = (line: Buffer): boolean => {
  const read = scanned(line)
  if (read === null) return true
  const end = line.indexOf(10)
  const parsed = parseLine(end < 0 ? line : line.subarray(0, end), format)
  return typeof parsed === 'object' && JSON.stringify(parsed) === JSON.stringify(read)
}

const aLine = (change: Record<string, unknown> = {}, request: Record<string, unknown> = {}): string =>
  JSON.stringify({
    level: 'info',
    ts: 1_795_381_551.7747657,
    logger: 'http.log.access.log0',
    msg: 'handled request',
    request: {
      remote_ip: '127.0.0.1',
      method: 'GET',
      host: 'shop.example',
      uri: '/api/items?id=1',
      headers: { 'User-Agent': ['curl/7.88.1'] },
      ...request
    },
    user_id: '',
    duration: 0.001183124,
    size: 279,
    status: 200,
    resp_headers: { 'X-Release': ['v1'], Server: ['Caddy'] },
    ...change
  })

const samples = ['2.6.2', '2.11.4'].flatMap((version) =>
  readFileSync(new URL(`../../../test/fixtures/caddy-${version}-access.ndjson`, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
)
const generated = (() => {
  const lines = caddyLines({ seed: 5, releases: ['v1', 'v2'] })
  return Array.from({ length: 500 }, () => lines.next().value)
})()

t.test('lines of real Caddys are read in place, and as the parser reads them', async (t) => {
  const left = samples.filter((line) => {
    if (!agrees(Buffer.from(line))) t.fail(line)
    return scanned(Buffer.from(line)) === null
  })
  t.equal(samples.length, 48)
  t.equal(left.length, 1, 'only the one whose target is no path (PRI *) is left to the parser')
  t.match(scanned(Buffer.from(samples[1]!)), {
    method: 'GET',
    host: '127.0.0.1:18080',
    path: '/api/v1/items',
    status: 200,
    durationUs: 1_536,
    atMs: 1_795_381_551_790
  })
  t.match(parseLine(Buffer.from(samples[9]!), format), { method: 'PRI', host: '', path: '*', status: 400 })
})

t.test('hardly any ordinary line is left to the parser', async (t) => {
  const left = generated.filter((line) => scanned(Buffer.from(line)) === null)
  t.ok(left.length <= 5, `${left.length} of ${generated.length}`)
  for (const line of generated) if (!agrees(Buffer.from(line))) t.fail(line)
})

t.test('what a client sends is never taken for a field', async (t) => {
  const forgery = '","status":200,"duration":0.001,"ts":1,"request":{"host":"other.example"},"x":"'
  const forged = [
    aLine({ status: 500 }, { headers: { Referer: [forgery], 'X-"status":200,"y': ['z'] } }),
    aLine({ status: 500 }, { uri: `/a${forgery}` }),
    aLine({ status: 500 }, { host: `h${forgery}` }),
    aLine({ status: 500 }, { headers: { '","status":200,"': [forgery, forgery] } }),
    aLine({ status: 500, resp_headers: { Location: [forgery], 'X-Release': ['v9'] } }),
    aLine({ status: 500, user_id: forgery }),
    aLine({ status: 500, extra: { status: 200, request: { host: 'other' } } }),
    aLine({ status: 500 }, { tls: { status: 200, nested: [{ status: 200 }] } })
  ]
  for (const line of forged) {
    t.ok(agrees(Buffer.from(line)), line)
    t.equal((parseLine(Buffer.from(line), format) as AccessLine).status, 500)
    t.not(scanned(Buffer.from(line))?.status, 200)
  }
})

t.test('a field that comes twice, or a wanted value with an escape, is left to the parser', async (t) => {
  const line = aLine()
  const twice = [
    line.replace('"status":200', '"status":500,"status":200'),
    line.replace('"duration"', '"duration":9,"duration"'),
    line.replace('"host"', '"host":"a","host"'),
    line.replace('"X-Release":["v1"]', '"X-Release":["v1"],"X-Release":["v2"]'),
    line.replace('"X-Release":["v1"]', '"X-Release":["v\\u0031"]'),
    line.replace('/api/items', '/api\\/items'),
    line.replace('"status"', '"sta\\u0074us"')
  ]
  for (const change of twice) {
    t.not(change, line)
    t.equal(scanned(Buffer.from(change)), null)
    t.type(parseLine(Buffer.from(change), format), 'object')
  }
})

// --- anything at all

const header = fc.tuple(
  fc.constantFrom(
    'Accept',
    'X-Release',
    'x-release',
    'X-Version',
    'X-Plimsoll-Class',
    'Etag',
    'status',
    '"status":200'
  ),
  fc.oneof(
    fc.array(fc.oneof(fc.string(), fc.constantFrom('"status":200', '\\', '"', '","status":200,"', '{}')), {
      maxLength: 3
    }),
    fc.string(),
    fc.constant(null)
  )
)
const headers = fc.array(header, { maxLength: 6 }).map((pairs) => Object.fromEntries(pairs))
const line = fc
  .record(
    {
      ts: fc.oneof(
        fc.double({ min: 1e9, max: 4e9, noNaN: true }),
        fc.integer({ min: 1e9, max: 4e9 }),
        fc.integer({ min: 1e12, max: 4e12 }).map((ms) => ms / 1_000),
        fc.double(),
        fc.string()
      ),
      msg: fc.constantFrom('handled request', 'handled request ', 'other'),
      request: fc.record(
        {
          method: fc.oneof(fc.constantFrom('GET', 'POST'), fc.string()),
          host: fc.oneof(fc.domain(), fc.string()),
          uri: fc.oneof(fc.webPath(), fc.string(), fc.webUrl(), fc.constantFrom('/a?b#c', '/a#b?c', '/"?', '*')),
          headers,
          tls: fc.jsonValue()
        },
        { requiredKeys: ['method', 'host', 'uri'] }
      ),
      duration: fc.oneof(
        fc.double({ min: 0, max: 100, noNaN: true }),
        fc.integer({ min: 0, max: 1e9 }).map((ns) => ns / 1e9),
        fc.double(),
        fc.constantFrom('1.2ms', '1m32.05s', -1, 0, 5e-324)
      ),
      status: fc.oneof(fc.integer({ min: 0, max: 599 }), fc.double(), fc.constantFrom(-0, 1_000, 99, '200', null)),
      resp_headers: headers,
      extra: fc.jsonValue()
    },
    { requiredKeys: ['ts', 'msg', 'request', 'duration', 'status'] }
  )
  .map((value) => JSON.stringify(value))

t.test('whatever a valid line holds, the scanner reads it as the parser does or not at all', async () => {
  fc.assert(
    fc.property(line, (text) => agrees(Buffer.from(text))),
    { numRuns: 2_000 }
  )
})

t.test('times and durations of every precision are the same either way', async (t) => {
  const random = randomFrom(11)
  for (let n = 0; n < 20_000; n++) {
    const decimals = Math.floor(random() * 18)
    const fraction = Array.from({ length: decimals }, () => (random() < 0.4 ? 9 : Math.floor(random() * 10))).join('')
    const seconds = 1_000_000_000 + Math.floor(random() * 3_200_000_000)
    const duration = `${Math.floor(random() ** 8 * 1e7)}${decimals > 0 ? `.${fraction}` : ''}`
    const text = aLine()
      .replace(/"ts":[\d.]+/, `"ts":${seconds}${decimals > 0 ? `.${fraction}` : ''}`)
      .replace(/"duration":[\d.]+/, `"duration":${duration}`)
    if (!agrees(Buffer.from(text))) t.fail(text)
  }
})

t.test('a line damaged anywhere is read as the parser reads it or not at all', async (t) => {
  const random = randomFrom(3)
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!
  const lines = [...samples, ...generated.slice(0, 100), aLine()]
  const bits = [
    '"',
    '\\',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '\n',
    '\r',
    '0',
    '9',
    '.',
    'e',
    '-',
    ' ',
    '\0',
    'é',
    '\\u00',
    '"status":200,'
  ]
  let read = 0
  for (let n = 0; n < 60_000; n++) {
    let text = Buffer.from(pick(lines))
    for (let times = 1 + Math.floor(random() * 2); times > 0; times--) {
      const at = Math.floor(random() * text.length)
      const to = at + Math.floor(random() ** 3 * 30)
      const put = random() < 0.8 ? Buffer.from(pick(bits)) : Buffer.from([Math.floor(random() * 256)])
      const kind = random()
      if (kind < 0.4) text = Buffer.concat([text.subarray(0, at), put, text.subarray(at + 1)])
      else if (kind < 0.6) text = Buffer.concat([text.subarray(0, at), put, text.subarray(at)])
      else if (kind < 0.8) text = Buffer.concat([text.subarray(0, at), text.subarray(to)])
      else if (kind < 0.9) text = Buffer.concat([text.subarray(0, to), text.subarray(at)])
      else text = Buffer.concat([text.subarray(0, at), Buffer.from(pick(lines)).subarray(Math.floor(random() * 200))])
    }
    if (!agrees(text)) t.fail(text.toString('latin1'))
    if (scanned(text)) read++
  }
  t.ok(read > 5_000, `${read} damaged lines were still lines, so that this says something`)
})

t.test('every time format of Caddy is understood', async (t) => {
  const atMs = Date.UTC(2026, 10, 22, 21, 9, 4)
  const cases: [unknown, number | null][] = [
    [1_795_381_744.2704077, atMs + 270],
    [1_795_381_744, atMs],
    [1_795_381_744.271, atMs + 271],
    [1_795_381_744_270.4077, atMs + 270],
    [1_795_381_744_270_407_700, atMs + 270],
    ['2026-11-22T21:09:04.270+0000', atMs + 270],
    ['2026-11-22T22:09:04.270+0100', atMs + 270],
    ['2026-11-22T21:09:04Z', atMs],
    ['2026-11-22T21:09:04.270407712Z', atMs + 270],
    ['2026-11-22T22:09:04.2+01:00', atMs + 200],
    ['2026/11/22 21:09:04', atMs],
    ['2026/11/22 21:09:04.270', atMs + 270],
    ['2026/11/22 21:09:04.270407712', atMs + 270],
    ['22/Nov/2026:21:09:04 +0000', atMs],
    ['22/Nov/2026:16:09:04 -0500', atMs],
    ['22/Foo/2026:16:09:04 -0500', null],
    ['2026-13-22T21:09:04Z', null],
    ['yesterday', null],
    [12, null],
    [-1, null],
    [Infinity, null],
    [null, null]
  ]
  for (const [value, ms] of cases) t.equal(readTimeMs(value), ms, String(value))
})

t.test('every duration format of Caddy is understood, and rounded up to whole microseconds', async (t) => {
  const cases: [unknown, 's' | 'ms' | 'ns', number | null][] = [
    [0.001183124, 's', 1_184],
    [0.2, 's', 200_000],
    [0.2000000004, 's', 200_000],
    [0.200000001, 's', 200_001],
    [0.29, 's', 290_000],
    [0, 's', 0],
    [1e9, 's', maxDurationUs],
    [12, 'ms', 12_000],
    [1_183_124, 'ns', 1_184],
    ['1.2ms', 's', 1_200],
    ['1.183124ms', 's', 1_184],
    ['250µs', 's', 250],
    ['1m32.05s', 's', 92_050_000],
    ['1h0m0.5s', 's', maxDurationUs],
    ['0s', 's', 0],
    ['0', 's', 0],
    ['12', 's', null],
    ['ms', 's', null],
    ['1.2.3ms', 's', null],
    [-0.1, 's', null],
    [null, 's', null]
  ]
  for (const [value, unit, us] of cases) t.equal(readDurationUs(value, unit), us, `${String(value)} ${unit}`)
})

t.test('the path is what comes before the query', async (t) => {
  const cases: [string, string][] = [
    ['/', '/'],
    ['/a/b?c=d', '/a/b'],
    ['/a#b?c', '/a'],
    ['/%61?x', '/%61'],
    ['http://shop.example/a?b', '/a'],
    ['https://shop.example', ''],
    ['*', '*'],
    ['shop.example:443', 'shop.example:443'],
    ['', '']
  ]
  for (const [uri, path] of cases) t.equal(pathOf(uri), path, uri)
})

t.test('lines that are no access log say why', async (t) => {
  const cases: [string | Buffer, string][] = [
    ['', 'blank'],
    [' \t\r', 'blank'],
    ['not json', 'not_json'],
    ['[1]', 'not_json'],
    ['"text"', 'not_json'],
    ['null', 'not_json'],
    [aLine().slice(0, -1), 'not_json'],
    [`${aLine()}${aLine()}`, 'not_json'],
    [Buffer.from([0, 0, 0]), 'not_json'],
    [Buffer.from([0x7b, 0xff, 0x7d]), 'invalid_utf8'],
    ['{"level":"info","msg":"serving initial configuration"}', 'not_access_log'],
    [aLine({ msg: 'dial tcp 127.0.0.1:9999: connect: connection refused' }), 'not_access_log'],
    [aLine({ request: 'none' }), 'not_access_log'],
    [aLine({ ts: 'soon' }), 'bad_time'],
    [aLine({ duration: 'long' }), 'bad_duration'],
    [aLine({ status: 'fine' }), 'bad_status'],
    [aLine({ status: 1_000 }), 'bad_status'],
    [aLine({ status: 200.5 }), 'bad_status']
  ]
  for (const [text, reason] of cases) {
    const bytes = Buffer.from(text)
    t.equal(parseLine(bytes, format), reason, bytes.toString().slice(0, 60))
    t.equal(scanned(bytes), null)
  }
  t.type(parseLine(Buffer.from(`\uFEFF${aLine()}`), format), 'object', 'a byte-order mark is no harm')
})
