import t from 'tap'
import { readEvidence } from './read.rules.ts'
import { Unreadable } from './reading.ts'

const junit = (cases: string) =>
  `<?xml version="1.0"?><testsuites tests="99"><testsuite>${cases}</testsuite></testsuites>`

t.test('a JUnit file is counted by its cases', async (t) => {
  const read = (cases: string) => readEvidence('junit', junit(cases))
  t.match(read('<testcase name="a"/><testcase name="b"><skipped/></testcase>'), {
    state: 'pass',
    text: '1 tests pass, 1 were skipped'
  })
  t.match(read('<testcase name="a"/><testcase name="b &amp; c"><failure>no</failure><error/></testcase>'), {
    state: 'fail',
    text: '1 of 2 tests fail, the first: b & c'
  })
  t.match(read('<testcase name="a"><skipped/></testcase>'), { state: 'could_not_measure' })
  t.match(read(''), { state: 'could_not_measure', text: 'no test ran' })
})

t.test('an Alertmanager webhook fails while one of its alerts fires', async (t) => {
  const read = (...statuses: string[]) =>
    readEvidence(
      'alertmanager',
      JSON.stringify({
        version: '4',
        groupKey: '{}:{alertname="Slow"}',
        alerts: statuses.map((status, i) => ({ status, labels: { alertname: `A${i}` } }))
      })
    )
  t.match(read('resolved', 'firing'), { state: 'fail', text: 'firing: A1', group: '{}:{alertname="Slow"}' })
  t.match(read('resolved'), { state: 'pass' })
})

t.test('a k6 summary says what its thresholds said, in both of its shapes', async (t) => {
  const exported = (crossed: boolean, count = 100) =>
    readEvidence(
      'k6',
      JSON.stringify({
        metrics: {
          http_reqs: { count, rate: 10 },
          http_req_duration: { 'p(95)': 80, thresholds: { 'p(95)<200': crossed } }
        }
      })
    )
  t.match(exported(false), { state: 'pass', text: '100 requests within all 1 thresholds' })
  t.match(exported(true), { state: 'fail', text: 'crossed: http_req_duration p(95)<200' })
  t.match(exported(false, 0), { state: 'could_not_measure' })

  const handled = (ok: boolean) =>
    readEvidence(
      'k6',
      JSON.stringify({
        metrics: {
          http_reqs: { type: 'counter', values: { count: 100, rate: 10 } },
          http_req_failed: { values: { rate: 0 }, thresholds: { 'rate<0.01': { ok } } }
        }
      })
    )
  t.match(handled(true), { state: 'pass' })
  t.match(handled(false), { state: 'fail' })
  t.match(readEvidence('k6', JSON.stringify({ metrics: { http_reqs: { count: 5, rate: 1 } } })), {
    state: 'could_not_measure',
    text: 'the k6 run has no thresholds'
  })
})

t.test('a statement says its state, and whom it is about', async (t) => {
  const given = {
    state: 'pass',
    text: 'signed off',
    version: '2.0',
    environment: 'staging',
    expiresAt: '2026-12-01T00:00Z'
  }
  t.same(readEvidence('statement', JSON.stringify(given)), {
    ...given,
    group: null,
    expiresAt: '2026-12-01T00:00:00.000Z'
  })
  t.match(readEvidence('statement', '{"state":"fail"}'), { state: 'fail', text: 'fail', version: null })
})

const broken: [kind: Parameters<typeof readEvidence>[0], text: string, why: RegExp][] = [
  ['statement', 'x', /not JSON/],
  ['statement', '[]', /not a JSON object/],
  ['statement', '{"state":"good"}', /`state` is none of pass/],
  ['statement', '{"state":"pass","text":7}', /`text`/],
  ['statement', '{"state":"pass","expiresAt":"soon"}', /no time/],
  ['alertmanager', '{"version":"3","alerts":[]}', /version 4/],
  ['k6', '{"a":1}', /keys a/],
  ['k6', '{"latencies":{},"status_codes":{}}', /no k6 summary/],
  ['junit', 'x', /not XML/],
  ['junit', '<testsuite><testcase>', /not XML/],
  ['junit', '<html/>', /no JUnit/],
  ['junit', '<!DOCTYPE a [<!ENTITY b "b">]><testsuite/>', /document type/]
]
for (const [kind, text, why] of broken) {
  t.test(`${kind} that cannot be read says why: ${text.slice(0, 40)}`, async (t) => {
    t.throws(() => readEvidence(kind, text), new Unreadable())
    t.throws(() => readEvidence(kind, text), { message: why })
  })
}
