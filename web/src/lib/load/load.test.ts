import t from 'tap'
import type { LoadRun } from '@plimsoll/api/contract'
import { linesOf, lineStatus, runsOf } from '../../../e2e/support/load.ts'
import { SCENES } from '../../../e2e/support/scene.ts'
import { summary } from '../../../e2e/support/services.ts'
import { answersOf } from './answers.ts'
import { comparability, measures } from './compare.ts'
import { latencyAt, percentileCurve, percentileScale, percentileShare, percentileTicks, placeOf } from './curve.ts'
import { fullestFirst, headroomOf, headroomRatio, headroomReasons } from './headroom.ts'
import { drawLine } from './line.ts'
import { orderOf } from './order.ts'
import { runAxis, runSpan, spanParam } from './run-span.ts'
import { asked, latencyWithin, lineResult, madeBy, shareDone, shortCommit, versionOf } from './words.ts'

const NOW = Date.UTC(2026, 10, 22, 12)
const shop = SCENES.find(({ name }) => name === 'shop-api')!
const runs = new Map(runsOf(shop, NOW).map((run) => [run.id, run]))
const run = (id: string): LoadRun => runs.get(id)!
const plain = (text: string | null): string => (text ?? 'null').replaceAll('\u00a0', ' ')
const near = (found: number | null, wanted: number): boolean => Math.abs((found ?? NaN) / wanted - 1) < 0.02

t.test('the curve of a run agrees with the percentiles it tells', (t) => {
  const pass = run('r-pass')
  const curve = percentileCurve(pass)
  for (const [q, name] of [
    [0.5, 'p50'],
    [0.9, 'p90'],
    [0.95, 'p95'],
    [0.99, 'p99']
  ] as const) {
    const read = curve.find((point) => point.q >= q)?.ms ?? null
    t.ok(near(read, pass.latencyMs[name]!), `${name}: ${read} is ${pass.latencyMs[name]}`)
    t.equal(latencyAt(pass, curve, q), pass.latencyMs[name])
  }
  t.equal(latencyAt(pass, curve, 1), pass.latencyMs.max)
  t.ok(near(latencyAt(pass, curve, 0.75), 45 * Math.exp(0.6745 * 0.5)), 'what is not told is read from the curve')
  t.ok(
    curve.every(({ q, ms }, index) => index === 0 || (q >= curve[index - 1]!.q && ms >= curve[index - 1]!.ms)),
    'it only rises'
  )
  t.end()
})

t.test('an import without buckets has its percentiles as points; nothing measured has no curve', (t) => {
  t.same(
    percentileCurve(run('r-k6')).map(({ q }) => q),
    [0.5, 0.9, 0.95, 0.99, 1]
  )
  t.equal(latencyAt(run('r-k6'), percentileCurve(run('r-k6')), 0.75), run('r-k6').latencyMs.p90)
  t.same(percentileCurve(run('r-none')), [])
  t.equal(latencyAt(run('r-none'), [], 0.95), null)
  t.end()
})

t.test('each ninth takes the same room, and the promise stands within the picture', (t) => {
  const scale = percentileScale([percentileCurve(run('r-pass'))], 200)
  const [none, nine, twoNines] = [0, 0.9, 0.99].map((q) => percentileShare(scale, q)) as [number, number, number]
  t.equal(none, 0)
  t.ok(near(twoNines, 2 * nine))
  t.equal(percentileShare(scale, 1), 1)
  t.ok(scale.lowMs < 45 && scale.highMs > 200)
  const high = placeOf(scale, { q: 0.5, ms: 200 }).y
  t.ok(high > 0 && high < 1)
  t.same(
    percentileTicks(scale).map(({ label }) => plain(label)),
    ['0 %', '50 %', '90 %', '95 %', '99 %', '99.9 %']
  )
  const empty = percentileScale([[]], 200)
  t.ok(empty.lowMs < 200 && empty.highMs > 200, 'also without a curve')
  t.end()
})

