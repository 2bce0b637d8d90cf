import fc from 'fast-check'
import t from 'tap'
import { caddyLines, randomFrom } from '../../../../scripts/bench/caddy-lines.ts'
import type { RequestFilter } from '../../plan/model.ts'
import { classHeader, signClassClaim } from '../class-header.rules.ts'
import type { SliceDelta } from '../slice.ts'
import { LogLines, type LogLinesOptions } from './log-lines.ts'
import type { LoggedService, LogReading } from './options.ts'
import { parseRanges, withRange, firstGap, type ByteRange } from './ranges.rules.ts'
import { feedNow } from './reading.ts'

const nowMs = Date.UTC(2026, 8, 1, 0, 10)
const classKey = 'a key of at least sixteen'

const aFilter = (change: Partial<RequestFilter> = {}): RequestFilter => ({
  hosts: [],
  paths: [],
  methods: [],
  exclude: { paths: [], methods: [] },
  ...change
})
const aService = (change: Partial<LoggedService> = {}): LoggedService => ({
  service: 'shop',
  filters: [aFilter()],
  releaseHeader: 'X-Release',
  thresholdsMs: [200],
  objectivePaths: [],
  routes: { groups: [], cap: 50 },
  ...change
})
const aReading = (change: Partial<LogReading> = {}): LogReading => ({
  services: [aService()],
  classKeys: [classKey],
  ...change
})

interface LineChange {
  readonly atMs?: number
  readonly status?: number
  readonly durationS?: number | string
  readonly uri?: string
  readonly host?: string
  readonly method?: string
  readonly release?: string
  readonly headers?: Record<string, string[]>
}
const aLine = (change: LineChange = {}): string => {
  const { atMs = nowMs - 1_000, status = 200, durationS = 0.012, uri = '/api/items/1', host = 'shop.example' } = change
  const { method = 'GET', release, headers = {} } = change
  return JSON.stringify({
    level: 'info',
    ts: atMs / 1_000,
    msg: 'handled request',
    request: { method, host, uri, headers },
    duration: durationS,
    status,
    resp_headers: release === undefined ? {} : { 'X-Release': [release] }
  })
}
const textOf = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('')

const read = (input: string | Buffer, reading = aReading(), options: LogLinesOptions & { piece?: number } = {}) => {
  const lines = new LogLines(reading, options)
  lines.setTime(nowMs)
  const bytes = Buffer.from(input)
  const piece = options.piece ?? bytes.length
  for (let at = 0; at < bytes.length; at += piece) feedNow(lines, bytes.subarray(at, at + piece))
  lines.finish()
  const counts = lines.countsOf(lines.counters[0]!)
  return { lines, counts, deltas: lines.counters.flatMap((counter) => counter.accumulator.drain()) }
}

/** Everything that was counted, in a form that can be compared. */
const summary = (deltas: readonly SliceDelta[]) =>
  deltas
    .map(({ stream, startMs, widthMs, counts: { slow, latency, ...counts } }) =>
      JSON.stringify([stream, startMs, widthMs, counts, [...slow], [...latency.encode()]])
    )
    .toSorted()

const sumOf = (deltas: readonly SliceDelta[], by: (delta: SliceDelta) => string): Record<string, number> => {
  const sums: Record<string, number> = {}
  for (const delta of deltas) sums[by(delta)] = (sums[by(delta)] ?? 0) + delta.counts.total + delta.counts.aborted
  return sums
}

t.test('a log is counted the same however it is cut into pieces', async (t) => {
  const lines = caddyLines({ seed: 9, startMs: nowMs - 60_000, releases: ['v1', 'v2'] })
  const odd = [
    '',
    '\r',
    'noise',
    '{"level":"info","msg":"other"}',
    `${aLine()}\r`,
    `\uFEFF${aLine()}`,
    aLine({ uri: '/é' })
  ]
  const text = textOf([...Array.from({ length: 300 }, () => lines.next().value), ...odd])
  const whole = read(text)
  t.match(whole.counts, { read: 307, counted: 303, skipped: { blank: 2, not_json: 1, not_access_log: 1 } })
  const random = randomFrom(1)
  for (const piece of [
    1,
    2,
    3,
    7,
    64,
    1_000,
    4_096,
    ...Array.from({ length: 20 }, () => 1 + Math.floor(random() * 5_000))
  ]) {
    const cut = read(text, aReading(), { piece, chunkBytes: 4_096 })
    t.same(summary(cut.deltas), summary(whole.deltas), `pieces of ${piece} bytes`)
    t.same(cut.counts.skipped, whole.counts.skipped)
  }
})

