import t from 'tap'
import { heatLayout, readHeat, shadeOf, SHADES, shadesOf } from './heat.ts'
import { lanes, placed } from './marks.ts'

const at = (ms: number): string => new Date(ms).toISOString()
const span = { fromMs: 0, toMs: 1_000_000 }

t.test('marks outside the span are left out, those that go on last until now', (t) => {
  const marks = placed(
    [
      { kind: 'release', fromAt: at(500_000), toAt: null, title: 'Release 2' },
      { kind: 'alert', fromAt: at(-100_000), toAt: null, title: 'Burns', severity: 'page', ref: 'a-1' },
      { kind: 'maintenance', fromAt: at(-100_000), toAt: at(-1), title: 'Over' },
      { kind: 'release', fromAt: at(1_000_001), toAt: null, title: 'Later' }
    ],
    span,
    750_000
  )
  t.match(marks, [
    { title: 'Burns', from: 0, to: 0.75, band: true, open: true, severity: 'page', ref: 'a-1' },
    { title: 'Release 2', from: 0.5, to: 0.5, band: false, open: false, ref: null }
  ])
  t.same(
    lanes(marks).map(({ name }) => name),
    ['Alerts', 'Releases'],
    'lanes without marks are left out'
  )
  t.end()
})

const heatmap = {
  fromAt: at(0),
  toAt: at(20_000),
  stepMs: 10_000,
  boundsMs: [1, 10, 100, 1_000, 10_000],
  counts: [
    [0, 0],
    [5, 0],
    [1, 200],
    [0, 0]
  ]
}

t.test('only rows that hold something are shown, and the limit', (t) => {
  const layout = heatLayout(heatmap, null)
  t.match(layout, { lowMs: 10, highMs: 1_000, most: 200 })
  t.same(
    layout?.rows.map(({ row, from, to }) => [row, from, Number(to.toFixed(6))]),
    [
      [1, 0, 0.5],
      [2, 0.5, 1]
    ]
  )
  t.equal(heatLayout(heatmap, 2_000)?.highMs, 2_400)
  t.equal(heatLayout({ ...heatmap, counts: [[0], [0], [0], [0]] }, null), null)
  t.end()
})

t.test('one request is seen beside a million, none is nothing', (t) => {
  t.equal(shadeOf(0, 1_000_000), 0)
  t.ok(shadeOf(1, 1_000_000) >= 4)
  t.equal(shadeOf(1_000_000, 1_000_000), SHADES - 1)
  const layout = heatLayout(heatmap, null)
  t.same(layout && [...shadesOf(heatmap, layout, 2)].map((shade) => shade > 0), [true, false, true, true])
  t.end()
})

t.test('a slot is read as a whole and at a height', (t) => {
  const layout = heatLayout(heatmap, null)
  t.ok(layout)
  if (!layout) return t.end()
  t.match(readHeat(heatmap, layout, 0, 0.7), {
    total: 6,
    usual: { lowMs: 10, highMs: 100, count: 5 },
    pointed: { lowMs: 100, highMs: 1_000, count: 1 }
  })
  t.match(readHeat(heatmap, layout, 1, null), { total: 200, usual: { count: 200 }, pointed: null })
  t.end()
})