t.test('a zoom into a run lives in the address as whole seconds', (t) => {
  const axis = runAxis(run('r-pass'))
  const whole = runSpan(axis, null)
  t.equal(whole.toMs - whole.fromMs, 60_000)
  for (const nonsense of ['', 'a-b', '5-4', '-3-8', '0-61', '7']) t.same(runSpan(axis, nonsense), whole, nonsense)
  const zoomed = runSpan(axis, '12-40')
  t.same([zoomed.fromMs - whole.fromMs, zoomed.toMs - whole.fromMs], [12_000, 40_000])
  t.equal(spanParam(axis, { fromMs: whole.fromMs + 12_300, toMs: whole.fromMs + 39_200 }), '12-40')
  t.equal(
    spanParam(axis, { fromMs: whole.fromMs + 58_900, toMs: whole.fromMs + 59_000 }),
    '55-60',
    'five seconds at least'
  )
  t.equal(
    spanParam(axis, { fromMs: whole.fromMs - 9_000, toMs: whole.toMs + 9_000 }),
    null,
    'all of it needs no address'
  )
  t.end()
})

t.test('what came back stands by status, then by failure, most first', (t) => {
  const answers = answersOf({
    statuses: { 503: 5, 200: 900, 404: 45, 301: 0 },
    failures: { refused: 10, timeout: 40, new_kind: 1 },
    total: 1_001,
    partial: false
  })
  t.same(
    answers.map(({ name, tone }) => `${name} ${tone}`),
    [
      'Status 200 sea',
      'Status 404 warn',
      'Status 503 fail',
      'No reply in time fail',
      'Connection refused fail',
      'No reply: new kind fail'
    ]
  )
  t.ok(near(answers[0]!.ratio, 0.899))
  t.same(answersOf({ statuses: {}, failures: {}, total: 0, partial: false }), [])
  const half = { statuses: { 200: 60 }, failures: {}, total: 100 }
  t.match(answersOf({ ...half, partial: true })[1], { name: 'Under way when it ended', requests: 40, ratio: 0.4 })
  t.match(answersOf({ ...half, partial: false })[1], { name: 'Not told', requests: 40 })
  t.end()
})

t.test('the picture of a search holds all its probes, the line and the traffic', (t) => {
  const [line] = linesOf(shop, NOW)
  const drawing = drawLine(line!, 40)
  t.equal(drawing.points.length, line!.probes.length)
  t.ok(drawing.points.every(({ x, y }) => x > 0 && x < 1 && y >= 0 && y <= 1))
  t.ok(drawing.points.every(({ x }, index) => index === 0 || x >= drawing.points[index - 1]!.x))
  t.ok(drawing.curve.length < drawing.points.length, 'probes that fall behind are pooled')
  t.ok(
    drawing.curve.every(
      ({ x, y }, index) => index === 0 || (x > drawing.curve[index - 1]!.x && y > drawing.curve[index - 1]!.y)
    ),
    'more load makes no server faster'
  )
  t.ok(drawing.rates.ticks.length >= 4 && drawing.rates.ticks.every(({ share }) => share <= 1))
  t.ok(drawing.at(line!.intervalPerS![1]) < 1)
  t.equal(drawing.points.find(({ probe }) => probe.ratePerS < 100)?.kept, true)
  t.equal(drawing.points.at(-1)?.kept, false)
  const lost = { ...line!.probes[0]!, p95Ms: null, total: 0, slow: 0 }
  t.match(drawLine({ ...line!, probes: [lost] }, null).points, [{ y: 1, kept: false }], 'no answer stands at the top')
  const limited = line!.probes.map((probe) => ({ ...probe, senderLimited: true }))
  t.same(drawLine({ ...line!, probes: limited }, null).curve, [], 'what the sender limited says nothing of the service')
  t.ok(drawLine(line!, 5_000).at(5_000) < 1, 'traffic beyond the line is still in the picture')
  t.end()
})

const cases = [
  { name: 'runs of one machine', with: {}, comparable: true, codes: [] },
  { name: 'another machine', with: 'r-laptop', comparable: false, codes: ['other_machine'] },
  { name: 'an import', with: 'r-k6', comparable: false, codes: ['machine_unknown', 'other_kind', 'other_rate'] },
  { name: 'a run of nothing', with: 'r-none', comparable: false, codes: ['nothing_measured', 'other_rate'] },
  { name: 'a partial run', with: 'r-partial', comparable: true, codes: ['partial'] },
  { name: 'another rate', with: 'r-thin', comparable: true, codes: ['other_rate'] },
  { name: 'another target', with: { target: 'http://other.example/' }, comparable: true, codes: ['other_target'] }
]
for (const each of cases) {
  t.test(`side by side: ${each.name}`, (t) => {
    const other = typeof each.with === 'string' ? run(each.with) : { ...run('r-fail'), ...each.with }
    const { comparable, reasons } = comparability(run('r-pass'), other)
    t.equal(comparable, each.comparable)
    t.same(
      reasons.map(({ code }) => code),
      each.codes
    )
    const rows = measures(run('r-pass'), other, comparable)
    t.equal(
      rows.some(({ ratio }) => ratio !== null),
      comparable,
      'no difference is told of what is not compared'
    )
    t.end()
  })
}

