import t from 'tap'
import { housePromise } from '../line/hold.rules.ts'
import { importRun } from './foreign.rules.ts'
import { readForeign } from './read.rules.ts'

const identity = { id: 'r', service: null, release: null, target: '', machine: null, version: '0', commit: null }

const imported = (document: unknown) =>
  importRun(readForeign(typeof document === 'string' ? document : JSON.stringify(document)), {
    promised: housePromise,
    identity,
    readAtMs: 0
  })

const vegeta = {
  latencies: { '50th': 2e6, '90th': 5e6, '95th': 9e6, '99th': 3e7, max: 6e7, mean: 3e6 },
  earliest: '2026-11-22T10:00:00.5Z',
  duration: 30e9,
  requests: 3_000,
  rate: 100,
  success: 1,
  status_codes: { 200: 3_000 },
  errors: []
}

t.test('vegeta reports', async (t) => {
  t.match(imported(vegeta), {
    tool: 'vegeta',
    startedAt: '2026-11-22T10:00:00.500Z',
    durationMs: 30_000,
    achievedPerS: 100,
    total: 3_000,
    bad: 0,
    slow: null,
    latencyMs: { p50: 2, p90: 5, p95: 9, p99: 30, max: 60 },
    state: 'not_enough_evidence',
    reasons: [{ code: 'summary_only' }]
  })
  t.match(imported({ ...vegeta, status_codes: { 0: 100, 200: 2_800, 503: 100 } }), {
    bad: 200,
    statuses: { 200: 2_800, 503: 100 },
    failures: { other: 100 },
    state: 'fail'
  })
  t.match(imported({ ...vegeta, latencies: { '95th': 4e8 } }), { state: 'fail', reasons: [{ code: 'latency' }] })
})

t.test('k6 summaries, exported or handled', async (t) => {
  const duration = { avg: 9, min: 1, med: 8, max: 90, 'p(90)': 20, 'p(95)': 30 }
  const exported = {
    metrics: { http_req_duration: duration, http_reqs: { count: 600, rate: 20 }, http_req_failed: { value: 0.5 } }
  }
  t.match(imported(exported), {
    tool: 'k6',
    total: 600,
    bad: 300,
    durationMs: 30_000,
    latencyMs: { p50: 8, p90: 20, p95: 30, p99: null, max: 90 },
    state: 'fail'
  })
  const handled = {
    state: { testRunDurationMs: 10_000 },
    metrics: { http_req_duration: { values: duration }, http_reqs: { values: { count: 600, rate: 60 } } }
  }
  t.match(imported(handled), { total: 600, bad: 0, durationMs: 10_000, latencyMs: { p95: 30 } })
})

t.test('oha and autocannon', async (t) => {
  const oha = {
    summary: { successRate: 0.9, total: 10, slowest: 0.5, fastest: 0.001, requestsPerSec: 100 },
    latencyPercentiles: { p50: 0.01, p90: 0.05, p95: 0.1, p99: 0.4 },
    statusCodeDistribution: { 200: 990 },
    errorDistribution: { 'connection error': 10 }
  }
  t.match(imported(oha), { tool: 'oha', total: 1_000, bad: 10, latencyMs: { p95: 100, max: 500 }, durationMs: 10_000 })
  const autocannon = {
    latency: { average: 3, p50: 2, p90: 5, p97_5: 8, p99: 9, max: 40 },
    requests: { total: 990 },
    '1xx': 0,
    '2xx': 985,
    '5xx': 5,
    errors: 10,
    timeouts: 7,
    duration: 10.02,
    start: '2026-11-22T10:00:00.000Z',
    statusCodeStats: { 200: { count: 985 }, 500: { count: 5 } }
  }
  t.match(imported(autocannon), {
    tool: 'autocannon',
    total: 1_000,
    bad: 15,
    latencyMs: { p50: 2, p95: null, p99: 9 },
    statuses: { 200: 985, 500: 5 },
    failures: { timeout: 7, other: 3 },
    state: 'fail'
  })
  const clean = { ...autocannon, errors: 0, timeouts: 0, '5xx': 0 }
  t.match(imported(clean), { state: 'not_enough_evidence', reasons: [{ text: /no p95/ }] })
})

const point = (second: number, value: number, status = '200') =>
  JSON.stringify({
    type: 'Point',
    metric: 'http_req_duration',
    data: { time: new Date(Date.UTC(2026, 0, 1) + second * 1_000).toISOString(), value, tags: { status } }
  })

t.test('samples are judged like our own', async (t) => {
  const metric = JSON.stringify({ type: 'Metric', metric: 'http_req_duration', data: { type: 'trend' } })
  const lines = [metric, ...Array.from({ length: 6_000 }, (_, i) => point(1 + i / 200, 20))]
  const run = imported(`${lines.join('\n')}\n{"type":"Poi`)
  t.match(run, { tool: 'k6', total: 6_000, bad: 0, slow: 0, state: 'pass' }, 'half a last line loses nothing else')
  t.ok(Math.abs(run.latencyMs.p95! - 20) < 0.2)
  t.equal(
    run.histogram.reduce((sum, [, n]) => sum + n, 0),
    6_000
  )
  t.equal(run.seconds.total.length, 30)
  const encoded = Array.from({ length: 100 }, (_, seq) =>
    JSON.stringify({
      attack: '',
      seq,
      code: seq % 10 === 0 ? 0 : 200,
      timestamp: new Date(Date.UTC(2026, 0, 1) + seq * 10).toISOString(),
      latency: 5e6,
      error: seq % 10 === 0 ? 'Get "http://x": net/http: request canceled (Client.Timeout exceeded)' : ''
    })
  )
  const lost = imported(encoded.join('\n'))
  t.match(lost, { tool: 'vegeta', total: 100, bad: 10, slow: 10, failures: { timeout: 10 } })
  t.equal(lost.latencyMs.p95, 60_000, 'a lost request is slower than any limit')
})

t.test('nothing measured is neither success nor failure, and a strange file is refused', async (t) => {
  t.equal(imported({ ...vegeta, requests: 0, status_codes: {} }).state, 'could_not_measure')
  t.equal(imported('{"type":"Metric","metric":"x","data":{}}\n{"type":"Metric","metric":"y","data":{}}').total, 0)
  for (const text of ['', '[]', '{"a":1}', 'hello\nworld', '{"type":"Point"}\nx\n{"type":"Point"}']) {
    t.throws(() => readForeign(text), { code: 'PLIMSOLL_LOAD_FILE_UNKNOWN' }, text)
  }
})
