import t from 'tap'
import { mergeReports } from './merge-reports.rules.ts'
import type { SourceReport } from './source.ts'

const counts = {
  read: 5,
  counted: 4,
  filtered: 1,
  late: 0,
  aborted: 0,
  dropped: 0,
  unsignedClaims: 0,
  skipped: { x: 1 }
}

const aReport = (change: Partial<SourceReport> = {}): SourceReport => ({
  id: 'caddyLog:0',
  kind: 'caddyLog',
  title: '/var/log/caddy/access.ndjson',
  origin: 'requests',
  remembers: true,
  health: 'live',
  reasons: [],
  lagMs: 10,
  behindBytes: 0,
  lastEventMs: 1_000,
  lastReadMs: 1_000,
  counts,
  lastError: null,
  certificate: null,
  ...change
})

const waiting = aReport({
  health: 'waiting',
  lastEventMs: null,
  lastReadMs: null,
  lagMs: null,
  reasons: [{ code: 'w', text: 'not there' }]
})
const broken = aReport({ health: 'broken', reasons: [{ code: 'b', text: 'may not be read' }], lastEventMs: 500 })
const at = (report: SourceReport, isGone = false) => ({ instance: 'b', isGone, reports: [report] })

t.test('a source is what it is anywhere: broken before live before idle before waiting', async (t) => {
  const cases = [
    { name: 'alone', own: waiting, others: [], health: 'waiting' },
    { name: 'a log that lies on another machine', own: waiting, others: [at(aReport())], health: 'live' },
    { name: 'live in both', own: aReport(), others: [at(aReport())], health: 'live' },
    { name: 'quiet here, busy there', own: aReport({ health: 'idle' }), others: [at(aReport())], health: 'live' },
    { name: 'broken there', own: aReport(), others: [at(broken)], health: 'broken' },
    { name: 'read only by one that is gone', own: waiting, others: [at(aReport(), true)], health: 'broken' },
    { name: 'read by one that is gone, and here', own: aReport(), others: [at(aReport(), true)], health: 'live' },
    { name: 'not read by one that is gone', own: waiting, others: [at(waiting, true)], health: 'waiting' },
    { name: 'another source', own: waiting, others: [at(aReport({ id: 'caddyLog:1' }))], health: 'waiting' },
    {
      name: 'pushes to one that is gone may come here next',
      own: { ...waiting, kind: 'push' as const },
      others: [at(aReport({ kind: 'push' }), true)],
      health: 'waiting'
    },
    {
      name: 'a probe of one that is gone',
      own: { ...waiting, kind: 'probe' as const },
      others: [at(aReport({ kind: 'probe' }), true)],
      health: 'waiting'
    }
  ]
  for (const { name, own, others, health } of cases) t.equal(mergeReports([own], others)[0]?.health, health, name)
})

t.test('counts add up, times are the newest, reasons name the instance', async (t) => {
  const [merged] = mergeReports([aReport()], [at({ ...broken, lagMs: 70, lastEventMs: 3_000 })])
  t.match(merged, { lagMs: 70, lastEventMs: 3_000, counts: { read: 10, counted: 8, skipped: { x: 2 } } })
  t.strictSame(merged?.reasons, [{ code: 'b', text: 'instance b: may not be read' }])
  const [gone] = mergeReports([waiting], [at(aReport(), true)])
  t.match(gone, { lastEventMs: 1_000, reasons: [{ code: 'instance_gone', text: /instance b/ }] })
})