t.test('arbitrary bytes between good lines cost none of them', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 10 }),
      fc.integer({ min: 1, max: 500 }),
      (junk, piece) => {
        const parts = junk.flatMap((bytes) => [Buffer.from(bytes), Buffer.from(`\n${aLine()}\n`)])
        const { counts } = read(Buffer.concat(parts), aReading(), { piece, chunkBytes: 1_024 })
        const skipped = Object.values(counts.skipped).reduce((sum, count) => sum + count, 0)
        return counts.counted === junk.length && counts.read === counts.counted + skipped && counts.filtered === 0
      }
    )
  )
})

t.test('a long line is a line, and one too long is skipped alone', async (t) => {
  const long = aLine({ uri: `/long?${'x'.repeat(5_000_000)}` })
  const text = textOf([aLine(), long, aLine()])
  t.match(read(text, aReading(), { piece: 60_000 }).counts, { read: 3, counted: 3 })
  const strict = read(text, aReading(), { piece: 60_000, maxLineBytes: 1_000_000 })
  t.match(strict.counts, { read: 3, counted: 2, skipped: { too_long: 1 } })
  t.equal(strict.lines.offset, text.length)
  const zeros = read(Buffer.concat([Buffer.alloc(5_000_000), Buffer.from(`\n${textOf([aLine()])}`)]))
  t.match(zeros.counts, { read: 2, counted: 1, skipped: { not_json: 1 } })
})

t.test('while a line too long goes on, the place to go on from is its beginning', async (t) => {
  const lines = new LogLines(aReading(), { maxLineBytes: 10_000, chunkBytes: 1_024 })
  lines.setTime(nowMs)
  feedNow(lines, Buffer.from(textOf([aLine()])))
  const before = lines.offset
  feedNow(lines, Buffer.alloc(50_000, 'x'))
  t.equal(lines.offset, before)
  feedNow(lines, Buffer.from(`\n${textOf([aLine()])}`))
  t.equal(lines.offset, before + 50_001 + aLine().length + 1)
  t.match(lines.countsOf(lines.counters[0]!), { counted: 2, skipped: { too_long: 1 } })
})

t.test('a last line without an end counts when it is complete by itself, and is cut off else', async (t) => {
  t.match(read(`${aLine()}\n${aLine()}`).counts, { read: 2, counted: 2, skipped: {} })
  t.match(read(`${aLine()}\n${aLine().slice(0, -1)}`).counts, { read: 2, counted: 1, skipped: { cut_off: 1 } })
  t.match(read(`${aLine()}\n{"msg":"other"}`).counts, { read: 2, counted: 1, skipped: { not_access_log: 1 } })
})

t.test('requests go to the services whose filters let them through', async (t) => {
  const services = [
    aService({ service: 'shop', filters: [aFilter({ hosts: ['shop.example'], paths: ['/api/*'] })] }),
    aService({
      service: 'pages',
      filters: [aFilter({ hosts: ['*.example'], exclude: { paths: ['/api/*'], methods: ['OPTIONS'] } })]
    }),
    aService({
      service: 'writes',
      filters: [aFilter({ methods: ['POST'] }), aFilter({ methods: ['POST', 'PUT'], paths: ['/api/*'] })]
    })
  ]
  const { deltas } = read(
    textOf([
      aLine({ uri: '/api/items?x=1' }),
      aLine({ uri: '/%61pi/items' }),
      aLine({ uri: '/api/items', host: 'SHOP.example:8443', method: 'POST' }),
      aLine({ uri: '/', host: 'a.b.example' }),
      aLine({ uri: '/', host: 'shop.example', method: 'OPTIONS' }),
      aLine({ uri: '/', host: 'shop.elsewhere' }),
      aLine({ uri: '/x', host: 'other', method: 'POST' }),
      aLine({ uri: '/api/x', host: 'other', method: 'PUT' })
    ]),
    aReading({ services })
  )
  t.same(
    sumOf(deltas, ({ stream }) => stream.service),
    { shop: 3, pages: 1, writes: 3 },
    'a request that two filters of one service let through counts once'
  )
})