t.test('a difference within the intervals is none', (t) => {
  const p95 = (a: LoadRun, b: LoadRun) => measures(a, b, true).find(({ name }) => name === 'p95')
  t.match(p95(run('r-pass'), run('r-fail')), { ratio: '2.62×', apart: true })
  t.match(p95(run('r-pass'), run('r-pass')), { ratio: '1.00×', apart: false })
  t.match(p95(run('r-fail'), run('r-thin')), { apart: false }, 'an open end reaches everywhere')
  t.match(p95(run('r-k6'), run('r-k6')), { apart: null })
  t.end()
})

t.test('headroom is told in words, also when there is none', (t) => {
  const service = summary(shop, NOW)
  const line = service.loadLine!
  const text = (given: Partial<typeof service>, nowMs = NOW) => headroomOf({ ...service, ...given }, nowMs)
  t.match(text({ loadLine: null, headroomRatio: null }), { kind: 'none', text: 'no load line yet' })
  t.match(text({ headroomRatio: 0.634 }), { kind: 'free', text: /63.% headroom/, stale: false })
  t.match(text({ headroomRatio: -0.12 }), { kind: 'over', text: /12.% over the line/ })
  t.match(text({ headroomRatio: null }), { kind: 'unknown' })
  t.equal(text({}, Date.parse(line.staleAt) + 1).stale, true)
  t.equal(headroomRatio(60, 80), 0.25)
  t.same([headroomRatio(null, 80), headroomRatio(60, null), headroomRatio(60, 0)], [null, null, null])
  t.same(headroomReasons(lineStatus(shop, 60, NOW)), [])
  const titles = fullestFirst(SCENES.map((scene) => summary(scene, NOW))).map(({ title }) => title)
  t.equal(titles.at(-1), 'Payments webhook', 'what was never measured stands last, by name')
  t.ok(titles.indexOf('Checkout') < titles.indexOf('Plimsoll'))
  t.end()
})

t.test('what is asked for and what made a run are named', (t) => {
  t.same(orderOf({ kind: 'line', ratePerS: 9, durationS: 9, arrivals: 'poisson', release: ' ' }), { kind: 'line' })
  t.same(orderOf({ kind: 'run', ratePerS: 120, durationS: 30, arrivals: 'poisson', release: ' v2 ' }), {
    kind: 'run',
    ratePerS: 120,
    durationMs: 30_000,
    arrivals: 'poisson',
    release: 'v2'
  })
  t.equal(plain(asked(run('r-pass'))), '200 /s')
  const closed = { ...run('r-pass').asked, ratePerS: null }
  t.match(asked({ asked: closed }), /^400 connections/)
  t.equal(asked({ asked: { ...closed, connections: null } }), 'not told')
  t.equal(madeBy(run('r-pass')), 'Paced')
  t.equal(madeBy(run('r-k6')), 'Imported, k6')
  t.equal(shortCommit('0b1c2d3e4f5a-dirty'), '0b1c2d3 (changed)')
  t.equal(versionOf({ release: null, commit: '0b1c2d3e4f5a' }), '0b1c2d3')
  t.equal(versionOf({ release: null, commit: null }), 'no release named')
  t.equal(plain(latencyWithin(200, [160, null])), '200 ms (160 ms or more)')
  t.equal(plain(latencyWithin(null, null)), '–')
  t.same([shareDone(3_000, 9_000), shareDone(3_000, null), shareDone(0, 0)], [0.25, 0, 0])
  t.equal(lineResult({ ratePerS: null, partial: true }), 'stopped')
  t.equal(lineResult({ ratePerS: null, partial: false }), 'none found')
  t.end()
})
