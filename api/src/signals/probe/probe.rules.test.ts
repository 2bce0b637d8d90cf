import t from 'tap'
import { countedStatus, findingOf, isOwnStall } from './probe-fault.rules.ts'
import { firstDelayMs, nextDelayMs } from './schedule.rules.ts'

const failure = (code: string): Error => Object.assign(new Error(code), { code })

t.test('an error says whether the service failed or we could not ask', async (t) => {
  const cases = [
    { name: 'an unknown name is the service’s', code: 'ENOTFOUND', kind: 'failed', finding: 'dns_failure' },
    { name: 'a silent resolver is ours', code: 'EAI_AGAIN', kind: 'not_run', finding: 'resolver_unreachable' },
    { name: 'a closed port is the service’s', code: 'ECONNREFUSED', kind: 'failed', finding: 'connection_refused' },
    { name: 'no route from here is ours', code: 'ENETUNREACH', kind: 'not_run', finding: 'network_down' },
    { name: 'no file handles left is ours', code: 'EMFILE', kind: 'not_run', finding: 'out_of_resources' },
    {
      name: 'an expired certificate is the service’s',
      code: 'CERT_HAS_EXPIRED',
      kind: 'failed',
      finding: 'certificate_expired'
    },
    {
      name: 'a foreign name on the certificate',
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
      kind: 'failed',
      finding: 'certificate_name_mismatch'
    },
    { name: 'another fault of TLS', code: 'EPROTO', kind: 'failed', finding: 'tls_failure' },
    { name: 'an answer that is not HTTP', code: 'HPE_INVALID_CONSTANT', kind: 'failed', finding: 'invalid_http' },
    { name: 'anything else', code: 'EWHATEVER', kind: 'failed', finding: 'request_failed' }
  ]
  for (const { name, code, kind, finding } of cases) t.match(findingOf(failure(code)), { kind, code: finding }, name)
  t.match(
    findingOf(new AggregateError([failure('ECONNREFUSED'), failure('ENETUNREACH')])),
    { kind: 'failed', code: 'connection_refused' },
    'of several addresses the first that was tried speaks'
  )
})

t.test('a timeout is ours when our own process stood still for half of it', async (t) => {
  t.equal(isOwnStall(5_000, 2_500), true)
  t.equal(isOwnStall(5_000, 2_400), false)
  t.equal(isOwnStall(100, 60), false, 'short hiccups never excuse a service')
})

t.test('a failed probe counts as 5xx, one that was as expected never does', async (t) => {
  const cases = [
    { ok: true, status: 200, counted: 200 },
    { ok: true, status: 404, counted: 404 },
    { ok: true, status: 503, counted: 200 },
    { ok: false, status: 502, counted: 502 },
    { ok: false, status: 200, counted: 599 },
    { ok: false, status: null, counted: 599 }
  ]
  for (const { ok, status, counted } of cases) t.equal(countedStatus(ok, status), counted, `${ok} ${status}`)
})

t.test('a probe keeps to its grid, give or take a tenth', async (t) => {
  t.equal(firstDelayMs(60_000, 0.5), 5_000, 'the first comes within ten seconds')
  t.equal(firstDelayMs(2_000, 0.5), 1_000)
  t.equal(nextDelayMs(10_000, 300, 0.5), 9_700, 'what the probe took is not added to the interval')
  t.equal(nextDelayMs(10_000, 300, 0), 8_700)
  t.ok(nextDelayMs(10_000, 300, 0.999999) < 10_701)
  t.equal(nextDelayMs(10_000, 25_000, 0.5), 5_000, 'a slow one skips what it missed')
  t.ok(nextDelayMs(1_000, 999, 0) >= 1, 'never at once')
})