t.test('filtered and skipped lines are told apart, and all lines are accounted for', async (t) => {
  const services = [aService({ filters: [aFilter({ paths: ['/api/*'] })] }), aService({ service: 'all' })]
  const text = textOf([aLine(), aLine({ uri: '/' }), 'x', aLine({ atMs: nowMs + 61_000 }), aLine({ status: 0 })])
  const { counts, lines } = read(text, aReading({ services }))
  t.match(counts, { read: 5, counted: 2, filtered: 1, aborted: 1, skipped: { not_json: 1, from_future: 1 } })
  t.match(lines.countsOf(lines.counters[1]!), {
    read: 5,
    counted: 3,
    filtered: 0,
    skipped: { not_json: 1, from_future: 1 }
  })
})

t.test('each objective path that matches is in the scope, whatever the route group is', async (t) => {
  const objectivePaths = ['/api/items/*', '/api/*', '/never']
  const { deltas } = read(
    textOf([
      aLine({ uri: '/api/items/7' }),
      aLine({ uri: '/api/items/8?x' }),
      aLine({ uri: '/api/carts' }),
      aLine({ uri: '/' })
    ]),
    aReading({ services: [aService({ objectivePaths })] })
  )
  t.same(
    sumOf(deltas, ({ stream }) => `${stream.route} [${stream.scope}]`),
    {
      '/api/items/* [/api/* /api/items/*]': 2,
      '/api/carts [/api/*]': 1,
      '/ []': 1
    }
  )
})

t.test('paths that differ in a number are told apart where the plan does', async (t) => {
  const text = textOf(['/items/7', '/items/8', '/items/77', '/items/7', '/items/8/x'].map((uri) => aLine({ uri })))
  const by = (service: LoggedService) =>
    sumOf(read(text, aReading({ services: [service] })).deltas, ({ stream }) => stream.scope)
  t.same(by(aService({ objectivePaths: ['/items/7'] })), { '/items/7': 2, '': 3 })
  t.same(by(aService({ objectivePaths: ['/items/*'] })), { '/items/*': 5 })
  const excluding = aFilter({ exclude: { paths: ['/items/8*'], methods: [] } })
  t.equal(read(text, aReading({ services: [aService({ filters: [excluding] })] })).counts.counted, 3)
  const group = aService({ routes: { groups: ['/items/77'], cap: 50 } })
  const routes = sumOf(read(text, aReading({ services: [group] })).deltas, ({ stream }) => stream.route)
  t.same(routes, { '/items/77': 1, '/items/*': 3, '/items/*/x': 1 })
})

t.test('what is remembered of a path is never wrong for another, whatever the plan asks', async () => {
  const part = fc.constantFrom(
    'a',
    '7',
    '77',
    '1234',
    'beef',
    '12ab34cd',
    '12ab34ce',
    '1-2',
    '2026-11-22',
    'x.css',
    'é',
    '%37',
    ''
  )
  const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join('/')}`)
  const end = fc.constantFrom('', '*', '/*', '7*', 'be*', '12ab*')
  const pattern = fc.oneof(
    fc
      .tuple(
        fc.array(
          fc.oneof(
            part.filter((text) => /^[\w.-]*$/.test(text)),
            fc.constant('*')
          ),
          { minLength: 1, maxLength: 3 }
        ),
        end
      )
      .map(([parts, last]) => `/${parts.join('/')}${parts.at(-1) === '*' && last !== '/*' ? '' : last}`),
    fc.constantFrom('*.css', '*7', '*cd', '*/77')
  )
  const patterns = fc.array(pattern, { maxLength: 2 })
  const service = fc
    .record({
      paths: patterns,
      excluded: patterns,
      methods: fc.subarray(['GET', 'PUT']),
      objectivePaths: patterns,
      groups: patterns
    })
    .map(({ paths, excluded, methods, objectivePaths, groups }) =>
      aService({
        filters: [aFilter({ paths, methods, exclude: { paths: excluded, methods: [] } })],
        objectivePaths,
        routes: { groups, cap: 50 }
      })
    )
  const request = fc.record({
    uri: path,
    method: fc.constantFrom('GET', 'PUT'),
    host: fc.constantFrom('a.example', 'b.example')
  })
  fc.assert(
    fc.property(
      fc.array(service, { minLength: 1, maxLength: 2 }),
      fc.array(request, { maxLength: 30 }),
      (services, requests) => {
        const reading = aReading({ services: services.map((service, i) => ({ ...service, service: `s${i}` })) })
        const text = textOf(requests.map((request) => aLine(request)))
        const parsed = read(text.replaceAll('{"level"', '{ "level"'), reading) // which the scanner leaves alone
        const scanned = read(text, reading)
        return JSON.stringify(summary(scanned.deltas)) === JSON.stringify(summary(parsed.deltas))
      }
    ),
    { numRuns: 500 }
  )
})

t.test('declared routes come first, the others are grouped by their looks, up to the cap', async (t) => {
  const routes = { groups: ['/api/items/special', '/api/items/*'], cap: 2 }
  const uris = ['/api/items/special', '/api/items/7', '/a/1', '/a/2', '/b', '/c', '/d']
  const { deltas } = read(textOf(uris.map((uri) => aLine({ uri }))), aReading({ services: [aService({ routes })] }))
  t.same(
    sumOf(deltas, ({ stream }) => stream.route),
    {
      '/api/items/special': 1,
      '/api/items/*': 1,
      '/a/*': 2,
      '/b': 1,
      other: 2
    }
  )
})

t.test('a scan for paths that do not exist takes no route group', async (t) => {
  const scan = Array.from({ length: 100 }, (_, n) =>
    aLine({ uri: `/wp-${String.fromCharCode(97 + (n % 26))}${'x'.repeat(n)}.php`, status: 404 })
  )
  const { deltas } = read(
    textOf([
      ...scan,
      aLine({ uri: '/cart', status: 404 }),
      aLine({ uri: '/cart' }),
      aLine({ uri: '/cart', status: 404 }),
      aLine({ uri: '/broken', status: 500 })
    ]),
    aReading({ services: [aService({ routes: { groups: [], cap: 5 } })] })
  )
  t.same(
    sumOf(deltas, ({ stream }) => stream.route),
    { other: 101, '/cart': 2, '/broken': 1 }
  )
})

t.test('groups that were known before keep their place', async (t) => {
  const services = [aService({ routes: { groups: [], cap: 1 }, knownRoutes: ['/b', 'other', ''] })]
  const { deltas } = read(textOf([aLine({ uri: '/a' }), aLine({ uri: '/b' })]), aReading({ services }))
  t.same(
    sumOf(deltas, ({ stream }) => stream.route),
    { '/b': 1, other: 1 }
  )
})

t.test('releases come from the response header each service names', async (t) => {
  const services = [aService(), aService({ service: 'b', releaseHeader: 'x-version' })]
  const withBoth = aLine({ release: ' v1 ' }).replace('"X-Release"', '"X-Version":["9"],"x-release"')
  const { deltas } = read(textOf([aLine({ release: 'v1' }), withBoth, aLine()]), aReading({ services }))
  t.same(
    sumOf(deltas, ({ stream }) => `${stream.service} ${stream.release}`),
    { 'shop v1': 2, 'shop ': 1, 'b 9': 1, 'b ': 2 }
  )
})

t.test('an upstream that sends another release with each reply does not fill the store', async (t) => {
  const lines = Array.from({ length: 300 }, (_, n) => aLine({ release: `r${n}`, atMs: nowMs - 1_000 }))
  const { deltas } = read(textOf(lines))
  const releases = sumOf(deltas, ({ stream }) => stream.release)
  t.equal(Object.keys(releases).length, 101)
  t.equal(releases['other'], 200)
})

t.test('only signed claims make a class, and unsigned ones are counted', async (t) => {
  const expiresS = nowMs / 1_000
  const claim = (value: string, atMs = nowMs - 1_000): string =>
    aLine({ atMs, headers: { 'X-Plimsoll-Class': [value], Accept: ['*/*'] } })
  const signed = signClassClaim({ trafficClass: 'load', expiresS }, classKey)
  const { counts, deltas } = read(
    textOf([
      claim(signed),
      claim(signed, nowMs + 1_500),
      claim(signClassClaim({ trafficClass: 'synthetic', expiresS }, classKey)),
      claim(signClassClaim({ trafficClass: 'user', expiresS }, classKey)),
      claim(signClassClaim({ trafficClass: 'load', expiresS }, 'another key of sixteen')),
      claim(signed.replace('load', 'synthetic')),
      claim('load'),
      claim('load"\\'),
      aLine()
    ])
  )
  t.same(
    sumOf(deltas, ({ stream }) => stream.trafficClass),
    { load: 1, synthetic: 1, user: 7 }
  )
  t.equal(counts.unsignedClaims, 5, 'expired, of another key, altered, bare, and one that needs the parser')
  t.equal(classHeader, 'x-plimsoll-class')
})

t.test(
  'clock skew is bounded: the future is refused, the past counts by minutes, the far past not at all',
  async (t) => {
    const oldestKeptMs = (): number => nowMs - 3_600_000
    const minutesAgo = (minutes: number): number => nowMs - minutes * 60_000
    const { counts, deltas } = read(
      textOf([
        aLine({ atMs: nowMs + 60_000 }),
        aLine({ atMs: nowMs + 60_001 }),
        aLine({ atMs: minutesAgo(14) }),
        aLine({ atMs: minutesAgo(16) }),
        aLine({ atMs: minutesAgo(16) + 1_500 }),
        aLine({ atMs: minutesAgo(61) })
      ]),
      aReading({ oldestKeptMs })
    )
    t.match(counts, { counted: 4, late: 2, skipped: { from_future: 1, too_old: 1 } })
    t.same(
      sumOf(deltas, (delta) => `${delta.widthMs} ${(delta.startMs - nowMs) / 60_000}`),
      {
        '1000 1': 1,
        '1000 -14': 1,
        '60000 -16': 2
      }
    )
  }
)

t.test('bytes counted before are left out, for the services that have counted them', async (t) => {
  const text = textOf(Array.from({ length: 10 }, (_, n) => aLine({ uri: `/${'abcdefghij'[n]}` })))
  const size = text.length / 10
  const lines = new LogLines(aReading({ services: [aService(), aService({ service: 'b' })] }))
  const range = (from: number, to: number): ByteRange => [from * size, to * size]
  lines.seek(0, [[range(0, 3), range(5, 7)], [range(2, 6)]])
  lines.setTime(nowMs)
  feedNow(lines, Buffer.from(text))
  const routes = lines.counters.map((counter) =>
    counter.accumulator
      .drain()
      .map(({ stream }) => stream.route)
      .join('')
  )
  t.same(routes, ['/d/e/h/i/j', '/a/b/g/h/i/j'])
  t.same(
    lines.counters.map(({ tally }) => tally.alreadyCounted),
    [5, 4]
  )
  t.match(lines.countsOf(lines.counters[0]!), { read: 10, counted: 5, filtered: 0 })
})

t.test('what was counted since a moment can be forgotten', async (t) => {
  const lines = new LogLines(aReading())
  lines.setTime(nowMs)
  feedNow(lines, Buffer.from(textOf([aLine(), 'x'])))
  lines.counters[0]!.accumulator.drain()
  const before = lines.tallies()
  feedNow(lines, Buffer.from(textOf([aLine(), 'x', aLine({ status: 0 })])))
  lines.forgetSince(before)
  t.same(lines.tallies(), before)
  t.same(lines.counters[0]!.accumulator.drain(), [])
})

t.test('ranges are joined where they overlap or touch', async (t) => {
  const bytes = fc.tuple(fc.nat(60), fc.nat(60)).map(([a, b]): ByteRange => [Math.min(a, b), Math.max(a, b)])
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 12 }), (added) => {
      let ranges: ByteRange[] = []
      const held = new Set<number>()
      for (const range of added) {
        ranges = withRange(ranges, range)
        for (let at = range[0]; at < range[1]; at++) held.add(at)
      }
      const listed = ranges.flatMap(([from, to]) => Array.from({ length: to - from }, (_, i) => from + i))
      t.same(
        listed,
        [...held].toSorted((a, b) => a - b)
      )
      t.same(parseRanges(JSON.stringify(ranges)), ranges, 'sorted and apart')
      t.equal(held.has(firstGap(ranges)), false)
    })
  )
  for (const text of ['{}', '[1]', '[[2,1]]', '[[0,5],[5,6]]', '[[4,5],[0,1]]', '[[0.5,1]]']) {
    t.throws(() => parseRanges(text), RangeError, text)
  }
})
